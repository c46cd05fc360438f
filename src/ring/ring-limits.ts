import { type Grant, TokenBucket } from '../base/token-bucket.js'
import type { RingTarget } from './ring.js'

/** Bounds on rings. */
export interface RingLimits {
  /** open rings of one application */
  openPerApp: number
  /** rings of one application to one PUID: so many at once, and in each minute on average */
  perPersonPerMinute: number
  /** ended rings that stay readable in memory; the oldest of the application that has most give way */
  endedMax: number
  /** how long a ring stays readable and its idempotency key counts, from its creation, ms; at most 24 h (docs/rings.md) */
  keepMs: number
  /** how long after the end of a ring its devices are told, ms */
  tellMs: number
  /** long polls at once, in all */
  waitsMax: number
}

/** The limits of docs/rings.md and of this release. */
export const RING_LIMITS_DEFAULT: RingLimits = {
  openPerApp: 1_000,
  perPersonPerMinute: 30,
  endedMax: 65_536,
  keepMs: 86_400_000,
  tellMs: 60_000,
  waitsMax: 10_000,
}

const MINUTE_MS = 60_000

/** How much of a limit is left, for the header fields `RateLimit` and `RateLimit-Policy`. */
export interface LimitState {
  /** `app` units of requests, `address` requests of an address, `puid` rings to one PUID, `rings` open rings */
  policy: 'app' | 'address' | 'puid' | 'rings'
  quota: number
  /** seconds in which the whole quota comes back; 0 it comes back otherwise */
  windowS: number
  remaining: number
  /** seconds until the whole quota is there */
  fullInS: number
}

/**
 * A token bucket for each application and PUID: none learns about the rings of others from a refusal, nor that two PUIDs are
 * of one person. Dropped when it is surely full again.
 */
export class RingRate {
  readonly #perMinute: number
  /** by application, person and rotation, the bucket used last at the end */
  readonly #buckets = new Map<string, { bucket: TokenBucket; usedMs: number }>()

  /** @param perMinute rings at once, and within 60 s on average. */
  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** Buckets remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /** What the fullest limit of those that a ring is for says of one more ring to each. */
  peek(app: number, targets: readonly Name[], monotonicMs: number): Grant {
    const fresh = new TokenBucket(this.#perMinute, MINUTE_MS, monotonicMs)
    const grants = targets.map((target) => {
      const { bucket } = this.#buckets.get(keyOf(app, target)) ?? { bucket: fresh }
      return bucket.peek(monotonicMs)
    })
    return tightest(grants)
  }

  /** Counts a ring to each. @returns as `peek`, of what is left. */
  take(app: number, targets: readonly Name[], monotonicMs: number): Grant {
    this.#forget(monotonicMs)
    const grants = targets.map((target) => {
      const key = keyOf(app, target)
      const bucket = this.#buckets.get(key)?.bucket ?? new TokenBucket(this.#perMinute, MINUTE_MS, monotonicMs)
      this.#buckets.delete(key)
      this.#buckets.set(key, { bucket, usedMs: monotonicMs })
      return bucket.take(monotonicMs)
    })
    return tightest(grants)
  }

  /** What a grant says to the sender. */
  stateOf({ remaining, fullInS }: Grant): LimitState {
    return { policy: 'puid', quota: this.#perMinute, windowS: MINUTE_MS / 1000, remaining, fullInS }
  }

  /** Drops the buckets that nobody used for a minute: they are full. */
  #forget(monotonicMs: number): void {
    for (const [key, { usedMs }] of this.#buckets) {
      if (usedMs + MINUTE_MS > monotonicMs) return
      this.#buckets.delete(key)
    }
  }
}

type Name = Pick<RingTarget, 'person' | 'rotation'>

function keyOf(app: number, { person, rotation }: Name): string {
  return `${app}/${person}/${rotation}`
}

function tightest(grants: readonly Grant[]): Grant {
  return grants.reduce((a, b) => (b.retryAfterS > a.retryAfterS || b.remaining < a.remaining ? b : a))
}
