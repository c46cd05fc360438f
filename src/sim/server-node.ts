/** A simulated server: one hub, several endpoints with a port each, and a store whose commits take time and die in a crash. */
import { connectionAddress, connectionOf, isConnectionAddress } from '../base/connection-address.js'
import type { SeededRandom } from '../base/seeded-random.js'
import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import type { KeyPair } from '../crypto/key-pair.js'
import type { EndpointOptions } from '../endpoint/config.js'
import { workerOf } from '../endpoint/device-handle.js'
import { Endpoint } from '../endpoint/endpoint.js'
import type { DeviceHandle, EndpointEvent } from '../endpoint/message.js'
import { Hub } from '../hub/hub.js'
import type { AppKey, HubReply, HubRequest, PersonKey } from '../hub/message.js'
import { Flag, GRACE_BASE_MS, GRACE_DIVISOR, SILENCE_MAX_S, WEBSOCKET_PROOF_MS } from '../packet/constants.js'
import type { EventQueue } from './event-queue.js'
import type { Connection, ConnectionEnd, Network, ServerPort } from './network.js'
import type { ServerWatch } from './server-watch.js'
import { type Disk, SimStore } from './sim-store.js'

/** Virtual ms that a commit takes at most. */
const COMMIT_MS_MAX = 30
/** All WebSockets are of one client here, as behind one proxy. */
const CLIENT_TAG = new Uint8Array(6).fill(7)
/** Handshakes that wait at once; fewer than the default, as a start of a server costs their memory. */
const PENDING_MAX = 256
/** Messages 1 in a second above which cookies are asked for; fewer than the default, so that a flood costs less here. */
const LOAD_PER_SECOND = 50

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
  onReply: (reply: HubReply) => void
  /** It crashed by `crashAtCommit`. */
  onCrash: () => void
}

/** No device may be silent for longer; then a WebSocket is closed. [R-8.3-4] */
const CHANNEL_IDLE_MS = SILENCE_MAX_S * 1000 * (1 + 1 / GRACE_DIVISOR) + GRACE_BASE_MS

/** A WebSocket at the server. */
interface Channel {
  connection: Connection
  port: number
  /** whether a channel packet went out on it */
  isProven: boolean
  /** when something last came or went, virtual ms */
  usedMs: number
  close: () => void
}

export class ServerNode {
  readonly setting: ServerSetting
  readonly #queue: EventQueue
  /** what survives a crash */
  disk: Disk
  #endpoints: Endpoint[] = []
  #hub: Hub | null = null
  #life = 0
  #timerMs = Number.POSITIVE_INFINITY
  /** commits that were asked for and are not done */
  #commits: ((store: SimStore) => void)[] = []
  #lastCommitMs = 0
  /** by number, which begins anew with each process */
  readonly #channels = new Map<number, Channel>()
  #connections = 0
  bootedMs = 0
  /** Its ports while it is up; null while it is down. */
  ports: readonly ServerPort[] | null = null
  /** The process dies at its commit of this number from now on, before or after it is durable; null: it does not. */
  crashAtCommit: { commits: number; isAfter: boolean } | null = null

  constructor(setting: ServerSetting, disk: Disk) {
    this.setting = setting
    this.#queue = setting.network.queue
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
      const options = { worker, slots, staticKeys, boot, cidKey, resetKey, ...this.limits() }
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
    this.#load(this.#hub)
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
    this.#endpoints = []
    this.#commits = []
    this.setting.watch.contact.reset()
    this.ports = null
    this.setting.attach(null)
    for (const { connection } of this.#channels.values()) connection.closeServer()
    this.#channels.clear()
    this.#connections = 0
  }

  request(request: HubRequest): void {
    this.#hub?.handleRequest(request, this.#now())
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

  /** Hands a reply on to the AppServices. */
  protected reply(reply: HubReply): void {
    this.setting.onReply(reply)
  }

  /** Puts a datagram on the wire. */
  protected transmit(worker: number, remote: Uint8Array, bytes: Uint8Array): void {
    this.setting.watch.left(bytes, remote)
    if (isConnectionAddress(remote)) this.#transmitByTcp(worker, remote, bytes)
    else this.setting.network.sendToDevice(worker, remote, bytes)
  }

  /** As the channel desk and the sidecar do it. */
  #transmitByTcp(worker: number, remote: Uint8Array, bytes: Uint8Array): void {
    const channel = this.#channels.get(connectionOf(remote))
    if (channel === undefined) {
      this.#endpoints[worker]!.handlePathClosed(remote)
      return
    }
    if (((bytes[0] as number) & Flag.channel) !== 0) channel.isProven = true
    channel.usedMs = this.#queue.nowMs
    channel.connection.sendDown(bytes)
  }

  /** A WebSocket is open. wire-spec §8.3 */
  #accept(connection: Connection, port: number): ConnectionEnd {
    const life = this.#life
    const number = ++this.#connections
    const address = connectionAddress(CLIENT_TAG, number)
    const close = (): void => {
      if (life !== this.#life || !this.#channels.delete(number)) return
      this.#endpoints[port]!.handlePathClosed(address)
      this.#drain()
    }
    const channel: Channel = {
      connection,
      port,
      isProven: false,
      usedMs: this.#queue.nowMs,
      close: () => {
        connection.closeServer()
        close()
      },
    }
    this.#channels.set(number, channel)
    const look = (): void => {
      if (life !== this.#life || !this.#channels.has(number)) return
      const closesMs = channel.usedMs + CHANNEL_IDLE_MS
      if (channel.isProven && this.#queue.nowMs < closesMs) this.#queue.at(closesMs, look)
      else channel.close()
    }
    this.#queue.at(this.#queue.nowMs + WEBSOCKET_PROOF_MS, look)
    const message = (bytes: Uint8Array): void => {
      channel.usedMs = this.#queue.nowMs
      if (life === this.#life) this.ports?.[port]?.receive(bytes, address)
    }
    return { message, closed: close }
  }

  #load(hub: Hub): void {
    const persons = new Set<PersonKey>()
    const now = this.#now()
    for (const row of this.disk.devices.values()) {
      if (!persons.has(row.person)) hub.addPerson(row.person, this.disk.lists.get(row.person)?.version ?? 0)
      persons.add(row.person)
      this.#endpointOf(row.device).loadSession(row.device, row.session, row.rotation)
      this.setting.watch.look(row.device, now)
      hub.addDevice(row.device, row.person)
    }
    for (const { row } of this.disk.rings.values()) hub.loadRing(row)
    for (const row of this.disk.grants.values()) hub.loadGrant(row)
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
    }
    if (this.#hub === hub) this.#arm(hub)
  }

  #drainEndpoint(hub: Hub, endpoint: Endpoint, worker: number): boolean {
    let moved = false
    for (let sent = endpoint.pollTransmit(); sent !== null; sent = endpoint.pollTransmit()) {
      this.transmit(worker, sent.remote, sent.bytes)
      moved = true
    }
    for (let remote = endpoint.pollClose(); remote !== null; remote = endpoint.pollClose()) {
      this.#channels.get(connectionOf(remote))?.close()
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
      const asked = request
      this.#commit((store) => {
        const reply = store.hub(asked)
        return () => {
          if (reply !== null) hub.handleStored(reply, this.#now())
        }
      })
      moved = true
    }
    for (let reply = hub.pollReply(); reply !== null; reply = hub.pollReply()) {
      this.reply(reply)
      moved = true
    }
    return moved
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
    let atMs = hub.nextTimeout()
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
      this.#drain()
    })
  }
}
