/** Where the main thread serves the sidecar: requests to the hub, enrolments, metrics; and what a crash leaves behind. */
import type { DeviceHandle } from '../endpoint/message.js'
import type { AppKey, HubReply, HubRequest, WebhookNews } from '../hub/message.js'
import type { AppEntry, EnrolResult, MetricSample, StartFailure, ToSidecar } from '../sidecar/message.js'
import type { SidecarOptions } from '../sidecar/options.js'
import { SidecarError, type SidecarMessage } from '../sidecar/start.js'
import { type SupervisedSidecar, superviseSidecar } from '../sidecar/supervise.js'
import type { DirectoryAsk } from '../store/directory-message.js'
import type { Enrolment, Store } from '../store/store.js'
import type { WebhookAnswer, WebhookAsk } from '../webhook/ask.js'
import type { ChannelDesk } from './channel-desk.js'
import { answerDirectory } from './directory-desk.js'
import type { Log } from './log.js'
import type { SandboxDesk } from './sandbox-desk.js'
import { ServerError, type ServerErrorCode } from './server-error.js'

/** What the desk works with. */
export interface DeskParts {
  store: Store
  log: Log
  tellHub(request: HubRequest): void
  /** static public keys, current first */
  serverKeys(): Uint8Array[]
  /** for a device that enrols from this address */
  endpoints(address: string): string[]
  samples(hub: Record<string, number>): Promise<MetricSample[]>
  /** never rejects */
  webhook(app: AppKey, ask: WebhookAsk): Promise<WebhookAnswer>
  /** where datagrams of WebSockets go */
  channels: ChannelDesk
  /** seconds of silence that a device promised last, 0 not known */
  silenceS(device: DeviceHandle): Promise<number>
  /** where test keys lead */
  sandbox: SandboxDesk
  /** why nothing can be stored; null if it can */
  storeProblem(): string | null
}

type TestPersonsMessage = Extract<SidecarMessage, { kind: 'test-persons' }>
type EnrolMessage = Extract<SidecarMessage, { kind: 'enrol' }>

/** One desk serves all sidecars, one after the other. */
export class SidecarDesk {
  readonly #parts: DeskParts
  /** streams of the sidecar that runs now */
  readonly #streams = new Set<number>()
  /** to the sidecar that runs now */
  #post: (message: ToSidecar) => void = () => {}
  #isServing: () => void = () => {}
  /** Settles when HTTP requests are served, for the first time. */
  readonly serving = new Promise<void>((resolve) => {
    this.#isServing = resolve
  })

  constructor(parts: DeskParts) {
    this.#parts = parts
  }

  /** A sidecar listens: it is told what it needs to answer. */
  async start(post: (message: ToSidecar) => void): Promise<void> {
    this.#post = post
    this.#parts.channels.start(post)
    await this.tellApps()
    this.tellStore()
    post({ kind: 'ready', state: 'ready' })
  }

  /** From now on requests get 503. */
  stopping(): void {
    this.#post({ kind: 'ready', state: 'stopping' })
  }

  /** Takes a message of the sidecar. */
  take(message: SidecarMessage): void {
    if (message.kind === 'enrol') void this.#enrol(message)
    else if (message.kind === 'metrics') this.#parts.tellHub({ kind: 'metrics', request: message.request })
    else if (message.kind === 'hub') this.#forward(message.request)
    else if (message.kind === 'directory') void this.#answerDirectory(message.request, message.ask)
    else if (message.kind === 'test-persons') void this.#answerTestPersons(message)
    else if (message.kind === 'webhook') void this.#webhook(message)
    else if (message.kind === 'serving') this.#isServing()
    else this.#parts.channels.take(message)
  }

  /** Takes a reply of the hub. */
  reply(reply: Exclude<HubReply, WebhookNews>): void {
    if (reply.kind === 'stream-ended') this.#streams.delete(reply.stream)
    if (reply.kind === 'metrics') void this.#answerMetrics(reply)
    else if (reply.kind === 'person') void this.#answerPerson(reply)
    else this.#post({ kind: 'hub', reply })
  }

  /** The sidecar broke: the hub need not tell its streams any more. Requests that are under way are answered to nobody. */
  crashed(): void {
    this.#post = () => {}
    for (const stream of this.#streams) this.#unsubscribe(stream)
    this.#streams.clear()
    this.#parts.channels.crashed()
  }

  /** Tells the sidecar whether the store can write. */
  tellStore(): void {
    this.#post({ kind: 'store', problem: this.#parts.storeProblem() })
  }

  /** Tells the sidecar all applications and their keys. */
  async tellApps(): Promise<void> {
    const apps = (await this.#parts.store.listApps()).map(
      ({ app, appId, name, keys }): AppEntry => ({
        app,
        appId: Buffer.from(appId).toString('hex'),
        name,
        keys: keys.map(({ hash, mode, scopes }) => ({ hash, mode, scopes })),
      }),
    )
    this.#parts.sandbox.setApps(apps)
    this.#post({ kind: 'apps', apps })
  }

  async #answerMetrics({ request, metrics }: Extract<HubReply, { kind: 'metrics' }>): Promise<void> {
    this.#post({ kind: 'metrics', request, samples: await this.#parts.samples(metrics) })
  }

