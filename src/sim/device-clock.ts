/** A phone's two clocks: the wall clock is set back and forth, the monotonic one stands still in a deep sleep. */
import type { Now } from '../base/time.js'

/** As the device machine has it. */
const UNSEEN_DRIFT_MS = 2000
/** Sums of fractions are rounded; a timer must not fire a hair too early. */
const ROUNDING_MS = 1e-6

export class DeviceClock {
  readonly #trueNow: () => Now
  #wallAheadMs = 0
  #stoodMs = 0
  #wasMoved = false

  constructor(trueNow: () => Now) {
    this.#trueNow = trueNow
  }

  now(): Now {
    const { monotonicMs, wallMs } = this.#trueNow()
    return { monotonicMs: monotonicMs - this.#stoodMs, wallMs: wallMs + this.#wallAheadMs }
  }

  /** The first true virtual ms at which this phone's monotonic clock shows a time, should it stay awake. */
  trueMs(monotonicMs: number): number {
    let trueMs = monotonicMs + this.#stoodMs
    while (trueMs - this.#stoodMs < monotonicMs) trueMs += ROUNDING_MS
    return trueMs
  }

  /** By so much this phone may be wrong about the server's clock, ms: it does not see that its clocks drift apart by less. */
  get unseenMs(): number {
    return this.#wasMoved ? UNSEEN_DRIFT_MS : 0
  }

  /** The person, or the network, sets the wall clock. */
  setWall(aheadMs: number): void {
    this.#wallAheadMs = aheadMs
    this.#wasMoved = true
  }

  /** The monotonic clock stood still for so long. */
  stood(ms: number): void {
    this.#stoodMs += ms
    this.#wasMoved = true
  }
}
