/** The webhooks of one life of a simulated server, joined to hub and store as `io/webhook-desk` does it. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { Now } from '../base/time.js'
import type { HubRequest, HubStoreRequest, WebhookNews } from '../hub/message.js'
import { SILENCE_MAX_S } from '../packet/constants.js'
import type { WebhookConfig } from '../webhook/config.js'
import type { Send, SendResult } from '../webhook/message.js'
import { Webhooks } from '../webhook/webhooks.js'
import type { Disk } from './sim-store.js'

/** What came of a request, but which one it was. */
export type Answer = Omit<SendResult, 'number'>

export interface ServerWebhooksParts {
  random: SeededRandom
  now: () => Now
  tellHub: (request: HubRequest) => void
  store: (request: HubStoreRequest) => void
  /** Keeps how an application is told; `then` when that is durable. */
  keepConfig: (app: number, config: WebhookConfig, then: () => void) => void
  /** Runs something as a step of its own, unless the process died before it, or dies at it. */
  step: (run: () => void) => void
  /** Makes a request. */
  send: (send: Send, answered: (answer: Answer) => void) => void
}

export class ServerWebhooks {
  readonly #parts: ServerWebhooksParts
  readonly #webhooks: Webhooks

  /** Takes up what the disk holds. */
  constructor(parts: ServerWebhooksParts, { webhooks, outcomes }: Disk) {
    this.#parts = parts
    const now = parts.now()
    this.#webhooks = new Webhooks(parts.random, now)
    const kept = { webhooks: [...webhooks].map(([app, config]) => ({ app, config })), outcomes: [...outcomes.values()] }
    this.#webhooks.start(kept, now.wallMs, now.wallMs + SILENCE_MAX_S * 1000, now)
  }

  /** Events that wait or are under way. */
  get waiting(): number {
    return this.#webhooks.outbox.numbers(this.#parts.now()).waiting
  }

  nextTimeout(): number {
    return this.#webhooks.outbox.nextTimeout()
  }

  handleTimeout(): void {
    this.#webhooks.outbox.handleTimeout(this.#parts.now())
  }

  takeNews(news: WebhookNews): void {
    this.#webhooks.takeNews(news, this.#parts.now())
  }

  /** The owner of an application sets its webhook. */
  configure(app: number, config: WebhookConfig): void {
    this.#parts.keepConfig(app, config, () => this.#webhooks.use(app, config, this.#parts.now()))
  }

  /** The thread that sends breaks. */
  interrupt(): void {
    this.#webhooks.outbox.handleInterrupted(this.#parts.now())
  }

  /** Does what is wanted. @returns whether there was anything. */
  drain(): boolean {
    let moved = false
    for (let order = this.#webhooks.pollOrder(); order !== null; order = this.#webhooks.pollOrder()) {
      moved = true
      if (order.kind === 'hub') this.#parts.tellHub(order.request)
      else if (order.kind === 'store') this.#parts.store(order.request)
      else if (order.kind === 'disabled') this.#parts.keepConfig(order.app, order.config, () => {})
    }
    for (const send of this.#webhooks.outbox.pollSends()) {
      moved = true
      this.#parts.step(() => this.#send(send))
    }
    return moved
  }

  #send(send: Send): void {
    const { number } = send
    this.#parts.send(send, (answer) =>
      this.#parts.step(() => this.#webhooks.outbox.handleResult({ number, ...answer }, this.#parts.now())),
    )
  }
}
