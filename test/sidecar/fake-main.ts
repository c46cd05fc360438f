import { createHash } from 'node:crypto'
import type { HubReply, HubRequest, PresenceView, RingView } from '../../src/hub/message.js'
import { buildApp } from '../../src/sidecar/app.js'
import { Channels } from '../../src/sidecar/channel/channels.js'
import type { App } from '../../src/sidecar/context.js'
import { Link } from '../../src/sidecar/link.js'
import type {
  ApiKeyEntry,
  AppEntry,
  EnrolResult,
  FromSidecar,
  MetricSample,
  ToSidecar,
} from '../../src/sidecar/message.js'
import { type SidecarOptions, sidecarSettings } from '../../src/sidecar/options.js'
import { applyAsk, type WebhookAnswer, type WebhookAsk } from '../../src/webhook/ask.js'
import { NO_WEBHOOK } from '../../src/webhook/config.js'
import type { Delivery } from '../../src/webhook/message.js'

export const API_KEY = 'pl_test_0123456789abcdefghijkl'
export const OLD_KEY = 'pl_test_older_key_of_the_same_app'
export const OTHER_KEY = 'pl_other_app_9876543210'
export const AUTH = { authorization: `Bearer ${API_KEY}` }
export const JSON_AUTH = { ...AUTH, 'content-type': 'application/json' }
export const PUID = 'PuidOfAdaLovelace_0001'
export const PUID_2 = 'PuidOfGraceHopper-0002'
export const CODE = 'GOOD-CODE-0001'
export const RING_ID = '00112233445566778899aabbccddeeff'
const NOW_MS = Date.UTC(2026, 10, 21, 12, 0, 0, 250)

const sha256 = (text: string) => new Uint8Array(createHash('sha256').update(text).digest())

const liveKey = (text: string): ApiKeyEntry => {
  return { hash: sha256(text), mode: 'live', scopes: ['presence:read', 'rings:write'] }
}

export const APPS: AppEntry[] = [
  { app: 7, appId: '0123456789abcdef', name: 'Chat', keys: [liveKey(API_KEY), liveKey(OLD_KEY)] },
  { app: 8, appId: 'fedcba9876543210', name: 'Shop', keys: [liveKey(OTHER_KEY)] },
]

export function view(puid: string, more: Partial<PresenceView> = {}): PresenceView {
  return {
    puid,
    state: 'online',
    message: 'at the café',
    sinceMs: NOW_MS,
    version: 7_583_719_020_134_401,
    cause: 'device',
    asOfMs: NOW_MS + 5,
    ...more,
  }
}

export function ringView(more: Partial<RingView> = {}): RingView {
  return {
    ring: RING_ID,
    state: 'queued',
    reason: '',
    createdMs: NOW_MS,
    deadlineMs: NOW_MS + 30_000,
    deliveredMs: 0,
    shownMs: 0,
    endedMs: 0,
    by: '',
    deviceClass: '',
    device: '',
    deviceUntilMs: 0,
    reply: '',
    ...more,
  }
}

/** Stands for the main thread: knows two persons and one ring, and answers in a later turn, as a thread would. */
export class FakeMain {
  readonly sent: FromSidecar[] = []
  readonly streams = new Map<number, Extract<HubRequest, { kind: 'subscribe' }>>()
  samples: MetricSample[] = []
  /** whether the application has a webhook and a delivery */
  isWebhookKnown = true
  readonly webhookAsks: WebhookAsk[] = []
  enrolment: EnrolResult = {
    ok: true,
    deviceId: 'dev_0011223344556677',
    psk: new Uint8Array(32).fill(0xab),
    serverKeys: [new Uint8Array(32).fill(1)],
    endpoints: ['udp://127.0.0.1:7350'],
  }
  /** Overrides the answer of the hub; null: no answer. */
  answer: (request: HubRequest & { request: number }) => HubReply | null = (request) => this.usual(request)
  #waiting: { seen(message: FromSidecar): boolean; done(message: FromSidecar): void }[] = []