  async #answerPerson(reply: Extract<HubReply, { kind: 'person' }>): Promise<void> {
    const devices = await Promise.all(
      reply.devices.map(async (view) => ({ ...view, silenceS: await this.#parts.silenceS(view.device) })),
    )
    this.#post({ kind: 'hub', reply: { ...reply, devices } })
  }

  #forward(request: HubRequest): void {
    if (request.kind === 'subscribe') this.#streams.add(request.stream)
    if (request.kind === 'unsubscribe') {
      this.#streams.delete(request.stream)
      this.#unsubscribe(request.stream)
    } else if ('app' in request && request.app < 0) this.#parts.sandbox.request(request.app, request)
    else this.#parts.tellHub(request)
  }

  #unsubscribe(stream: number): void {
    this.#parts.tellHub({ kind: 'unsubscribe', stream })
    this.#parts.sandbox.unsubscribe(stream)
  }

  async #answerDirectory(request: number, ask: DirectoryAsk): Promise<void> {
    const parts = { ...this.#parts, tellApps: () => this.tellApps() }
    this.#post(await answerDirectory(parts, request, ask))
  }

  async #answerTestPersons({ request, app, change }: TestPersonsMessage): Promise<void> {
    this.#post({ kind: 'test-persons', request, persons: await this.#parts.sandbox.persons(app, change) })
  }

  async #webhook({ request, app, ask }: Extract<SidecarMessage, { kind: 'webhook' }>): Promise<void> {
    this.#post({ kind: 'webhook', request, answer: await this.#parts.webhook(app, ask) })
  }

  async #enrol(message: EnrolMessage): Promise<void> {
    const result = await this.#enrolled(message).catch((error: unknown): EnrolResult => {
      this.#parts.log.error({ err: error }, 'enrolment failed')
      return { ok: false, code: 'unavailable' }
    })
    this.#post({ kind: 'enrolled', request: message.request, result })
  }

  async #enrolled({ code, publicKey, name, address }: EnrolMessage): Promise<EnrolResult> {
    const enrolment = await this.#parts.store.enrol(code, publicKey, name, Date.now())
    if (typeof enrolment === 'string') return { ok: false, code: enrolment }
    this.#added(enrolment)
    const { deviceId, psk } = enrolment
    const endpoints = this.#parts.endpoints(address)
    return { ok: true, deviceId, psk, serverKeys: this.#parts.serverKeys(), endpoints }
  }

  #added({ person, device, rotation }: Enrolment): void {
    this.#parts.tellHub({ kind: 'device-added', person, device, rotation })
  }
}

/** The worker that serves API and pages: it knows the sidecar, nobody here knows it. */
const ENTRY = new URL('../pages/worker.js', import.meta.url)

/** The sidecar's reasons as ours. */
const CODE_OF: Record<StartFailure, ServerErrorCode> = {
  'port-taken': 'PL_PORT_TAKEN',
  'port-forbidden': 'PL_PORT_FORBIDDEN',
  'address-unavailable': 'PL_ADDRESS_UNAVAILABLE',
  'bad-tls': 'PL_BAD_TLS',
  'bad-option': 'PL_BAD_ARGUMENT',
  'start-failed': 'PL_START_FAILED',
}

/**
 * Starts the sidecar before a desk; it is started again whenever it breaks.
 *
 * @throws ServerError PL_PORT_TAKEN, PL_PORT_FORBIDDEN, PL_ADDRESS_UNAVAILABLE, PL_BAD_TLS, PL_BAD_ARGUMENT,
 *   PL_START_FAILED.
 */
export async function openSidecar(options: SidecarOptions, desk: SidecarDesk, log: Log): Promise<SupervisedSidecar> {
  const told = (error: unknown) => log.error({ err: error }, 'the sidecar could not be told the applications')
  try {
    return await superviseSidecar(options, {
      entry: ENTRY,
      onMessage: (message) => desk.take(message),
      onStart: (post) => void desk.start(post).catch(told),
      onCrash(error, pauseMs) {
        log.error({ err: error, pauseMs }, 'the sidecar broke and is started again')
        desk.crashed()
      },
    })
  } catch (error) {
    if (!(error instanceof SidecarError)) throw error
    const code = CODE_OF[error.code]
    const isAddress = code !== 'PL_BAD_TLS' && code !== 'PL_START_FAILED' && code !== 'PL_BAD_ARGUMENT'
    throw new ServerError(code, isAddress ? `HTTP ${addressIn(error.message)}` : error.message)
  }
}

/** The sidecar's messages name the address in a sentence of their own. */
function addressIn(message: string): string {
  return message.split(' ').find((word) => /[0-9:]/.test(word)) ?? message
}
