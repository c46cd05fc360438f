/** The real clocks: the only place, with `driver.ts`, where time comes into the house. */
import type { Now } from '../base/time.js'

/**
 * Reads both clocks at one moment.
 *
 * @returns whole milliseconds; `monotonicMs` counts from the start of this thread.
 */
export function systemNow(): Now {
  return { monotonicMs: Math.trunc(performance.now()), wallMs: Date.now() }
}

/** When this thread's monotonic clock was 0, on the one clock that all threads of the process have, ms. */
export function threadStartMs(): number {
  return Number(process.hrtime.bigint()) / 1e6 - performance.now()
}

/**
 * The clocks as another thread reads them by `systemNow`.
 *
 * @param startMs `threadStartMs` of that thread.
 */
export function clockOf(startMs: number): () => Now {
  const aheadMs = threadStartMs() - startMs
  return () => ({ monotonicMs: Math.trunc(performance.now() + aheadMs), wallMs: Date.now() })
}
