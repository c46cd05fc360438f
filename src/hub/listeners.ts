import { fromHex } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import type { PresenceLine } from '../presence/state.js'
import type { Timers } from '../presence/timers.js'
import type { RingView } from '../ring/ring.js'
import { isTerminal } from '../ring/ring-state.js'
import type { Apps, HubApp } from './apps.js'
import { Damper, type Told } from './damper.js'
import type { AppKey, HubRequest } from './message.js'
import type { Outbox } from './outbox.js'
import { writeOutcomeRow } from './outcome-row.js'
import type { PresenceViews } from './presence-views.js'
import type { Streams } from './streams.js'

type ListenRequest = Extract<HubRequest, { kind: 'listen' }>
type Wanted = Pick<ListenRequest, 'presence' | 'rings' | 'outcomes'>

/** What listeners are made of. */
export interface ListenersParts {
  apps: Apps
  views: PresenceViews
  outbox: Outbox
  streams: Streams
}

/**
 * Who is told of changes: an application's streams, and its webhook, which is sent elsewhere. Both see the same damped
 * changes.
 */
export class Listeners {
  readonly #parts: ListenersParts
  readonly #damper: Damper
  /** what is told by webhook */
  readonly #byApp = new Map<AppKey, Wanted>()
  /** indexes of applications that are told of presence by webhook */
  readonly #presence = new Set<number>()
  /** rings whose end is being committed together with its outcome */
  readonly #stored = new Set<string>()
  #told = 0

  constructor(parts: ListenersParts, timers: (onDue: (key: number, now: Now) => void) => Timers) {
    this.#parts = parts
    this.#damper = new Damper(timers, (app, person, rotation, line, now) => {
      parts.streams.handleChange(app, person, rotation, line, now)
      this.#tellWebhook(app, person, rotation, line, now)
    })
  }

  /** Numbers for metrics: applications with a webhook, events for webhooks since the start, changes that are held back. */
  get metrics(): Record<string, number> {
    return { webhookApps: this.#byApp.size, webhookEvents: this.#told, changesDamped: this.#damper.size }
  }

  /** Sets what an application is told by webhook, and how its changes are damped. */
  set({ app: key, presence, rings, outcomes, minHoldMs, coalesceMs }: ListenRequest, now: Now): void {
    const app = this.#parts.apps.get(key)
    if (app === null) return
    if (presence || rings || outcomes) this.#byApp.set(key, { presence, rings, outcomes })
    else this.#byApp.delete(key)
    if (presence) this.#presence.add(app.index)
    else this.#presence.delete(app.index)
    this.#damper.set(app.index, { minHoldMs, coalesceMs }, now)
  }

  /** An application is gone: the ends of its rings are told to nobody. */
  forget(app: HubApp): void {
    this.#byApp.delete(app.key)
    this.#presence.delete(app.index)
    this.#damper.forget(app.index)
    this.#parts.streams.handleAppRemoved(app)
  }

  /** Whether an application is told of presence. */
  listens(appIndex: number): boolean {
    return this.#presence.has(appIndex) || this.#parts.streams.listens(appIndex)
  }

  /** An application sees a new line of a person. @param was what it saw before. */
  handleChange(app: number, person: number, rotation: number, line: PresenceLine, now: Now, was: Told): void {
    this.#damper.handleChange(app, person, rotation, line, now, was)
  }

  /** A ring of an application changed, and that is committed. */
  handleRingChange(key: AppKey, ring: RingView): void {
    const { apps, streams, outbox } = this.#parts
    const app = apps.get(key)
    if (app !== null) streams.handleRingChange(app, ring)
    const wanted = this.#byApp.get(key)
    const isEnd = isTerminal(ring.state)
    const isStored = isEnd && this.#stored.delete(ring.ring)
    if (app === null || wanted === undefined || !(isEnd ? wanted.outcomes : wanted.rings)) {
      // Nobody wants it any more, and nobody else would drop it.
      if (isStored) outbox.requests.push({ kind: 'drop-outcome', ring: fromHex(ring.ring) })
      return
    }
    this.#told++
    outbox.replies.push({ kind: 'webhook-ring', app: key, ring, isEnd })
  }

  /** What the store is to keep until the application was told how its ring ended; null nothing. */
  outcomeRow(key: AppKey, ring: RingView): Uint8Array | null {
    if (this.#byApp.get(key)?.outcomes !== true) return null
    this.#stored.add(ring.ring)
    return writeOutcomeRow(key, ring)
  }

  #tellWebhook(appIndex: number, person: number, rotation: number, line: PresenceLine, now: Now): void {
    const { apps, views, outbox } = this.#parts
    const app = this.#presence.has(appIndex) ? apps.byIndex(appIndex) : null
    if (app === null) return
    this.#told++
    const view = views.viewOf(app.puids.write({ person, rotation }), line, now)
    outbox.replies.push({ kind: 'webhook-presence', app: app.key, view })
  }
}
