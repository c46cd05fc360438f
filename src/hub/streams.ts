import type { Now } from '../base/time.js'
import type { Presence } from '../presence/presence.js'
import type { PresenceLine } from '../presence/state.js'
import type { Timers } from '../presence/timers.js'
import type { RingView } from '../ring/ring.js'
import type { Apps, HubApp } from './apps.js'
import type { HubConfig } from './config.js'
import type { HubReply, HubRequest, PresenceView } from './message.js'
import type { Outbox } from './outbox.js'
import type { PresenceViews } from './presence-views.js'
import { SnapshotScan } from './snapshot-scan.js'

/** One reader of an application's changes. */
interface Stream {
  readonly number: number
  readonly app: HubApp
  /** PUIDs that it is about; null all */
  readonly only: ReadonlySet<string> | null
  /** while the snapshot is made, no change is told */
  scan: SnapshotScan | null
  /** the last of the snapshot was told, now those who changed meanwhile are */
  isCatchingUp: boolean
  /** it was told of the restart only now: instead of a snapshot, each person heard since makes one change */
  readonly hearsRestart: boolean
}

/**
 * The streams of applications: `restarted` if the server started less than the longest silence ago, a snapshot, then
 * each change in order. A reader that comes back after a restart gets no snapshot: `restarted` voided all it knew, and
 * each person heard since is told as a change, so that nobody's return is lost in the gap. Only applications with a
 * stream cost anything when somebody changes.
 */
export class Streams {
  readonly #config: HubConfig
  readonly #presence: Presence
  readonly #apps: Apps
  readonly #views: PresenceViews
  readonly #outbox: Outbox
  readonly #scans: Timers
  readonly #byNumber = new Map<number, Stream>()
  readonly #byApp = new Map<number, Set<Stream>>()
  /** streams that make their snapshot, in turn */
  #scanning: Stream[] = []
  #told = 0

  constructor(
    parts: { config: HubConfig; presence: Presence; apps: Apps; views: PresenceViews; outbox: Outbox },
    timers: (onDue: (key: number, now: Now) => void) => Timers,
  ) {
    this.#config = parts.config
    this.#presence = parts.presence
    this.#apps = parts.apps
    this.#views = parts.views
    this.#outbox = parts.outbox
    this.#scans = timers((_, now) => this.#goOn(now))
  }

