/**
 * How far the wall clock was set while something ran: virtual machines are stopped and go on, and their clock is put right
 * afterwards. Whatever compares times of two processes then fails for requests that were under way.
 */
export class ClockWatch {
  #lastMs = offsetMs()
  #steppedMs = 0

  /** Looks; call it every few seconds. Slewing is not counted. */
  look(): void {
    const nowMs = offsetMs()
    const stepMs = nowMs - this.#lastMs
    this.#lastMs = nowMs
    if (Math.abs(stepMs) >= STEP_MIN_MS) this.#steppedMs += Math.abs(stepMs)
  }

  /** Whole seconds, both ways added up. */
  get steppedSeconds(): number {
    return Math.round(this.#steppedMs / 1000)
  }
}

/** NTP slews less than a millisecond in two seconds. */
const STEP_MIN_MS = 500

function offsetMs(): number {
  return Date.now() - performance.now()
}
