/** Checks that come before a request is read: readiness, API key, and how often an application may ask. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AppKey } from '../hub/message.js'
import type { Scope } from '../store/app-row.js'
import type { SessionRow } from '../store/directory-message.js'
import { limitKey } from './address.js'
import type { Caller } from './api-keys.js'
import type { Context } from './context.js'
import { Problem } from './problem.js'
import { BucketTable } from './token-bucket.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** the application whose API key came with the request */
    caller: Caller | null
    /** who is signed in */
    session: SessionRow | null
  }
}

/** Applications whose quota is remembered. */
const APPS_MAX = 100_000
/** Addresses whose wrong keys are remembered. */
const ADDRESSES_MAX = 10_000
const MINUTE_MS = 60_000

/** Refuses while the server does not serve. */
export function whenReady(context: Context): () => Promise<void> {
  return async () => {
    const { state } = context.link
    if (state !== 'ready') throw new Problem('unavailable', `The server is ${state}.`, { 'retry-after': '1' })
  }
}

/** Demands a live API key. A wrong, an old and a missing key are answered alike, and seldom to one address. */
export function withKey(context: Context): (request: FastifyRequest) => Promise<void> {
  const wrong = new BucketTable<string>(context.settings.wrongKeysPerMinute, MINUTE_MS, ADDRESSES_MAX)
  return async (request) => {
    request.caller = context.link.keys.find(request.headers.authorization)
    if (request.caller !== null) return
    const grant = wrong.take(limitKey(request.ip), context.nowMs())
    if (!grant.ok) throw new Problem('rate-limited', '', { 'retry-after': String(grant.retryAfterS) })
    throw new Problem('unauthorized', '', { 'www-authenticate': 'Bearer realm="pilotlight"' })
  }
}

/** Demands a scope of the API key. */
export function withScope(scope: Scope): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (callerOf(request).key.scopes.includes(scope)) return
    throw new Problem('missing-scope', `The key needs the scope \`${scope}\`.`)
  }
}

/** Demands a live session of a person. Every kind of failure is answered alike, and seldom to one address. */
export function withSession(context: Context): (request: FastifyRequest) => Promise<void> {
  const wrong = new BucketTable<string>(context.settings.wrongKeysPerMinute, MINUTE_MS, ADDRESSES_MAX)
  return async (request) => {
    request.session = await sessionOf(context, request)
    if (request.session !== null) return
    const grant = wrong.take(limitKey(request.ip), context.nowMs())
    if (!grant.ok) throw new Problem('rate-limited', '', { 'retry-after': String(grant.retryAfterS) })
    throw new Problem('not-signed-in', '', { 'www-authenticate': 'Bearer realm="pilotlight"' })
  }
}

/** The session whose token came with a request, or null. */
export async function sessionOf(context: Context, request: FastifyRequest): Promise<SessionRow | null> {
  const token = /^bearer +(pls_[A-Za-z0-9_-]{1,100})$/i.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) return null
  const answer = await context.link.directory({ kind: 'session', token })
  return answer?.kind === 'session' ? answer.session : null
}

/** The session of a request that passed `withSession`. */
export function signedIn(request: FastifyRequest): SessionRow {
  if (request.session === null) throw new Problem('internal')
  return request.session
}

/** Counts a request against the application's quota and tells what is left (draft-ietf-httpapi-ratelimit-headers-10). */
export function withinQuota(context: Context): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  const { rateRequests, rateWindowMs } = context.settings
  const buckets = new BucketTable<AppKey>(rateRequests, rateWindowMs, APPS_MAX)
  const policy = `"app";q=${rateRequests};w=${Math.ceil(rateWindowMs / 1000)}`
  return async (request, reply) => {
    const grant = buckets.take(callerOf(request).app, context.nowMs())
    reply.header('ratelimit-policy', policy).header('ratelimit', `"app";r=${grant.remaining};t=${grant.fullInS}`)
    if (!grant.ok) throw new Problem('rate-limited', '', { 'retry-after': String(grant.retryAfterS) })
  }
}

/** The application of a request that passed `withKey`. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Problem('internal')
  return request.caller
}
