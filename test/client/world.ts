/** Device machines and a real endpoint, a store in memory and a small hub, over a network with delay and loss. */

import { addressFrom } from '../../src/base/address.js'
import { concat, hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Now } from '../../src/base/time.js'
import type { Credentials } from '../../src/client/credentials.js'
import { DeviceMachine } from '../../src/client/device-machine.js'
import type { DeviceEvent } from '../../src/client/event.js'
import type { StepPeriods } from '../../src/client/ratchet.js'
import type { SaveRequest } from '../../src/client/save-gate.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import type { KeyPair } from '../../src/crypto/key-pair.js'
import type { EndpointOptions } from '../../src/endpoint/config.js'
import type { DeviceHandle } from '../../src/endpoint/message.js'
import type { DeviceFrame, ServerFrame } from '../../src/frame/frame.js'
import { splitList } from '../../src/frame/list-parts.js'
import type { ChannelObserver } from '../../src/session/observer.js'
import { Pair, type TestDevice } from '../support/pair.js'
import { guarded } from './rig.js'

const DELAY_MS = 20

let addresses = 0

/** An address that nobody had before. */
export function freshAddress(): Uint8Array {
  const n = ++addresses
  return addressFrom(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, 40_000)
}

interface Flying {
  atMs: number
  run: () => void
}

/** What the hub keeps; survives a restart of the endpoint but for `visible`. */
export class SmallHub {
  version = 0
  sealed = new Uint8Array(0)
  visible = false
  puid: (app: Uint8Array) => string = () => 'p'
  readonly verdicts: { id: number; what: number }[] = []
  #parts: Uint8Array[] = []
  #ids = 0x1000

  readonly world: World

  constructor(world: World) {
    this.world = world
  }

  id(): number {
    return ++this.#ids
  }

  handle(device: DeviceHandle, frame: DeviceFrame): void {
    if (frame.kind === 'sync') this.sendState(device)
    if (frame.kind === 'want-list') {
      const parts = splitList(this.sealed)
      const part = parts[frame.index] ?? new Uint8Array(0)
      this.send(device, { kind: 'list-part', version: this.version, index: frame.index, count: parts.length, part })
    }
    if (frame.kind === 'list') this.#handleList(device, frame)
    if (frame.kind === 'visibility' && frame.index === frame.count - 1) {
      this.visible = frame.version === this.version
      this.send(device, { kind: 'list-result', version: this.version, code: this.visible ? 2 : 1 })
    }
    if (frame.kind === 'puid-request') {
      const { app, rotation } = frame
      this.send(device, { kind: 'puid', app, rotation, puid: this.puid(app) })
    }
    if (frame.kind === 'verdict') this.verdicts.push({ id: frame.id, what: frame.what })
  }

  sendState(device: DeviceHandle): void {
    const flags = this.visible ? 0 : 1
    this.send(device, { kind: 'state', id: this.id(), version: this.version, flags })
  }

  send(device: DeviceHandle, ...frames: ServerFrame[]): void {
    const untilMonotonicMs = this.world.pair.now.monotonicMs + 60_000
    this.world.transmit(this.world.pair.command({ kind: 'send', device, frames, untilMonotonicMs }))
  }

  #handleList(device: DeviceHandle, frame: DeviceFrame & { kind: 'list' }): void {
    if (frame.index === 0) this.#parts = []
    this.#parts[frame.index] = frame.part.slice()
    if (frame.index < frame.count - 1) return
    const mayCommit = frame.base >= this.version && frame.version > frame.base
    if (mayCommit) {
      this.sealed = concat(...this.#parts) as Uint8Array<ArrayBuffer>
      this.version = frame.version
      this.visible = false
    }
    this.send(device, { kind: 'list-result', version: this.version, code: mayCommit ? 0 : 1 })
  }
}

