/** Whether ours costs at most 1.05 of the best rival, row by row; issue 3. */
import { REACHABILITY_MIN, type Row } from './table.js'

/** Joules and wake-ups of ours over those of the best rival of each, at most. */
export const RATIO_MAX = 1.05

/** Ours over the best rival; null where no rival reaches REACHABILITY_MIN, or there is no ours. */
export interface Ratios {
  joules: number
  /** over the fewest wake-ups of any rival that reaches REACHABILITY_MIN, be it the best in joules or not */
  wakeups: number
}

export interface Verdict {
  /** rows with a rival */
  counted: number
  /** of these, with both ratios at most RATIO_MAX and enough reachability */
  within: number
  /** the row with the highest ratio; null if none counts */
  worst: { nat: string; profile: string; ratio: number } | null
}

export function ratiosOf({ ours, best, fewestWakeups }: Row): Ratios | null {
  if (ours === null || best === null || fewestWakeups === null) return null
  return {
    joules: ours.joulesPerDay / best.joulesPerDay,
    wakeups: ours.wakeupsPerDay / fewestWakeups.wakeupsPerDay,
  }
}

export function verdictOf(rows: readonly Row[]): Verdict {
  const verdict: Verdict = { counted: 0, within: 0, worst: null }
  for (const row of rows) {
    const ratios = ratiosOf(row)
    if (ratios === null) continue
    const { nat, profile, ours } = row
    const ratio = Math.max(ratios.joules, ratios.wakeups)
    verdict.counted++
    if (ratio <= RATIO_MAX && (ours?.reachability ?? 0) >= REACHABILITY_MIN) verdict.within++
    if (verdict.worst === null || ratio > verdict.worst.ratio) verdict.worst = { nat, profile, ratio }
  }
  return verdict
}

/** The verdict in one line. */
export function verdictText({ counted, within, worst }: Verdict): string {
  if (worst === null) return 'Verdict: no row counts, as no rival reaches 99 %.'
  const { ratio, nat, profile } = worst
  const word = within === counted ? 'passed' : 'FAILED'
  return (
    `Verdict: ${word}. ${within} of ${counted} rows are within ${RATIO_MAX} of the best rival, in joules and in ` +
    `wake-ups, and reach 99 %; the worst is at ${ratio.toFixed(3)} (${nat}, ${profile}).`
  )
}
