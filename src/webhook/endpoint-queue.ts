import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import { DOWN_AFTER, downPauseMs, REPLACE_AFTER_MS, RETRY_AFTER_MAX_MS, retryPauseMs, TRY_FOR_MS } from './backoff.js'
import { ChangeLane } from './change-lane.js'
import { isListening, type WebhookConfig } from './config.js'
import type { WebhookEvent } from './event.js'
import type { Message } from './message.js'

/** Requests to one endpoint at a time; one that is down gets one. */
export const REQUESTS_PER_ENDPOINT = 8
/** Outcomes of one application that wait; beyond, the oldest is given up. */
export const OUTCOMES_MAX = 10_000
/** How often what has waited too long is looked for, ms. */
const SWEEP_MS = 600_000

/** Told what the queue gives up. */
export interface QueueListener {
  /** An outcome need not be kept any more: delivered, or given up. */
  outcomeOver(ring: string): void
  /** Events that were given up. */
  gaveUp(message: Message | null, events: number): void
}

/**
 * All that waits for one application's endpoint. Changes go one message at a time; outcomes go alone, several at once, so
 * that `webhook-id` names the ring and its end. An endpoint that fails again and again is asked less and less often.
 */
export class EndpointQueue {
  config: WebhookConfig
  readonly #random: Random
  readonly #listener: QueueListener
  readonly #changes: ChangeLane
  /** outcomes that wait or are under way, by ring */
  readonly #outcomes = new Map<string, Message>()
  /** not tried yet, in order */
  readonly #fresh = new Set<Message>()
  /** by when they are tried again */
  readonly #retries: Message[] = []
  #underWay = 0
  #failures = 0
  #heldUntilMs = 0
  #sweepMs = 0

  constructor(config: WebhookConfig, newId: () => string, random: Random, listener: QueueListener) {
    this.config = config
    this.#random = random
    this.#listener = listener
    this.#changes = new ChangeLane(newId)
  }

  /** Events that wait or are under way. */
  get size(): number {
    return this.#changes.size + this.#outcomes.size
  }

  /** Outcomes of rings among them. */
  get outcomes(): number {
    return this.#outcomes.size
  }