/** Whoever has an address and timers. */
export interface Party {
  readonly address: Uint8Array
  nextMs(): number
  tick(): void
  receive(bytes: Uint8Array): void
}

export class World {
  readonly crypto: Crypto
  pair: Pair
  readonly hub = new SmallHub(this)
  readonly parties: Party[] = []
  /** Decides for each datagram whether it is lost. */
  loses: (bytes: Uint8Array, toServer: boolean) => boolean = () => false
  /** Keys and nonces used by any device. */
  readonly seen = new Set<string>()
  readonly seed: string
  #flying: Flying[] = []

  constructor(crypto: Crypto, seed = 'world', options: Partial<EndpointOptions> = {}) {
    this.crypto = crypto
    this.seed = seed
    this.pair = new Pair(crypto, { seed, options })
  }

  get now(): Now {
    return this.pair.now
  }

  /** Kills the server and starts another process on its store. */
  restartServer(afterMs = 5000): void {
    const { monotonicMs } = this.now
    this.hub.visible = false
    this.#flying = this.#flying.filter(({ atMs }) => atMs === Infinity)
    this.pair = this.pair.restart(afterMs)
    this.pair.now.monotonicMs = monotonicMs + afterMs
    this.drainEvents()
  }

  /** Passes virtual time. */
  run(ms: number): void {
    const endMs = this.now.monotonicMs + ms
    for (let rounds = 0; ; rounds++) {
      if (rounds > 100_000) throw new Error('the world is busy for ever')
      const next = Math.min(
        this.pair.endpoint.nextTimeout(),
        ...this.#flying.map(({ atMs }) => atMs),
        ...this.parties.map((party) => party.nextMs()),
      )
      if (next > endMs) break
      this.#advance(Math.max(0, next - this.now.monotonicMs))
      const arrived = this.#flying.filter(({ atMs }) => atMs <= this.now.monotonicMs)
      this.#flying = this.#flying.filter(({ atMs }) => atMs > this.now.monotonicMs)
      for (const { run } of arrived) run()
      for (const party of this.parties) party.tick()
    }
    this.#advance(endMs - this.now.monotonicMs)
  }

  /** Passes time until something holds. @throws Error after `ms`. */
  until(what: string, holds: () => boolean, ms = 200_000): void {
    for (let passed = 0; !holds(); passed += 100) {
      if (passed > ms) throw new Error(`never came true: ${what}`)
      this.run(100)
    }
  }

  toServer(bytes: Uint8Array, address: Uint8Array): void {
    if (this.loses(bytes, true)) return
    this.#fly(() => this.transmit(this.pair.deliver(bytes, address)))
  }

  transmit(sent: readonly { remote: Uint8Array; bytes: Uint8Array }[]): void {
    for (const { remote, bytes } of sent) {
      if (this.loses(bytes, false)) continue
      this.#fly(() => {
        for (const party of this.parties) if (hex(party.address) === hex(remote)) party.receive(bytes)
      })
    }
    this.drainEvents()
  }

  drainEvents(): void {
    for (const event of this.pair.takeEvents()) {
      if (event.kind === 'contact' && event.fresh) this.hub.sendState(event.device)
      if (event.kind === 'frame') this.hub.handle(event.device, event.frame)
    }
  }

  #fly(run: () => void): void {
    this.#flying.push({ atMs: this.now.monotonicMs + DELAY_MS, run })
  }

  #advance(ms: number): void {
    this.transmit(this.pair.advance(ms))
  }
}

/** A phone: its machine, its flash, its address. */
export class Phone implements Party {
  readonly world: World
  readonly device: TestDevice
  address: Uint8Array
  flash: Uint8Array | null
  machine: DeviceMachine | null = null
  readonly events: DeviceEvent[] = []
  /** Datagrams that left. */
  readonly sent: Uint8Array[] = []
  /** Seconds between pings, when key steps are due, and who watches, of the processes that start from now on. */
  more: { keepaliveS?: number; steps?: StepPeriods; observer?: ChannelObserver } = {}
  /** Saves so far, over all processes. */
  saves = 0
  /** Called before each save; throws to kill the process there. */
  onSave: (request: SaveRequest, phone: Phone) => void = () => {}
  #processes = 0

