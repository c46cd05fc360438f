/**
 * Asking packets: which frames wait for an answer, when they are repeated, when a round has failed. wire-spec §9.2.
 *
 * A frame waits until an asking packet that held it was answered. Every asking packet holds all frames that wait, as
 * many as fit. When the newest answer left frames unanswered, their retries go on.
 */
import type { DeviceFrame } from '../frame/frame.js'
import { ASK_RETRY_MS, ASK_ROUND_END_MS, ASK_ROUND_PAUSE_MS, ASK_ROUNDS, ONE_BYTE_VALUES } from '../packet/constants.js'

/** Three rounds count as lost contact when they took at least this, ms. wire-spec [R-9.2-3] */
export const ASK_LOST_MS = 60_000

/** Unanswered packets remembered; older answers count for nothing. Two rounds. */
const FLIGHTS_MAX = 8

/** Keys of frames that may go out while RETRY_AFTER holds. wire-spec §7.4 */
const URGENT = /^(?:verdict|response)/

/** One frame that waits; `frame` null: only the packet itself (its PING) must be answered. */
export interface AskItem {
  readonly key: string
  readonly frame: DeviceFrame | null
  /** It goes along with the next asking packet, but causes none. */
  readonly isLazy: boolean
}

interface Flight {
  number: number
  items: readonly AskItem[]
  sentAtMs: number
  /** Our clocks were set since, or stood still: `sentAtMs` says nothing about now. wire-spec [R-12.2-1] */
  isTimeVoid: boolean
  /** Sent under the key before the last change of D. wire-spec [R-5.3-2] */
  byLastKey: boolean
}

/**
 * quiet: nothing is unanswered. round: repeats run. pause: between rounds. lost: the rounds are over, only a
 * handshake, the host or a change of network goes on.
 */
type Phase = 'quiet' | 'round' | 'pause' | 'lost'

/** What a timer of `Asking` brought about. */
export type AskTimeout = 'none' | 'repeat' | 'round-failed' | 'lost'

/** What a PONG answered. */
export interface Answered {
  number: number
  /** monotonic ms at which the packet left; null if our clocks were set since, or stood still */
  sentAtMs: number | null
  byLastKey: boolean
  keys: readonly string[]
}

export class Asking {
  readonly #items = new Map<string, AskItem>()
  #flights: Flight[] = []
  #phase: Phase = 'quiet'
  /** Something new waits that no packet has carried yet. */
  #isWanted = false
  #repeats = 0
  #nextAtMs = Infinity
  #failedRounds = 0
  #firstAskMs = 0
  #quietUntilMs = -Infinity
  /** When frames that waited for the end of RETRY_AFTER go out; Infinity when that is done. */
  #quietEndMs = Infinity

  /**
   * Puts a frame into the next asking packet; the same frame again changes nothing while it waits.
   *
   * @param isLazy whether it waits for a packet that another frame or the keepalive causes.
   */
  put(key: string, frame: DeviceFrame | null, isLazy = false): void {
    const waiting = this.#items.get(key)
    if (waiting !== undefined && frame !== null && isSame(waiting.frame, frame) && waiting.isLazy === isLazy) return
    this.#items.delete(key)
    this.#items.set(key, { key, frame, isLazy })
    if (!isLazy) this.#isWanted = true
  }

  /** Takes a frame back. */
  remove(key: string): void {
    this.#items.delete(key)
  }

  /** Whether a frame of this key waits. */
  has(key: string): boolean {
    return this.#items.has(key)
  }

