/** How often the load is looked at, ms. */
const STEP_MS = 100
/** A loop that had less idle time than this in a step is busy, share. */
const BUSY_SHARE = 0.95
/** So many busy steps in a row are no burst: work is shed from then on. */
const STEPS_LEAST = 3
/** Fewer pieces of work a second are not what makes the loop busy; a starved thread sees few, too. */
const PER_SECOND_LEAST = 20
/** The share that is admitted: halves with each busy step down to the least, and comes back in steps of others. */
const SHARE_LEAST = 1 / 32
const SHARE_STEP = 0.05

/**
 * Decides which work is done while a loop cannot do all: of the less urgent kind only a share, so that the more urgent kind
 * finds time. Looks at the load when it is asked; holds no timer.
 */
export class Shedding {
  /** since it was last asked, the share of time in which the loop had work, 0 to 1 */
  readonly #load: () => number
  #lookedMs = Number.NEGATIVE_INFINITY
  #asked = 0
  #busySteps = 0
  #share = 1
  #credit = 0

  /** @param load the share of time since its last call in which the loop had work, 0 to 1. */
  constructor(load: () => number) {
    this.#load = load
  }

  /** The share of less urgent work that is admitted now. */
  get share(): number {
    return this.#share
  }

  /** Whether one more piece of less urgent work is done. @param nowMs monotonic. */
  admits(nowMs: number): boolean {
    this.#asked++
    if (nowMs - this.#lookedMs >= STEP_MS) this.#look(nowMs)
    if (this.#share === 1) return true
    this.#credit += this.#share
    if (this.#credit < 1) return false
    this.#credit--
    return true
  }

  #look(nowMs: number): void {
    const passedMs = nowMs - this.#lookedMs
    const isBusy = this.#load() >= BUSY_SHARE && (this.#asked * 1000) / passedMs >= PER_SECOND_LEAST
    this.#lookedMs = nowMs
    this.#asked = 0
    this.#busySteps = isBusy ? this.#busySteps + 1 : 0
    if (this.#busySteps >= STEPS_LEAST) this.#share = Math.max(SHARE_LEAST, this.#share / 2)
    else if (!isBusy) this.#share = Math.min(1, this.#share + (SHARE_STEP * passedMs) / STEP_MS)
  }
}