  /** When the oldest of them happened, monotonic ms; Infinity for none. */
  get oldestMs(): number {
    const [first] = this.#outcomes.values()
    return Math.min(this.#changes.oldestMs, first?.bornMs ?? Infinity)
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures
  }

  /** Adds a change. */
  addChange(event: WebhookEvent, now: Now): void {
    this.#changes.add(event, bornMs(event, now), now.monotonicMs)
  }

  /** Adds the outcome of a ring, once. */
  addOutcome(event: WebhookEvent, now: Now): void {
    if (this.#outcomes.has(event.subject)) return
    this.#changes.dropRing(event.subject)
    const message = newMessage('outcome', event.id, [event], bornMs(event, now))
    this.#outcomes.set(event.subject, message)
    this.#fresh.add(message)
    if (this.#outcomes.size > OUTCOMES_MAX) this.#giveUpOldest()
  }

  /** Sends something again. */
  addReplay(webhookId: string, events: readonly WebhookEvent[], now: Now): Message {
    const message = newMessage('replay', webhookId, events, now.monotonicMs)
    this.#fresh.add(message)
    return message
  }

  /** The configuration is new: what failed with the old one is tried again; without an endpoint nothing is kept. */
  configure(config: WebhookConfig, now: Now): void {
    this.config = config
    this.#failures = 0
    this.#heldUntilMs = 0
    if (isListening(config)) this.#hurry(now.monotonicMs)
    else this.clear()
  }

  /** Forgets all, and the outcomes in the store. */
  clear(): void {
    const messages = new Set([...this.#outcomes.values(), ...this.#fresh, ...this.#retries])
    for (const message of messages) this.#giveUp(message)
    const changes = this.#changes.size
    const dropped = this.#changes.clear()
    this.#listener.gaveUp(dropped, changes - this.#changes.size)
  }

  /** When `take` may give something, or something is to be given up, monotonic ms; Infinity for nothing. */
  wakeMs(): number {
    const sweepMs = this.size > 0 ? this.#sweepMs : Infinity
    if (!this.#isOpen) return sweepMs
    const freshMs = this.#fresh.size > 0 ? 0 : Infinity
    const dueMs = Math.min(this.#changes.dueMs, this.#retries[0]?.nextMs ?? Infinity, freshMs)
    return Math.min(sweepMs, Math.max(dueMs, this.#heldUntilMs))
  }

  /** A message that is to be sent now, or null. */
  take(now: Now): Message | null {
    const { monotonicMs } = now
    const isOld = this.#changes.oldestMs <= monotonicMs - REPLACE_AFTER_MS
    if (isOld || monotonicMs >= this.#sweepMs) this.#sweep(now)
    if (!this.#isOpen || monotonicMs < this.#heldUntilMs) return null
    const message = this.#changes.take(monotonicMs) ?? this.#takeRetry(monotonicMs) ?? this.#takeFresh()
    if (message !== null) this.#underWay++
    return message
  }

  /** A message was delivered. */
  delivered(message: Message, now: Now): void {
    this.#underWay--
    const wasDown = this.#failures >= DOWN_AFTER
    this.#failures = 0
    if (message.kind === 'changes') this.#changes.delivered()
    else this.#finish(message)
    if (wasDown) this.#hurry(now.monotonicMs)
  }

  /**
   * A message was not delivered.
   *
   * @param retryAfterMs how long the endpoint asks to wait, 0 it does not.
   * @returns when it is tried again, monotonic ms; Infinity: it is given up.
   */
  failed(message: Message, retryAfterMs: number, now: Now): number {
    const { monotonicMs } = now
    this.#underWay--
    // Those that were under way together fail together: they count once.
    if (this.#failures < DOWN_AFTER || monotonicMs >= this.#heldUntilMs) this.#failures++
    const askedMs = Math.min(retryAfterMs, RETRY_AFTER_MAX_MS)
    const holdMs = Math.max(askedMs, downPauseMs(this.#failures, this.#random))
    this.#heldUntilMs = Math.max(this.#heldUntilMs, monotonicMs + holdMs)
    const pauseMs = (attempts: number) => Math.max(askedMs, retryPauseMs(attempts, this.#random))
    message.attempts++
    if (!isListening(this.config)) {
      if (message.kind === 'changes') this.#changes.failed(monotonicMs, () => 0)
      this.clear()
      return Infinity
    }
    if (message.kind === 'changes') return this.#changes.failed(monotonicMs, pauseMs)
    if (message.bornMs + TRY_FOR_MS <= monotonicMs) {
      this.#giveUp(message)
      return Infinity
    }
    message.nextMs = monotonicMs + pauseMs(message.attempts)
    if (message.kind === 'replay' || this.#outcomes.has(subjectOf(message))) this.#addRetry(message)
    return message.nextMs
  }

  get #isOpen(): boolean {
    const limit = this.#failures >= DOWN_AFTER ? 1 : REQUESTS_PER_ENDPOINT
    return isListening(this.config) && !this.config.isPaused && this.#underWay < limit
  }

  #takeRetry(nowMs: number): Message | null {
    const first = this.#retries[0]
    return first === undefined || first.nextMs > nowMs ? null : (this.#retries.shift() as Message)
  }

  #takeFresh(): Message | null {
    const [first] = this.#fresh
    if (first === undefined) return null
    this.#fresh.delete(first)
    return first
  }

  #addRetry(message: Message): void {
    let from = 0
    let to = this.#retries.length
    while (from < to) {
      const middle = (from + to) >> 1
      if ((this.#retries[middle] as Message).nextMs <= message.nextMs) from = middle + 1
      else to = middle
    }
    this.#retries.splice(from, 0, message)
  }

  /** The endpoint may answer again: what failed is tried at once. */
  #hurry(nowMs: number): void {
    for (const message of this.#retries) message.nextMs = Math.min(message.nextMs, nowMs)
    this.#changes.hurry(nowMs)
  }

  #finish(message: Message): void {
    if (message.kind !== 'outcome') return
    const ring = subjectOf(message)
    if (this.#outcomes.get(ring) !== message) return
    this.#outcomes.delete(ring)
    this.#listener.outcomeOver(ring)
  }

  #giveUp(message: Message): void {
    this.#fresh.delete(message)
    const at = this.#retries.indexOf(message)
    if (at >= 0) this.#retries.splice(at, 1)
    this.#finish(message)
    this.#listener.gaveUp(message, message.events.length)
  }

  #giveUpOldest(): void {
    const [oldest] = this.#outcomes.values()
    if (oldest !== undefined) this.#giveUp(oldest)
  }

  /** Gives up what has waited too long. */
  #sweep(now: Now): void {
    const { monotonicMs, wallMs } = now
    this.#sweepMs = monotonicMs + SWEEP_MS
    const lost = this.#changes.expire(monotonicMs, wallMs)
    if (lost > 0) this.#listener.gaveUp(null, lost)
    const isOver = (message: Message) => message.bornMs + TRY_FOR_MS <= monotonicMs
    for (const message of [...this.#fresh, ...this.#retries].filter(isOver)) this.#giveUp(message)
  }
}

/** When an event happened, by the clock that never jumps. */
function bornMs(event: WebhookEvent, now: Now): number {
  return now.monotonicMs - Math.max(0, now.wallMs - event.atMs)
}

function newMessage(kind: Message['kind'], id: string, events: readonly WebhookEvent[], born: number): Message {
  return { id, kind, events, bornMs: born, attempts: 0, nextMs: 0, delivery: null }
}

function subjectOf(message: Message): string {
  return message.events[0]?.subject ?? ''
}
