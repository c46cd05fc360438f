/**
 * Whether a probe is worth its energy. All of it is counted in tails (the time for which the radio stays up after a
 * packet), which is what a wake-up costs on a network, whatever that is in joules: a probe costs one when it is
 * answered, as the answer wakes the radio, and at most one when it fails; a failure is believed after the second.
 */

/** Half of the values that are tried survive. */
const CHANCE = 0.5
/** Tails of a value that is tried: one if it survives, two if it does not. */
const COST_TAILS = CHANCE * 1 + (1 - CHANCE) * 2

/** A stay of which nothing is known lasts at least this, s. */
const STAY_MIN_S = 3600

/**
 * Expected stay: as long again as the device was there in the time for which what it learns is remembered.
 *
 * @param spentS seconds on this network so far, of the last week.
 */
export function expectedStayS(spentS: number): number {
  return Math.max(spentS, STAY_MIN_S)
}

/**
 * The rule: `chance * stay * (1 / interval - 1 / longer)` tails are saved, and must be more than the 1.5 that it costs.
 *
 * @param intervalS in use, s.
 * @param longerS   interval if the probe is answered, s.
 * @param stayS     see `expectedStayS`.
 */
export function isWorth(intervalS: number, longerS: number, stayS: number): boolean {
  return CHANCE * stayS * (1 / intervalS - 1 / longerS) > COST_TAILS
}
