/**
 * What endpoints are told by webhook: every outcome at least once and always the same, presence in order and in the end as it
 * reads, nothing to who wants nothing.
 */
import type { PresenceView, RingView } from '../hub/message.js'
import { REPLACE_AFTER_MS } from '../webhook/backoff.js'
import { REQUESTS_PER_ENDPOINT } from '../webhook/endpoint-queue.js'
import type { Send, SendResult } from '../webhook/message.js'
import { ringJson } from '../webhook/view.js'
import type { AppService } from './app-service.js'
import type { House } from './house.js'

/** Of somebody of whom nobody was told since the server started. */
const UNTOLD = new Set(['offline', 'unknown'])

interface ToldEvent {
  id: string
  type: string
  timestamp: string
  data: { id: string; puid: string; state: string; version: number }
}

/** What one endpoint was told. */
interface Told {
  /** contents by id of the event, and by `webhook-id` */
  readonly contents: Map<string, string>
  /** outcomes that it took, by ring: the event's data as JSON */
  readonly outcomes: Map<string, string>
  /** how its rings ended, as the AppService heard elsewhere */
  readonly ended: Map<string, { endedMs: number; json: string }>
  /** the last change that came, by PUID */
  readonly versions: Map<string, number>
  /** the last change that it took since the last start of the server */
  readonly states: Map<string, { version: number; state: string }>
  /** a change that came more than an hour late, by PUID: nothing newer had happened when it was sent */
  readonly late: Map<string, number>
  /** requests of this life of the server that it waits for */
  readonly underWay: Set<Send>
  /** as Retry-After asks, wall ms */
  notBeforeMs: number
  /** it answered 410, and was not set anew */
  isGone: boolean
  /** since when the server knows that, wall ms */
  goneSinceMs: number
  /** what ended until then need not be told, wall ms */
  droppedUntilMs: number
  /** it missed changes, and does not know which */
  isBlind: boolean
}

export class HookWatch {
  readonly #house: House
  readonly #fail: (what: string) => void
  readonly #told = new Map<number, Told>()

  constructor(house: House, fail: (what: string) => void) {
    this.#house = house
    this.#fail = fail
  }

