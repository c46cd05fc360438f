/** The endpoint of a simulated AppService: takes webhooks, or fails in one of the ways that endpoints fail in. */
import type { SeededRandom } from '../base/seeded-random.js'
import { NO_WEBHOOK, type WebhookConfig } from '../webhook/config.js'
import type { Send } from '../webhook/message.js'
import type { EventQueue } from './event-queue.js'
import type { HookWatch } from './hook-watch.js'
import type { Answer } from './server-webhooks.js'

/** What it does with requests: takes them; fails; takes or drops them without a word; is not there; wants nothing more. */
const WAYS = ['fails', 'mute', 'killed', 'away', 'gone'] as const
type Way = 'up' | (typeof WAYS)[number]

/** As in `delivery/sender`, ms. */
const TIMEOUT_MS = 15_000
/** A request takes this to come, and as long again to be answered, ms. Shorter than any stop of the server. */
const WAY_MS = 200
/** Some commits later a change of the settings holds, ms. */
const SET_MS = 1000
/** Most troubles are short; few last so long that what waits is replaced, s. */
const TROUBLE_MAX_S = 6_000
const RETRY_AFTER_MAX_S = 120
const REFUSALS = [500, 503, 429, 401, 302]
const NO_ANSWER = { status: 0, retryAfterMs: 0 } as const

export interface HookEndpointParts {
  app: number
  random: SeededRandom
  queue: EventQueue
  watch: HookWatch
  /** sets its webhook at the server, if that is up */
  configure: (config: WebhookConfig) => void
  /** whether the server has it set and will send */
  isSet: () => boolean
}

export class HookEndpoint {
  readonly #parts: HookEndpointParts
  #way: Way = 'up'
  #trouble = 0

  constructor(parts: HookEndpointParts) {
    this.#parts = parts
  }

  get url(): string {
    return `https://app${this.#parts.app}.example/hook`
  }

  /** How it wants to be told. */
  get config(): WebhookConfig {
    return { ...NO_WEBHOOK, url: this.url, events: ['presence.changed', 'ring.changed', 'ring.ended'] }
  }

  /** Something is wrong with it, for a while; unless something is already. */
  trouble(): void {
    if (this.#way !== 'up') return
    const { random, queue } = this.#parts
    const trouble = ++this.#trouble
    this.#way = WAYS[random.int(WAYS.length)]!
    queue.at(queue.nowMs + (1 + TROUBLE_MAX_S * random.uniform() ** 5) * 1000, () => {
      if (trouble === this.#trouble) this.recover()
    })
  }

  /** All is well again. One that wanted nothing more is set anew. */
  recover(): void {
    this.#trouble++
    this.#way = 'up'
    if (this.#parts.watch.isGone(this.#parts.app)) this.#setAnew()
  }

  /** Until it holds: the server may be down, or die before it is stored. Another trouble may come first, and end with this. */
  #setAnew(): void {
    const { watch, app, configure, isSet, queue } = this.#parts
    const trouble = this.#trouble
    watch.setsAnew(app)
    configure(this.config)
    queue.at(queue.nowMs + SET_MS, () => {
      if (trouble !== this.#trouble) return
      if (isSet()) watch.isSetAnew(app)
      else this.#setAnew()
    })
  }

  /** A request. @param answered told what came of it; never of one whose sender died. */
  take(send: Send, answered: (answer: Answer) => void): void {
    const { app, random, queue, watch } = this.#parts
    watch.sent(app, send)
    const startMs = queue.nowMs
    const answer = (afterMs: number, what: Omit<Answer, 'latencyMs'>): void =>
      queue.at(queue.nowMs + afterMs, () => {
        watch.answered(app, send, what)
        answered({ ...what, latencyMs: queue.nowMs - startMs })
      })
    if (this.#way === 'away') answer(random.uniform() * WAY_MS, { ...NO_ANSWER, failure: 'connection' })
    else
      queue.at(startMs + random.uniform() * WAY_MS, () =>
        this.#handle(send, (what) => {
          const isLate = what.failure === 'timeout'
          answer(isLate ? startMs + TIMEOUT_MS - queue.nowMs : random.uniform() * WAY_MS, what)
        }),
      )
  }

  #handle(send: Send, answer: (what: Omit<Answer, 'latencyMs'>) => void): void {
    const { app, random, watch } = this.#parts
    const keeps = (): void => watch.took(app, send)
    watch.came(app, send)
    switch (this.#way) {
      case 'up':
      case 'away':
        keeps()
        answer({ status: 200 + random.int(5), failure: '', retryAfterMs: 0 })
        return
      case 'fails': {
        const status = REFUSALS[random.int(REFUSALS.length)]!
        const retryAfterMs = random.uniform() < 0.3 ? random.int(RETRY_AFTER_MAX_S) * 1000 : 0
        answer({ status, failure: status === 302 ? 'redirect' : 'status', retryAfterMs })
        return
      }
      case 'mute':
        if (random.uniform() < 0.5) keeps()
        answer({ ...NO_ANSWER, failure: 'timeout' })
        return
      case 'killed':
        if (random.uniform() < 0.5) keeps()
        answer({ ...NO_ANSWER, failure: 'connection' })
        return
      case 'gone':
        answer({ status: 410, failure: 'gone', retryAfterMs: 0 })
    }
  }
}
