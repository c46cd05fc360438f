/** A simulated server: one hub, several endpoints with a port each, and a store whose commits take time and die in a crash. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import type { KeyPair } from '../crypto/key-pair.js'
import { workerOf } from '../endpoint/device-handle.js'
import { Endpoint } from '../endpoint/endpoint.js'
import type { DeviceHandle, EndpointEvent } from '../endpoint/message.js'
import { Hub } from '../hub/hub.js'
import type { AppKey, HubReply, HubRequest, PersonKey } from '../hub/message.js'
import type { EventQueue } from './event-queue.js'
import type { Network, ServerPort } from './network.js'
import { type Disk, SimStore } from './sim-store.js'

/** Virtual ms that a commit takes at most. */
const COMMIT_MS_MAX = 30

export interface ServerSetting {
  crypto: Crypto
  random: SeededRandom
  network: Network
  /** endpoints, each with a port of its own; a device stays with one */
  workers: number
  staticKeys: KeyPair[]
  cidKey: Uint8Array
  resetKey: Uint8Array
  puidKey: Uint8Array
  apps: Map<AppKey, Uint8Array>
  /** Unix ms of virtual time 0 */
  epochMs: number
  onReply: (reply: HubReply) => void
  onEvent: (event: EndpointEvent) => void
}

export class ServerNode {
  readonly #setting: ServerSetting
  readonly #queue: EventQueue
  /** what survives a crash */
  disk: Disk
  #endpoints: Endpoint[] = []
  #hub: Hub | null = null
  #life = 0
  #timerMs = Number.POSITIVE_INFINITY
  bootedMs = 0

  constructor(setting: ServerSetting, disk: Disk) {
    this.#setting = setting
    this.#queue = setting.network.queue
    this.disk = disk
  }

  get isUp(): boolean {
    return this.#hub !== null
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints
  }

  start(): void {
    const { crypto, random, workers, staticKeys, cidKey, resetKey, puidKey, apps, network } = this.#setting
    const now = this.#now()
    this.#life++
    this.#timerMs = Number.POSITIVE_INFINITY
    this.bootedMs = now.wallMs
    this.disk.bootSeconds = Math.max(this.disk.bootSeconds + 1, Math.floor(now.wallMs / 1000))
    const life = random.fork(`life-${this.#life}`)
    const boot = life.fill(new Uint8Array(12))
    new DataView(boot.buffer).setUint32(0, this.disk.bootSeconds)
    this.#endpoints = Array.from({ length: workers }, (_, worker) => {
      const options = { worker, slots: 4096, staticKeys, boot, cidKey, resetKey }
      return new Endpoint(crypto, life.fork(`endpoint-${worker}`), options, now)
    })
    const zones = { offsetAt: () => ({ offsetMinutes: 0, untilMs: Number.POSITIVE_INFINITY }) }
    const { bootSeconds } = this.disk
    this.#hub = new Hub({
      crypto,
      random: life.fork('hub'),
      puidKey,
      bootSeconds,
      bootedMs: now.wallMs,
      bootedMonotonicMs: now.monotonicMs,
      zones,
    })
    for (const [app, appId] of apps) this.#hub.addApp(app, appId, `app ${app}`)
    this.#load(this.#hub)
    network.servers = Array.from({ length: workers }, (_, port) => this.#port(port))
    this.#drain()
  }

  /** `kill -9`: what was not committed is lost. */
  crash(): void {
    this.#life++
    this.#hub = null
    this.#endpoints = []
    this.#setting.network.servers = null
  }

  request(request: HubRequest): void {
    this.#hub?.handleRequest(request, this.#now())
    this.#drain()
  }

  #load(hub: Hub): void {
    const persons = new Set<PersonKey>()
    for (const row of this.disk.devices.values()) {
      if (!persons.has(row.person)) hub.addPerson(row.person, this.disk.lists.get(row.person)?.version ?? 0)
      persons.add(row.person)
      this.#endpointOf(row.device).loadSession(row.device, row.session, row.rotation)
      hub.addDevice(row.device, row.person, row.name, row.publicKey)
    }
    for (const { row } of this.disk.rings.values()) hub.loadRing(row)
  }

  #port(port: number): ServerPort {
    const life = this.#life
    return {
      receive: (bytes, remote) => {
        if (life !== this.#life) return
        this.#endpoints[port]!.handleDatagram(bytes, remote, this.#now())
        this.#drain()
      },
    }
  }

  #endpointOf(device: DeviceHandle): Endpoint {
    return this.#endpoints[workerOf(device)]!
  }

  #now(): Now {
    const monotonicMs = this.#queue.nowMs
    return { monotonicMs, wallMs: Math.floor(this.#setting.epochMs + monotonicMs) }
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
    this.#arm()
  }

  #drainEndpoint(hub: Hub, endpoint: Endpoint, worker: number): boolean {
    let moved = false
    for (let sent = endpoint.pollTransmit(); sent !== null; sent = endpoint.pollTransmit()) {
      this.#setting.network.sendToDevice(worker, sent.remote, sent.bytes)
      moved = true
    }
    for (let event = endpoint.pollEvent(); event !== null; event = endpoint.pollEvent()) {
      this.#setting.onEvent(event)
      hub.handleEvent(event, this.#now())
      moved = true
    }
    for (let request = endpoint.pollStore(); request !== null; request = endpoint.pollStore()) {
      const asked = request
      this.#commit((store) => {
        const reply = store.endpoint(asked)
        if (reply !== null) endpoint.handleStored(reply, this.#now())
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
        if (reply !== null) hub.handleStored(reply, this.#now())
      })
      moved = true
    }
    for (let reply = hub.pollReply(); reply !== null; reply = hub.pollReply()) {
      this.#setting.onReply(reply)
      moved = true
    }
    return moved
  }

  /** Commits are done in order, each some time after it was asked for. */
  #commit(run: (store: SimStore) => void): void {
    const life = this.#life
    const doneMs = Math.max(this.#lastCommitMs, this.#queue.nowMs + this.#setting.random.uniform() * COMMIT_MS_MAX)
    this.#lastCommitMs = doneMs
    this.#queue.at(doneMs, () => {
      if (life !== this.#life) return
      run(new SimStore(this.disk))
      this.#drain()
    })
  }
  #lastCommitMs = 0

  #arm(): void {
    const hub = this.#hub
    if (hub === null) return
    const atMs = Math.min(hub.nextTimeout(), ...this.#endpoints.map((endpoint) => endpoint.nextTimeout()))
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
