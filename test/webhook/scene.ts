/** An outbox in virtual time, and endpoints that do as told. */
import { SeededRandom } from '../../src/base/seeded-random.js'
import { NO_WEBHOOK, type WebhookConfig } from '../../src/webhook/config.js'
import { outcomeEventId, presenceEventId, type WebhookEvent, webhookEvent } from '../../src/webhook/event.js'
import type { Send, SendFailure } from '../../src/webhook/message.js'
import { Outbox, type OutboxNotice } from '../../src/webhook/outbox.js'

export const START_MS = Date.UTC(2026, 10, 21, 12, 0, 0)
export const APP = 1
export const CONFIG: WebhookConfig = {
  ...NO_WEBHOOK,
  url: 'https://chat.example/hook',
  secrets: [{ secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', untilMs: 0 }],
}

export interface SentEvent {
  id: string
  type: string
  data: Record<string, unknown>
}

export class Scene {
  readonly outbox: Outbox
  monotonicMs = 1_000
  wallMs = START_MS
  /** requests that are not answered yet */
  open: (Send & { app: string })[] = []
  notices: OutboxNotice[] = []

  constructor() {
    this.outbox = new Outbox(new SeededRandom('outbox'), this.now)
    this.configure()
  }

  get now() {
    return { monotonicMs: this.monotonicMs, wallMs: this.wallMs }
  }

  configure(config: Partial<WebhookConfig> | null = {}, app = APP): void {
    const url = `https://app${app}.example/`
    this.outbox.configure(app, config === null ? null : { ...CONFIG, url, ...config }, this.now)
    this.#drain()
  }

  presence(puid: string, version: number, app = APP): void {
    const event = webhookEvent('presence.changed', presenceEventId(puid, version), puid, this.wallMs, { puid, version })
    this.change(event, app)
  }

  ringChange(ring: string, n: number): void {
    this.change(webhookEvent('ring.changed', `ring_${ring}_sent_${n}`, ring, this.wallMs, { id: ring }), APP)
  }

  change(event: WebhookEvent, app = APP): void {
    this.outbox.addChange(app, event, this.now)
    this.#drain()
  }

  outcome(ring: string, app = APP, atMs = this.wallMs): boolean {
    const id = outcomeEventId(ring, 'missed')
    const isTaken = this.outbox.addOutcome(app, webhookEvent('ring.ended', id, ring, atMs, { id: ring }), this.now)
    this.#drain()
    return isTaken
  }

  /** Answers the oldest open request of an application. */
  answer(status: number, retryAfterMs = 0, app = APP): Send {
    const at = this.open.findIndex((send) => send.url.includes(`app${app}.`))
    const [send] = this.open.splice(at, 1) as unknown as [Send]
    const failure: SendFailure =
      status === 410 ? 'gone' : status === 0 ? 'connection' : status >= 200 && status < 300 ? '' : 'status'
    this.outbox.handleResult({ number: send.number, status, failure, retryAfterMs, latencyMs: 7 }, this.now)
    this.#drain()
    return send
  }

  /** Moves time on, firing what is due exactly when it is due. */
  advance(ms: number): void {
    const endMs = this.monotonicMs + ms
    for (;;) {
      const nextMs = this.outbox.nextTimeout()
      if (nextMs > endMs) break
      this.#setTime(Math.max(nextMs, this.monotonicMs))
      this.outbox.handleTimeout(this.now)
      this.#drain()
    }
    this.#setTime(endMs)
  }

  /** Moves on until a request is open. @returns how long that took, ms. */
  untilSent(limitMs = 86_400_000): number {
    const startMs = this.monotonicMs
    while (this.open.length === 0) {
      const nextMs = this.outbox.nextTimeout()
      if (nextMs - startMs > limitMs) throw new Error(`nothing was sent in ${limitMs} ms`)
      this.advance(Math.max(0, nextMs - this.monotonicMs))
    }
    return this.monotonicMs - startMs
  }

  /** Types and data of the open requests, each an array. */
  get sent(): SentEvent[][] {
    return this.open.map(({ body }) => JSON.parse(body).data)
  }

  get ids(): string[][] {
    return this.sent.map((events) => events.map(({ id }) => id))
  }

  get over(): string[] {
    const rings = this.notices.flatMap((notice) => (notice.kind === 'outcome-over' ? [notice.ring] : []))
    this.notices = this.notices.filter((notice) => notice.kind !== 'outcome-over')
    return rings
  }

  #setTime(monotonicMs: number): void {
    this.wallMs += monotonicMs - this.monotonicMs
    this.monotonicMs = monotonicMs
  }

  #drain(): void {
    this.notices.push(...this.outbox.pollNotices())
    this.open.push(...this.outbox.pollSends().map((send) => ({ ...send, app: send.url })))
  }
}
