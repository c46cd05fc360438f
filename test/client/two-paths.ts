/** A device on two paths in virtual time: UDP behind a NAT, and connections, before the real endpoint. wire-spec §8.3 */
import { connectionAddress } from '../../src/base/connection-address.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Now } from '../../src/base/time.js'
import {
  type ConnectOptions,
  connect,
  type Device,
  type Host,
  MemoryStorage,
  type OpenableTransport,
  type PathKind,
  PathsTransport,
  type ProbeSocket,
  type Transport,
  type TransportListener,
} from '../../src/client/index.js'
import { testCrypto } from '../support/crypto.js'
import { freshAddress, type Party, Phone, World } from './world.js'

const crypto = await testCrypto()
const TAG = new Uint8Array(6).fill(3)
let connections = 0

/** Timers in virtual time. */
export class Clock implements Party, Host {
  readonly address = new Uint8Array(18)
  readonly random: SeededRandom
  readonly #world: World
  readonly #timers = new Map<number, { atMs: number; run: () => void }>()
  #count = 0

  constructor(world: World, seed = 'clock') {
    this.#world = world
    this.random = new SeededRandom(seed)
    world.parties.push(this)
  }

  now(): Now {
    return { ...this.#world.now }
  }

  setTimer(ms: number, run: () => void): () => void {
    const id = ++this.#count
    this.#timers.set(id, { atMs: this.#world.now.monotonicMs + ms, run })
    return () => this.#timers.delete(id)
  }

  nextMs(): number {
    return Math.min(...[...this.#timers.values()].map(({ atMs }) => atMs))
  }

  tick(): void {
    for (const [id, { atMs, run }] of [...this.#timers]) {
      if (atMs <= this.#world.now.monotonicMs && this.#timers.delete(id)) run()
    }
  }

  receive(): void {}
}

/** A line to the server: datagrams pass unless it is blocked. */
export class Line implements Party, Transport {
  readonly kind: PathKind = 'udp'
  isBlocked = false
  /** how long a NAT keeps a mapping, or a connection, without a packet from inside, ms */
  keepsMs = Infinity
  address: Uint8Array = freshAddress()
  listener: TransportListener | null = null
  sent: Uint8Array[] = []
  protected readonly world: World
  protected lastOutMs = 0

  constructor(world: World) {
    this.world = world
    world.parties.push(this)
  }

  protected get isForgotten(): boolean {
    return this.world.now.monotonicMs - this.lastOutMs >= this.keepsMs
  }

  listen(listener: TransportListener): void {
    this.listener = listener
  }
  send(datagram: Uint8Array): void {
    this.sent.push(datagram)
    if (this.isForgotten) this.address = freshAddress()
    this.lastOutMs = this.world.now.monotonicMs
    if (!this.isBlocked) this.world.toServer(datagram, this.address)
  }
  receive(bytes: Uint8Array): void {
    if (!this.isBlocked && !this.isForgotten) this.listener?.onDatagram(bytes)
  }
  rebind(): void {
    this.address = freshAddress()
  }
  close(): void {}
  nextMs(): number {
    return Infinity
  }
  tick(): void {}
}

/** UDP with a second socket for probes. */
export class ProbingLine extends Line {
  probes = 0

  openProbe(onDatagram: (datagram: Uint8Array) => void): ProbeSocket {
    const socket = new Line(this.world)
    socket.keepsMs = this.keepsMs
    socket.isBlocked = this.isBlocked
    socket.listener = { onDatagram, onWay: () => {}, onMoved: () => {} }
    this.probes++
    return {
      send: (datagram) => socket.send(datagram),
      close: () => this.world.parties.splice(this.world.parties.indexOf(socket), 1),
    }
  }
}

/** A connection that opens in 100 ms, unless it is blocked. */
export class Stream extends Line implements OpenableTransport {
  override readonly kind = 'tcp'
  isOpen = false
  isWanted = false
  opens = 0
  /** what is sent on a connection that the path has forgotten is answered by a reset; else by nothing */
  isReset = false
  readonly #clock: Clock

  constructor(world: World, clock: Clock) {
    super(world)
    this.#clock = clock
  }

  override send(datagram: Uint8Array): void {
    if (!this.isOpen) return
    if (!this.isForgotten) super.send(datagram)
    else if (this.isReset) this.break(true)
  }
  open(): void {
    if (this.isWanted) return
    this.isWanted = true
    this.#clock.setTimer(100, () => this.connect())
  }
  connect(): void {
    if (!this.isWanted || this.isOpen) return
    if (this.isBlocked) {
      this.#clock.setTimer(2000, () => this.connect())
      return
    }
    this.address = connectionAddress(TAG, ++connections)
    this.isOpen = true
    this.lastOutMs = this.world.now.monotonicMs
    this.opens++
    this.listener?.onMoved()
  }
  rest(): void {
    this.isWanted = false
    this.break()
  }
  /** The connection breaks; it is opened again if it is wanted. */
  break(byPath = false): void {
    if (!this.isOpen) return
    this.isOpen = false
    if (byPath) this.listener?.onBroken?.()
    this.world.pair.endpoint.handlePathClosed(this.address)
    this.world.transmit(this.world.pair.drain())
    if (this.isWanted) this.#clock.setTimer(2000, () => this.connect())
  }
  override rebind(): void {
    this.rest()
    this.open()
  }
}

export interface Setting {
  world: World
  device: Device
  udp: ProbingLine
  tcp: Stream
  paths: PathsTransport
  phone: Phone
  /** as the device does; afterwards what the device wants is not heard */
  prefer(kind: PathKind): void
  handshakes(): number
  /** @param stepMs of virtual time between turns of the event loop */
  run(ms: number, stepMs?: number): Promise<void>
}

export async function setting(
  before: (udp: ProbingLine, tcp: Stream) => void = () => {},
  options: Partial<ConnectOptions> = { keepaliveS: 30, tcpKeepaliveS: 120 },
): Promise<Setting> {
  const world = new World(crypto)
  const phone = new Phone(world) // never started: it brings the enrolment
  const clock = new Clock(world)
  const udp = new ProbingLine(world)
  const tcp = new Stream(world, clock)
  before(udp, tcp)
  const paths = new PathsTransport({ udp, tcp, host: clock })
  const ownPrefer = paths.prefer.bind(paths)
  const prefer = (kind: PathKind): void => {
    paths.prefer = () => {}
    ownPrefer(kind)
  }
  const { credentials } = phone
  const storage = new MemoryStorage()
  const device = await connect({
    credentials,
    storage,
    transport: paths,
    host: clock,
    crypto,
    ...options,
  })
  const run = async (ms: number, stepMs = 50): Promise<void> => {
    for (let passed = 0; passed < ms; passed += stepMs) {
      world.run(Math.min(stepMs, ms - passed))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return {
    world,
    device,
    udp,
    tcp,
    paths,
    phone,
    prefer,
    handshakes: () => world.pair.endpoint.metrics().handshakes,
    run,
  }
}
