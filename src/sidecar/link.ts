import type {
  AppKey,
  HubReply,
  HubRequest,
  LimitState,
  NewRing,
  PersonKey,
  PresenceView,
  RingView,
} from '../hub/message.js'
import type { TestPerson, TestPersonChange } from '../sandbox/message.js'
import type { DirectoryAnswer, DirectoryAsk, OwnDevice } from '../store/directory-message.js'
import type { WebhookAnswer, WebhookAsk } from '../webhook/ask.js'
import { ApiKeys } from './api-keys.js'
import type { AppEntry, EnrolResult, FromSidecar, MetricSample, ReadyState, ToSidecar } from './message.js'
import { Problem } from './problem.js'

/** What a stream gets from the hub. */
export type StreamEvent = Extract<HubReply, { stream: number }>

/** A request of the hub that is answered once, without its number. */
type Ask<Kind extends HubRequest['kind']> = Omit<
  Extract<HubRequest, { kind: Kind; request: number }>,
  'request' | 'kind'
>

/** One answer that is awaited. */
interface Waiting {
  settle(answer: Answer): void
  refuse(problem: Problem): void
  timer: NodeJS.Timeout
  /** whether it waits for something to happen, not only for an answer */
  patient: boolean
  /** what came of an answer in several parts */
  views: PresenceView[]
}

type Answer = Extract<HubReply, { request: number }> | Extract<ToSidecar, { request: number }>

/** Answers that may be awaited at a time; beyond, requests get 503. */
const WAITING_MAX = 20_000

/** How long a scrape waits for the main thread; scrapers give up after some 10 s. */
const METRICS_TIMEOUT_MS = 2000

/** How long a test of a webhook may take beyond an answer: its request is given up after 15 s. */
const TEST_MS = 16_000

/** How a link reaches the main thread. */
export interface LinkOptions {
  /** Hands a message to the main thread. */
  post(message: FromSidecar): void
  /** How long an answer may take. */
  answerTimeoutMs: number
  /** First number of requests and streams; no earlier sidecar may have used it or one above. */
  firstNumber?: number
}

/**
 * The sidecar's end of the messages with the main thread: numbers requests, settles each with its answer or with a
 * `Problem` (`unavailable` if none comes in time), keeps the table of API keys, and routes events to streams.
 */
export class Link {
  /** Keys of the applications, as last told by the main thread. */
  readonly keys = new ApiKeys()
  readonly #options: LinkOptions
  readonly #waiting = new Map<number, Waiting>()
  readonly #streams = new Map<number, (event: StreamEvent) => void>()
  readonly #stopListeners = new Set<() => void>()
  readonly #keyListeners = new Set<() => void>()
  #state: ReadyState = 'starting'
  #storeProblem: string | null = null
  #next: number

  /** @param options how to reach the main thread. */
  constructor(options: LinkOptions) {
    this.#options = options
    this.#next = options.firstNumber ?? 1
  }

  /** As last told by the main thread. */
  get state(): ReadyState {
    return this.#state
  }

  /** Why nothing can be stored, as last told by the main thread; null if it can. */
  get storeProblem(): string | null {
    return this.#storeProblem
  }

  /** Streams that are open. */
  get streams(): number {
    return this.#streams.size
  }

  /** Takes a message from the main thread. One for a request or stream that is gone is dropped. */
  handle(message: ToSidecar): void {
    if (message.kind === 'hub') {
      if ('stream' in message.reply) this.#streams.get(message.reply.stream)?.(message.reply)
      else this.#settle(message.reply)
    } else if (message.kind === 'apps') this.#setApps(message.apps)
    else if (message.kind === 'store') this.#storeProblem = message.problem
    else if (message.kind === 'ready') this.#setState(message.state)
    else if ('request' in message) this.#settle(message)
  }

  /** The persons that the application may ask for; unknown PUIDs are left out. */
  async presence(app: AppKey, puids: string[]): Promise<PresenceView[]> {
    return this.#expect('presence', await this.#hub('presence', { app, puids })).views
  }

  /** Accepts a ring. `created` is false if its idempotency key was seen before. */
  async ring(app: AppKey, ring: NewRing): Promise<{ ring: RingView; created: boolean; limits?: LimitState[] }> {
    return this.#expect('ring', await this.#hub('ring', { app, ring }))
  }

