import type { RingTarget } from './ring.js'

/** What decides whose turn it is. */
export interface SequenceFacts {
  targets: readonly Pick<RingTarget, 'left'>[]
  /** by target: they could be rung now */
  reachable: readonly boolean[]
  /** whose turn it is, -1 nobody's */
  turn: number
  /** their step time is over, or they cannot be rung and have not got the ring */
  isOver: boolean
}

/**
 * Whose turn it is now in a sequence: docs/rings.md. A turn stays until it is over and somebody else can be rung; then it
 * goes to the first in the order of the pool who can. Who cannot is passed over, and comes when they can: at the next
 * turn, or at once if nobody has one.
 *
 * @returns a target, -1 nobody.
 */
export function nextTurn({ targets, reachable, turn, isOver }: SequenceFacts): number {
  const isRunning = targets[turn]?.left === ''
  if (isRunning && !isOver) return turn
  const next = targets.findIndex(({ left }, target) => target !== turn && left === '' && reachable[target] === true)
  return next === -1 && isRunning ? turn : next
}