  constructor(world: World, device: TestDevice = world.pair.enrol(), flash: Uint8Array | null = null) {
    this.world = world
    this.device = device
    this.flash = flash
    this.address = freshAddress()
    world.parties.push(this)
  }

  get credentials(): Credentials {
    const { keys, psk } = this.device
    const [current] = this.world.pair.staticKeys as [KeyPair]
    return {
      deviceId: `dev_${this.device.handle}`,
      secretKey: keys.secretKey,
      publicKey: keys.publicKey,
      psk,
      serverKeys: [current.publicKey],
      endpoints: ['udp://192.0.2.1:7350'],
    }
  }

  /** Starts a process on what is on the flash. */
  start(): void {
    const { crypto, seen, seed } = this.world
    const random = new SeededRandom(
      `${seed} ${this.device.handle} ${this.world.parties.indexOf(this)} ${this.#processes++}`,
    )
    const options = {
      credentials: this.credentials,
      stored: this.flash,
      crypto: guarded(crypto, seen),
      random,
      ...this.more,
    }
    this.machine = new DeviceMachine(options, this.world.now)
    this.#with((machine, now) => machine.start(now))
  }

  kill(): void {
    this.machine = null
  }

  do(command: (machine: DeviceMachine, now: Now) => void): void {
    this.#with(command)
  }

  /** Another local address, which the phone knows of. */
  changeNetwork(): void {
    this.address = freshAddress()
    this.#with((machine, now) => machine.networkChanged(now))
  }

  /** Another address that only the NAT knows of. */
  rebindNat(): void {
    this.address = freshAddress()
  }

  receive(bytes: Uint8Array): void {
    this.#with((machine, now) => machine.handleDatagram(bytes, now))
  }

  tick(): void {
    if (this.nextMs() <= this.world.now.monotonicMs) this.#with((machine, now) => machine.handleTimeout(now))
  }

  nextMs(): number {
    return this.machine?.nextTimeout() ?? Infinity
  }

  eventsOf<K extends DeviceEvent['kind']>(kind: K): (DeviceEvent & { kind: K })[] {
    return this.events.filter((event): event is DeviceEvent & { kind: K } => event.kind === kind)
  }

  /** Bytes of the connection IDs on channel packets, in order, without repeats. */
  get cids(): string[] {
    const all = this.sent.filter((bytes) => (bytes[0] as number) >= 0x80).map((bytes) => hex(bytes.subarray(1, 6)))
    return all.filter((cid, at) => cid !== all[at - 1])
  }

  #with(command: (machine: DeviceMachine, now: Now) => void): void {
    const { machine } = this
    if (machine === null) return
    try {
      command(machine, this.world.now)
      this.#drain(machine)
    } catch (error) {
      if (!(error instanceof Killed)) throw error
      this.machine = null
    }
  }

  #drain(machine: DeviceMachine): void {
    for (let request = machine.pollSave(); request !== null; request = machine.pollSave()) {
      // What the machine gave out before this save has left already.
      this.#collect(machine)
      this.saves++
      this.onSave(request, this)
      this.flash = request.bytes
      machine.handleSaved(request, this.world.now)
    }
    this.#collect(machine)
  }

  #collect(machine: DeviceMachine): void {
    for (let bytes = machine.pollTransmit(); bytes !== null; bytes = machine.pollTransmit()) {
      this.sent.push(bytes)
      this.world.toServer(bytes, this.address)
    }
    for (let event = machine.pollEvent(); event !== null; event = machine.pollEvent()) this.events.push(event)
  }
}

/** Thrown by `onSave`: the process is gone. */
export class Killed extends Error {}
