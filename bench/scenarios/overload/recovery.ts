/** When a server is itself again after too much load, as probe pings feel it. */
import { type Probe, probeFacts } from '../../ours/probes.js'

/** Probes are looked at in windows so long, s. */
const WINDOW_S = 0.5
/** So many windows in a row must be as before, or all that are left. */
const IN_A_ROW = 2

/**
 * Seconds from a moment to the first window of half a second that is as before, and the next one too: no probe lost, and
 * their p99 at most `limitMs`.
 *
 * @param probes in the order in which they were due; those before the moment do not count.
 * @param endMs  when the load ended, Unix ms.
 * @returns null if it never came, or no probe was due.
 */
export function recoverySeconds(probes: readonly Probe[], endMs: number, limitMs: number): number | null {
  const windows: Probe[][] = []
  for (const probe of probes) {
    if (probe.dueMs < endMs) continue
    const nth = Math.floor((probe.dueMs - endMs) / (WINDOW_S * 1000))
    while (windows.length <= nth) windows.push([])
    windows[nth]!.push(probe)
  }
  const isGood = windows.map((window) => {
    const { lost, p99Ms } = probeFacts(window)
    return lost === 0 && p99Ms !== null && p99Ms <= limitMs
  })
  const first = isGood.findIndex((_, nth) => isGood.slice(nth, nth + IN_A_ROW).every(Boolean))
  return first < 0 ? null : first * WINDOW_S
}
