/** An asking packet that follows a reset must stay unanswered for this, ms. wire-spec [R-6.1-3] */
export const RESET_WAIT_MS = 2000

/**
 * A reset is a claim that anybody on the way may replay: it is believed only if an asking packet sent after it stays
 * unanswered for 2 s. wire-spec [R-6.1-3]
 */
export class ResetWatch {
  #isSuspected = false
  /** monotonic ms; Infinity until an asking packet followed the reset */
  #believedAtMs = Infinity

  /** A reset with the current token came. @returns whether an asking packet must go out: not while one is being waited for. */
  handleReset(): boolean {
    if (this.#isSuspected) return false
    this.#isSuspected = true
    return true
  }

  /** An asking packet went out. */
  handleAsked(nowMs: number): void {
    if (this.#isSuspected && this.#believedAtMs === Infinity) this.#believedAtMs = nowMs + RESET_WAIT_MS
  }

  /** The session lives (an answer came) or is given up. */
  clear(): void {
    this.#isSuspected = false
    this.#believedAtMs = Infinity
  }

  /** Monotonic ms at which the reset is believed; Infinity for none. */
  nextTimeout(): number {
    return this.#believedAtMs
  }

  /** @returns whether the reset is believed now, once. */
  handleTimeout(nowMs: number): boolean {
    if (nowMs < this.#believedAtMs) return false
    this.clear()
    return true
  }
}
