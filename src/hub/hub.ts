import type { Now } from '../base/time.js'
import { partOf, partsBelow } from '../endpoint/device-handle.js'
import { Loading } from '../endpoint/loading.js'
import type { DeviceHandle, EndpointCommand, EndpointEvent } from '../endpoint/message.js'
import { Presence } from '../presence/presence.js'
import { Rings } from '../ring/rings.js'
import { Agenda } from './agenda.js'
import { Apps } from './apps.js'
import { checkedHubConfig, type HubConfig, type HubOptions } from './config.js'
import { Consents } from './consents.js'
import { Devices } from './devices.js'
import { DropCounts, type HubDrop, listMetrics, presenceMetrics, ringMetrics } from './hub-metrics.js'
import { KeyTransfers } from './key-transfers.js'
import type { ListContext, Sender } from './list-channel.js'
import { ListCommits } from './list-commits.js'
import { ListReads } from './list-reads.js'
import { ListVisibility } from './list-visibility.js'
import { Listeners } from './listeners.js'
import type { AppKey, HubReply, HubRequest, HubStoreReply, HubStoreRequest, PersonKey } from './message.js'
import { Outbox } from './outbox.js'
import { OwnViews } from './own-views.js'
import { PresenceQuestions } from './presence-questions.js'
import { PresenceViews } from './presence-views.js'
import { ReliableFrames } from './reliable.js'
import { ringOutlet, ringPeople, SERVER_KEY } from './ring-links.js'
import { Roster } from './roster.js'
import { ServerClock } from './server-clock.js'
import { StateFrames } from './state-frames.js'
import { Streams } from './streams.js'

type DeviceEvent = Extract<EndpointEvent, { kind: 'frame' }>

/**
 * The pure application: endpoint events x presence x rings. Events, requests, replies and time go in; commands, replies
 * and store requests are polled out. One hub serves all endpoints of a server: the worker stands in a device's handle.
 * At start load applications, then persons, then devices, or say which are to come (`expectDevices`), then grants and rings.
 * After each `handle..` call, poll all queues until they are empty, and call `handleTimeout` when `nextTimeout` has come. Time
 * must not go back. The same inputs give the same outputs. This file only routes; each part owns its fields, timers and frames.
 */
export class Hub {
  readonly #config: HubConfig
  readonly #outbox = new Outbox()
  readonly #drops = new DropCounts()
  readonly #ownViews: OwnViews
  readonly #agenda: Agenda
  readonly #apps: Apps
  readonly #presence: Presence
  readonly #devices: Devices
  readonly #reliable: ReliableFrames
  readonly #states: StateFrames
  readonly #commits: ListCommits
  readonly #visibility: ListVisibility
  readonly #reads: ListReads
  readonly #keys: KeyTransfers
  readonly #questions: PresenceQuestions
  readonly #streams: Streams
  readonly #listeners: Listeners
  readonly #rings: Rings
  readonly #consents: Consents
  readonly #roster: Roster
  /** Devices that the store knows and that are not here yet. What waits for them is bounded by what the store does. */
  readonly #loading = new Loading({ all: Infinity, part: Infinity })

