/** How present somebody is for a ring. The words are those of presence; `unknown`: their list is not here. */
export type Reach = 'online' | 'away' | 'unavailable' | 'offline' | 'unknown'

/**
 * What a ring does.
 *
 * | behaviour | meaning |
 * |---|---|
 * | ring | it goes to all devices in contact, and to each that comes before the deadline |
 * | try | as ring, but the device must say by its own list whether it may be shown. Until it has, the sender sees the same as for hold. It waits a moment first, since a device in contact tells the list at once, and then the list decides |
 * | keep | no device is told before the deadline. Then those in contact get it together with its outcome, missed, so that they list it and never ring |
 * | hold | nothing is sent. Should the person become reachable before the deadline, it goes on as above |
 */
export type RingBehaviour = 'ring' | 'try' | 'keep' | 'hold'

/**
 * What a ring does for each reach: docs/rings.md, as one table. `offline` is all of these alike: out of contact, idle past
 * the offline threshold, invisible, appear offline, outside hours, blocked, revoked, never allowed, account gone.
 * `unknown` is after a restart, until a device has told the list.
 *
 * | reach | behaviour | sender sees, queued with reason |
 * |---|---|---|
 * | online | ring | (sent) |
 * | away | ring | (sent) |
 * | unavailable | keep | unavailable |
 * | offline | hold | offline |
 * | unknown | try | offline |
 */
export const RING_BEHAVIOUR: Readonly<Record<Reach, RingBehaviour>> = {
  online: 'ring',
  away: 'ring',
  unavailable: 'keep',
  offline: 'hold',
  unknown: 'try',
}

/** Why a ring is still queued; `unanswered`: it went out, and no device has acked it for a while. */
export type QueueReason = '' | 'offline' | 'unavailable' | 'unanswered'

/** Why a ring is queued, from what it does for each person it goes to. '' if it rings for one of them. */
export function queueReason(behaviours: readonly RingBehaviour[]): QueueReason {
  if (behaviours.includes('ring')) return ''
  return behaviours.includes('keep') ? 'unavailable' : 'offline'
}
