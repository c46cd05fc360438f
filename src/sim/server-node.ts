/** A simulated server: one hub, several endpoints with a port each, and a store whose commits take time and die in a crash. */
import { isConnectionAddress } from '../base/connection-address.js'
import type { SeededRandom } from '../base/seeded-random.js'
import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import type { KeyPair } from '../crypto/key-pair.js'
import type { EndpointOptions } from '../endpoint/config.js'
import { partsBelow, workerOf } from '../endpoint/device-handle.js'
import { Endpoint } from '../endpoint/endpoint.js'
import type { DeviceHandle, EndpointEvent } from '../endpoint/message.js'
import { Hub } from '../hub/hub.js'
import type { AppKey, HubReply, HubRequest, HubStoreRequest, PersonKey, WebhookNews } from '../hub/message.js'
import type { WebhookConfig } from '../webhook/config.js'
import type { Send } from '../webhook/message.js'
import type { EventQueue } from './event-queue.js'
import type { Connection, ConnectionEnd, Network, ServerPort } from './network.js'
import { ServerChannels } from './server-channels.js'
import { ServerLoading } from './server-loading.js'
import type { ServerWatch } from './server-watch.js'
import { type Answer, ServerWebhooks } from './server-webhooks.js'
import { type Disk, SimStore, type StoredDevice } from './sim-store.js'

/** Virtual ms that a commit takes at most. */
const COMMIT_MS_MAX = 30
/** Handshakes that wait at once; fewer than the default, as a start of a server costs their memory. */
const PENDING_MAX = 256
/** Messages 1 in a second above which cookies are asked for; fewer than the default, so that a flood costs less here. */
const LOAD_PER_SECOND = 50

/** What an AppService is told, but by webhook. */
export type ServiceReply = Exclude<HubReply, WebhookNews>

export interface ServerSetting {
  crypto: Crypto
  random: SeededRandom
  network: Network
  /** endpoints, each with a port of its own; a device stays with one */
  workers: number
  /** slots of each */
  slots: number
  staticKeys: KeyPair[]
  cidKey: Uint8Array
  resetKey: Uint8Array
  puidKey: Uint8Array
  apps: Map<AppKey, Uint8Array>
  /** Unix ms of virtual time 0 */
  epochMs: number
  watch: ServerWatch
  /** The ports are open, or closed (null). */
  attach: (ports: readonly ServerPort[] | null) => void
  onReply: (reply: ServiceReply) => void
  /** A webhook is sent to an application. */
  onWebhook: (send: Send, answered: (answer: Answer) => void) => void
  /** It crashed by `crashAtCommit`. */
  onCrash: () => void
}

export class ServerNode {
  readonly setting: ServerSetting
  readonly #queue: EventQueue
  /** what survives a crash */
  disk: Disk
  #endpoints: Endpoint[] = []
  #hub: Hub | null = null
  #webhooks: ServerWebhooks | null = null
  #loading: ServerLoading | null = null
  #life = 0
  #timerMs = Number.POSITIVE_INFINITY
  /** commits that were asked for and are not done */
  #commits: ((store: SimStore) => void)[] = []
  #lastCommitMs = 0
  #channels: ServerChannels
  bootedMs = 0
  /** Its ports while it is up; null while it is down. */
  ports: readonly ServerPort[] | null = null
  /** The process dies at its commit of this number from now on, before or after it is durable; null: it does not. */
  crashAtCommit: { commits: number; isAfter: boolean } | null = null

  /** The same for steps of webhooks: before a request goes out, and when its answer comes. */
  crashAtWebhook: number | null = null

  constructor(setting: ServerSetting, disk: Disk) {
    this.setting = setting
    this.#queue = setting.network.queue
    this.#channels = new ServerChannels(this.#queue)
    this.disk = disk
  }