  /** The server starts: what was under way comes again, and it knows of no Retry-After. */
  started(): void {
    this.interrupted()
    for (const [app, told] of this.#told) {
      told.notBeforeMs = 0
      // It died before it had stored that.
      if (this.#house.server.disk.webhooks.get(app)?.disabled == null) told.goneSinceMs = Infinity
    }
  }

  /** The thread that sends broke: what was under way comes again, and its answers are not heard. */
  interrupted(): void {
    for (const { underWay } of this.#told.values()) underWay.clear()
  }

  /** Whether an endpoint wants nothing more. */
  isGone(app: number): boolean {
    return this.#of(app).isGone
  }

  /** It is being set anew. */
  setsAnew(app: number): void {
    const told = this.#of(app)
    told.goneSinceMs = Infinity
    told.notBeforeMs = 0
    told.isBlind = true
  }

  /** It is set anew: what ends from now on is to be told. */
  isSetAnew(app: number): void {
    const told = this.#of(app)
    told.isGone = false
    told.droppedUntilMs = this.#house.now().wallMs
  }

  /** A request goes out. */
  sent(app: number, send: Send): void {
    const { underWay, notBeforeMs, goneSinceMs } = this.#of(app)
    const { wallMs } = this.#house.now()
    underWay.add(send)
    if (underWay.size > REQUESTS_PER_ENDPOINT) this.#fail(`${underWay.size} requests to endpoint ${app} at once`)
    if (wallMs < notBeforeMs) this.#fail(`${send.id} goes to endpoint ${app} ${notBeforeMs - wallMs} ms too early`)
    if (wallMs > goneSinceMs + 1000) this.#fail(`${send.id} goes to endpoint ${app}, which wants nothing more`)
  }

  /** A request is answered, or will not be. */
  answered(app: number, send: Send, { failure, retryAfterMs }: Pick<SendResult, 'failure' | 'retryAfterMs'>): void {
    const told = this.#of(app)
    const { wallMs } = this.#house.now()
    if (!told.underWay.delete(send)) return
    if (retryAfterMs > 0) told.notBeforeMs = Math.max(told.notBeforeMs, wallMs + retryAfterMs)
    if (failure !== 'gone') return
    told.isGone = true
    told.goneSinceMs = Math.min(told.goneSinceMs, wallMs)
    told.isBlind = true
    told.droppedUntilMs = Infinity
  }

  /** A request comes, whatever becomes of it. */
  came(app: number, send: Send): void {
    const told = this.#of(app)
    const events = eventsOf(send)
    this.#same(told, `message ${send.id}`, JSON.stringify(events))
    for (const event of events) {
      const isNew = this.#same(told, `event ${event.id}`, JSON.stringify(event))
      if (isNew && event.type === 'presence.changed') this.#judgeOrder(told, event)
      if (event.type === 'ring.ended') this.#same(told, `the end of ring ${event.data.id}`, event.id)
    }
    const { wallMs } = this.#house.now()
    for (const { type, timestamp, data } of events) {
      const isLate = type === 'presence.changed' && Date.parse(timestamp) < wallMs - REPLACE_AFTER_MS - 1000
      if (isLate) told.late.set(data.puid, wallMs - 1000)
    }
  }

  /** The endpoint keeps what came, whether the server hears so or not. */
  took(app: number, send: Send): void {
    const told = this.#of(app)
    for (const { type, data } of eventsOf(send)) {
      if (type === 'presence.restarted') {
        told.states.clear()
        told.isBlind = false
      } else if (type === 'presence.reset') told.isBlind = true
      else if (type === 'ring.ended') {
        told.outcomes.set(data.id, JSON.stringify(data))
        this.#judgeOutcome(told, data.id)
      } else if (type === 'presence.changed' && data.version > (told.states.get(data.puid)?.version ?? 0))
        told.states.set(data.puid, data)
    }
  }

  /** The AppService reads a ring elsewhere. */
  ringSeen(app: number, ring: RingView): void {
    if (ring.endedMs === 0) return
    const told = this.#of(app)
    told.ended.set(ring.ring, { endedMs: ring.endedMs, json: JSON.stringify(ringJson(ring)) })
    this.#judgeOutcome(told, ring.ring)
  }

  /** At the end of the calm. */
  finish(): void {
    const { services, server } = this.#house
    for (const service of services) this.#finish(service, this.#of(service.app))
    if (server.disk.outcomes.size > 0) this.#fail(`${server.disk.outcomes.size} outcomes are kept for webhooks`)
    if (server.webhooksWaiting > 0) this.#fail(`${server.webhooksWaiting} events wait for their endpoints`)
  }

  #finish({ app, read }: AppService, told: Told): void {
    for (const [ring, { endedMs, json }] of told.ended) {
      if (!told.outcomes.has(ring) && endedMs > told.droppedUntilMs)
        this.#fail(`endpoint ${app} was not told how ring ${ring} ended: ${json}`)
    }
    if (told.isBlind) return
    for (const view of read.values()) this.#judgeState(app, view, told.states.get(view.puid))
  }

  #judgeState(
    app: number,
    { puid, state, version }: PresenceView,
    told: { version: number; state: string } | undefined,
  ) {
    const isFine = told === undefined ? UNTOLD.has(state) : told.state === state && told.version === version
    if (isFine) return
    const last = told === undefined ? 'nothing' : `${told.state} in version ${told.version}`
    this.#fail(`endpoint ${app} was told ${last} of ${puid}, which reads ${state} in version ${version}`)
  }

  #judgeOutcome(told: Told, ring: string): void {
    const [json, other] = [told.outcomes.get(ring), told.ended.get(ring)?.json]
    if (json !== undefined && other !== undefined && json !== other)
      this.#fail(`ring ${ring} is told as ${json} by webhook and as ${other} else`)
  }

  #judgeOrder(told: Told, { timestamp, data: { puid, version } }: ToldEvent): void {
    const last = told.versions.get(puid) ?? -1
    told.versions.set(puid, version)
    if (version <= last) this.#fail(`webhooks tell version ${version} of ${puid} after ${last}`)
    if (Date.parse(timestamp) < (told.late.get(puid) ?? 0))
      this.#fail(`webhooks told of ${puid} what was an hour old, and not the latest: version ${version} came after it`)
  }

  /** Whether something is new; if not, it is as it was. */
  #same({ contents }: Told, name: string, json: string): boolean {
    const before = contents.get(name)
    contents.set(name, json)
    if (before !== undefined && before !== json) this.#fail(`${name} is told as ${before}, then as ${json}`)
    return before === undefined
  }

  #of(app: number): Told {
    const found = this.#told.get(app)
    if (found !== undefined) return found
    const made: Told = {
      contents: new Map(),
      outcomes: new Map(),
      ended: new Map(),
      versions: new Map(),
      states: new Map(),
      late: new Map(),
      underWay: new Set(),
      notBeforeMs: 0,
      isGone: false,
      goneSinceMs: Infinity,
      droppedUntilMs: 0,
      isBlind: false,
    }
    this.#told.set(app, made)
    return made
  }
}

function eventsOf({ body }: Send): ToldEvent[] {
  return (JSON.parse(body) as { data: ToldEvent[] }).data
}
