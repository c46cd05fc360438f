/** The words of presence: what a person can be, why, and what they chose. */

/** A person as one application sees them. `unknown` only after a restart of the server, docs/presence.md. */
export type PresenceState = 'online' | 'away' | 'unavailable' | 'offline' | 'unknown'

/**
 * Why a state began.
 *
 * | cause | meaning |
 * |---|---|
 * | device | a device came, became active, or left on purpose |
 * | idle | a device was idle for longer than its threshold |
 * | contact-lost | nothing was heard for longer than promised; also every way of hiding, so that nothing tells them apart |
 * | user | the person chose unavailable or available, or changed a message |
 * | window | hours began or ended |
 * | restart | first heard after a restart of the server |
 * | revoked | the person took the consent back, and ticked "tell the application" |
 */
export type PresenceCause = 'device' | 'idle' | 'contact-lost' | 'user' | 'window' | 'restart' | 'revoked'

/** The person's choice, wire-spec §10: 0 available, 1 unavailable, 2 invisible. */
export type Choice = 0 | 1 | 2

/** The codes of `Choice`. */
export const Choices = { available: 0, unavailable: 1, invisible: 2 } as const

/** What one application sees of one person, or what it saw last. */
export interface PresenceLine {
  state: PresenceState
  /** shared status or away message, '' if none */
  message: string
  /** when this state began, Unix ms */
  sinceMs: number
  /** count of changes since the start of the server, see `version.ts` */
  count: number
  cause: PresenceCause
}

const STATES: readonly PresenceState[] = ['offline', 'online', 'away', 'unavailable', 'unknown']
const CAUSES: readonly PresenceCause[] = ['device', 'idle', 'contact-lost', 'user', 'window', 'restart', 'revoked']

/** A state as one byte, for a record. */
export function stateCode(state: PresenceState): number {
  return STATES.indexOf(state)
}

/** The state of a byte that `stateCode` gave. */
export function stateOf(code: number): PresenceState {
  return STATES[code] as PresenceState
}

/** A cause as one byte, for a record. */
export function causeCode(cause: PresenceCause): number {
  return CAUSES.indexOf(cause)
}

/** The cause of a byte that `causeCode` gave. */
export function causeOf(code: number): PresenceCause {
  return CAUSES[code] as PresenceCause
}
