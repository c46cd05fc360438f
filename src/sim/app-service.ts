/** A simulated AppService: listens to its stream, rings people, reads outcomes. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { AppKey, HubReply, HubRequest, PresenceView } from '../hub/message.js'
import type { Checker } from './checker.js'

/** A pool of more is refused. */
const POOL_MAX = 64

const ALL_AT_ONCE = { strategy: 'all', stepMs: 0 } as const

/** PUIDs of one question for presence. */
const QUESTION_PUIDS = 16

/** Where a browser comes back to, and the challenge of its verifier. */
const REDIRECT = { redirectUri: 'https://chat.example/cb', challenge: 'c'.repeat(43) }

export interface AppServiceSetting {
  app: AppKey
  appId: string
  random: SeededRandom
  checker: Checker
  request: (request: HubRequest) => void
  /** A ring is accepted for delivery. @param to the PUIDs that it is for now: nobody's of a sequence. */
  onRing: (ring: string, to: readonly string[]) => void
}

export class AppService {
  readonly app: AppKey
  readonly appId: string
  /** latest PUID of each person, as the devices told */
  readonly puids = new Map<number, string>()
  /** every PUID that it ever had, and whose it is */
  readonly told = new Map<string, number>()
  readonly #setting: AppServiceSetting
  /** persons who agree in a browser just now, by request */
  readonly #agreeing = new Map<number, number>()
  readonly #rings = new Set<string>()
  /** PUIDs of the rings that were asked for and are not answered */
  readonly #asked = new Map<number, readonly string[]>()
  #request = 0
  #stream = 0
  /** answers to `read`, by PUID */
  readonly read = new Map<string, PresenceView>()

  constructor(setting: AppServiceSetting) {
    this.#setting = setting
    this.app = setting.app
    this.appId = setting.appId
  }

  /** Listens anew: at start, and after each restart of the server, when it asks what became of its rings. */
  subscribe(): void {
    const { app, request } = this.#setting
    request({ kind: 'subscribe', stream: this.#name(++this.#stream), app, puids: null, heardBootMs: null })
    this.#readRings()
  }

  /** A device told it a PUID, or a browser brought it. */
  learn(person: number, puid: string): void {
    this.puids.set(person, puid)
    this.told.set(puid, person)
  }

  /** A person agrees in a browser, and the code is exchanged. */
  consent(person: number): void {
    const { app, request } = this.#setting
    const name = this.#name(++this.#request)
    this.#agreeing.set(name, person)
    request({ kind: 'consent', request: name, app, person, ...REDIRECT, windows: [], zone: '' })
  }

  ring(): void {
    const { app, random, request } = this.#setting
    const puids = [...this.puids.values()]
    if (puids.length === 0) return
    const first = random.int(puids.length)
    const isPool = random.uniform() < 0.3
    const to = isPool ? puids.slice(first, first + POOL_MAX) : [puids[first]!]
    const deadlineInMs = 5000 + random.int(40_000)
    const text = { title: 'Ring', body: `number ${this.#request}`, url: 'https://example.net/ring', payload: '' }
    const idempotencyKey = random.uniform() < 0.5 ? `key ${this.#request}` : ''
    const isSequence = isPool && random.uniform() < 0.5
    const steps = isSequence ? { strategy: 'sequence' as const, stepMs: 5000 + random.int(5000) } : ALL_AT_ONCE
    const collapseKey = random.uniform() < 0.2 ? 'call' : ''
    const ring = { to, ...text, deadlineInMs, ...steps, collapseKey, idempotencyKey }
    const name = this.#name(++this.#request)
    this.#asked.set(name, isSequence ? [] : to)
    request({ kind: 'ring', request: name, app, ring })
  }

  withdraw(): void {
    const { app, random, request } = this.#setting
    const rings = [...this.#rings]
    const ring = rings[random.int(rings.length)]
    if (ring !== undefined) request({ kind: 'ring-withdraw', request: this.#name(++this.#request), app, ring })
  }

  /** Reads every ring and every presence. */
  readAll(): void {
    this.#readRings()
    this.readPresence()
  }

  /** Reads every presence; the answers are in `read` when this returns, if the server is up. */
  readPresence(): void {
    const { app, request } = this.#setting
    const puids = [...this.told.keys()]
    // Small questions: they are answered where they are asked.
    for (let at = 0; at < puids.length; at += QUESTION_PUIDS) {
      const some = puids.slice(at, at + QUESTION_PUIDS)
      request({ kind: 'presence', request: this.#name(++this.#request), app, puids: some })
    }
  }

  /** True for replies to this service's requests and streams. */
  owns(name: number): boolean {
    return Math.floor(name / 1e9) === this.#setting.app
  }

  handleReply(reply: HubReply): void {
    const { checker } = this.#setting
    switch (reply.kind) {
      case 'ring':
        checker.ringCreated(reply.ring)
        this.#rings.add(reply.ring.ring)
        checker.ringSeen(reply.ring)
        this.#tellRing(reply.request, reply.ring.ring)
        break
      case 'consented':
        this.#exchange(reply.request, reply.code)
        break
      case 'consent-exchanged':
        this.learn(this.#agreeing.get(reply.request)!, reply.puid)
        this.#agreeing.delete(reply.request)
        break
      case 'ring-change':
        checker.ringSeen(reply.ring)
        break
      case 'change':
        checker.presenceChanged(reply.view)
        break
      case 'snapshot':
        for (const view of reply.views) checker.presenceRead(view)
        break
      case 'presence':
        for (const view of reply.views) {
          checker.presenceRead(view)
          this.read.set(view.puid, view)
        }
        break
      default:
        break
    }
  }

  #exchange(agreed: number, code: string): void {
    const { app, request } = this.#setting
    const name = this.#name(++this.#request)
    this.#agreeing.set(name, this.#agreeing.get(agreed)!)
    this.#agreeing.delete(agreed)
    request({ kind: 'consent-exchange', request: name, app, code, ...REDIRECT })
  }

  #tellRing(request: number, ring: string): void {
    const to = this.#asked.get(request)
    if (to !== undefined) this.#setting.onRing(ring, to)
    this.#asked.delete(request)
  }

  #readRings(): void {
    const { app, request } = this.#setting
    for (const ring of this.#rings)
      request({ kind: 'ring-get', request: this.#name(++this.#request), app, ring, waitMs: 0 })
  }

  /** Request and stream numbers of different services must differ. */
  #name(number: number): number {
    return this.#setting.app * 1e9 + number
  }
}