  /** @throws PilotlightError PL_BAD_OPTION. */
  constructor(options: HubOptions) {
    const config = checkedHubConfig(options)
    const { crypto, random, limits } = config
    this.#agenda = new Agenda(config.bootedMonotonicMs)
    const timers = (onDue: (key: number, now: Now) => void) => this.#agenda.line(onDue)
    const outbox = this.#outbox
    const apps = new Apps(crypto, config.puidKey)
    const presence = new Presence({
      ...config,
      endedGraceMs: limits.endedGraceMs,
      listener: {
        listens: (app) => this.#listeners.listens(app),
        changed: (...change) => this.#listeners.handleChange(...change),
        reachChanged: (person, now) => this.#rings.handleReach(person, now),
      },
      appIndexOf: (appId) => apps.byId(appId)?.index ?? -1,
      timers,
    })
    const devices = new Devices(presence)
    const clock = new ServerClock(config)
    const count = (what: HubDrop) => this.#drops.add(what)
    const context: ListContext = { config, presence, devices, outbox, clock, timers, count }
    const reliable = new ReliableFrames(random, outbox)
    const states = new StateFrames(context, reliable)
    const ownViews = new OwnViews(presence, devices, apps)
    const views = new PresenceViews(presence, apps, config.bootSeconds, ownViews.reads)
    const streams = new Streams({ config, presence, apps, views, outbox }, timers)
    const listeners = new Listeners({ apps, views, outbox, streams }, timers)
    const ends = { people: ringPeople(presence, devices, apps), outlet: ringOutlet(outbox, listeners, config.onRing) }
    this.#config = config
    this.#apps = apps
    this.#presence = presence
    this.#devices = devices
    const commits = new ListCommits(context, states)
    const visibility = new ListVisibility(context, states)
    const reads = new ListReads(context)
    const keys = new KeyTransfers(context, reliable)
    const consents = new Consents(context, apps, reliable)
    const lists = { commits, visibility, reads, keys, consents, ownViews }
    this.#ownViews = ownViews
    this.#reliable = reliable
    this.#states = states
    this.#commits = commits
    this.#visibility = visibility
    this.#reads = reads
    this.#keys = keys
    this.#consents = consents
    this.#roster = new Roster({ presence, devices, outbox, reliable, ...lists })
    this.#questions = new PresenceQuestions({ views, outbox, puidsMax: limits.questionPuidsMax }, timers)
    this.#streams = streams
    this.#listeners = listeners
    this.#rings = new Rings({ ...ends, channel: reliable, crypto, random, limits, timers })
  }

  // At start

  /** An application. @param appId 8 B. */
  addApp(app: AppKey, appId: Uint8Array, name: string): void {
    this.#apps.add(app, appId, name)
  }

  /** A person who was there before this start, and the committed version of their list, 0 none. */
  addPerson(person: PersonKey, listVersion: number): void {
    this.#presence.addPerson(person, listVersion, true)
  }

  /**
   * Slots of a worker below this may have devices that were there before this start and come later, by `addDevice` in parts, each
   * followed by `handleLoaded`. An endpoint has nothing of them before; requests about them wait.
   */
  expectDevices(worker: number, slots: number): void {
    this.#loading.expect(partsBelow(worker, slots))
  }

