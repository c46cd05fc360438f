import { createHash } from 'node:crypto'
import type { InjectOptions } from 'fastify'
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
import type { AppRow } from '../../src/store/app-row.js'
import type { DirectoryAnswer, DirectoryAsk, SessionRow } from '../../src/store/directory-message.js'
import { applyAsk, type WebhookAnswer, type WebhookAsk } from '../../src/webhook/ask.js'
import { NO_WEBHOOK } from '../../src/webhook/config.js'
import type { Delivery } from '../../src/webhook/message.js'
import { Contract } from './contract.js'

export const API_KEY = 'pl_test_0123456789abcdefghijkl'
export const OLD_KEY = 'pl_test_older_key_of_the_same_app'
export const OTHER_KEY = 'pl_other_app_9876543210'
/** of the same application: one for its echo persons, and one that may do nothing */
export const TEST_KEY = 'pl_test_of_echo_persons'
export const WEAK_KEY = 'pl_live_without_scopes'
/** a person's session, and the id of the application that is theirs */
export const SESSION = 'pls_of_ada'
/** what a browser of hers keeps after its session */
export const KNOWN = `plk_${'k'.repeat(43)}`
export const APP_ID = 'app_0123456789abcdef'
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

const keys = [
  liveKey(API_KEY),
  liveKey(OLD_KEY),
  { ...liveKey(TEST_KEY), mode: 'test' as const },
  { ...liveKey(WEAK_KEY), scopes: [] },
]