  /** Takes a message of the sidecar; `reply` brings one back. */
  take(message: FromSidecar, reply: (message: ToSidecar) => void): void {
    this.sent.push(message)
    this.#waiting = this.#waiting.filter(({ seen, done }) => {
      if (!seen(message)) return true
      done(message)
      return false
    })
    const later = (answer: ToSidecar | null) => {
      if (answer !== null) setImmediate(reply, answer)
    }
    if (message.kind === 'enrol') {
      const result: EnrolResult = message.code === CODE ? this.enrolment : { ok: false, code: 'bad-code' }
      later({ kind: 'enrolled', request: message.request, result })
    } else if (message.kind === 'webhook') {
      later({ kind: 'webhook', request: message.request, answer: this.#webhook(message.ask) })
    } else if (message.kind === 'metrics') {
      later({ kind: 'metrics', request: message.request, samples: this.samples })
    } else if (message.kind === 'hub') {
      const { request } = message
      if (request.kind === 'subscribe') this.streams.set(request.stream, request)
      else if (request.kind === 'unsubscribe') this.streams.delete(request.stream)
      else if ('request' in request) {
        const answer = this.answer(request)
        later(answer && ({ kind: 'hub', reply: answer } as ToSidecar))
      }
    }
  }

  #webhook(ask: WebhookAsk): WebhookAnswer {
    this.webhookAsks.push(ask)
    const delivery: Delivery = {
      ...{ id: 'dlv_1', webhookId: 'test_1', types: ['webhook.test'], createdMs: NOW_MS, nextMs: NOW_MS + 5000 },
      state: 'waiting',
      attempts: [
        { atMs: NOW_MS, status: 500, failure: 'status', latencyMs: 3 },
        { atMs: NOW_MS, status: 204, failure: '', latencyMs: 2 },
      ],
    }
    const refused = (code: 'unknown-webhook' | 'unknown-delivery') => ({ kind: 'refused', code, detail: '' }) as const
    if (ask.kind === 'deliveries') return { kind: 'deliveries', deliveries: this.isWebhookKnown ? [delivery] : [] }
    if (ask.kind === 'test') return this.isWebhookKnown ? { kind: 'delivery', delivery } : refused('unknown-webhook')
    if (ask.kind === 'replay') return this.isWebhookKnown ? { kind: 'delivery', delivery } : refused('unknown-delivery')
    const disabled = { reason: 'gone', atMs: NOW_MS } as const
    const config = this.isWebhookKnown ? { ...NO_WEBHOOK, url: 'https://chat.example/', disabled } : null
    const newSecret = () => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw3WJ7pXhZ2Vk='
    return applyAsk(config, ask, { mayBePrivate: false, wallMs: NOW_MS, newSecret }).answer
  }

  /** The next message that fits. */
  next<Kind extends FromSidecar['kind']>(
    kind: Kind,
    fits: (message: Extract<FromSidecar, { kind: Kind }>) => boolean = () => true,
  ) {
    return new Promise<Extract<FromSidecar, { kind: Kind }>>((resolve) => {
      this.#waiting.push({
        seen: (message) => message.kind === kind && fits(message as Extract<FromSidecar, { kind: Kind }>),
        done: (message) => resolve(message as Extract<FromSidecar, { kind: Kind }>),
      })
    })
  }

  /** What went to the hub, without numbers. */
  get asked(): object[] {
    return this.sent.flatMap((message) => {
      if (message.kind !== 'hub') return []
      const {
        request: _request,
        stream: _stream,
        ...rest
      } = message.request as HubRequest & { request?: number; stream?: number }
      return [rest]
    })
  }

  usual(request: HubRequest & { request: number }): HubReply | null {
    const { request: number } = request
    const refuse = (code: 'unknown-puid' | 'unknown-ring'): HubReply => ({
      kind: 'error',
      request: number,
      code,
      detail: '',
      retryAfterS: 0,
    })
    if (request.kind === 'presence') {
      const views = request.puids.filter((puid) => puid === PUID || puid === PUID_2).map((puid) => view(puid))
      return { kind: 'presence', request: number, views, isLast: true }
    }
    if (request.kind === 'ring') {
      if (request.ring.to.some((puid) => puid !== PUID && puid !== PUID_2)) return refuse('unknown-puid')
      return { kind: 'ring', request: number, ring: ringView(), created: true }
    }
    if (request.kind === 'ring-get') {
      return request.ring === RING_ID
        ? { kind: 'ring', request: number, ring: ringView(), created: false }
        : refuse('unknown-ring')
    }
    if (request.kind === 'ring-withdraw') {
      const ring = ringView({ state: 'withdrawn', endedMs: NOW_MS + 1000 })
      return request.ring === RING_ID ? { kind: 'ring', request: number, ring, created: false } : refuse('unknown-ring')
    }
    return null
  }
}

export interface Fixture {
  app: App
  main: FakeMain
  link: Link
  channels: Channels
  /** log lines as written */
  lines: string[]
  clock: { ms: number }
}

/** The application with a fake main thread behind it, ready to serve. */
export async function fixture(options: SidecarOptions = {}): Promise<Fixture> {
  const main = new FakeMain()
  const link = new Link({
    post: (message) => main.take(message, (answer) => link.handle(answer)),
    answerTimeoutMs: options.answerTimeoutMs ?? 10_000,
  })
  const lines: string[] = []
  const clock = { ms: 1000 }
  const log = { write: (line: string) => void lines.push(line) }
  const nowMs = () => clock.ms
  const post = (message: FromSidecar) => main.take(message, (answer) => channels.take(answer))
  const channels = new Channels({ settings: sidecarSettings(options), post, nowMs, firstNumber: 1 })
  const app = await buildApp({ enrolPerMinute: 1000, ...options }, link, { log, nowMs, channels })
  link.handle({ kind: 'apps', apps: APPS })
  link.handle({ kind: 'ready', state: 'ready' })
  return { app, main, link, channels, lines, clock }
}
