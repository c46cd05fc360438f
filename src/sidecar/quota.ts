import type { FastifyReply, FastifyRequest } from 'fastify'
import { BucketTable } from '../base/token-bucket.js'
import type { AppKey } from '../hub/message.js'
import { callerOf } from './caller.js'
import { tellLimit } from './limit-headers.js'
import type { SidecarSettings } from './options.js'
import { Problem } from './problem.js'
import { Usage } from './usage.js'

/** Applications whose quota is remembered. */
const APPS_MAX = 100_000
/** PUIDs that one unit of the quota pays for: to open so many costs the main thread about what any request costs it. */
export const PUIDS_PER_UNIT = 10

/**
 * How much an application may ask: each request costs one unit, one that names many PUIDs one for each ten begun. What
 * is left is told in header fields (draft-ietf-httpapi-ratelimit-headers-10).
 */
export class Quota {
  /** what was charged, for developers */
  readonly usage: Usage = new Usage()
  readonly #buckets: BucketTable<AppKey>
  readonly #requests: number
  readonly #windowS: number
  readonly #nowMs: () => number

  constructor({ rateRequests, rateWindowMs }: SidecarSettings, nowMs: () => number) {
    this.#buckets = new BucketTable(rateRequests, rateWindowMs, APPS_MAX)
    this.#requests = rateRequests
    this.#windowS = Math.ceil(rateWindowMs / 1000)
    this.#nowMs = nowMs
  }

  /**
   * Charges for a request as such.
   *
   * @throws Problem rate-limited.
   */
  charge(request: FastifyRequest, reply: FastifyReply): void {
    this.#take(request, reply, 1)
  }

  /** Units that an application has left now. */
  left(app: AppKey): number {
    return this.#buckets.take(app, this.#nowMs(), 0).remaining
  }

  /**
   * Charges for the PUIDs of a request, beside what `charge` took already.
   *
   * @throws Problem rate-limited.
   */
  chargePuids(request: FastifyRequest, reply: FastifyReply, puids: number): void {
    const units = Math.ceil(puids / PUIDS_PER_UNIT) - 1
    if (units > 0) this.#take(request, reply, units)
  }

  #take(request: FastifyRequest, reply: FastifyReply, units: number): void {
    const [{ app }, nowMs] = [callerOf(request), this.#nowMs()]
    const grant = this.#buckets.take(app, nowMs, units)
    this.usage.add(app, nowMs, units, !grant.ok)
    const { remaining, fullInS } = grant
    tellLimit(reply, { policy: 'app', quota: this.#requests, windowS: this.#windowS, remaining, fullInS })
    if (!grant.ok) throw new Problem('rate-limited', '', { 'retry-after': String(grant.retryAfterS) })
  }
}
