/** Bounds on rings. */
export interface RingLimits {
  /** open rings of one application */
  openPerApp: number
  /** rings of one application to one person within 60 s */
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

/**
 * Counts the rings of an application to a person in the last minute, exactly. The count is per application, so that
 * none learns about the rings of others from a refusal. An object for each pair, dropped after a quiet minute.
 */
export class RingRate {
  readonly #max: number
  /** monotonic ms of the last rings by application and person, the pair heard last at the end */
  readonly #times = new Map<string, number[]>()

  /** @param max rings within 60 s. */
  constructor(max: number) {
    this.#max = max
  }

  /** Pairs remembered. */
  get pairs(): number {
    return this.#times.size
  }

  /** Ms to wait before a ring of this application to this person is allowed; 0 it is. */
  waitMs(app: number, person: number, monotonicMs: number): number {
    const times = this.#times.get(`${app}/${person}`) ?? []
    const earliest = times[times.length - this.#max]
    return earliest === undefined ? 0 : Math.max(0, earliest + MINUTE_MS - monotonicMs)
  }

  /** Counts a ring. */
  count(app: number, person: number, monotonicMs: number): void {
    this.#forget(monotonicMs)
    const key = `${app}/${person}`
    const times = this.#times.get(key) ?? []
    times.push(monotonicMs)
    if (times.length > this.#max) times.shift()
    this.#times.delete(key)
    this.#times.set(key, times)
  }

  /** Drops the pairs that were quiet for a minute. */
  #forget(monotonicMs: number): void {
    for (const [key, times] of this.#times) {
      if ((times.at(-1) as number) + MINUTE_MS > monotonicMs) return
      this.#times.delete(key)
    }
  }
}
