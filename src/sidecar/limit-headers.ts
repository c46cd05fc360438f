import type { FastifyReply } from 'fastify'
import type { Grant } from '../base/token-bucket.js'
import type { LimitState } from '../hub/message.js'
import { Problem } from './problem.js'

/**
 * Tells a limit in the header fields of an answer, beside those that stand there: draft-ietf-httpapi-ratelimit-headers-10.
 * `q` units in `w` seconds, `r` are left, all are back in `t` seconds.
 */
export function tellLimit(reply: FastifyReply, { policy, quota, windowS, remaining, fullInS }: LimitState): void {
  const window = windowS > 0 ? { w: windowS } : {}
  const full = windowS > 0 ? { t: fullInS } : {}
  append(reply, 'ratelimit-policy', policy, { q: quota, ...window })
  append(reply, 'ratelimit', policy, { r: remaining, ...full })
}

/**
 * Tells what is left to an address, and refuses if nothing is.
 *
 * @param perMinute the policy.
 * @throws Problem rate-limited.
 */
export function tellAddress(reply: FastifyReply, perMinute: number, grant: Grant): void {
  const { remaining, fullInS } = grant
  tellLimit(reply, { policy: 'address', quota: perMinute, windowS: 60, remaining, fullInS })
  if (!grant.ok) throw new Problem('rate-limited', '', { 'retry-after': String(grant.retryAfterS) })
}

function append(reply: FastifyReply, name: string, policy: string, values: Record<string, number>): void {
  const before = String(reply.getHeader(name) ?? '')
  const others = before.split(', ').filter((item) => item !== '' && !item.startsWith(`"${policy}";`))
  const fields = Object.entries(values).map(([key, value]) => `${key}=${value}`)
  reply.header(name, [...others, [`"${policy}"`, ...fields].join(';')].join(', '))
}