  /** The ring, at once or as soon as it ends, at the latest after `waitMs`. */
  async ringOutcome(app: AppKey, ring: string, waitMs: number): Promise<RingView> {
    return this.#expect('ring', await this.#hub('ring-get', { app, ring, waitMs }, waitMs)).ring
  }

  /** Withdraws the ring. */
  async withdraw(app: AppKey, ring: string): Promise<RingView> {
    return this.#expect('ring', await this.#hub('ring-withdraw', { app, ring })).ring
  }

  /** Adds a device. */
  async enrol(code: string, publicKey: Uint8Array, name: string, address: string): Promise<EnrolResult> {
    const message = (request: number): FromSidecar => ({ kind: 'enrol', request, code, publicKey, name, address })
    const answer = await this.#ask(message, this.#options.answerTimeoutMs)
    return this.#expect('enrolled', answer).result
  }

  /** Asks the store about persons who are signed in, and applications. */
  async directory(ask: DirectoryAsk): Promise<DirectoryAnswer> {
    const message = (request: number): FromSidecar => ({ kind: 'directory', request, ask })
    const { answer } = this.#expect('directory', await this.#ask(message, this.#options.answerTimeoutMs))
    if (answer === 'unavailable') throw unavailable()
    return answer
  }

  /** What the server knows of a person in memory, for themselves. */
  async person(person: PersonKey, devices: OwnDevice['device'][]): Promise<Extract<HubReply, { kind: 'person' }>> {
    return this.#expect('person', await this.#hub('person', { person, devices }))
  }

  /** A person agrees to an application: the code for it. */
  async consent(app: AppKey, ask: Omit<Ask<'consent'>, 'app'>): Promise<string> {
    return this.#expect('consented', await this.#hub('consent', { app, ...ask })).code
  }

  /** The PUID for a code. */
  async exchangeConsent(app: AppKey, ask: Omit<Ask<'consent-exchange'>, 'app'>): Promise<string> {
    return this.#expect('consent-exchanged', await this.#hub('consent-exchange', { app, ...ask })).puid
  }

  /** The echo persons of an application, after a change of one of them. Null: there is no such person. */
  async testPersons(app: AppKey, change: TestPersonChange | null): Promise<TestPerson[] | null> {
    const message = (request: number): FromSidecar => ({ kind: 'test-persons', request, app, change })
    return this.#expect('test-persons', await this.#ask(message, this.#options.answerTimeoutMs)).persons
  }

  /** Asks about the webhook of an application. @throws Problem if it is refused. */
  async webhook<Kind extends Exclude<WebhookAnswer['kind'], 'refused'>>(
    app: AppKey,
    ask: WebhookAsk,
    kind: Kind,
  ): Promise<Extract<WebhookAnswer, { kind: Kind }>> {
    const isTest = ask.kind === 'test'
    const timeoutMs = this.#options.answerTimeoutMs + (isTest ? TEST_MS : 0)
    const asked = await this.#ask((request) => ({ kind: 'webhook', request, app, ask }), timeoutMs, isTest)
    if (asked.kind !== 'webhook') throw new Problem('internal')
    const { answer } = asked
    if (answer.kind === 'refused') {
      throw new Problem(answer.code, answer.detail, answer.code === 'unavailable' ? { 'retry-after': '1' } : {})
    }
    if (answer.kind !== kind) throw new Problem('internal')
    return answer as Extract<WebhookAnswer, { kind: Kind }>
  }