  /** Whether an asking packet should go out now. */
  isWanted(nowMs: number): boolean {
    if (!this.#isWanted) return false
    return nowMs >= this.#quietUntilMs || this.#hasUrgent()
  }

  /** Whether the newest asking packet is unanswered: the next carries BOOT. wire-spec [R-5.3-2] */
  get isUnanswered(): boolean {
    return this.#flights.length > 0
  }

  /** Whether RETRY_AFTER forbids all but acks, verdicts and responses. wire-spec §7.4 */
  isQuiet(nowMs: number): boolean {
    return nowMs < this.#quietUntilMs
  }

  /** Frames for the next asking packet, the urgent ones first, large ones last. */
  waiting(nowMs: number): AskItem[] {
    const items = [...this.#items.values()]
    const isUrgent = ({ key }: AskItem): boolean => URGENT.test(key)
    const urgent = items.filter(isUrgent)
    if (this.isQuiet(nowMs)) return urgent
    return [...urgent, ...items.filter((item) => !isUrgent(item) && !isLarge(item)), ...items.filter(isLarge)]
  }

  /**
   * An asking packet went out.
   *
   * @param number its packet number.
   * @param items  those of `waiting` that it holds.
   */
  handleSent(number: number, items: readonly AskItem[], nowMs: number): void {
    this.#isWanted = false
    this.#flights.push({ number, items, sentAtMs: nowMs, isTimeVoid: false, byLastKey: false })
    if (this.#flights.length > FLIGHTS_MAX) this.#flights.shift()
    if (this.#phase !== 'quiet' && !(this.#phase === 'pause' && this.isQuiet(nowMs))) return
    if (this.#failedRounds === 0) this.#firstAskMs = nowMs
    this.#beginRound(nowMs)
  }

  /** D changed: answers to what was sent before come under the last s2d key. wire-spec [R-5.3-2] */
  handleKeyChange(): void {
    for (const flight of this.#flights) flight.byLastKey = true
  }

  /** Our clocks were set, or stood still: when the packets left that are under way is not known any more. */
  voidTimes(): void {
    for (const flight of this.#flights) flight.isTimeVoid = true
  }

  /**
   * A PONG came.
   *
   * @param residue   packet number modulo 48.
   * @param byLastKey whether it came under the s2d key before the last change of D.
   * @param settles   false if a CHALLENGE came with it: then the frames may not have taken effect and go again.
   * @returns the packet that it answers, or null if it is none that waits.
   */
  handlePong(residue: number, byLastKey: boolean, settles: boolean): Answered | null {
    const matches = (flight: Flight): boolean =>
      flight.byLastKey === byLastKey && flight.number % ONE_BYTE_VALUES === residue
    const at = this.#flights.findIndex(matches)
    const flight = this.#flights[at]
    if (flight === undefined) return null
    this.#flights.splice(0, at + 1)
    const keys: string[] = []
    if (settles) {
      for (const item of flight.items) {
        if (this.#items.get(item.key) !== item) continue
        this.#items.delete(item.key)
        keys.push(item.key)
      }
    }
    this.#handleAnswer(settles)
    return { number: flight.number, sentAtMs: flight.isTimeVoid ? null : flight.sentAtMs, byLastKey, keys }
  }

  /** RETRY_AFTER: nothing but acks, verdicts and responses until then, monotonic ms. wire-spec §7.4 */
  quietUntil(untilMs: number): void {
    this.#quietUntilMs = untilMs
    this.#quietEndMs = untilMs
    if (this.#phase === 'round' && !this.#hasUrgent()) this.#waitForQuietEnd()
  }

  /**
   * The network changed, the device woke up, or the host wants it: a round starts with the next packet, which should go
   * at once, and those that failed before no longer count. [R-9.2-2]
   */
  restart(): void {
    this.#failedRounds = 0
    this.#phase = 'quiet'
    this.#nextAtMs = Infinity
    this.#isWanted = true
  }

  /**
   * Datagrams go by another path now: what waits goes there at once, and a round starts with it. The round under way has
   * failed, and counts with those before: a session that is dead is dead on every path. [R-9.2-2]
   */
  move(): void {
    this.#isWanted = true
    if (this.#phase === 'lost') return
    if (this.#phase === 'round') this.#failedRounds++
    this.#phase = 'quiet'
    this.#nextAtMs = Infinity
  }

  /** Sends what is unanswered once more, at once: another way to the server may be open, or a person waits. */
  again(): void {
    if (this.isUnanswered) this.#isWanted = true
  }

  /** Another session took the place of the last: nothing was sent on it, the frames still wait. */
  startSession(): void {
    this.#flights = []
    this.#endQuiet()
    this.restart()
  }

  /** There is no session: nothing is repeated, the frames still wait. */
  stopSession(): void {
    this.#flights = []
    this.#phase = 'quiet'
    this.#nextAtMs = Infinity
    this.#failedRounds = 0
    this.#endQuiet()
  }

  /** Earliest monotonic ms at which `handleTimeout` has something to do; Infinity for never. */
  nextTimeout(): number {
    return Math.min(this.#nextAtMs, this.#quietEndMs)
  }

  /** Repeats, fails and starts rounds. A repeat goes out when the machine sends next. */
  handleTimeout(nowMs: number): AskTimeout {
    if (nowMs >= this.#quietEndMs) {
      this.#quietEndMs = Infinity
      this.#isWanted = this.#isPressing()
    }
    if (nowMs < this.#nextAtMs) return 'none'
    if (this.isQuiet(nowMs) && !this.#hasUrgent()) {
      this.#waitForQuietEnd()
      return 'none'
    }
    if (this.#phase === 'pause') {
      this.#beginRound(nowMs)
      this.#isWanted = true
      return 'repeat'
    }
    const pause = ASK_RETRY_MS[this.#repeats + 1] ?? ASK_ROUND_END_MS
    if (this.#repeats < ASK_RETRY_MS.length && !this.#isOverdue(nowMs)) {
      this.#repeats++
      this.#nextAtMs = nowMs + pause
      this.#isWanted = true
      return 'repeat'
    }
    return this.#failRound(nowMs)
  }

  /** The failed rounds suffice, as after moves between paths, and this one had its chance. */
  #isOverdue(nowMs: number): boolean {
    const sinceMs = nowMs - this.#firstAskMs
    return this.#repeats > 0 && this.#failedRounds >= ASK_ROUNDS && sinceMs >= ASK_LOST_MS
  }

  #failRound(nowMs: number): AskTimeout {
    this.#failedRounds++
    const isLost = this.#failedRounds >= ASK_ROUNDS && nowMs - this.#firstAskMs >= ASK_LOST_MS
    this.#phase = isLost ? 'lost' : 'pause'
    this.#nextAtMs = isLost ? Infinity : nowMs + ASK_ROUND_PAUSE_MS
    return isLost ? 'lost' : 'round-failed'
  }

  #beginRound(nowMs: number): void {
    this.#phase = 'round'
    this.#repeats = 0
    this.#nextAtMs = nowMs + ASK_RETRY_MS[0]
  }

  #handleAnswer(settles: boolean): void {
    this.#failedRounds = 0
    const newest = this.#flights.at(-1)
    if (!this.#isPressing()) {
      this.#phase = 'quiet'
      this.#nextAtMs = Infinity
    } else if (newest !== undefined && settles && this.#isInFlight()) {
      this.#beginRound(newest.sentAtMs)
    } else {
      this.#phase = 'quiet'
      this.#nextAtMs = Infinity
      this.#isWanted = true
    }
  }

  /** Whether each frame that waits is in a packet that may still be answered. */
  #isInFlight(): boolean {
    const sent = new Set(this.#flights.flatMap((flight) => flight.items))
    for (const item of this.#items.values()) if (!item.isLazy && !sent.has(item)) return false
    return true
  }

  #isPressing(): boolean {
    for (const item of this.#items.values()) if (!item.isLazy) return true
    return false
  }

  #hasUrgent(): boolean {
    for (const key of this.#items.keys()) if (URGENT.test(key)) return true
    return false
  }

  /** RETRY_AFTER ends with its session: the first packet of the next one must not wait. wire-spec §7.4 */
  #endQuiet(): void {
    this.#quietUntilMs = -Infinity
    this.#quietEndMs = Infinity
  }

  #waitForQuietEnd(): void {
    this.#phase = 'pause'
    this.#nextAtMs = this.#quietUntilMs
  }
}

/** LIST and VISIBILITY parts take most of a datagram. */
function isLarge({ frame }: AskItem): boolean {
  return frame?.kind === 'list' || frame?.kind === 'visibility'
}

/** Whether two frames say the same; good enough for frames of numbers and byte strings that their part made once. */
function isSame(a: DeviceFrame | null, b: DeviceFrame): boolean {
  if (a === b) return true
  if (a === null || a.kind !== b.kind) return false
  if (a.kind === 'verdict' && b.kind === 'verdict') return a.id === b.id && a.what === b.what && a.reply === b.reply
  if (a.kind === 'sync' && b.kind === 'sync') return a.version === b.version
  return false
}
