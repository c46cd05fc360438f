import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { signedIn } from '../caller.js'
import {
  type Authorization,
  agreed,
  appText,
  CONSENT_SCOPE,
  checkAuthorization,
  issuerOf,
  type Parameters,
  Redirected,
  refused,
} from '../consent/authorization.js'
import { AppId, Hours } from '../consent/schema.js'
import type { App, Context } from '../context.js'
import { sessionOf, withSession } from '../guard.js'
import { Problem } from '../problem.js'
import { answer, problems, record } from '../schema.js'

const FIELDS = {
  response_type: Type.Optional(Type.String({ description: '`code`.' })),
  client_id: Type.Optional(Type.String({ description: 'Id of the application, `app_...`.' })),
  redirect_uri: Type.Optional(Type.String({ description: 'One of the registered ones, character by character.' })),
  state: Type.Optional(Type.String({ description: 'Comes back as it is. Use it against forged answers.' })),
  scope: Type.Optional(Type.String({ description: '`presence`, or nothing.' })),
  code_challenge: Type.Optional(Type.String({ description: 'base64url of the SHA-256 of the verifier (RFC 7636).' })),
  code_challenge_method: Type.Optional(Type.String({ description: '`S256`.' })),
}

const EXAMPLE = {
  response_type: 'code',
  client_id: 'app_3f9c2b7a10d4e586',
  redirect_uri: 'https://chat.example/cb',
  state: 'af0ifjsldkj',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
}

const Asked = record(
  {
    app: record({
      id: AppId,
      name: Type.String(),
      homePage: Type.String(),
      domain: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'Verified domain, or null.' }),
    }),
    asks: Type.Array(Type.String(), { description: 'What it would get.', examples: [['presence']] }),
    redirectHost: Type.String({ description: 'Where the person is sent back to.' }),
    signedIn: Type.Boolean(),
  },
  { title: 'AuthorizationRequest' },
)

const Decision = Type.Object(
  {
    ...FIELDS,
    decision: Type.Unsafe<'allow' | 'refuse'>({ type: 'string', enum: ['allow', 'refuse'] }),
    hours: Type.Optional(Hours),
  },
  { examples: [{ ...EXAMPLE, decision: 'allow' }] },
)

const Redirect = record(
  { redirectTo: Type.String({ description: 'Where to send the browser.' }) },
  { title: 'AuthorizationAnswer' },
)

const Metadata = Type.Object(
  {},
  { additionalProperties: true, title: 'AuthorizationServerMetadata', description: 'RFC 8414.' },
)

/** `GET` and `POST /authorize`, and the metadata of the authorization server (RFC 8414). */
export function authorizeRoutes(app: App, context: Context): void {
  askRoute(app, context)
  decideRoute(app, context)
  app.get(
    '/.well-known/oauth-authorization-server',
    {
      schema: {
        operationId: 'readAuthorizationServer',
        summary: 'Metadata of the authorization server',
        tags: ['consent'],
        security: [],
        response: {
          200: answer('RFC 8414.', Metadata),
          ...problems('https-required', 'rate-limited'),
        },
      },
    },
    async (request) => metadata(issuerOf(context, request)),
  )
}

function askRoute(app: App, context: Context): void {
  app.get(
    '/authorize',
    {
      schema: {
        operationId: 'readAuthorization',
        summary: 'Who asks for consent, and for what',
        description:
          'OAuth 2.1 with PKCE (S256). An unknown application or redirect URI is refused here; every other mistake sends a person who is signed in back with `error`, `state` and `iss`, and is refused too if nobody is (RFC 9700 §4.11.2).',
        tags: ['consent'],
        security: [],
        querystring: Type.Object(FIELDS),
        response: {
          200: answer('The request is right.', Asked),
          303: { description: 'The request is wrong: back to the application.', type: 'null' },
          ...problems(
            'invalid-request',
            'unknown-client',
            'redirect-uri-mismatch',
            'domain-unverified',
            'https-required',
            'rate-limited',
          ),
        },
      },
    },
    async (request, reply) => {
      const session = await sessionOf(context, request)
      // Who is not signed in is sent nowhere: else any link to this server could lead on to anywhere.
      return orRedirect(reply, session === null ? 'never' : 'redirect', async () => {
        const asked = await checkAuthorization(context, request, request.query as Parameters, session)
        return reply.code(200).send(askedJson(asked, session !== null))
      })
    },
  )
}

function decideRoute(app: App, context: Context): void {
  app.post(
    '/authorize',
    {
      onRequest: withSession(context),
      schema: {
        operationId: 'decideAuthorization',
        summary: 'Allow an application, or not',
        description:
          'The code in the answer can be exchanged for 60 s, once. The consent itself goes to a device of the person and is kept nowhere else.',
        tags: ['consent'],
        security: [{ session: [] }],
        body: Decision,
        response: {
          200: answer('Send the browser there.', Redirect),
          ...problems(
            'malformed-json',
            'invalid-request',
            'unknown-client',
            'redirect-uri-mismatch',
            'domain-unverified',
            'https-required',
            'not-signed-in',
            'invalid-grant',
            'body-too-large',
            'unsupported-media-type',
            'rate-limited',
          ),
        },
      },
    },
    (request, reply) =>
      orRedirect(reply, 'json', async () => {
        const session = signedIn(request)
        const asked = await checkAuthorization(context, request, request.body as Parameters, session)
        if (request.body.decision !== 'allow') return reply.code(200).send({ redirectTo: refused(asked) })
        const hours = request.body.hours as { zone: string; windows: Window[] } | undefined
        const windows = (hours?.windows ?? []).map(({ days, start, end }) => [days, start, end] as const)
        const { redirectUri, challenge } = asked
        const person = { person: session.person, windows, zone: hours?.zone ?? '' }
        const code = await context.link.consent(asked.app.app, { redirectUri, challenge, ...person })
        return reply.code(200).send({ redirectTo: agreed(asked, code) })
      }),
  )
}

interface Window {
  days: number
  start: number
  end: number
}

/** A wrong request leads back to the application: by a redirect, by an answer that names it, or not at all. */
async function orRedirect(
  reply: FastifyReply,
  how: 'redirect' | 'json' | 'never',
  handle: () => Promise<FastifyReply>,
): Promise<FastifyReply> {
  try {
    return await handle()
  } catch (error) {
    if (!(error instanceof Redirected)) throw error
    if (how === 'never') throw new Problem('invalid-request', error.description)
    if (how === 'json') return reply.code(200).send({ redirectTo: error.location })
    return reply.code(303).header('location', error.location).send()
  }
}

function askedJson({ app, redirectUri }: Authorization, signed: boolean) {
  const { name, homePage, domain, domainVerifiedMs } = app
  const { host, protocol } = new URL(redirectUri)
  const shown = { id: appText(app), name, homePage, domain: domainVerifiedMs > 0 ? domain : null }
  return { app: shown, asks: [CONSENT_SCOPE], redirectHost: host === '' ? protocol : host, signedIn: signed }
}

function metadata(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic', 'client_secret_post'],
    scopes_supported: [CONSENT_SCOPE],
    authorization_response_iss_parameter_supported: true,
  }
}
