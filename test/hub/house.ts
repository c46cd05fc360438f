/** A hub with everything around it in memory: a store that survives crashes, phones, an application, a virtual clock. */
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { deviceHandle, partOf } from '../../src/endpoint/device-handle.js'
import type { EndpointCommand, EndpointEvent } from '../../src/endpoint/message.js'
import type { NotifyFrame, OutcomeFrame, PingState, ServerFrame, StateFrame } from '../../src/frame/frame.js'
import { encodeFrames } from '../../src/frame/frame-codec.js'
import { splitList } from '../../src/frame/list-parts.js'
import { encodePersonList, type ListEntry, type PersonList } from '../../src/frame/person-list.js'
import type { HubOptions } from '../../src/hub/config.js'
import { Hub } from '../../src/hub/hub.js'
import type {
  HubReply,
  HubRequest,
  HubStoreReply,
  HubStoreRequest,
  NewRing,
  PresenceView,
  RingView,
} from '../../src/hub/message.js'
import { PuidCodec } from '../../src/presence/puid.js'
import { plaintextBytesMax } from '../../src/session/sender.js'
import { zoneTable } from '../presence/zone-table.js'

export const BOOTED_MS = Date.UTC(2026, 5, 15, 10, 0, 0)
export const PUID_KEY = new Uint8Array(32).fill(7)
export const APP = 1
export const OTHER_APP = 2
export const APP_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
export const OTHER_APP_ID = Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1)
const APP_IDS = new Map([
  [APP, APP_ID],
  [OTHER_APP, OTHER_APP_ID],
])

/** Flags of entries. */
export const SHOWN = 1
export const APPEAR_OFFLINE = 2
export const SHARE = 4
export const BLOCKED = 8

/** What survives a crash. */
export interface Disk {
  bootSeconds: number
  clockSeconds: number
  persons: Map<number, { version: number; sealed: Uint8Array | null }>
  devices: Map<number, { person: number; name: string; key: Uint8Array }>
  rings: Map<string, Uint8Array>
  /** outcomes that a webhook is still to tell, by ring */
  outcomes: Map<string, Uint8Array>
  grants: Map<string, Uint8Array>
}

/** A list that shows the person to applications. */
export function listFor(entries: Partial<ListEntry>[], rest: Partial<PersonList> = {}): PersonList {
  const full = entries.map((entry) => ({ app: APP_ID, flags: SHOWN, rotation: 0, windows: [], ...entry }))
  return { choice: 0, status: '', away: '', zone: '', entries: full, ...rest }
}

/** One device, as far as the hub sees it. */
export class Phone {
  readonly frames: ServerFrame[] = []
  /** acks reliable frames by itself */
  acks = true
  /** as in DEVICE_CLASSES */
  deviceClass = 1
  readonly house: House
  readonly handle: number
  readonly person: number

  constructor(house: House, handle: number, person: number) {
    this.house = house
    this.handle = handle
    this.person = person
  }

  contact(state: PingState = 'active', fresh = false): this {
    this.house.event({ kind: 'contact', device: this.handle, state, fresh })
    return this
  }

  lose(): this {
    this.house.event({ kind: 'lost', device: this.handle })
    return this
  }

  end(): this {
    this.house.event({ kind: 'ended', device: this.handle })
    return this
  }

  frame(frame: Extract<EndpointEvent, { kind: 'frame' }>['frame']): this {
    this.house.event({ kind: 'frame', device: this.handle, frame })
    return this
  }

  ack(id: number): this {
    this.house.event({ kind: 'acked', device: this.handle, id })
    return this
  }

  thresholds(awayAfterS: number, offlineAfterS: number): this {
    return this.frame({ kind: 'thresholds', awayAfterS, offlineAfterS })
  }

  /** Tells the plaintext list with a version. */
  tellList(list: PersonList, version: number): this {
    const parts = splitList(encodePersonList(list))
    parts.forEach((part, index) => {
      this.frame({ kind: 'visibility', version, index, count: parts.length, part: part.slice() })
    })
    return this
  }

  /** Commits a list (its plaintext stands for the sealed one), then tells it. */
  putList(list: PersonList, base = this.house.version(this.person)): this {
    this.commitList(list, base, base + 1)
    return this.tellList(list, base + 1)
  }

