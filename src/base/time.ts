/**
 * Both clocks at one moment. Drivers pass it into every door of the pure core; the core has no clock of its own.
 * Deadlines run on `monotonicMs`; what is stored or told to others is `wallMs`.
 */
export interface Now {
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs: number
  /** Milliseconds of Unix time; may be stepped. */
  wallMs: number
}
