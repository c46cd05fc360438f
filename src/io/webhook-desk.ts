/** Where the main thread keeps the webhooks: who wants what, the outbox, and the thread that sends. */

import type { Random } from '../base/random.js'
import { utf8Bytes, utf8Text } from '../base/text.js'
import type { Now } from '../base/time.js'
import { DeliveryThread } from '../delivery/thread.js'
import type { AppKey, HubRequest, WebhookNews } from '../hub/message.js'
import type { MetricSample } from '../sidecar/message.js'
import type { Store, StoredRing, WebhookRow } from '../store/store.js'
import { applyAsk, refusedAsk, type WebhookAnswer, type WebhookAsk } from '../webhook/ask.js'
import { readConfig, type WebhookConfig } from '../webhook/config.js'
import type { Outbox } from '../webhook/outbox.js'
import { SECRET_BYTES, secretText } from '../webhook/signature.js'
import { type KeptWebhooks, Webhooks } from '../webhook/webhooks.js'
import type { Log } from './log.js'

/** What the desk works with. */
export interface WebhookDeskParts {
  store: Store
  log: Log
  random: Random
  now: () => Now
  tellHub(request: HubRequest): void
  /** plain HTTP and addresses that are not public are allowed */
  mayBePrivate: boolean
  /** of this package */
  version: string
}

/** What the store kept of webhooks. */
export interface WebhookBoot {
  webhooks: readonly WebhookRow[]
  outcomes: readonly StoredRing[]
}

/** How long a planned stop waits for requests that are under way, ms. What is not answered by then goes out again. */
const STOP_WAIT_MS = 5_000

/** setTimeout's limit is 2^31 - 1 ms. */
const TIMER_MAX_MS = 2_000_000_000

/** One desk for all applications. */
export class WebhookDesk {
  readonly #parts: WebhookDeskParts
  readonly #webhooks: Webhooks
  readonly #outbox: Outbox
  readonly #thread: DeliveryThread
  readonly #tests = new Map<number, (answer: WebhookAnswer) => void>()
  readonly #saving = new Set<Promise<unknown>>()
  #boot: WebhookBoot | null
  #lastTest = 0
  #interrupted = 0
  #timer: NodeJS.Timeout | null = null
  #timerAtMs = Infinity
  /** one change after the other, each on what the one before left */
  #changing: Promise<unknown> = Promise.resolve()
  /** nothing more is sent */
  #isStopping = false
  /** requests that the thread was given and has not answered */
  #underWay = 0
  #allAnswered: () => void = () => {}

