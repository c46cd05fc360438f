import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import { TimerWheel } from '../base/timer-wheel.js'
import { isListening, liveSecrets, type WebhookConfig } from './config.js'
import { DeliveryLog } from './delivery-log.js'
import { EndpointQueue } from './endpoint-queue.js'
import { bodyOf, type WebhookEvent, webhookEvent } from './event.js'
import type { Delivery, Message, Send, SendResult } from './message.js'

/** Requests under way at a time, to all endpoints. */
export const REQUESTS_MAX = 256

/** What the driver of an outbox is to do. */
export type OutboxNotice =
  /** the outcome need not be kept any more */
  | { kind: 'outcome-over'; ring: string }
  /** the endpoint answered 410: this is its configuration now */
  | { kind: 'disabled'; app: number; config: WebhookConfig }
  /** a test was answered */
  | { kind: 'tested'; request: number; delivery: Delivery }

/** Numbers for metrics. */
export interface OutboxNumbers {
  /** events that wait or are under way */
  waiting: number
  /** age of the oldest of them, ms */
  oldestMs: number
  /** requests under way */
  underWay: number
  /** requests since the start, by what came of them: '' is 2xx */
  results: Readonly<Record<string, number>>
  /** events that were given up */
  gaveUp: number
}

interface Endpoint {
  readonly app: number
  /** in the wheel, whose memory goes by its highest number: those of applications are never used again */
  readonly place: number
  readonly queue: EndpointQueue
}

interface Flight {
  readonly endpoint: Endpoint
  readonly message: Message
  /** number of a test, 0 none */
  readonly test: number
}

/**
 * The webhooks of all applications: what waits, what is sent when, what is tried again. Pure: requests are polled and their
 * results handed in; what must survive the process is in the store (`outcome-over` says when it need not any more).
 */
export class Outbox {
  readonly log = new DeliveryLog()
  readonly #random: Random
  readonly #start: string
  readonly #wheel: TimerWheel
  readonly #byApp = new Map<number, Endpoint>()
  readonly #byPlace: Endpoint[] = []
  readonly #freePlaces: number[] = []
  readonly #flights = new Map<number, Flight>()
  /** endpoints that had something to send when too much was under way */
  readonly #starved = new Set<Endpoint>()
  readonly #results: Record<string, number> = {}
  #sends: Send[] = []
  #notices: OutboxNotice[] = []
  #lastId = 0
  #lastFlight = 0
  #gaveUp = 0
  #lookedMs = Number.NEGATIVE_INFINITY
  #waiting = { waiting: 0, oldestMs: 0 }

  /** @param now moment of the start. */
  constructor(random: Random, now: Now) {
    this.#random = random
    this.#start = now.wallMs.toString(36)
    this.#wheel = new TimerWheel(now.monotonicMs)
  }

