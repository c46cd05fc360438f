import { type Choice, Choices, type PresenceState } from './state.js'

/**
 * How present one device is, by the server's own clock. A greater number is more present.
 *
 * out: not in contact. asleep: in contact, idle for longer than the offline threshold. away: idle for longer than the
 * away threshold. online: active, or idle for less.
 */
export const Level = { out: 0, asleep: 1, away: 2, online: 3 } as const

/** One of the numbers of `Level`. */
export type DeviceLevel = (typeof Level)[keyof typeof Level]

/**
 * A person's state from the most present of their devices and from their choice: docs/presence.md, as one table.
 *
 * | most present device | available | unavailable | invisible |
 * |---|---|---|---|
 * | out of contact | offline | offline | offline |
 * | asleep | offline | unavailable | offline |
 * | away | away | unavailable | offline |
 * | online | online | unavailable | offline |
 */
const MERGE: readonly (readonly [PresenceState, PresenceState, PresenceState])[] = [
  ['offline', 'offline', 'offline'],
  ['offline', 'unavailable', 'offline'],
  ['away', 'unavailable', 'offline'],
  ['online', 'unavailable', 'offline'],
]

/**
 * A person's state, see the table above.
 *
 * @param most   level of the most present device; `Level.out` if there is none.
 * @param choice what the person chose, for all their devices.
 */
export function mergedState(most: DeviceLevel, choice: Choice): PresenceState {
  return (MERGE[most] as (typeof MERGE)[number])[choice]
}

/**
 * How present an idle device is.
 *
 * @param idleMs        how long it has been idle.
 * @param awayAfterS    threshold in seconds, 0 never.
 * @param offlineAfterS threshold in seconds, 0 never. It counts from the start of idleness, not from away.
 */
export function idleLevel(idleMs: number, awayAfterS: number, offlineAfterS: number): DeviceLevel {
  if (offlineAfterS > 0 && idleMs >= offlineAfterS * 1000) return Level.asleep
  if (awayAfterS > 0 && idleMs >= awayAfterS * 1000) return Level.away
  return Level.online
}

/**
 * How long an idle device stays at its level.
 *
 * @returns ms of idleness at which the level changes next, or null if it stays.
 */
export function nextIdleChangeMs(idleMs: number, awayAfterS: number, offlineAfterS: number): number | null {
  let next: number | null = null
  for (const seconds of [awayAfterS, offlineAfterS]) {
    const atMs = seconds * 1000
    if (seconds > 0 && atMs > idleMs && (next === null || atMs < next)) next = atMs
  }
  // Past the offline threshold nothing follows, even if away would come later.
  return idleLevel(idleMs, awayAfterS, offlineAfterS) === Level.asleep ? null : next
}

/** Whether a choice hides a person from everybody. */
export function hides(choice: Choice): boolean {
  return choice === Choices.invisible
}
