/**
 * What a device knows of its server's clock: two bounds, never a guess. wire-spec §12.2-1.
 *
 * A CLOCK says what the server's clock showed when the packet was made. It was made after the packet that the PONG beside
 * it names left the device (`askedMs`), and before it arrived (`arrivedMs`). So at monotonic time t the server's clock is
 * at most `clock + (t - askedMs)` and at least `clock + (t - arrivedMs)`.
 */
export class ServerClock {
  /** The server's clock minus our monotonic clock, at least and at most; null: not known. */
  #leastMs: number | null = null
  #mostMs: number | null = null
  /** The server started anew: its clock may have been set, so the next CLOCK replaces both bounds. */
  #mayStep = false

  /** Whether an upper bound is known: only then can a deadline be judged. */
  get known(): boolean {
    return this.#mostMs !== null
  }

  /** How far the bounds are apart, ms; Infinity while one is missing. */
  get widthMs(): number {
    if (this.#leastMs === null || this.#mostMs === null) return Infinity
    return this.#mostMs - this.#leastMs
  }

  /**
   * Takes a CLOCK.
   *
   * @param clockMs   the server's clock in the frame, Unix ms.
   * @param arrivedMs our monotonic time of its arrival.
   * @param askedMs   our monotonic time at which the packet left that the PONG beside it names.
   */
  handleClock(clockMs: number, arrivedMs: number, askedMs: number): void {
    const least = clockMs - arrivedMs
    const most = clockMs - askedMs
    // Bounds that exclude each other: a clock was set, so the older ones are worth nothing.
    const isStepped = this.#mayStep || most < (this.#leastMs ?? -Infinity) || least > (this.#mostMs ?? Infinity)
    this.#mayStep = false
    this.#leastMs = isStepped ? least : Math.max(least, this.#leastMs ?? -Infinity)
    this.#mostMs = isStepped ? most : Math.min(most, this.#mostMs ?? Infinity)
  }

  /** One of our own clocks was set, or we slept: nothing is known until the next CLOCK. */
  forget(): void {
    this.#leastMs = null
    this.#mostMs = null
  }

  /** The server was started anew (its boot value changed). */
  handleRestart(): void {
    this.#mayStep = true
  }

  /** The latest that the server's clock can show at our monotonic time, Unix ms; null when not known. */
  latest(monotonicMs: number): number | null {
    return this.#mostMs === null ? null : this.#mostMs + monotonicMs
  }

  /** The earliest that the server's clock can show at our monotonic time, Unix ms; null when not known. */
  earliest(monotonicMs: number): number | null {
    return this.#leastMs === null ? null : this.#leastMs + monotonicMs
  }
}
