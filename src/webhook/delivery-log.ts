import type { WebhookEvent } from './event.js'
import type { Attempt, Delivery } from './message.js'

/** Deliveries of one application that are remembered. */
export const LOG_PER_APP = 100
/** Deliveries of all applications. */
const LOG_TOTAL = 20_000
/** Attempts of one delivery that are remembered. */
const ATTEMPTS_MAX = 10

interface Entry {
  readonly app: number
  readonly delivery: Delivery
  /** for a replay */
  readonly events: readonly WebhookEvent[]
}

/** What was sent lately, and what came of it. In memory only, and bounded: the oldest is forgotten. */
export class DeliveryLog {
  readonly #entries = new Map<string, Entry>()
  readonly #byApp = new Map<number, Set<string>>()
  #last = 0

  /** Deliveries that are remembered. */
  get size(): number {
    return this.#entries.size
  }

  /** Begins a delivery. */
  add(app: number, webhookId: string, events: readonly WebhookEvent[], wallMs: number): Delivery {
    const id = `dlv_${(++this.#last).toString(36)}`
    const types = [...new Set(events.map(({ type }) => type))]
    const delivery: Delivery = { id, webhookId, types, createdMs: wallMs, state: 'waiting', attempts: [], nextMs: 0 }
    const ids = this.#byApp.get(app) ?? new Set()
    this.#byApp.set(app, ids.add(id))
    this.#entries.set(id, { app, delivery, events })
    if (ids.size > LOG_PER_APP) this.#forget(ids.values().next().value as string)
    if (this.#entries.size > LOG_TOTAL) this.#forget(this.#entries.keys().next().value as string)
    return delivery
  }

  /** Notes an attempt. */
  note(delivery: Delivery, attempt: Attempt): void {
    delivery.attempts.push(attempt)
    if (delivery.attempts.length > ATTEMPTS_MAX) delivery.attempts.shift()
  }

  /** The deliveries of an application, the newest first. Copies. */
  of(app: number): Delivery[] {
    const ids = [...(this.#byApp.get(app) ?? [])].reverse()
    return ids.map((id) => {
      const { delivery } = this.#entries.get(id) as Entry
      return { ...delivery, attempts: [...delivery.attempts] }
    })
  }

  /** A delivery of an application with what it told, or null. */
  find(app: number, id: string): { delivery: Delivery; events: readonly WebhookEvent[] } | null {
    const entry = this.#entries.get(id)
    return entry === undefined || entry.app !== app ? null : entry
  }

  /** An application is gone. */
  forgetApp(app: number): void {
    for (const id of [...(this.#byApp.get(app) ?? [])]) this.#forget(id)
  }

  #forget(id: string): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(id)
    const ids = this.#byApp.get(entry.app)
    ids?.delete(id)
    if (ids?.size === 0) this.#byApp.delete(entry.app)
  }
}
