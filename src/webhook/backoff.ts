import type { Random } from '../base/random.js'

/** Pause after the first failure, ms. */
const FIRST_MS = 5_000
/** Longest pause, ms. */
const LONGEST_MS = 7_200_000
/** How long an event is tried, from when it happened, ms. */
export const TRY_FOR_MS = 2 * 86_400_000
/** So long a change waits as it is; then the latest state takes its place, ms. */
export const REPLACE_AFTER_MS = 3_600_000
/** Longest pause that an endpoint can ask for by Retry-After, ms. */
export const RETRY_AFTER_MAX_MS = 86_400_000

/** Failures in a row after which an endpoint counts as down: one request at a time, and pauses between them. */
export const DOWN_AFTER = 3
/** Pause of an endpoint that is down, ms: doubles from the first to the longest. */
const DOWN_FIRST_MS = 1_000
const DOWN_LONGEST_MS = 300_000

/**
 * Pause before a message is tried again: doubling, the upper half at random.
 *
 * @param attempts that failed, 1 or more.
 */
export function retryPauseMs(attempts: number, random: Random): number {
  return jittered(Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempts - 1, 20)), random)
}

/** Pause before anything is sent to an endpoint again. @param failures in a row. */
export function downPauseMs(failures: number, random: Random): number {
  if (failures < DOWN_AFTER) return 0
  return jittered(Math.min(DOWN_LONGEST_MS, DOWN_FIRST_MS * 2 ** Math.min(failures - DOWN_AFTER, 20)), random)
}

function jittered(ms: number, random: Random): number {
  const [byte = 0] = random.fill(new Uint8Array(1))
  return (ms * (256 + byte)) / 512
}
