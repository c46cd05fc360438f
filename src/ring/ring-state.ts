/** States of a ring, docs/rings.md. The last five are terminal. */
export type RingState = 'queued' | 'sent' | 'delivered' | 'accepted' | 'dismissed' | 'missed' | 'withdrawn' | 'failed'

/**
 * What can happen to a ring as a whole.
 *
 * | event | when |
 * |---|---|
 * | send | it went out to a device of somebody who shows themselves to the sender |
 * | silence | no device that it went to has acked it for a while: their mappings may be gone, it waits for their next packet |
 * | deliver | such a device acked it, or any device showed it or answered |
 * | accept | a device accepted |
 * | dismiss | everybody it went to dismissed it |
 * | deadline | the deadline came |
 * | withdraw | the sender withdrew it |
 * | fail | the sender's application is gone, or we cannot go on |
 */
export type RingEvent = 'send' | 'silence' | 'deliver' | 'accept' | 'dismiss' | 'deadline' | 'withdraw' | 'fail'

type Row = Readonly<Record<RingEvent, RingState>>

const ends = {
  accept: 'accepted',
  dismiss: 'dismissed',
  deadline: 'missed',
  withdraw: 'withdrawn',
  fail: 'failed',
} as const

/** A terminal state stays: every ring ends once. */
function stays(state: RingState): Row {
  const row = {
    send: state,
    silence: state,
    deliver: state,
    accept: state,
    dismiss: state,
    deadline: state,
    withdraw: state,
    fail: state,
  }
  return row
}

/**
 * The state machine as one table: `queued -> sent -> delivered -> (accepted | dismissed | missed | withdrawn | failed)`.
 * Only `silence` leads back, from `sent` to `queued`.
 */
export const RING_TRANSITIONS: Readonly<Record<RingState, Row>> = {
  queued: { send: 'sent', silence: 'queued', deliver: 'delivered', ...ends },
  sent: { send: 'sent', silence: 'queued', deliver: 'delivered', ...ends },
  delivered: { send: 'delivered', silence: 'delivered', deliver: 'delivered', ...ends },
  accepted: stays('accepted'),
  dismissed: stays('dismissed'),
  missed: stays('missed'),
  withdrawn: stays('withdrawn'),
  failed: stays('failed'),
}

/** All states, in the order of their codes in a stored row. Only ever added to at the end. */
export const RING_STATES = Object.keys(RING_TRANSITIONS) as readonly RingState[]

/** The state after an event. */
export function nextRingState(state: RingState, event: RingEvent): RingState {
  return RING_TRANSITIONS[state][event]
}

/** Whether a ring in this state has ended. */
export function isTerminal(state: RingState): boolean {
  return state !== 'queued' && state !== 'sent' && state !== 'delivered'
}