  get isUp(): boolean {
    return this.#hub !== null
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  /** Of the hub; null while it is down. */
  metrics(): Record<string, number> | null {
    return this.#hub?.metrics() ?? null
  }

  start(): void {
    const { crypto, random, workers, slots, staticKeys, cidKey, resetKey, puidKey, apps, watch } = this.setting
    const now = this.#now()
    this.#life++
    this.#timerMs = Number.POSITIVE_INFINITY
    this.#commits = []
    this.bootedMs = now.wallMs
    this.disk.bootSeconds = Math.max(this.disk.bootSeconds + 1, Math.floor(now.wallMs / 1000))
    const life = random.fork(`life-${this.#life}`)
    const boot = life.fill(new Uint8Array(12))
    new DataView(boot.buffer).setUint32(0, this.disk.bootSeconds)
    this.#endpoints = watch.start(workers, slots).map((slab, worker) => {
      const options = { worker, slots, slotsToLoad: slots, staticKeys, boot, cidKey, resetKey, ...this.limits() }
      return new Endpoint(crypto, life.fork(`endpoint-${worker}`), options, now, slab)
    })
    const { bootSeconds, clockSeconds } = this.disk
    this.#hub = new Hub({
      crypto,
      random: life.fork('hub'),
      puidKey,
      bootSeconds,
      clockSeconds,
      bootedMs: now.wallMs,
      bootedMonotonicMs: now.monotonicMs,
      zones: { offsetAt: () => ({ offsetMinutes: 0, untilMs: Number.POSITIVE_INFINITY }) },
    })
    for (const [app, appId] of apps) this.#hub.addApp(app, appId, `app ${app}`)
    this.#loading = this.#newLoading(this.#hub, life)
    this.#webhooks = this.#newWebhooks(life)
    this.ports = Array.from({ length: workers }, (_, port) => this.#port(port))
    this.setting.attach(this.ports)
    this.#drain()
  }

  /** A planned stop: what was asked of the store is done first. */
  stop(): void {
    const store = new SimStore(this.disk)
    for (const commit of this.#commits) commit(store)
    this.crash()
  }

  /** `kill -9`: what was not committed is lost. */
  crash(): void {
    this.#life++
    this.#hub = null
    this.#webhooks = null
    this.#endpoints = []
    this.#commits = []
    this.setting.watch.contact.reset()
    this.ports = null
    this.setting.attach(null)
    this.#channels.end()
    this.#channels = new ServerChannels(this.#queue)
  }

  request(request: HubRequest): void {
    this.#hub?.handleRequest(request, this.#now())
    this.#drain()
  }

  /** Events that wait for their endpoints. */
  get webhooksWaiting(): number {
    return this.#webhooks?.waiting ?? 0
  }

  /** Lets something happen to the webhooks, if the server is up. */
  withWebhooks(happen: (webhooks: ServerWebhooks) => void): void {
    if (this.#webhooks !== null) happen(this.#webhooks)
    this.#drain()
  }

  /** What strangers may cost. */
  protected limits(): Partial<EndpointOptions> {
    return { pendingHandshakesMax: PENDING_MAX, handshakesPerSecondBeforeCookie: LOAD_PER_SECOND }
  }

  /** Hands an event on to the hub. */
  protected tellHub(hub: Hub, event: EndpointEvent, now: Now): void {
    hub.handleEvent(event, now)
  }

  /** Hands a reply on to the AppServices, or news to the webhooks. */
  protected reply(reply: HubReply): void {
    if ('app' in reply) this.#webhooks?.takeNews(reply)
    else this.setting.onReply(reply)
  }

  /** Puts a datagram on the wire. */
  protected transmit(worker: number, remote: Uint8Array, bytes: Uint8Array): void {
    this.setting.watch.left(bytes, remote)
    if (!isConnectionAddress(remote)) this.setting.network.sendToDevice(worker, remote, bytes)
    else if (!this.#channels.transmit(remote, bytes)) this.#endpoints[worker]!.handlePathClosed(remote)
  }

  #accept(connection: Connection, port: number): ConnectionEnd {
    return this.#channels.accept(connection, {
      receive: (bytes, address) => this.ports?.[port]?.receive(bytes, address),
      closed: (address) => {
        this.#endpoints[port]!.handlePathClosed(address)
        this.#drain()
      },
    })
  }

  /** Persons and what waits for them are there at once; devices come later. */
  #newLoading(hub: Hub, life: SeededRandom): ServerLoading {
    const { workers, slots } = this.setting
    const persons = new Set<PersonKey>([...this.disk.devices.values()].map(({ person }) => person))
    for (const person of persons) hub.addPerson(person, this.disk.lists.get(person)?.version ?? 0)
    for (let worker = 0; worker < workers; worker++) hub.expectDevices(worker, slots)
    for (const { row } of this.disk.rings.values()) hub.loadRing(row)
    for (const row of this.disk.grants.values()) hub.loadGrant(row)
    const load = (part: number, rows: readonly StoredDevice[]) => this.#load(hub, part, rows)
    const parts = Array.from({ length: workers }, (_, worker) => partsBelow(worker, slots)).flat()
    return new ServerLoading({ queue: this.#queue, random: life.fork('loading'), disk: this.disk, parts, load })
  }

  #load(hub: Hub, part: number, rows: readonly StoredDevice[]): void {
    if (this.#hub !== hub) return
    const now = this.#now()
    for (const row of rows) {
      hub.addDevice(row.device, row.person)
      this.#endpointOf(row.device).loadSession(row.device, row.session, row.rotation)
    }
    for (const endpoint of this.#endpoints) endpoint.handleLoaded(part, now)
    hub.handleLoaded(part, now)
    for (const { device } of rows) this.setting.watch.look(device, now)
    this.#drain()
  }

  #port(port: number): ServerPort {
    const life = this.#life
    const { watch } = this.setting
    return {
      accept: (connection) => (life === this.#life ? this.#accept(connection, port) : null),
      receive: (bytes, remote) => {
        if (life !== this.#life) return
        watch.came(bytes, remote)
        this.#endpoints[port]!.handleDatagram(bytes, remote, this.#now())
        watch.handled(bytes, port, this.#now())
        this.#drain()
      },
    }
  }

  #endpointOf(device: DeviceHandle): Endpoint {
    return this.#endpoints[workerOf(device)]!
  }

  #now(): Now {
    const monotonicMs = this.#queue.nowMs
    return { monotonicMs, wallMs: Math.floor(this.setting.epochMs + monotonicMs) }
  }

  #drain(): void {
    const hub = this.#hub
    if (hub === null) return
    let moved = true
    while (moved) {
      moved = false
      for (const [worker, endpoint] of this.#endpoints.entries())
        moved = this.#drainEndpoint(hub, endpoint, worker) || moved
      moved = this.#drainHub(hub) || moved
      moved = this.#webhooks?.drain() === true || moved
    }
    this.#loading?.poll([...this.#endpoints, hub])
    if (this.#hub === hub) this.#arm(hub)
  }

  #drainEndpoint(hub: Hub, endpoint: Endpoint, worker: number): boolean {
    let moved = false
    for (let sent = endpoint.pollTransmit(); sent !== null; sent = endpoint.pollTransmit()) {
      this.transmit(worker, sent.remote, sent.bytes)
      moved = true
    }
    for (let remote = endpoint.pollClose(); remote !== null; remote = endpoint.pollClose()) {
      this.#channels.close(remote)
      moved = true
    }
    for (let event = endpoint.pollEvent(); event !== null; event = endpoint.pollEvent()) {
      this.setting.watch.handleEvent(event, this.#now())
      this.tellHub(hub, event, this.#now())
      moved = true
    }
    for (let request = endpoint.pollStore(); request !== null; request = endpoint.pollStore()) {
      const asked = request
      this.#commit((store) => {
        const reply = store.endpoint(asked)
        return () => {
          if (reply !== null) endpoint.handleStored(reply, this.#now())
          if ('device' in asked) this.setting.watch.look(asked.device, this.#now())
        }
      })
      moved = true
    }
    return moved
  }

  #drainHub(hub: Hub): boolean {
    let moved = false
    for (let command = hub.pollCommand(); command !== null; command = hub.pollCommand()) {
      this.#endpointOf(command.device).handleCommand(command, this.#now())
      moved = true
    }
    for (let request = hub.pollStore(); request !== null; request = hub.pollStore()) {
      this.#commitHub(hub, request)
      moved = true
    }
    for (let reply = hub.pollReply(); reply !== null; reply = hub.pollReply()) {
      this.reply(reply)
      moved = true
    }
    return moved
  }

  #commitHub(hub: Hub, request: HubStoreRequest): void {
    this.#commit((store) => {
      const reply = store.hub(request)
      return () => {
        if (reply !== null) hub.handleStored(reply, this.#now())
      }
    })
  }

  #newWebhooks(life: SeededRandom): ServerWebhooks {
    const hub = this.#hub as Hub
    const parts = {
      random: life.fork('webhooks'),
      now: () => this.#now(),
      tellHub: (request: HubRequest) => hub.handleRequest(request, this.#now()),
      store: (request: HubStoreRequest) => this.#commitHub(hub, request),
      keepConfig: (app: AppKey, config: WebhookConfig, then: () => void) =>
        this.#commit((store) => {
          store.disk.webhooks.set(app, config)
          return then
        }),
      step: (run: () => void) => this.#step(run),
      send: this.setting.onWebhook,
    }
    return new ServerWebhooks(parts, this.disk)
  }

  /** Runs something by itself, unless the process dies before. */
  #step(run: () => void): void {
    const life = this.#life
    this.#queue.at(this.#queue.nowMs, () => {
      if (life !== this.#life) return
      if (this.crashAtWebhook !== null && --this.crashAtWebhook < 0) {
        this.crashAtWebhook = null
        this.crash()
        this.setting.onCrash()
        return
      }
      run()
      this.#drain()
    })
  }

  /** Commits are done in order, each some time after it was asked for; `write` gives what follows its reply. */
  #commit(write: (store: SimStore) => () => void): void {
    const life = this.#life
    const doneMs = Math.max(this.#lastCommitMs, this.#queue.nowMs + this.setting.random.uniform() * COMMIT_MS_MAX)
    this.#lastCommitMs = doneMs
    this.#commits.push(write)
    this.#queue.at(doneMs, () => {
      if (life !== this.#life) return
      this.#commits.shift()
      const crash = this.crashAtCommit
      const dies = crash !== null && --crash.commits < 0
      const goOn = dies && !crash.isAfter ? null : write(new SimStore(this.disk))
      if (dies) {
        this.crashAtCommit = null
        this.crash()
        this.setting.onCrash()
        return
      }
      goOn?.()
      this.#drain()
    })
  }

  #arm(hub: Hub): void {
    let atMs = Math.min(hub.nextTimeout(), this.#webhooks?.nextTimeout() ?? Number.POSITIVE_INFINITY)
    for (const endpoint of this.#endpoints) atMs = Math.min(atMs, endpoint.nextTimeout())
    if (atMs === Number.POSITIVE_INFINITY || atMs >= this.#timerMs) return
    const life = this.#life
    this.#timerMs = atMs
    this.#queue.at(atMs, () => {
      if (life !== this.#life || this.#timerMs !== atMs) return
      this.#timerMs = Number.POSITIVE_INFINITY
      const now = this.#now()
      for (const endpoint of this.#endpoints) if (endpoint.nextTimeout() <= now.monotonicMs) endpoint.handleTimeout(now)
      if (hub.nextTimeout() <= now.monotonicMs) hub.handleTimeout(now)
      this.#webhooks?.handleTimeout()
      this.#drain()
    })
  }
}