  commitList(list: PersonList, base: number, version: number): this {
    const parts = splitList(encodePersonList(list))
    parts.forEach((part, index) => {
      this.frame({ kind: 'list', base, version, index, count: parts.length, part: part.slice() })
    })
    return this
  }

  of<Kind extends ServerFrame['kind']>(kind: Kind): Extract<ServerFrame, { kind: Kind }>[] {
    return this.frames.filter((frame) => frame.kind === kind) as Extract<ServerFrame, { kind: Kind }>[]
  }

  get notifies(): NotifyFrame[] {
    return this.of('notify')
  }

  get outcomes(): OutcomeFrame[] {
    return this.of('outcome')
  }

  get states(): StateFrame[] {
    return this.of('state')
  }

  /** Answers the last NOTIFY. */
  verdict(what: 0 | 1 | 2 | 3, reply: Uint8Array | null = null, id = this.notifies.at(-1)?.id ?? 0): this {
    return this.frame({ kind: 'verdict', id, what, deviceClass: this.deviceClass, reply })
  }
}

export class House {
  hub: Hub
  readonly disk: Disk
  readonly phones: Phone[] = []
  readonly random: SeededRandom
  readonly options: Partial<HubOptions>
  monotonicMs = 5_000
  wallMs = BOOTED_MS
  bootedMs = BOOTED_MS
  bootedMonotonicMs = 5_000
  replies: HubReply[] = []
  commands: EndpointCommand[] = []
  /** store requests that wait while the store is held */
  held: HubStoreRequest[] = []
  isStoreHeld = false
  /** the store says no */
  isStoreBroken = false
  /** slots of worker 0 of which the next start loads nothing by itself: `load` does */
  slotsToLoad = 0
  /** told of each reply and each packet at the moment it comes out */
  onReply: (reply: HubReply) => void = () => {}
  onSend: (phone: Phone, frames: readonly ServerFrame[]) => void = () => {}
  #request = 0

  constructor(options: Partial<HubOptions> = {}, disk?: Disk, seed: string | number = 1) {
    this.options = options
    this.random = new SeededRandom(seed)
    this.disk = disk ?? {
      bootSeconds: Math.floor(BOOTED_MS / 1000),
      clockSeconds: 0,
      persons: new Map(),
      devices: new Map(),
      rings: new Map(),
      outcomes: new Map(),
      grants: new Map(),
    }
    this.hub = this.#boot()
  }

  get now() {
    return { monotonicMs: this.monotonicMs, wallMs: this.wallMs }
  }

