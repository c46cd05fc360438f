/**
 * Timers of one kind, passed in: when one is due, its part is called with the key. A timer costs nothing but its entry
 * in the wheel, so that a table can keep its name in a column.
 */
export interface Timers {
  /**
   * Sets a timer.
   *
   * @param key          what it is for, 0 to 2^31 - 1.
   * @param monotonicMs  when it is due; in the past: at once.
   * @returns its name, 1..; dead once it was due.
   */
  arm(key: number, monotonicMs: number): number
  /** Takes a timer back. 0 is no timer. */
  disarm(timer: number): void
}
