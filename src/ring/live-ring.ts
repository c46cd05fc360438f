import type { RingRecord, RingView } from './ring.js'
import type { LimitState } from './ring-limits.js'

/** A ring on one device. */
export interface Leg {
  /** handle */
  readonly device: number
  /** index of the person it belongs to */
  readonly target: number
  /** id of its last NOTIFY, or of the one that the device answered by */
  notify: number
  /** ids of all its NOTIFYs; the device may answer by any */
  readonly notifies: number[]
  /** the device decides whether it may be shown; the sender is not told of receipt */
  isTentative: boolean
  /** the next NOTIFY has a new id: the device's program or session is new */
  isRenewed: boolean
  /** NOTIFY went out and is repeated, or was acked */
  isSent: boolean
  /** NOTIFY went out at some time: it must be told the outcome */
  wasSent: boolean
  /** the device has it */
  isReceived: boolean
  /** the device will not show it */
  isRefused: boolean
  /** id of the OUTCOME that waits for its ack, 0 none */
  outcome: number
  /** the device has the outcome */
  isTold: boolean
}

/** What a write that is under way will have committed. */
export interface Commit {
  view: RingView
  row: Uint8Array
  /** the row says that the ring has ended */
  isEnd: boolean
  /** targets that have left, by the row */
  left: number[]
  /** whose turn it is in a sequence, by the row */
  turn: number
}

/** A request that waits for the end of a ring. */
export interface Waiting {
  /** names it for its timer */
  readonly number: number
  readonly request: number
  readonly timer: number
}

/**
 * A ring that is open, or that has ended and whose devices are still being told. The record is what happened; what
 * anybody outside was told is `published`, which is always committed.
 */
export interface LiveRing {
  /** names it for timers, 1.. */
  readonly number: number
  /** 32 hex digits */
  readonly name: string
  readonly record: RingRecord
  readonly deadlineMonotonicMs: number
  /** when the turn of the record may go on to somebody else, monotonic ms */
  turnEndMonotonicMs: number
  /** nobody acked the ring for a while in this turn */
  isTurnSilent: boolean
  /** whose turn it was when the ring was loaded: their devices may have it; -1 nobody's */
  loadedTurn: number
  /** loaded from the store: devices may have it of which we do not know */
  readonly isRestored: boolean
  /** which of its notify ids is tried first, so that a restart brings new ones */
  readonly firstTry: number
  /** by handle */
  readonly legs: Map<number, Leg>
  /** null until the first commit */
  published: RingView | null
  commit: Commit | null
  /** the record changed since the last write began */
  isDirty: boolean
  /** targets that have left, committed; their devices are told */
  readonly left: Set<number>
  /** whose turn it is in a sequence, committed: who else waits; -1 nobody's */
  turn: number
  /** older rings with its collapse key were looked for */
  isCollapsed: boolean
  /** the row that says how it ended, once committed: then the devices are told; null before */
  endRow: Uint8Array | null
  /** from when on it is tried on devices whose person's list is not here, monotonic ms; 0 not known yet */
  tryFromMs: number
  /** it went out, and nobody acked it for a while */
  isUnanswered: boolean
  /** when telling stops, monotonic ms; Infinity before the end */
  tellUntilMs: number
  /** requests that created it, or repeat that: true for the first */
  creators: { request: number; isFirst: boolean; limits: LimitState[] }[]
  withdrawers: number[]
  waits: Waiting[]
  // Timers, 0 none.
  deadlineTimer: number
  turnTimer: number
  silenceTimer: number
  retryTimer: number
  tellTimer: number
  writeTimer: number
}

/**
 * A live ring around a record.
 *
 * @param firstTry 0 for a new ring; for one from the store another number below `NOTIFY_ID_TRIES`.
 */
export function liveRing(
  number: number,
  name: string,
  record: RingRecord,
  deadlineMonotonicMs: number,
  firstTry: number,
): LiveRing {
  return {
    number,
    name,
    record,
    deadlineMonotonicMs,
    turnEndMonotonicMs: Infinity,
    isTurnSilent: false,
    loadedTurn: -1,
    isRestored: firstTry > 0,
    firstTry,
    legs: new Map(),
    published: null,
    commit: null,
    isDirty: false,
    left: new Set(),
    turn: -1,
    isCollapsed: false,
    endRow: null,
    tryFromMs: 0,
    isUnanswered: false,
    tellUntilMs: Infinity,
    creators: [],
    withdrawers: [],
    waits: [],
    deadlineTimer: 0,
    turnTimer: 0,
    silenceTimer: 0,
    retryTimer: 0,
    tellTimer: 0,
    writeTimer: 0,
  }
}
