import type { Now } from '../base/time.js'
import type { Presence } from '../presence/presence.js'
import type { PresenceLine } from '../presence/state.js'
import type { Timers } from '../presence/timers.js'
import type { RingView } from '../ring/ring.js'
import type { Apps, HubApp } from './apps.js'
import type { HubConfig } from './config.js'
import type { HubReply, HubRequest, PresenceView } from './message.js'
import type { Outbox } from './outbox.js'
import type { Named, PresenceViews } from './presence-views.js'

/** Persons looked at in one go while a snapshot is made. */
const SCAN_PERSONS = 8_192
/** PUIDs made in one go while a snapshot is made. */
const SCAN_PUIDS = 256

/** The snapshot of a stream, being made. */
interface Scan {
  /** the next person to look at; -1 all were */
  next: number
  /** those seen so far, by person and rotation; '' while the PUID is not made yet */
  readonly found: Map<string, Named>
  /** those whose PUID is still to be made */
  readonly unnamed: Named[]
}

/** One reader of an application's changes. */
interface Stream {
  readonly number: number
  readonly app: HubApp
  /** PUIDs that it is about; null all */
  readonly only: ReadonlySet<string> | null
  /** while the snapshot is made, nothing else is told */
  scan: Scan | null
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
  /** streams that make their snapshot, by a small number */
  readonly #scanning = new Map<number, Stream>()
  #lastScan = 0
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
    this.#scans = timers((key, now) => this.#goOn(key, now))
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
    const only = puids === null ? null : new Set(puids)
    const stream: Stream = { number, app, only, scan: null, hearsRestart: isVoid && heardBootMs !== null }
    this.#byNumber.set(number, stream)
    this.#byApp.set(app.index, streams.add(stream))
    if (isVoid) this.#tell(stream, { kind: 'restarted', stream: number, bootedMs, offlineMs: bootedMs + voidsMs })
    if (puids !== null) {
      this.#start(stream, this.#views.answer(key, puids, now))
      return
    }
    stream.scan = { next: 0, found: new Map(), unnamed: [] }
    do this.#lastScan = (this.#lastScan + 1) % 2 ** 31
    while (this.#scanning.has(this.#lastScan))
    this.#scanning.set(this.#lastScan, stream)
    this.#goOn(this.#lastScan, now)
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
      if (stream.scan !== null) stream.scan.found.set(`${person}/${rotation}`, { puid, person, rotation })
      else if (stream.only === null || stream.only.has(puid)) {
        this.#tell(stream, { kind: 'change', stream: stream.number, view })
      }
    }
  }

  /** A ring of an application changed. */
  handleRingChange(app: HubApp, ring: RingView): void {
    for (const stream of [...(this.#byApp.get(app.index) ?? [])]) {
      this.#tell(stream, { kind: 'ring-change', stream: stream.number, ring })
    }
  }

  /** Goes on with a snapshot for as much as one go may take. */
  #goOn(key: number, now: Now): void {
    const stream = this.#scanning.get(key)
    const scan = stream?.scan
    if (stream === undefined || scan == null || this.#byNumber.get(stream.number) !== stream) {
      this.#scanning.delete(key)
      return
    }
    if (!this.#scanPersons(stream.app, scan) || !namePuids(stream.app, scan)) {
      this.#scans.arm(key, now.monotonicMs)
      return
    }
    this.#scanning.delete(key)
    stream.scan = null
    const views = [...scan.found.values()].map((named) => this.#views.view(stream.app, named, now))
    const isTold = ({ state }: PresenceView) => stream.hearsRestart || (state !== 'offline' && state !== 'unknown')
    this.#start(stream, views.filter(isTold))
  }

  /** Tells where a stream starts from. */
  #start(stream: Stream, views: PresenceView[]): void {
    if (!stream.hearsRestart) this.#tell(stream, { kind: 'snapshot', stream: stream.number, views })
    for (const view of stream.hearsRestart ? views : []) {
      if (this.#byNumber.get(stream.number) !== stream) return
      if (view.state !== 'unknown') this.#tell(stream, { kind: 'change', stream: stream.number, view })
    }
  }

  /** Looks at some more persons. @returns whether all were looked at. */
  #scanPersons(app: HubApp, scan: Scan): boolean {
    for (let left = SCAN_PERSONS; scan.next >= 0 && left > 0; left--) {
      const person = this.#presence.nextPerson(scan.next)
      scan.next = person < 0 ? -1 : person + 1
      const rotation = person < 0 ? -1 : this.#presence.shownRotation(person, app.index)
      const name = `${person}/${rotation}`
      if (rotation < 0 || scan.found.has(name)) continue
      const named = { puid: '', person, rotation }
      scan.found.set(name, named)
      scan.unnamed.push(named)
    }
    return scan.next < 0
  }

  #tell(stream: Stream, reply: HubReply): void {
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

/** Makes some more PUIDs. @returns whether all are made. */
function namePuids(app: HubApp, scan: Scan): boolean {
  for (let left = SCAN_PUIDS; left > 0; left--) {
    const named = scan.unnamed.pop()
    if (named === undefined) return true
    named.puid = app.puids.write(named)
  }
  return scan.unnamed.length === 0
}
