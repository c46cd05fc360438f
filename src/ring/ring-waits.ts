import type { Now } from '../base/time.js'
import type { LiveRing } from './live-ring.js'
import type { RingOutlet, RingTimers } from './ring-ports.js'

/** A long poll waits so long at most, ms. */
export const WAIT_MAX_MS = 60_000

/** Requests that wait for the end of a ring. */
export class RingWaits {
  readonly #outlet: RingOutlet
  readonly #timers: RingTimers
  readonly #max: number
  readonly #rings = new Map<number, LiveRing>()
  #lastNumber = 0

  /** @param max requests that wait at once. */
  constructor(outlet: RingOutlet, timers: (onDue: (key: number, now: Now) => void) => RingTimers, max: number) {
    this.#outlet = outlet
    this.#timers = timers((number) => this.#handleDue(number))
    this.#max = max
  }

  /** Requests that wait. */
  get size(): number {
    return this.#rings.size
  }

  /** Lets a request wait for the end of a ring. @returns false if it is not to wait, or too many do. */
  add(ring: LiveRing, request: number, waitMs: number, now: Now): boolean {
    if (!(waitMs > 0) || this.#rings.size >= this.#max) return false
    do this.#lastNumber = (this.#lastNumber + 1) % 2 ** 31
    while (this.#rings.has(this.#lastNumber))
    const number = this.#lastNumber
    this.#rings.set(number, ring)
    const timer = this.#timers.arm(number, now.monotonicMs + Math.min(waitMs, WAIT_MAX_MS))
    ring.waits.push({ number, request, timer })
    return true
  }

  /** Answers all that wait for a ring. */
  settle(ring: LiveRing): void {
    if (ring.published === null) return
    for (const { number, request, timer } of ring.waits) {
      this.#timers.disarm(timer)
      this.#rings.delete(number)
      this.#outlet.answer(request, ring.published, false)
    }
    ring.waits = []
  }

  /** Waited long enough: answered with what is so far. */
  #handleDue(number: number): void {
    const ring = this.#rings.get(number)
    if (ring === undefined || ring.published === null) return
    this.#rings.delete(number)
    for (const wait of ring.waits) if (wait.number === number) this.#outlet.answer(wait.request, ring.published, false)
    ring.waits = ring.waits.filter((wait) => wait.number !== number)
  }
}
