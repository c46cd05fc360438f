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