  #boot(): Hub {
    this.bootedMs = this.wallMs
    this.bootedMonotonicMs = this.monotonicMs
    const hub = new Hub({
      crypto: nobleCrypto,
      random: this.random.fork(this.disk.bootSeconds),
      puidKey: PUID_KEY,
      bootSeconds: this.disk.bootSeconds,
      clockSeconds: this.disk.clockSeconds,
      bootedMs: this.bootedMs,
      bootedMonotonicMs: this.bootedMonotonicMs,
      zones: zoneTable,
      ...this.options,
    })
    for (const [app, id] of APP_IDS) hub.addApp(app, id, `app ${app}`)
    for (const [person, { version }] of this.disk.persons) hub.addPerson(person, version)
    if (this.slotsToLoad > 0) hub.expectDevices(0, this.slotsToLoad)
    else for (const [device, { person }] of this.disk.devices) hub.addDevice(device, person)
    for (const row of this.disk.rings.values()) hub.loadRing(row)
    for (const row of this.disk.grants.values()) hub.loadGrant(row)
    return hub
  }

  /** Adds a person with devices at run time. */
  person(person: number, devices = 1): Phone[] {
    this.disk.persons.set(person, { version: 0, sealed: null })
    this.ask({ kind: 'account-added', person })
    return Array.from({ length: devices }, () => this.device(person))
  }

  device(person: number, name = 'phone'): Phone {
    const slot = this.phones.length
    // The first handle is 0, which must be a device like any other.
    const phone = new Phone(this, deviceHandle(slot % 3, slot, 0), person)
    const key = new Uint8Array(32).fill(slot + 1)
    this.disk.devices.set(phone.handle, { person, name, key })
    this.phones.push(phone)
    this.ask({ kind: 'device-added', person, device: phone.handle, rotation: 0 })
    return phone
  }

  version(person: number): number {
    return this.disk.persons.get(person)?.version ?? 0
  }

  puid(person: number, app = APP, rotation = 0): string {
    return new PuidCodec(nobleCrypto, PUID_KEY, APP_IDS.get(app) as Uint8Array).write({ person, rotation })
  }

  // Inputs

  event(event: EndpointEvent): void {
    this.hub.handleEvent(event, this.now)
    this.drain()
  }

  ask(request: HubRequest): void {
    this.hub.handleRequest(request, this.now)
    this.drain()
  }

  nextRequest(): number {
    return ++this.#request
  }

  /** Moves time on, firing what is due on the way, exactly when it is due. */
  advance(ms: number): void {
    const endMs = this.monotonicMs + ms
    for (;;) {
      const nextMs = this.hub.nextTimeout()
      if (nextMs > endMs) break
      this.#setTime(Math.max(nextMs, this.monotonicMs))
      this.hub.handleTimeout(this.now)
      this.drain()
    }
    this.#setTime(endMs)
  }

  #setTime(monotonicMs: number): void {
    this.wallMs += monotonicMs - this.monotonicMs
    this.monotonicMs = monotonicMs
  }

  /** kill -9 and start again, after some time. What the store had not committed is lost. */
  crash(downMs = 1_000): void {
    this.held = []
    this.#setTime(this.monotonicMs + downMs)
    this.disk.bootSeconds = Math.max(this.disk.bootSeconds + 1, Math.floor(this.wallMs / 1000))
    this.hub = this.#boot()
    this.drain()
  }

  /** Loads a part of the devices, after a start that did not. */
  load(part: number): void {
    for (const [device, { person }] of this.disk.devices)
      if (partOf(device) === part) this.hub.addDevice(device, person)
    this.hub.handleLoaded(part, this.now)
    this.drain()
  }

  // Outputs

  drain(): void {
    for (let moved = true; moved; ) {
      moved = false
      for (let command = this.hub.pollCommand(); command !== null; command = this.hub.pollCommand()) {
        moved = true
        this.#take(command)
      }
      for (let request = this.hub.pollStore(); request !== null; request = this.hub.pollStore()) {
        moved = true
        if (this.isStoreHeld) this.held.push(request)
        else this.commit(request)
      }
      for (let reply = this.hub.pollReply(); reply !== null; reply = this.hub.pollReply()) {
        moved = true
        this.replies.push(reply)
        this.onReply(reply)
      }
    }
  }

  /** Lets the store do what it held. */
  releaseStore(): void {
    this.isStoreHeld = false
    const held = this.held
    this.held = []
    for (const request of held) this.commit(request)
    this.drain()
  }

  commit(request: HubStoreRequest): void {
    const reply = this.isStoreBroken ? refusal(request) : store(this.disk, request)
    if (reply !== null) this.hub.handleStored(reply, this.now)
  }

  #take(command: EndpointCommand): void {
    this.commands.push(command)
    if (command.kind !== 'send') return
    const phone = this.phones.find((one) => one.handle === command.device)
    if (phone === undefined) return
    const bytes = encodeFrames(command.frames, 's2d').length
    if (bytes > plaintextBytesMax('server')) throw new Error(`a packet of ${bytes} bytes`)
    phone.frames.push(...command.frames)
    this.onSend(phone, command.frames)
    for (const frame of command.frames) {
      if (phone.acks && 'id' in frame) {
        this.hub.handleEvent({ kind: 'acked', device: phone.handle, id: frame.id }, this.now)
      }
    }
  }

  /** Replies to one request or stream. */
  take<Kind extends HubReply['kind']>(kind: Kind): Extract<HubReply, { kind: Kind }>[] {
    const taken = this.replies.filter((reply) => reply.kind === kind)
    this.replies = this.replies.filter((reply) => reply.kind !== kind)
    return taken as Extract<HubReply, { kind: Kind }>[]
  }

  // Short forms

  views(puids: string[], app = APP): PresenceView[] {
    this.ask({ kind: 'presence', request: this.nextRequest(), app, puids })
    return this.take('presence').at(-1)?.views ?? []
  }

  view(person: number, app = APP, rotation = 0): PresenceView {
    return this.views([this.puid(person, app, rotation)], app)[0] as PresenceView
  }

  subscribe(stream = 1, app = APP, puids: string[] | null = null, heardBootMs: number | null = null): void {
    this.ask({ kind: 'subscribe', stream, app, puids, heardBootMs })
  }

  /** Changes told to a stream, as 'state/cause'. */
  changes(stream = 1): string[] {
    return this.take('change')
      .filter((reply) => reply.stream === stream)
      .map(({ view }) => `${view.state}/${view.cause}`)
  }

  /** Sends a ring; null if it was refused or waits for the store. */
  ring(to: number | number[], rest: Partial<NewRing> = {}, app = APP): RingView | null {
    const persons = typeof to === 'number' ? [to] : to
    const request = this.nextRequest()
    const ring = {
      to: persons.map((person) => this.puid(person, app)),
      title: 'Ada calls',
      body: '',
      url: '',
      payload: '',
      deadlineInMs: 30_000,
      strategy: 'all' as const,
      stepMs: 0,
      collapseKey: '',
      idempotencyKey: '',
      ...rest,
    }
    this.ask({ kind: 'ring', request, app, ring })
    const reply = this.replies.find((one) => one.kind === 'ring' && one.request === request)
    return reply?.kind === 'ring' ? reply.ring : null
  }

  readRing(ring: string, app = APP): RingView | null {
    const request = this.nextRequest()
    this.ask({ kind: 'ring-get', request, app, ring, waitMs: 0 })
    const reply = this.take('ring').find((one) => one.request === request)
    return reply?.ring ?? null
  }

  withdraw(ring: string, app = APP): void {
    this.ask({ kind: 'ring-withdraw', request: this.nextRequest(), app, ring })
  }

  lastError(): string {
    return this.take('error').at(-1)?.code ?? ''
  }

  metrics(): Record<string, number> {
    return this.hub.metrics()
  }
}