  /** Outcomes of rings that were not acknowledged: what a restart does not lose. */
  get outcomes(): number {
    return [...this.#byApp.values()].reduce((sum, { queue }) => sum + queue.outcomes, 0)
  }

  /** Numbers for metrics; those of what waits are a second old at most. */
  numbers(now: Now): OutboxNumbers {
    if (now.monotonicMs - this.#lookedMs >= 1_000) {
      this.#lookedMs = now.monotonicMs
      let waiting = 0
      let oldestMs = now.monotonicMs
      for (const { queue } of this.#byApp.values()) {
        waiting += queue.size
        oldestMs = Math.min(oldestMs, queue.oldestMs)
      }
      this.#waiting = { waiting, oldestMs: now.monotonicMs - oldestMs }
    }
    return { ...this.#waiting, underWay: this.#flights.size, results: { ...this.#results }, gaveUp: this.#gaveUp }
  }

  /** Sets how an application wants to be told; null: it is gone, with all that waits. */
  configure(app: number, config: WebhookConfig | null, now: Now): void {
    const endpoint = this.#byApp.get(app)
    if (config === null) {
      if (endpoint !== undefined) this.#remove(endpoint)
      this.log.forgetApp(app)
    } else if (endpoint === undefined) this.#add(app, config)
    else {
      endpoint.queue.configure(config, now)
      this.#pump(endpoint, now)
    }
  }

  /** Tells an application of something that can be told anew: a person's state, a ring on its way. */
  addChange(app: number, event: WebhookEvent, now: Now): void {
    const endpoint = this.#byApp.get(app)
    if (endpoint === undefined || !isListening(endpoint.queue.config)) return
    endpoint.queue.addChange(event, now)
    this.#pump(endpoint, now)
  }

  /** Tells an application of a ring's outcome, which is kept. @returns false: nobody is to be told. */
  addOutcome(app: number, event: WebhookEvent, now: Now): boolean {
    const endpoint = this.#byApp.get(app)
    if (endpoint === undefined || !isListening(endpoint.queue.config)) return false
    endpoint.queue.addOutcome(event, now)
    this.#pump(endpoint, now)
    return true
  }

  /**
   * Sends a test event at once, once, whatever the state of the endpoint. Answered by a notice.
   *
   * @returns false: there is no endpoint.
   */
  test(app: number, request: number, now: Now): boolean {
    const endpoint = this.#byApp.get(app)
    if (endpoint === undefined || endpoint.queue.config.url === null) return false
    const event = webhookEvent('webhook.test', `test_${this.#newId()}`, '', now.wallMs, {})
    const message: Message = {
      id: event.id,
      kind: 'test',
      events: [event],
      bornMs: now.monotonicMs,
      attempts: 0,
      nextMs: 0,
      delivery: null,
    }
    this.#send(endpoint, message, request, now)
    return true
  }

  /** Sends again what a delivery told. @returns the new delivery, or null: it is not known, or there is no endpoint. */
  replay(app: number, id: string, now: Now): Delivery | null {
    const endpoint = this.#byApp.get(app)
    const found = this.log.find(app, id)
    if (endpoint === undefined || !isListening(endpoint.queue.config) || found === null) return null
    const message = endpoint.queue.addReplay(found.delivery.webhookId, found.events, now)
    message.delivery = this.log.add(app, message.id, message.events, now.wallMs)
    this.#pump(endpoint, now)
    return message.delivery
  }

  /** What came of a request. One that is not known counts for nothing. */
  handleResult(result: SendResult, now: Now): void {
    const flight = this.#flights.get(result.number)
    if (flight === undefined) return
    this.#flights.delete(result.number)
    this.#results[result.failure] = (this.#results[result.failure] ?? 0) + 1
    const { endpoint, message, test } = flight
    const delivery = message.delivery as Delivery
    const { status, failure, latencyMs } = result
    this.log.note(delivery, { atMs: now.wallMs - latencyMs, status, failure, latencyMs })
    delivery.state = failure === '' ? 'delivered' : 'failed'
    delivery.nextMs = 0
    if (message.kind === 'test') this.#notices.push({ kind: 'tested', request: test, delivery: { ...delivery } })
    else if (failure === '') endpoint.queue.delivered(message, now)
    else {
      if (failure === 'gone') this.#disable(endpoint, now)
      const nextMs = endpoint.queue.failed(message, result.retryAfterMs, now)
      if (nextMs !== Infinity) {
        delivery.state = 'waiting'
        delivery.nextMs = now.wallMs + (nextMs - now.monotonicMs)
      }
    }
    this.#pump(endpoint, now)
    this.#feedStarved(now)
  }

  /** The part that sends broke: everything that was under way may or may not have arrived. */
  handleInterrupted(now: Now): void {
    for (const number of [...this.#flights.keys()]) {
      this.handleResult({ number, status: 0, failure: 'interrupted', retryAfterMs: 0, latencyMs: 0 }, now)
    }
  }

  /** Does everything whose time has come. */
  handleTimeout(now: Now): void {
    this.#wheel.expire(now.monotonicMs, (place) => this.#pump(this.#byPlace[place] as Endpoint, now))
  }

  /** When to call `handleTimeout`, monotonic ms; Infinity for never. */
  nextTimeout(): number {
    return this.#wheel.nextDue()
  }

  /** Requests to be made. */
  pollSends(): Send[] {
    const sends = this.#sends
    this.#sends = []
    return sends
  }

  /** What else is to be done. */
  pollNotices(): OutboxNotice[] {
    const notices = this.#notices
    this.#notices = []
    return notices
  }

  #add(app: number, config: WebhookConfig): void {
    const queue = new EndpointQueue(config, () => `batch_${this.#newId()}`, this.#random, {
      outcomeOver: (ring) => this.#notices.push({ kind: 'outcome-over', ring }),
      gaveUp: (message, events) => {
        this.#gaveUp += events
        if (message?.delivery != null) {
          message.delivery.state = 'failed'
          message.delivery.nextMs = 0
        }
      },
    })
    const place = this.#freePlaces.pop() ?? this.#byPlace.length
    const endpoint = { app, place, queue }
    this.#byApp.set(app, endpoint)
    this.#byPlace[place] = endpoint
  }

  #remove(endpoint: Endpoint): void {
    const { app, place, queue } = endpoint
    queue.clear()
    this.#byApp.delete(app)
    this.#starved.delete(endpoint)
    this.#wheel.cancel(place)
    this.#freePlaces.push(place)
  }

  #disable(endpoint: Endpoint, now: Now): void {
    const { app, queue } = endpoint
    if (queue.config.disabled !== null) return
    const config: WebhookConfig = { ...queue.config, disabled: { reason: 'gone', atMs: now.wallMs } }
    queue.configure(config, now)
    this.#notices.push({ kind: 'disabled', app, config })
  }

  /** Sends what may be sent now, and sees to be called when there is more. */
  #pump(endpoint: Endpoint, now: Now): void {
    const { app, place, queue } = endpoint
    if (this.#byApp.get(app) !== endpoint) return
    for (;;) {
      if (this.#flights.size >= REQUESTS_MAX) {
        if (queue.wakeMs() <= now.monotonicMs) this.#starved.add(endpoint)
        break
      }
      const message = queue.take(now)
      if (message === null) break
      this.#send(endpoint, message, 0, now)
    }
    const wakeMs = queue.wakeMs()
    if (wakeMs === Infinity || this.#starved.has(endpoint)) this.#wheel.cancel(place)
    else this.#wheel.arm(place, wakeMs)
  }

  #feedStarved(now: Now): void {
    for (const endpoint of [...this.#starved]) {
      if (this.#flights.size >= REQUESTS_MAX) return
      this.#starved.delete(endpoint)
      this.#pump(endpoint, now)
    }
  }

  #send(endpoint: Endpoint, message: Message, test: number, now: Now): void {
    const { app, queue } = endpoint
    const { config } = queue
    const number = ++this.#lastFlight
    message.delivery ??= this.log.add(app, message.id, message.events, now.wallMs)
    this.#flights.set(number, { endpoint, message, test })
    this.#sends.push({
      number,
      url: config.url as string,
      secrets: liveSecrets(config, now.wallMs),
      id: message.id,
      body: bodyOf(message.events, now.wallMs),
    })
  }

  #newId(): string {
    return `${this.#start}.${(++this.#lastId).toString(36)}`
  }
}