  /** Streams that are open, and events told to streams since the start. */
  get numbers(): { streams: number; told: number } {
    return { streams: this.#byNumber.size, told: this.#told }
  }

  /** Whether an application has a stream. */
  listens(appIndex: number): boolean {
    return this.#byApp.has(appIndex)
  }

  /**
   * Opens a stream. `puids` null is for everybody visible; else it is about those, and nobody else. `heardBootMs` is the
   * `bootedMs` of the server that told this reader its last event, null for a new reader.
   */
  subscribe(asked: Extract<HubRequest, { kind: 'subscribe' }>, now: Now): void {
    const { stream: number, app: key, puids, heardBootMs } = asked
    this.unsubscribe(number)
    const app = this.#apps.get(key)
    if (app === null) {
      this.#refuse(number, 'app-removed')
      return
    }
    const streams = this.#byApp.get(app.index) ?? new Set()
    if (streams.size >= this.#config.limits.streamsPerApp) {
      this.#refuse(number, 'too-many-streams')
      return
    }
    const { bootedMs, bootedMonotonicMs, longestSilenceS } = this.#config
    const voidsMs = longestSilenceS * 1000
    const isVoid = heardBootMs !== bootedMs && now.monotonicMs - bootedMonotonicMs < voidsMs
    const stream: Stream = {
      number,
      app,
      only: puids === null ? null : new Set(puids),
      scan: new SnapshotScan({ presence: this.#presence, views: this.#views }, app, puids),
      isCatchingUp: false,
      hearsRestart: isVoid && heardBootMs !== null,
    }
    this.#byNumber.set(number, stream)
    this.#byApp.set(app.index, streams.add(stream))
    if (isVoid) this.#tell(stream, { kind: 'restarted', stream: number, bootedMs, offlineMs: bootedMs + voidsMs })
    this.#scanning.push(stream)
    if (this.#scanning.length === 1) this.#goOn(now)
  }

  /** Closes a stream. */
  unsubscribe(number: number): void {
    const stream = this.#byNumber.get(number)
    if (stream === undefined) return
    this.#byNumber.delete(number)
    const streams = this.#byApp.get(stream.app.index)
    streams?.delete(stream)
    if (streams?.size === 0) this.#byApp.delete(stream.app.index)
  }

  /** An application was removed: its streams end. */
  handleAppRemoved(app: HubApp): void {
    for (const { number } of [...(this.#byApp.get(app.index) ?? [])]) {
      this.unsubscribe(number)
      this.#refuse(number, 'app-removed')
    }
  }

  /** An application sees a new line of a person. */
  handleChange(appIndex: number, person: number, rotation: number, line: PresenceLine, now: Now): void {
    const streams = this.#byApp.get(appIndex)
    const app = this.#apps.byIndex(appIndex)
    if (streams === undefined || app === null) return
    const puid = app.puids.write({ person, rotation })
    const view = this.#views.viewOf(puid, line, now)
    for (const stream of [...streams]) {
      if (stream.only !== null && !stream.only.has(puid)) continue
      if (stream.scan !== null) stream.scan.handleChange({ puid, person, rotation })
      else this.#tell(stream, { kind: 'change', stream: stream.number, view })
    }
  }

  /** A ring of an application changed. */
  handleRingChange(app: HubApp, ring: RingView): void {
    for (const stream of [...(this.#byApp.get(app.index) ?? [])]) {
      this.#tell(stream, { kind: 'ring-change', stream: stream.number, ring })
    }
  }

  /** Goes on with one snapshot for as much as one go may take; many are made in turn. */
  #goOn(now: Now): void {
    const stream = this.#scanning.shift()
    if (stream !== undefined && this.#scan(stream, now)) this.#scanning.push(stream)
    if (this.#scanning.length > 0) this.#scans.arm(0, now.monotonicMs)
  }

  /** @returns whether something is left to do. */
  #scan(stream: Stream, now: Now): boolean {
    const { number, scan } = stream
    if (scan === null || this.#byNumber.get(number) !== stream) return false
    if (stream.isCatchingUp) {
      for (const view of scan.changed(now)) this.#tell(stream, { kind: 'change', stream: number, view })
    } else {
      const { views, isLast } = scan.more(now)
      this.#tellStart(stream, views, isLast)
      stream.isCatchingUp = isLast
    }
    if (stream.isCatchingUp && scan.changes === 0) stream.scan = null
    return stream.scan !== null
  }

  /** Tells where a stream starts from; who comes back after a restart is told changes. */
  #tellStart(stream: Stream, views: PresenceView[], isLast: boolean): void {
    const { number, only, hearsRestart } = stream
    if (hearsRestart) {
      for (const view of views) {
        if (view.state !== 'unknown') this.#tell(stream, { kind: 'change', stream: number, view })
      }
      return
    }
    const shown = only === null ? views.filter(({ state }) => state !== 'offline' && state !== 'unknown') : views
    if (shown.length > 0 || isLast) this.#tell(stream, { kind: 'snapshot', stream: number, views: shown, isLast })
  }

  /** A stream that is closed hears nothing. */
  #tell(stream: Stream, reply: HubReply): void {
    if (this.#byNumber.get(stream.number) !== stream) return
    if (this.#outbox.replies.length >= this.#config.limits.repliesMax) {
      this.unsubscribe(stream.number)
      this.#refuse(stream.number, 'buffer-full')
      return
    }
    this.#told++
    this.#outbox.replies.push(reply)
  }

  #refuse(stream: number, code: string): void {
    this.#outbox.replies.push({ kind: 'stream-ended', stream, code })
  }
}