/** A house with one person who is online and visible to both applications. */
export function homely(
  devices = 1,
  options: Partial<HubOptions> = {},
): { house: House; phones: Phone[]; phone: Phone } {
  const house = new House(options)
  const phones = house.person(1, devices)
  for (const phone of phones) phone.contact('active', true)
  const phone = phones[0] as Phone
  phone.putList(listFor([{}, { app: OTHER_APP_ID }]))
  for (const one of phones) one.frames.length = 0
  house.replies = []
  house.commands = []
  return { house, phones, phone }
}

function store(disk: Disk, request: HubStoreRequest): HubStoreReply | null {
  switch (request.kind) {
    case 'put-list': {
      disk.clockSeconds = Math.max(disk.clockSeconds, request.clockSeconds)
      const current = disk.persons.get(request.person)?.version ?? 0
      const ok = request.base === current && disk.persons.has(request.person)
      if (ok) disk.persons.set(request.person, { version: request.version, sealed: request.sealed })
      return { kind: 'stored', request: request.request, ok, version: ok ? request.version : current }
    }
    case 'get-list': {
      const { version, sealed } = disk.persons.get(request.person) ?? { version: 0, sealed: null }
      return { kind: 'list', request: request.request, version, sealed }
    }
    case 'get-papers': {
      const row = disk.devices.get(request.device)
      const papers = row === undefined ? null : { publicKey: row.key, name: row.name }
      return { kind: 'papers', request: request.request, papers }
    }
    case 'put-ring':
      disk.rings.set(hex(request.ring), request.row)
      if (request.outcome != null) disk.outcomes.set(hex(request.ring), request.outcome)
      return { kind: 'stored', request: request.request, ok: true, version: 0 }
    case 'put-grant':
      disk.clockSeconds = Math.max(disk.clockSeconds, request.clockSeconds)
      disk.grants.set(hex(request.grant), request.row)
      return { kind: 'stored', request: request.request, ok: true, version: 0 }
    case 'drop-grant':
      disk.grants.delete(hex(request.grant))
      return null
    case 'drop-outcome':
      disk.outcomes.delete(hex(request.ring))
      return null
    case 'drop-ring':
      disk.rings.delete(hex(request.ring))
      return null
  }
}

function refusal(request: HubStoreRequest): HubStoreReply | null {
  if (request.kind === 'get-papers') return { kind: 'papers', request: request.request, papers: null }
  if (request.kind === 'get-list' || !('request' in request)) return null
  return { kind: 'stored', request: request.request, ok: false, version: 0 }
}