export const APPS: AppEntry[] = [
  { app: 7, appId: '0123456789abcdef', name: 'Chat', keys },
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
  /** overrides the answer of the store */
  directory: (ask: DirectoryAsk) => DirectoryAnswer = usualDirectory
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
    } else if (message.kind === 'directory') {
      later({ kind: 'directory', request: message.request, answer: this.directory(message.ask) })
    } else if (message.kind === 'test-persons') {
      const { puid = PUID, consent: _, ...change } = message.change ?? {}
      const person = { puid, name: 'accepts', behaviour: 'accept', presence: 'online', message: '', ...change } as const
      later({ kind: 'test-persons', request: message.request, persons: puid === PUID ? [person] : null })
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
    if (request.kind === 'person') {
      const told = {
        said: 'active',
        isInContact: true,
        idleMs: 0,
        awayAfterS: 300,
        offlineAfterS: 1800,
        silenceS: 600,
      } as const
      const devices = request.devices.map((device) => ({ device, ...told }))
      const counts = { count: 3, firstMs: NOW_MS, lastMs: NOW_MS }
      return { kind: 'person', request: number, devices, reads: [{ appId: APP_ROW.appId, name: 'Chat', ...counts }] }
    }
    if (request.kind === 'consent') return { kind: 'consented', request: number, code: CODE }
    if (request.kind === 'consent-exchange') {
      if (request.code === CODE) return { kind: 'consent-exchanged', request: number, puid: PUID }
      return { kind: 'error', request: number, code: 'invalid-grant', detail: '', retryAfterS: 0 }
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

const SESSION_ROW: SessionRow = {
  ...{ id: 'ses_0011223344556677', person: 3, account: 'acc_0011223344556677', label: 'Firefox' },
  ...{ createdMs: NOW_MS, expiresMs: NOW_MS + 1000 },
}
export const APP_ROW: AppRow = {
  ...{
    app: 7,
    appId: new Uint8Array(Buffer.from('0123456789abcdef', 'hex')),
    name: 'Chat',
    createdMs: NOW_MS,
    owner: 3,
  },
  ...{ redirectUris: ['https://chat.example/cb'], homePage: '', domain: '', domainVerifiedMs: 0 },
  keys: [{ ...liveKey(API_KEY), keyId: 'key_0011223344556677', createdMs: NOW_MS }],
}

/** The store: one session, one application. */
export function usualDirectory(ask: DirectoryAsk): DirectoryAnswer {
  const app = { kind: 'app', app: APP_ROW, apiKey: null } as const
  if (ask.kind === 'sign-in')
    return ask.code === CODE ? { kind: 'signed-in', token: SESSION, session: SESSION_ROW } : null
  if (ask.kind === 'passkeys') return { kind: 'passkeys', passkeys: [] }
  if (ask.kind === 'passkey' || ask.kind === 'sign-in-passkey') return null
  if (ask.kind === 'passkey-add' || ask.kind === 'passkey-remove') return { kind: 'done' }
  if (ask.kind === 'sign-in-as') return { kind: 'signed-in', token: SESSION, session: SESSION_ROW }
  if (ask.kind === 'session') return ask.token === SESSION ? { kind: 'session', session: SESSION_ROW } : null
  if (ask.kind === 'sessions') return { kind: 'sessions', sessions: [SESSION_ROW], known: [] }
  if (ask.kind === 'browser-remember') return { kind: 'remembered', known: KNOWN }
  if (ask.kind === 'browser') return ask.known === KNOWN ? { kind: 'person', person: 3 } : null
  if (ask.kind === 'browser-forget') return { kind: 'done' }
  if (ask.kind === 'sign-in-known')
    return ask.known === KNOWN ? { kind: 'signed-in', token: SESSION, session: SESSION_ROW } : null
  if (ask.kind === 'sign-out' || ask.kind === 'session-end') return ask.id === SESSION_ROW.id ? { kind: 'done' } : null
  if (ask.kind === 'devices') {
    return { kind: 'devices', devices: [{ deviceId: 'dev_1', device: 65_536, name: 'Phone', createdMs: NOW_MS }] }
  }
  if (ask.kind === 'device-remove') return ask.deviceId === 'dev_1' ? { kind: 'device-removed', device: 65_536 } : null
  if (ask.kind === 'code-add') return { kind: 'code', code: 'K7QX-3MPA-9TZC', untilMs: NOW_MS }
  if (ask.kind === 'account-remove') return { kind: 'account-removed', person: 3, devices: [], apps: [] }
  if (ask.kind === 'app-add') return { ...app, apiKey: API_KEY }
  if (ask.kind === 'apps') return { kind: 'apps', apps: Array.from({ length: Math.min(ask.limit, 2) }, () => APP_ROW) }
  if (ask.appId !== APP_ID) return null
  if (ask.kind === 'key-add') return { ...app, apiKey: API_KEY }
  if (ask.kind === 'key-remove') return ask.keyId === APP_ROW.keys[0]?.keyId ? { kind: 'done' } : null
  return ask.kind === 'domain-verified' ? { kind: 'done' } : app
}

/** One document for all fixtures of a process: what their options change in it is no part of any answer. */
let contract: Contract | null = null

export interface Fixture {
  app: App
  main: FakeMain
  link: Link
  channels: Channels
  /** log lines as written */
  lines: string[]
  clock: { ms: number }
  contract: Contract
}

/**
 * The application with a fake main thread behind it, ready to serve. Every answer that `inject` brings is held against the
 * OpenAPI document; one that is not as documented is an error.
 *
 * @param busyShare see `AppSurroundings`.
 */
export async function fixture(options: SidecarOptions = {}, busyShare = () => 0): Promise<Fixture> {
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
  const app = await buildApp({ enrolPerMinute: 1000, ...options }, link, { log, nowMs, busyShare, channels })
  link.handle({ kind: 'apps', apps: APPS })
  link.handle({ kind: 'ready', state: 'ready' })
  const inject = app.inject.bind(app)
  contract ??= new Contract(JSON.parse(JSON.stringify(app.swagger())))
  const held = contract
  const injected = async (asked: string | InjectOptions) => {
    const answer = await inject(asked)
    const { method = 'GET', url = '' } = typeof asked === 'string' ? { url: asked } : asked
    const fault = held.fault(method, String(url), answer)
    if (fault !== '') throw new Error(fault)
    return answer
  }
  app.inject = injected as typeof app.inject
  return { app, main, link, channels, lines, clock, contract: held }
}
