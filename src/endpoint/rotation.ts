import { ROTATIONS } from '../packet/connection-id.js'

/** Steps from the current rotation to that of a pending handshake. wire-spec §13 */
export const PENDING_STEP = 2

/** Steps at the removal of an owner: past previous, spare and pending of the last one. */
export const REMOVAL_STEP = 4

/** The rotation so many steps on, modulo 1024. */
export function rotated(rotation: number, steps: number): number {
  return (rotation + steps) % ROTATIONS
}

/** Steps from one rotation to another, 0..1023: 1 is the spare, 1023 the previous. */
export function stepsTo(from: number, to: number): number {
  return (to - from + ROTATIONS) % ROTATIONS
}

/** Whether a rotation is the current, the spare or the previous one. [R-6-4] */
export function isLive(current: number, rotation: number): boolean {
  const steps = stepsTo(current, rotation)
  return steps <= 1 || steps === ROTATIONS - 1
}
