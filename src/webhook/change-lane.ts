import { REPLACE_AFTER_MS, TRY_FOR_MS } from './backoff.js'
import { BATCH_EVENTS_MAX, batchSize, type WebhookEvent, webhookEvent } from './event.js'
import type { Message } from './message.js'

/** How long the first of a batch waits for others, ms. */
export const BATCH_WAIT_MS = 250
/** Events of one application that wait; beyond, the application is told that it must ask anew. */
export const CHANGES_MAX = 10_000

interface Waiting {
  readonly event: WebhookEvent
  /** when it happened, monotonic ms */
  readonly bornMs: number
}

/**
 * What changed for one application, in order, one message at a time: so nothing is overtaken. What waits for an hour
 * gives way to the latest state of its subject; that is given up after two days, and `presence.reset` says so.
 */
export class ChangeLane {
  readonly #newId: () => string
  #waiting: Waiting[] = []
  /** since when the first of them waits, monotonic ms */
  #sinceMs = 0
  #message: Message | null = null
  /** what the message tells */
  #taken: Waiting[] = []
  #isUnderWay = false
  #attempts = 0
  #nextMs = 0
  #resets = 0

  /** @param newId ids for messages of more than one event, never used twice. */
  constructor(newId: () => string) {
    this.#newId = newId
  }

  /** Events that wait or are under way. */
  get size(): number {
    return this.#waiting.length + (this.#message?.events.length ?? 0)
  }

  /** When the oldest that waits happened, monotonic ms; Infinity for none. */
  get oldestMs(): number {
    return Math.min(this.#message?.bornMs ?? Infinity, this.#waiting[0]?.bornMs ?? Infinity)
  }

  /** Adds an event that happened at `bornMs`. */
  add(event: WebhookEvent, bornMs: number, nowMs: number): void {
    if (event.type === 'presence.restarted') this.clear()
    if (this.#waiting.length === 0) this.#sinceMs = nowMs
    this.#waiting.push({ event, bornMs })
    if (this.#waiting.length <= CHANGES_MAX) return
    this.#waiting = replaced(this.#waiting, Infinity)
    // Not at the brim, or each of the next would cost as much again.
    if (this.#waiting.length > CHANGES_MAX * 0.75) this.#reset('overflow', event.atMs, nowMs)
  }

  /** A ring has ended: what waits of its way there says nothing any more. */
  dropRing(ring: string): void {
    if (this.#waiting.some(({ event }) => event.type === 'ring.changed')) {
      this.#waiting = this.#waiting.filter(({ event }) => event.type !== 'ring.changed' || event.subject !== ring)
    }
  }

  /** Forgets all that is not under way. @returns the message that was to be tried again, or null. */
  clear(): Message | null {
    this.#waiting = []
    if (this.#isUnderWay) return null
    const message = this.#message
    this.#message = null
    return message
  }

  /** When `take` gives something, monotonic ms; Infinity while a message is under way, or for nothing. */
  get dueMs(): number {
    if (this.#isUnderWay) return Infinity
    if (this.#message !== null) return this.#nextMs
    if (this.#waiting.length === 0) return Infinity
    const dueMs = this.#waiting.length >= BATCH_EVENTS_MAX ? this.#sinceMs : this.#sinceMs + BATCH_WAIT_MS
    return Math.max(dueMs, this.#nextMs)
  }

  /** Drops and replaces what has waited too long. @returns events that were given up. */
  expire(nowMs: number, wallMs: number): number {
    if (this.#isUnderWay || this.oldestMs > nowMs - REPLACE_AFTER_MS) return 0
    const all = this.#message === null ? this.#waiting : [...this.#taken, ...this.#waiting]
    const latest = replaced(all, nowMs - REPLACE_AFTER_MS)
    const kept = latest.filter(({ bornMs }) => bornMs > nowMs - TRY_FOR_MS)
    // A message that stays as it is keeps its id.
    if (kept.length === all.length) return 0
    this.#message = null
    this.#waiting = kept
    const lost = latest.length - kept.length
    if (lost > 0) this.#reset('expired', wallMs, nowMs)
    return lost
  }

  /** The message that is due, if it is. */
  take(nowMs: number): Message | null {
    if (this.dueMs > nowMs) return null
    this.#message ??= this.#newMessage()
    this.#isUnderWay = true
    return this.#message
  }

  /** The message under way was delivered. */
  delivered(): void {
    this.#isUnderWay = false
    this.#message = null
    this.#attempts = 0
    this.#nextMs = 0
  }

  /** The message under way was not delivered. @param pauseMs gives the pause after so many attempts. @returns when it is tried again. */
  failed(nowMs: number, pauseMs: (attempts: number) => number): number {
    this.#isUnderWay = false
    this.#attempts++
    this.#nextMs = nowMs + pauseMs(this.#attempts)
    return this.#nextMs
  }

  /** The endpoint answers again: what waits for another try need not wait any more. */
  hurry(nowMs: number): void {
    this.#nextMs = Math.min(this.#nextMs, nowMs)
  }

  #newMessage(): Message {
    const size = batchSize(this.#waiting.map(({ event }) => event))
    this.#taken = this.#waiting.splice(0, size)
    const events = this.#taken.map(({ event }) => event)
    const [first] = events as [WebhookEvent]
    const id = size === 1 ? first.id : this.#newId()
    const bornMs = Math.min(...this.#taken.map((one) => one.bornMs))
    return { id, kind: 'changes', events, bornMs, attempts: 0, nextMs: 0, delivery: null }
  }

  #reset(reason: 'overflow' | 'expired', wallMs: number, nowMs: number): void {
    const id = `reset_${this.#newId()}.${++this.#resets}`
    const event = webhookEvent('presence.reset', id, 'reset', wallMs, { reason })
    if (reason === 'overflow') this.#waiting = []
    else this.#waiting = this.#waiting.filter((one) => one.event.subject !== 'reset')
    if (this.#waiting.length === 0) this.#sinceMs = nowMs
    this.#waiting.push({ event, bornMs: nowMs })
  }
}

/** Of what happened before, only the last of each subject stays; of rings on their way nothing. */
function replaced(all: readonly Waiting[], beforeMs: number): Waiting[] {
  const last = new Map<string, Waiting>()
  for (const one of all) last.set(one.event.subject, one)
  return all.filter((one) => {
    if (one.bornMs > beforeMs) return true
    return one.event.type !== 'ring.changed' && last.get(one.event.subject) === one
  })
}
