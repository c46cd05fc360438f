/** How late a push or an answer is, from the listening cycle of a profile. */
import type { PushDelay, RadioProfile } from './radio-profile.js'

/**
 * Round trip of a small packet at a random moment.
 *
 * @param isConnected whether the radio is up.
 * @param share       0 to 1: where in the listening cycle the packet comes.
 */
export function roundTripS(push: PushDelay, isConnected: boolean, share: number): number {
  const { connectedBaseS, drxCycleS, idleBaseS, pagingCycleS } = push
  return isConnected ? connectedBaseS + share * drxCycleS : idleBaseS + share * pagingCycleS
}

/**
 * Of pushes to an idle phone with a live mapping, the share that is there within `withinS`: the cycle's part that is
 * short enough. A phone whose radio is up is reached sooner; that it may be is left out, to the policy's disadvantage.
 */
export function reachedInTimeShare({ push }: RadioProfile, withinS: number): number {
  if (push.pagingCycleS === 0) return push.idleBaseS <= withinS ? 1 : 0
  return Math.max(0, Math.min(1, (withinS - push.idleBaseS) / push.pagingCycleS))
}