  /** A device that was there before this start. One whose person is not here was added since, or removed: that is told yet. */
  addDevice(device: DeviceHandle, person: PersonKey): void {
    if (this.#presence.hasPerson(person)) this.#roster.addDevice(device, person, true)
  }

  /** All devices of a part were added: what waited for them is handled. @param part of `partOf`. */
  handleLoaded(part: number, now: Now): void {
    this.#loading.handleLoaded(part, now)
    if (this.#loading.parts === 0) this.#consents.grants.handleDevicesLoaded(now)
  }

  /** A ring's row, as it was put. @returns false if it cannot be read or its application is gone. */
  loadRing(row: Uint8Array): boolean {
    const { bootedMs, bootedMonotonicMs } = this.#config
    const now = { monotonicMs: bootedMonotonicMs, wallMs: bootedMs }
    const isLoaded = this.#rings.load(row, (app) => app === SERVER_KEY || this.#apps.get(app) !== null, now)
    if (!isLoaded) this.#drops.add('ringRowsIgnored')
    return isLoaded
  }

  /** A grant's row, as it was put. @returns false if it cannot be read, is past its time, or of somebody who is gone. */
  loadGrant(row: Uint8Array): boolean {
    const { bootedMs, bootedMonotonicMs } = this.#config
    const now = { monotonicMs: bootedMonotonicMs, wallMs: bootedMs }
    const isLoaded = this.#consents.grants.load(row, this.#loading.parts === 0, now)
    if (!isLoaded) this.#drops.add('grantRowsIgnored')
    return isLoaded
  }

  // Doors

  /** An event of an endpoint. One of a device that is not here counts for nothing. */
  handleEvent(event: EndpointEvent, now: Now): void {
    const { device } = event
    const row = this.#devices.rowOf(device)
    if (row < 0) {
      this.#drops.add('eventsOfStrangers')
      return
    }
    switch (event.kind) {
      case 'contact':
        this.#handleContact(event, row, now)
        break
      case 'lost':
        this.#presence.handleLost(row, now)
        this.#reliable.handleLost(device, now)
        break
      case 'ended':
        this.#presence.handleEnded(row, now)
        this.#reliable.handleLost(device, now)
        break
      case 'acked':
        if (!this.#reliable.handleAcked(device, event.id, now)) this.#drops.add('acksOfNothing')
        break
      case 'unacked':
        this.#reliable.handleUnacked(device, event.id, now)
        break
      case 'frame':
        this.#handleFrame(event, row, now)
        break
    }
  }

  /** A request of the sidecar or of the operator. */
  handleRequest(request: HubRequest, now: Now): void {
    const missing = this.#loading.parts === 0 ? undefined : namedParts(request).find((part) => !this.#loading.has(part))
    if (missing !== undefined) {
      this.#loading.wait(missing, (later) => this.handleRequest(request, later))
      return
    }
    switch (request.kind) {
      case 'presence':
        this.#questions.ask(request, now)
        break
      case 'subscribe':
        this.#streams.subscribe(request, now)
        break
      case 'unsubscribe':
        this.#streams.unsubscribe(request.stream)
        break
      case 'ring':
        this.#rings.handleRing(request.request, request.app, request.ring, now)
        break
      case 'ring-get':
        this.#rings.handleGet(request.request, request.app, request.ring, request.waitMs, now)
        break
      case 'ring-withdraw':
        this.#rings.handleWithdraw(request.request, request.app, request.ring, now)
        break
      case 'consent':
      case 'consent-exchange':
        this.#consents.handle(request, now)
        break
      case 'person':
        this.#outbox.replies.push(this.#ownViews.answer(request, now))
        break
      case 'metrics':
        this.#outbox.replies.push({ kind: 'metrics', request: request.request, metrics: this.metrics() })
        break
      case 'account-added':
        this.#roster.addPerson(request.person)
        break
      case 'account-removed':
        this.#roster.removePerson(request.person, now)
        break
      case 'device-added':
        this.#roster.handleDeviceAdded(request, now)
        break
      case 'device-removed':
        this.#roster.removeDevice(request.device, request.code, now)
        break
      case 'app-added':
        this.addApp(request.app, request.appId, request.name)
        break
      case 'app-removed':
        this.#removeApp(request.app, now)
        break
      case 'listen':
        this.#listeners.set(request, now)
        break
    }
  }

  /** A reply of the store. One that nobody waits for any more is ignored. */
  handleStored(reply: HubStoreReply, now: Now): void {
    if (reply.kind === 'list') {
      this.#reads.handleList(reply.request, reply.version, reply.sealed)
      return
    }
    if (reply.kind === 'papers') {
      this.#keys.handlePapers(reply.request, reply.papers)
      return
    }
    if (this.#rings.handleStored(reply.request, reply.ok, now)) return
    if (this.#consents.grants.handleStored(reply.request, reply.ok, now)) return
    const person = this.#commits.handleStored(reply.request, reply.ok, reply.version, now)
    if (person >= 0) this.#consents.grants.handleChange(person, now)
  }

  /** Does everything whose time has come. */
  handleTimeout(now: Now): void {
    this.#agenda.expire(now)
  }

  /** When to call `handleTimeout`, in monotonic ms: never later than something is due; Infinity if nothing is. */
  nextTimeout(): number {
    return this.#agenda.nextMs()
  }

  /** The next command for the endpoint of its device, or null. */
  pollCommand(): EndpointCommand | null {
    return this.#outbox.commands.shift()
  }

  /** The next reply for the sidecar, or null. */
  pollReply(): HubReply | null {
    return this.#outbox.replies.shift()
  }

  /** The next request to the store, or null. Requests must be done in this order. */
  pollStore(): HubStoreRequest | null {
    return this.#outbox.requests.shift()
  }

  /** The next part of devices that a request waits for, or null: it is best loaded next. */
  pollWanted(): number | null {
    return this.#loading.pollWanted()
  }

  /** Counters and gauges at this moment, in camelCase. */
  metrics(): Record<string, number> {
    const keys = this.#keys.numbers
    const streams = this.#streams.numbers
    return {
      ...presenceMetrics(this.#presence.numbers),
      ...ringMetrics(this.#rings.numbers),
      apps: this.#apps.size,
      streams: streams.streams,
      streamEvents: streams.told,
      presenceQuestionPuids: this.#questions.waitingPuids,
      ...this.#listeners.metrics,
      ...listMetrics(this.#commits.numbers, this.#visibility.numbers, this.#reads.size),
      keyRequests: keys.requests,
      keysGiven: keys.given,
      devicesWithFramesWaiting: this.#reliable.devices,
      ...this.#consents.numbers,
      timers: this.#agenda.armed,
      devicePartsToLoad: this.#loading.parts,
      ...this.#drops.all(),
    }
  }

  // Routes

  #handleContact(event: Extract<EndpointEvent, { kind: 'contact' }>, row: number, now: Now): void {
    const { device, state, fresh } = event
    const person = this.#presence.personOf(row)
    if (fresh) this.#rings.handleRestart(device, person)
    this.#presence.handleContact(row, state, now)
    if (state === 'gone') {
      this.#reliable.handleLost(device, now)
      return
    }
    this.#states.handleContact(row, fresh, now)
    this.#keys.handleContact(device, person)
    this.#rings.handleContact(person, now)
    this.#consents.grants.handleContact(device, person, fresh, now)
  }

  #handleFrame({ device, frame }: DeviceEvent, row: number, now: Now): void {
    const sender: Sender = { device, row, person: this.#presence.personOf(row) }
    switch (frame.kind) {
      case 'verdict':
        if (!this.#rings.handleVerdict(device, sender.person, frame, now)) this.#drops.add('verdictsOfNothing')
        break
      case 'thresholds':
        this.#presence.handleThresholds(row, frame.awayAfterS, frame.offlineAfterS, now)
        break
      case 'sync':
        this.#states.tell(row, now)
        break
      case 'visibility':
        if (this.#visibility.handlePart(sender, frame, now)) this.#consents.grants.handleApplied(sender.person)
        break
      case 'list':
        this.#commits.handlePart(sender, frame, now)
        break
      case 'want-list':
        this.#reads.handleWant(sender, frame.index, now)
        break
      case 'key-request':
        this.#keys.handleRequest(sender, frame, now)
        break
      case 'key-sealed':
        this.#keys.handleSealed(sender, frame)
        break
      case 'puid-request':
        this.#consents.handlePuidRequest(sender, frame)
        break
      case 'granted':
        this.#consents.grants.handleGranted(sender, frame, now)
        break
    }
  }

  #removeApp(key: AppKey, now: Now): void {
    const app = this.#apps.get(key)
    if (app === null) return
    this.#listeners.forget(app)
    this.#rings.handleAppRemoved(key, now)
    this.#consents.grants.forgetApp(key)
    this.#apps.remove(app)
  }
}

/** The parts of the devices that a request names. */
function namedParts(request: HubRequest): number[] {
  if (request.kind === 'device-added' || request.kind === 'device-removed') return [partOf(request.device)]
  return request.kind === 'account-removed' || request.kind === 'person' ? request.devices.map(partOf) : []
}