  /** Counters and gauges of the main thread. */
  async metrics(): Promise<MetricSample[]> {
    const timeoutMs = Math.min(METRICS_TIMEOUT_MS, this.#options.answerTimeoutMs)
    const answer = await this.#ask((request) => ({ kind: 'metrics', request }), timeoutMs)
    if (answer.kind === 'metrics' && 'samples' in answer) return answer.samples
    throw new Problem('internal')
  }

  /**
   * Opens a stream of changes.
   *
   * @param puids null for everybody visible to the application.
   * @param heardBootMs start of the server that told the reader its last event; null for a new reader.
   * @returns the stream's number and what closes it; nothing is heard after that.
   */
  subscribe(
    app: AppKey,
    puids: string[] | null,
    heardBootMs: number | null,
    listener: (event: StreamEvent) => void,
  ): { stream: number; close(): void } {
    const stream = this.#next++
    this.#streams.set(stream, wholeSnapshots(listener))
    this.#options.post({ kind: 'hub', request: { kind: 'subscribe', stream, app, puids, heardBootMs } })
    const close = () => {
      if (this.#streams.delete(stream)) this.#options.post({ kind: 'hub', request: { kind: 'unsubscribe', stream } })
    }
    return { stream, close }
  }

  /** Calls back once when the sidecar is stopping. Returns what takes the listener away. */
  onStop(listener: () => void): () => void {
    this.#stopListeners.add(listener)
    return () => this.#stopListeners.delete(listener)
  }

  /** Calls back whenever the API keys have changed. Returns what takes the listener away. */
  onKeys(listener: () => void): () => void {
    this.#keyListeners.add(listener)
    return () => this.#keyListeners.delete(listener)
  }

  /** Stops: streams are told, requests that wait for an outcome end, the others go on. */
  stop(): void {
    this.#setState('stopping')
    for (const [request, waiting] of this.#waiting) {
      if (waiting.patient) this.#finish(request)?.refuse(new Problem('unavailable', 'The server is stopping.'))
    }
    for (const listener of this.#stopListeners) listener()
    this.#stopListeners.clear()
  }

  /** Stops, and gives up what is still awaited. */
  close(): void {
    this.stop()
    for (const request of this.#waiting.keys()) this.#finish(request)?.refuse(unavailable())
  }

  #setApps(apps: readonly AppEntry[]): void {
    this.keys.replace(apps)
    for (const listener of [...this.#keyListeners]) listener()
  }

  #setState(state: ReadyState): void {
    if (this.#state !== 'stopping') this.#state = state
  }

  #hub<Kind extends 'presence' | 'person' | 'ring' | 'ring-get' | 'ring-withdraw' | 'consent' | 'consent-exchange'>(
    kind: Kind,
    ask: Ask<Kind>,
    waitMs = 0,
  ): Promise<Answer> {
    const message = (request: number): FromSidecar => ({
      kind: 'hub',
      request: { kind, request, ...ask } as unknown as HubRequest,
    })
    return this.#ask(message, waitMs + this.#options.answerTimeoutMs, waitMs > 0)
  }

  #ask(message: (request: number) => FromSidecar, timeoutMs: number, patient = false): Promise<Answer> {
    if (this.#waiting.size >= WAITING_MAX) return Promise.reject(unavailable())
    const request = this.#next++
    return new Promise((settle, refuse) => {
      const timer = setTimeout(() => this.#finish(request)?.refuse(unavailable()), timeoutMs)
      this.#waiting.set(request, { settle, refuse, timer, patient, views: [] })
      this.#options.post(message(request))
    })
  }

  #settle(answer: Answer): void {
    if (answer.kind === 'presence') {
      const views = this.#waiting.get(answer.request)?.views ?? []
      for (const view of answer.views) views.push(view)
      if (!answer.isLast) return
      answer.views = views
    }
    const waiting = this.#finish(answer.request)
    if (waiting === undefined) return
    if (answer.kind !== 'error') waiting.settle(answer)
    else {
      const limited = answer.code === 'rate-limited' || answer.code === 'unavailable'
      const headers = limited ? { 'retry-after': String(Math.max(1, Math.ceil(answer.retryAfterS))) } : {}
      waiting.refuse(new Problem(answer.code, answer.detail, headers, answer.limits))
    }
  }

  #finish(request: number): Waiting | undefined {
    const waiting = this.#waiting.get(request)
    if (waiting === undefined) return undefined
    this.#waiting.delete(request)
    clearTimeout(waiting.timer)
    return waiting
  }

  #expect<Kind extends Answer['kind']>(kind: Kind, answer: Answer): Extract<Answer, { kind: Kind }> {
    if (answer.kind !== kind) throw new Problem('internal')
    return answer as Extract<Answer, { kind: Kind }>
  }
}

/** A listener that hears a snapshot in one, when its last part has come. */
function wholeSnapshots(listener: (event: StreamEvent) => void): (event: StreamEvent) => void {
  const views: PresenceView[] = []
  return (event) => {
    if (event.kind !== 'snapshot') return listener(event)
    for (const view of event.views) views.push(view)
    if (event.isLast) listener({ ...event, views: views.splice(0) })
  }
}

function unavailable(): Problem {
  return new Problem('unavailable', 'No answer in time; try again.', { 'retry-after': '1' })
}
