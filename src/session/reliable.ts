/** Frames of one session that wait for their ACK, at the server: wire-spec §7.3. */
import type { ReliableFrame } from '../frame/frame.js'
import { RELIABLE_MAX, RELIABLE_RETRY_MS } from '../packet/constants.js'

/** A frame heard of again in less than this after it was sent is not repeated with it, in ms. */
const REPEAT_ON_HEARD_MS = RELIABLE_RETRY_MS[0]

/**
 * Frames that a device acks in its next packet, whenever that is ([R-7.3-1]). After the four repeats by the clock they
 * are repeated only when the device is heard: else they would wake a radio that has nothing to say.
 */
const ACKED_LATE: ReadonlySet<ReliableFrame['kind']> = new Set(['new-cid', 'state', 'server-key'])

/** One frame that waits. */
export interface WaitingFrame {
  readonly frame: ReliableFrame
  /** The endpoint's own: the hub is not told of its end. */
  readonly own: boolean
  /** When its reason ends, monotonic ms, or Infinity. */
  readonly untilMs: number
  /** How often it was sent. */
  sends: number
  /** When it was sent last, monotonic ms. */
  sentAtMs: number
  /** When it is to be repeated, monotonic ms, or Infinity. */
  dueMs: number
}

/** At most `RELIABLE_MAX` frames of one session. Exists only while one waits. [R-7.3-3] */
export class ReliableQueue {
  readonly #waiting: WaitingFrame[] = []

  get size(): number {
    return this.#waiting.length
  }

  /** Whether a frame with this id waits. */
  has(id: number): boolean {
    return this.find(id) !== null
  }

  /** The frame with this id, or null. */
  find(id: number): WaitingFrame | null {
    return this.#waiting.find((waiting) => waiting.frame.id === id) ?? null
  }

  /** The endpoint's own frame of a kind, or null. */
  findOwn(kind: ReliableFrame['kind']): WaitingFrame | null {
    return this.#waiting.find((waiting) => waiting.own && waiting.frame.kind === kind) ?? null
  }

  /**
   * Adds a frame that is about to be sent: call `sent` when it was.
   *
   * @param untilMs when its reason ends, monotonic ms, or Infinity.
   * @param own     the endpoint's own.
   * @returns it, or null if eight wait or the id is in use.
   */
  add(frame: ReliableFrame, untilMs: number, own: boolean): WaitingFrame | null {
    if (this.#waiting.length >= RELIABLE_MAX || this.has(frame.id)) return null
    const waiting = {
      frame,
      own,
      untilMs,
      sends: 0,
      sentAtMs: Number.NEGATIVE_INFINITY,
      dueMs: Number.NEGATIVE_INFINITY,
    }
    this.#waiting.push(waiting)
    return waiting
  }

  /** Takes the frame with this id out: it was acked or cancelled. Null if none waits. [R-7.3-2] */
  remove(id: number): WaitingFrame | null {
    const index = this.#waiting.findIndex((waiting) => waiting.frame.id === id)
    return index < 0 ? null : (this.#waiting.splice(index, 1)[0] as WaitingFrame)
  }

  /** Takes out all frames, or all that are the endpoint's own, or all whose reason ended by `nowMs`. */
  take(which: 'all' | 'own' | { endedAtMs: number }): WaitingFrame[] {
    const taken: WaitingFrame[] = []
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const waiting = this.#waiting[i] as WaitingFrame
      const ends = which === 'all' || (which === 'own' ? waiting.own : waiting.untilMs <= which.endedAtMs)
      if (ends) taken.unshift(...this.#waiting.splice(i, 1))
    }
    return taken
  }

  /** Notes that a frame was sent now, for the first time or again: 1, 2, 4 and then every 8 s. */
  sent(waiting: WaitingFrame, nowMs: number): void {
    const last = RELIABLE_RETRY_MS.length - 1
    const pauseMs = RELIABLE_RETRY_MS[Math.min(waiting.sends, last)] as number
    const rests = ACKED_LATE.has(waiting.frame.kind) && waiting.sends > last
    waiting.sends++
    waiting.sentAtMs = nowMs
    waiting.dueMs = rests ? Number.POSITIVE_INFINITY : nowMs + pauseMs
  }

  /** There is no way to the device: the frame goes with the next packet that is heard, and not by the clock. */
  hold(waiting: WaitingFrame): void {
    waiting.sentAtMs = Number.NEGATIVE_INFINITY
    waiting.dueMs = Number.POSITIVE_INFINITY
  }

  /** As `hold`, for all. */
  holdAll(): void {
    for (const waiting of this.#waiting) this.hold(waiting)
  }

  /** The session has new keys or another path: all that waits begins anew, with the next packet heard or after the first pause. */
  restart(nowMs: number): void {
    for (const waiting of this.#waiting) {
      waiting.sends = 0
      waiting.sentAtMs = Number.NEGATIVE_INFINITY
      waiting.dueMs = nowMs + RELIABLE_RETRY_MS[0]
    }
  }

  /** Frames to repeat by the clock. */
  due(nowMs: number): WaitingFrame[] {
    return this.#waiting.filter((waiting) => waiting.dueMs <= nowMs)
  }

  /** Frames to repeat because the device was heard: its radio is up, and they were sent at least 1 s ago. */
  dueOnHeard(nowMs: number): WaitingFrame[] {
    return this.#waiting.filter((waiting) => waiting.sentAtMs + REPEAT_ON_HEARD_MS <= nowMs)
  }

  /** When something is due or ends next, monotonic ms; Infinity if nothing. */
  nextMs(): number {
    let nextMs = Number.POSITIVE_INFINITY
    for (const { dueMs, untilMs } of this.#waiting) nextMs = Math.min(nextMs, dueMs, untilMs)
    return nextMs
  }
}