  constructor(parts: WebhookDeskParts, boot: WebhookBoot) {
    this.#parts = parts
    this.#boot = boot
    this.#webhooks = new Webhooks(parts.random, parts.now())
    this.#outbox = this.#webhooks.outbox
    this.#thread = new DeliveryThread(
      { mayBePrivate: parts.mayBePrivate, userAgent: `Pilotlight/${parts.version}` },
      {
        onResults: (results) => {
          for (const result of results) this.#outbox.handleResult(result, parts.now())
          this.#drain()
          this.#answered(results.length)
        },
        onBroken: (error) => {
          parts.log.error({ err: error }, 'the thread that sends webhooks broke and is started again')
          this.#interrupted++
          this.#outbox.handleInterrupted(parts.now())
          const lost = this.#underWay
          this.#drain()
          this.#answered(lost)
        },
      },
    )
  }

  /**
   * Takes up what the store kept, and tells each application of the restart. Call it before the first datagram.
   *
   * @param bootedMs  wall clock of the start.
   * @param offlineMs when those who were not heard read offline.
   */
  start(bootedMs: number, offlineMs: number): void {
    const { webhooks, outcomes } = this.#boot ?? { webhooks: [], outcomes: [] }
    this.#boot = null
    const readable: KeptWebhooks['webhooks'][number][] = []
    for (const { app, config: row } of webhooks) {
      const config = readConfig(utf8Text(row) ?? '')
      if (config === null) this.#parts.log.error({ app }, 'the webhook of an application cannot be read')
      else readable.push({ app, config })
    }
    this.#webhooks.start({ webhooks: readable, outcomes }, bootedMs, offlineMs, this.#parts.now())
    this.#drain()
  }

  /** Something happened that an application is to be told. */
  takeNews(news: WebhookNews): void {
    this.#webhooks.takeNews(news, this.#parts.now())
    this.#drain()
  }

  /** An application was removed. */
  forget(app: AppKey): void {
    this.#webhooks.use(app, null, this.#parts.now())
    this.#drain()
  }

  /** Answers the owner of an application. Changes are durable before they are answered. */
  async ask(app: AppKey, ask: WebhookAsk): Promise<WebhookAnswer> {
    if (ask.kind === 'test') return this.#test(app)
    if (ask.kind === 'deliveries') return { kind: 'deliveries', deliveries: this.#outbox.log.of(app) }
    if (ask.kind === 'replay') {
      const delivery = this.#outbox.replay(app, ask.delivery, this.#parts.now())
      this.#drain()
      return delivery === null ? refusedAsk('unknown-delivery', '').answer : { kind: 'delivery', delivery }
    }
    const changed = this.#changing.then(() => this.#change(app, ask))
    this.#changing = changed.catch(() => {})
    return changed
  }

  async #change(app: AppKey, ask: Parameters<typeof applyAsk>[1]): Promise<WebhookAnswer> {
    const { mayBePrivate, now } = this.#parts
    const parts = { mayBePrivate, wallMs: now().wallMs, newSecret: () => this.#newSecret() }
    const { config, answer } = applyAsk(this.#webhooks.config(app), ask, parts)
    if (config === undefined) return answer
    if (!(await this.#save(app, config))) return refusedAsk('unavailable', '').answer
    this.#webhooks.use(app, config, now())
    this.#drain()
    return answer
  }

  /** Numbers for `/metrics`. */
  samples(): MetricSample[] {
    const { waiting, oldestMs, underWay, results, gaveUp } = this.#outbox.numbers(this.#parts.now())
    const gauge = (name: string, help: string, value: number): MetricSample => {
      return { name: `pilotlight_webhook_${name}`, help, type: 'gauge', labels: {}, value }
    }
    const counter = (name: string, help: string, value: number, labels = {}): MetricSample => {
      return { name: `pilotlight_webhook_${name}_total`, help, type: 'counter', labels, value }
    }
    return [
      gauge('waiting', 'Events that wait for their endpoint or are under way', waiting),
      gauge('oldest_seconds', 'Age of the oldest of them', oldestMs / 1000),
      gauge('requests', 'Requests under way', underWay),
      gauge('disabled', 'Endpoints that answered 410 and are told nothing any more', this.#webhooks.disabled),
      counter('given_up', 'Events that were given up', gaveUp),
      counter('thread_restarts', 'Times that the thread that sends broke', this.#interrupted),
      ...Object.entries({ '': 0, ...results }).map(([failure, count]) =>
        counter('requests', 'Requests by what came of them', count, { result: failure === '' ? 'ok' : failure }),
      ),
    ]
  }

  /**
   * Sends nothing more, waits for what is under way, `STOP_WAIT_MS` at most. Outcomes that were not acknowledged are kept
   * and sent after the next start; changes are not: a restart voids presence.
   */
  async stop(): Promise<void> {
    this.#isStopping = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#untilAnswered()
    for (const answer of this.#tests.values()) answer(refusedAsk('unavailable', '').answer)
    await this.#thread.stop()
    await Promise.all(this.#saving)
    const { outcomes } = this.#outbox
    if (outcomes > 0)
      this.#parts.log.info({ outcomes }, 'outcomes that no webhook acknowledged are kept and sent after the next start')
  }

  /** Settles when nothing is under way, or it took too long. */
  async #untilAnswered(): Promise<void> {
    if (this.#underWay === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, STOP_WAIT_MS)
      this.#allAnswered = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #answered(requests: number): void {
    this.#underWay -= requests
    if (this.#underWay === 0) this.#allAnswered()
  }

  #test(app: AppKey): Promise<WebhookAnswer> {
    const request = ++this.#lastTest
    const answered = new Promise<WebhookAnswer>((resolve) => this.#tests.set(request, resolve))
    if (!this.#outbox.test(app, request, this.#parts.now())) {
      this.#tests.delete(request)
      return Promise.resolve(refusedAsk('unknown-webhook', '').answer)
    }
    this.#drain()
    return answered
  }

  #newSecret(): string {
    return secretText(this.#parts.random.fill(new Uint8Array(SECRET_BYTES)))
  }

  async #save(app: AppKey, config: WebhookConfig | null): Promise<boolean> {
    const row = config === null ? null : utf8Bytes(JSON.stringify(config))
    const saved = this.#parts.store.putWebhook(app, row).catch((error: unknown) => {
      this.#parts.log.error({ err: error, app }, 'the webhook of an application was not stored')
      return false
    })
    this.#saving.add(saved)
    const isSaved = await saved
    this.#saving.delete(saved)
    return isSaved
  }

  /** Does what is wanted, and sets the timer. */
  #drain(): void {
    for (let order = this.#webhooks.pollOrder(); order !== null; order = this.#webhooks.pollOrder()) {
      if (order.kind === 'hub') this.#parts.tellHub(order.request)
      // An outcome that is not dropped now is dropped after two days.
      else if (order.kind === 'store') void this.#parts.store.hub(order.request).catch(() => {})
      else if (order.kind === 'tested') {
        this.#tests.get(order.request)?.({ kind: 'delivery', delivery: order.delivery })
        this.#tests.delete(order.request)
      } else {
        this.#parts.log.warn({ app: order.app }, 'the endpoint of a webhook answered 410 and is told nothing any more')
        void this.#save(order.app, order.config)
      }
    }
    if (this.#isStopping) return
    const sends = this.#outbox.pollSends()
    this.#underWay += sends.length
    this.#thread.send(sends)
    this.#arm()
  }

  /** One that is armed too early is left to fire for nothing. */
  #arm(): void {
    const atMs = this.#outbox.nextTimeout()
    if (atMs >= this.#timerAtMs) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    const waitMs = Math.min(TIMER_MAX_MS, Math.max(0, atMs - this.#parts.now().monotonicMs))
    this.#timer = setTimeout(() => {
      this.#timerAtMs = Infinity
      this.#outbox.handleTimeout(this.#parts.now())
      this.#drain()
    }, waitMs)
  }
}
