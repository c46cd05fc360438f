/** Checks that come before a request is read: readiness, API key, and how often an application may ask. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { BucketTable } from '../base/token-bucket.js'
import type { Scope } from '../store/app-row.js'
import type { SessionRow } from '../store/directory-message.js'
import { limitKey } from './address.js'
import { callerOf } from './caller.js'
import type { Context } from './context.js'
import { tellAddress } from './limit-headers.js'
import { Problem } from './problem.js'

/** Addresses whose wrong keys are remembered. */
const ADDRESSES_MAX = 10_000
const MINUTE_MS = 60_000

/** A check before a request is read, which may tell limits. */
export type OnRequest = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/** Refuses what node lets through, or would refuse without a word: RFC 9112 §3.2, RFC 9110 §10.1.1. */
export async function demandWellFormed({ raw, headers }: FastifyRequest): Promise<void> {
  const hosts = raw.rawHeaders.filter((field, i) => i % 2 === 0 && field.toLowerCase() === 'host').length
  const isOptional = raw.httpVersionMajor === 1 && raw.httpVersionMinor === 0
  if (hosts > 1 || (hosts === 0 && !isOptional)) {
    throw new Problem('bad-http', 'A request of HTTP/1.1 has one header Host.', { connection: 'close' })
  }
  if (headers.expect !== undefined && headers.expect.toLowerCase() !== '100-continue') {
    throw new Problem('expectation-failed', '', { connection: 'close' })
  }
}

/** Refuses while the server does not serve. */
export function whenReady(context: Context): () => Promise<void> {
  return async () => {
    const { state } = context.link
    if (state !== 'ready') throw new Problem('unavailable', `The server is ${state}.`, { 'retry-after': '1' })
  }
}

/** Routes that give way to rings. */
const READS: ReadonlySet<string | undefined> = new Set(['/v1/presence/:puid', '/v1/presence/query'])
const RINGS = '/v1/rings'

/**
 * Refuses a share of the reads of presence while this thread cannot do all that it is asked, as rings come first, and a share of
 * the rings while those that were taken wait too long, as packets come first.
 */
export function whenRoom({ reads, rings, nowMs }: Context): OnRequest {
  return async ({ routeOptions: { url, method } }) => {
    if (READS.has(url) && !reads.admits(nowMs())) {
      throw new Problem('unavailable', 'Too much is asked now; rings come first.', { 'retry-after': '1' })
    }
    if (url === RINGS && method === 'POST' && !rings.admits()) {
      throw new Problem('unavailable', 'Too many rings are sent now.', { 'retry-after': '1' })
    }
  }
}

/** Demands a live API key. A wrong, an old and a missing key are answered alike, and seldom to one address. */
export function withKey(context: Context): OnRequest {
  const wrong = new BucketTable<string>(context.settings.wrongKeysPerMinute, MINUTE_MS, ADDRESSES_MAX)
  return async (request, reply) => {
    request.caller = context.link.keys.find(request.headers.authorization)
    if (request.caller !== null) return
    tellAddress(reply, context.settings.wrongKeysPerMinute, wrong.take(limitKey(request.ip), context.nowMs()))
    throw new Problem('unauthorized', '', { 'www-authenticate': 'Bearer realm="pilotlight"' })
  }
}

/** Demands a live key: what a test key may not touch. */
export async function withLiveKey(request: FastifyRequest): Promise<void> {
  if (callerOf(request).key.mode !== 'live') throw new Problem('not-a-live-key')
}

/** Demands a scope of the API key. */
export function withScope(scope: Scope): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (callerOf(request).key.scopes.includes(scope)) return
    throw new Problem('missing-scope', `The key needs the scope \`${scope}\`.`)
  }
}

/** Demands a live session of a person. Every kind of failure is answered alike, and seldom to one address. */
export function withSession(context: Context): OnRequest {
  const wrong = new BucketTable<string>(context.settings.wrongKeysPerMinute, MINUTE_MS, ADDRESSES_MAX)
  return async (request, reply) => {
    request.session = await sessionOf(context, request)
    if (request.session !== null) return
    tellAddress(reply, context.settings.wrongKeysPerMinute, wrong.take(limitKey(request.ip), context.nowMs()))
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

/** Counts a request against the application's quota. */
export function withinQuota({ quota }: Context): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => quota.charge(request, reply)
}
