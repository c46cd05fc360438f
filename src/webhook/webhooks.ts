import { fromHex } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import type { AppKey, HubRequest, HubStoreRequest, WebhookNews } from '../hub/message.js'
import { readOutcomeRow } from '../hub/outcome-row.js'
import type { RingView } from '../ring/ring.js'
import { isListening, type WebhookConfig } from './config.js'
import { outcomeEventId, presenceEventId, webhookEvent } from './event.js'
import { Outbox, type OutboxNotice } from './outbox.js'
import { isoTime, presenceJson, ringJson } from './view.js'

/** What the driver is to do. */
export type WebhookOrder =
  | { kind: 'hub'; request: HubRequest }
  | { kind: 'store'; request: HubStoreRequest }
  | Exclude<OutboxNotice, { kind: 'outcome-over' }>

/** What the store kept. */
export interface KeptWebhooks {
  webhooks: readonly { app: AppKey; config: WebhookConfig }[]
  /** ends of rings that are still to be told */
  outcomes: readonly { ring: Uint8Array; row: Uint8Array }[]
}

/**
 * What applications are told by webhook: makes events of the hub's news and gives them to the outbox. Pure: what it wants of
 * hub, store and driver is polled.
 */
export class Webhooks {
  readonly outbox: Outbox
  readonly #configs = new Map<AppKey, WebhookConfig>()
  #orders: WebhookOrder[] = []
  #ringChanges = 0

  /** @param now moment of the start. */
  constructor(random: Random, now: Now) {
    this.outbox = new Outbox(random, now)
  }

  /** How an application wants to be told, or null. */
  config(app: AppKey): WebhookConfig | null {
    return this.#configs.get(app) ?? null
  }

  /** Endpoints that answered 410. */
  get disabled(): number {
    return [...this.#configs.values()].filter((config) => config.disabled !== null).length
  }

  /**
   * Takes up what the store kept, and tells each application of the restart. Call it before the first datagram.
   *
   * @param bootedMs  wall clock of the start.
   * @param offlineMs when those who were not heard read offline.
   */
  start({ webhooks, outcomes }: KeptWebhooks, bootedMs: number, offlineMs: number, now: Now): void {
    const times = { bootedAt: isoTime(bootedMs), offlineAt: isoTime(offlineMs) }
    for (const { app, config } of webhooks) {
      this.use(app, config, now)
      if (!config.events.includes('presence.changed')) continue
      const event = webhookEvent('presence.restarted', `restarted_${bootedMs}`, 'restarted', bootedMs, times)
      this.outbox.addChange(app, event, now)
    }
    for (const { ring, row } of outcomes) {
      const outcome = readOutcomeRow(row)
      const isWanted = outcome !== null && this.#addOutcome(outcome.app, outcome.ring, now)
      if (!isWanted) this.#dropOutcome(ring)
    }
  }

  /** A configuration that is stored counts from now on; null: it, or the application, is gone. */
  use(app: AppKey, config: WebhookConfig | null, now: Now): void {
    if (config === null) this.#configs.delete(app)
    else this.#configs.set(app, config)
    this.#listen(app, config)
    this.outbox.configure(app, config, now)
  }

  /** Something happened that an application is to be told. */
  takeNews(news: WebhookNews, now: Now): void {
    if (news.kind === 'webhook-presence') {
      const { puid, version, asOfMs } = news.view
      const id = presenceEventId(puid, version)
      const event = webhookEvent('presence.changed', id, puid, asOfMs, presenceJson(news.view))
      this.outbox.addChange(news.app, event, now)
    } else if (!news.isEnd) {
      const { ring, state } = news.ring
      const id = `${outcomeEventId(ring, state)}_${++this.#ringChanges}`
      this.outbox.addChange(news.app, webhookEvent('ring.changed', id, ring, now.wallMs, ringJson(news.ring)), now)
    } else if (!this.#addOutcome(news.app, news.ring, now)) this.#dropOutcome(fromHex(news.ring.ring))
  }

  /** The next thing to do, or null. Requests to be made are in `outbox.pollSends`. */
  pollOrder(): WebhookOrder | null {
    for (const notice of this.outbox.pollNotices()) {
      if (notice.kind === 'outcome-over') this.#dropOutcome(fromHex(notice.ring))
      else {
        if (notice.kind === 'disabled') {
          this.#configs.set(notice.app, notice.config)
          this.#listen(notice.app, notice.config)
        }
        this.#orders.push(notice)
      }
    }
    return this.#orders.shift() ?? null
  }

  #addOutcome(app: AppKey, ring: RingView, now: Now): boolean {
    const id = outcomeEventId(ring.ring, ring.state)
    return this.outbox.addOutcome(app, webhookEvent('ring.ended', id, ring.ring, ring.endedMs, ringJson(ring)), now)
  }

  #dropOutcome(ring: Uint8Array): void {
    this.#orders.push({ kind: 'store', request: { kind: 'drop-outcome', ring } })
  }

  #listen(app: AppKey, config: WebhookConfig | null): void {
    const { minHoldMs, coalesceMs, events } = config ?? { minHoldMs: 0, coalesceMs: 0, events: [] }
    const wants = config !== null && isListening(config) ? events : []
    const presence = wants.includes('presence.changed')
    const [rings, outcomes] = [wants.includes('ring.changed'), wants.includes('ring.ended')]
    const request = { kind: 'listen', app, presence, rings, outcomes, minHoldMs, coalesceMs } as const
    this.#orders.push({ kind: 'hub', request })
  }
}
