/** One request of an application for a person's consent: checked once, used by the JSON API and the pages alike. */
import { createHash } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { hex } from '../../base/bytes.js'
import type { SessionRow } from '../../store/directory-message.js'
import type { AppRow } from '../../store/store.js'
import type { Context } from '../context.js'
import { Problem } from '../problem.js'
import { isRegistered, redirectTo } from './redirect-uri.js'

/** Error codes of RFC 6749 §4.1.2.1 that a redirect carries. */
export type AuthorizationError =
  | 'invalid_request'
  | 'unsupported_response_type'
  | 'access_denied'
  | 'invalid_scope'
  | 'temporarily_unavailable'

/** What an application may be given: to see the person, and to ring them. */
export const CONSENT_SCOPE = 'presence'

/** Parameters as they came; any of them may be missing or wrong. */
export type Parameters = Readonly<Record<string, unknown>>

/** A request that is right in all parts. */
export interface Authorization {
  app: AppRow
  redirectUri: string
  /** PKCE, S256: 43 characters */
  challenge: string
  state: string | null
  issuer: string
}

/** Where the person is sent with an error. */
export class Redirected extends Error {
  readonly location: string
  /** what is wrong, in words */
  readonly description: string

  constructor(location: string, description: string) {
    super('redirected')
    this.location = location
    this.description = description
  }
}

/**
 * Checks a request.
 *
 * @param session who is signed in; the developer may consent to an application of their own before its domain is
 *   verified.
 * @throws Problem while it is not sure that the redirect URI is the application's: nobody is redirected; Redirected
 *   afterwards.
 */
export async function checkAuthorization(
  context: Context,
  request: FastifyRequest,
  parameters: Parameters,
  session: SessionRow | null,
): Promise<Authorization> {
  const clientId = single(parameters, 'client_id')
  const redirectUri = single(parameters, 'redirect_uri')
  const app = clientId === null ? null : await findApp(context, clientId)
  if (app === null) throw new Problem('unknown-client')
  if (redirectUri === null || !isRegistered(app.redirectUris, redirectUri)) throw new Problem('redirect-uri-mismatch')
  const mayAsk = app.domainVerifiedMs > 0 || !context.settings.verifiedDomains || app.owner === (session?.person ?? -1)
  if (!mayAsk) throw new Problem('domain-unverified')
  const state = single(parameters, 'state')
  const issuer = issuerOf(context, request)
  const fail = (error: AuthorizationError, description: string): never => {
    throw new Redirected(
      redirectTo(redirectUri, { error, error_description: description, state: state ?? null, iss: issuer }),
      description,
    )
  }
  for (const name of AUTHORIZATION_FIELDS) {
    const value = parameters[name]
    if (value !== undefined && typeof value !== 'string') fail('invalid_request', `${name} stands twice or is no text`)
  }
  if (single(parameters, 'response_type') !== 'code') fail('unsupported_response_type', 'response_type must be code')
  if (single(parameters, 'code_challenge_method') !== 'S256') {
    fail('invalid_request', 'code_challenge_method must be S256')
  }
  const challenge = single(parameters, 'code_challenge') ?? ''
  if (!/^[A-Za-z0-9_-]{43}$/.test(challenge)) fail('invalid_request', 'code_challenge must be the S256 of a verifier')
  if (![null, '', CONSENT_SCOPE].includes(single(parameters, 'scope'))) fail('invalid_scope', 'scope must be presence')
  return { app, redirectUri, challenge, state, issuer }
}

/** Where the person is sent when they agreed. */
export function agreed({ redirectUri, state, issuer }: Authorization, code: string): string {
  return redirectTo(redirectUri, { code, state, iss: issuer })
}

/** Where the person is sent when they did not. */
export function refused({ redirectUri, state, issuer }: Authorization): string {
  return redirectTo(redirectUri, { error: 'access_denied', state, iss: issuer })
}

/** The challenge that a verifier has (RFC 7636 §4.6), or null for what is no verifier. */
export function challengeOf(verifier: string): string | null {
  if (!/^[A-Za-z0-9._~-]{43,128}$/.test(verifier)) return null
  return createHash('sha256').update(verifier).digest('base64url')
}

/** The issuer: the public URL, or where this request came to. RFC 8414 §2, RFC 9207. */
export function issuerOf(context: Context, request: FastifyRequest): string {
  const { publicUrl } = context.settings
  return publicUrl === null ? `${request.protocol}://${request.host}` : publicUrl.replace(/\/+$/, '')
}

/** The text id of an application. */
export function appText({ appId }: AppRow): string {
  return `app_${hex(appId)}`
}

/** The fields of a request. */
export const AUTHORIZATION_FIELDS = [
  'response_type',
  'client_id',
  'redirect_uri',
  'state',
  'scope',
  'code_challenge',
  'code_challenge_method',
] as const

async function findApp(context: Context, clientId: string): Promise<AppRow | null> {
  const answer = await context.link.directory({ kind: 'client', appId: clientId })
  return answer?.kind === 'app' ? answer.app : null
}

function single(parameters: Parameters, name: string): string | null {
  const value = parameters[name]
  return typeof value === 'string' ? value : null
}
