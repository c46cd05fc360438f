/** A rate limit: `burst` at once, then `perSecond`. */
export class TokenBucket {
  readonly #perMs: number
  readonly #burst: number
  #tokens: number
  #filledMs = Number.NEGATIVE_INFINITY

  constructor(perSecond: number, burst: number) {
    this.#perMs = perSecond / 1000
    this.#burst = burst
    this.#tokens = burst
  }

  /**
   * Takes a token.
   *
   * @param nowMs monotonic.
   * @returns false if none is left.
   */
  take(nowMs: number): boolean {
    const refill = Math.max(0, nowMs - this.#filledMs) * this.#perMs
    this.#tokens = Math.min(this.#burst, this.#tokens + refill)
    this.#filledMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
