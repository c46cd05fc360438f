/**
 * A seeded network between devices and one server: latency, jitter, loss, duplicates, reordering (by jitter), and a NAT in
 * front of each device whose mappings expire and are sometimes made anew.
 */
import type { SeededRandom } from '../base/seeded-random.js'
import type { EventQueue } from './event-queue.js'
import { BurstState, type Bursts } from './loss.js'
import { drawNat, type Nat, NatMapping, type NatSetting } from './nat.js'

export interface LinkConditions {
  latencyMs: number
  /** uniform addition, 0..jitterMs; larger than the gap between packets, it reorders them */
  jitterMs: number
  /** 0..1, each direction, independent */
  lossRatio: number
  /** loss in bursts beside that, or null */
  bursts: Bursts | null
  /** 0..1 */
  duplicateRatio: number
  /** null: no NAT, a mapping lives until `rebind` */
  nat: NatSetting | null
}

/** A datagram as an observer on the path sees it. */
export interface Seen {
  toServer: boolean
  /** the server's port, 0.. */
  port: number
  bytes: Uint8Array
  /** device's outside address, 18 B */
  outside: Uint8Array
}

/** What a network does to UDP: lets it pass, not at all, only small datagrams, or only those to the server. */
export type UdpRule = 'open' | 'blocked' | 'small' | 'outbound'

/** What an end of a connection is told. */
export interface ConnectionEnd {
  message(bytes: Uint8Array): void
  /** It is over; nothing follows. */
  closed(): void
}

/** The server's side of a port, for connections. */
export interface ConnectionHost {
  /** @returns the server's end; null: it takes no more. */
  accept(connection: Connection): ConnectionEnd | null
}

/** A connection of messages, as `TcpConnection`. */
export interface Connection {
  sendDown(bytes: Uint8Array): void
  closeDevice(): void
  closeServer(): void
  /** A middlebox ends it; both learn it. */
  reset(): void
  /** A middlebox forgets it; nobody learns it. */
  vanish(): void
}

/** A device's end of a connection, as `SimWebSocket`. */
export interface Socket {
  readonly connection: Connection
  close(): void
  /** The system closed it while the process was suspended: the process learns it now. */
  breaks(): void
}

export interface ServerPort extends ConnectionHost {
  receive(bytes: Uint8Array, remote: Uint8Array): void
}

/** A device's way to the server: its NAT mapping and link. */
export class DevicePath {
  readonly network: Network
  readonly #receive: (bytes: Uint8Array) => void
  /** Which of the server's ports it talks to. */
  readonly #port: number
  readonly #bursts: BurstState
  conditions: LinkConditions
  /** No network at all: everything is lost. */
  dark = false
  udp: UdpRule = 'open'
  /** Where only small datagrams pass: larger ones than this are lost, B. */
  udpBytesMax = 576
  /** What a network does to new connections: lets them pass, refuses them, or drops what belongs to them. */
  tcp: 'open' | 'refused' | 'hole' = 'open'
  /** Nothing gets out until the person has signed in; the portal answers in the server's place, and cannot be believed. */
  isCaptive = false
  /** Open WebSockets of the device. */
  readonly sockets = new Set<Socket>()
  /** Number of the network that the device is on. */
  visit = 0
  nat: Nat
  /** datagrams that came to a server that ran */
  arrived = 0
  #host: number
  #mapping: NatMapping | null = null

  constructor(network: Network, port: number, conditions: LinkConditions, receive: (bytes: Uint8Array) => void) {
    this.network = network
    this.#port = port
    this.conditions = conditions
    this.#receive = receive
    this.#bursts = new BurstState(network.random.fork(`bursts ${network.nextHost}`))
    this.#host = network.nextHost++
    this.nat = drawNat(conditions.nat, network.random)
  }

  /** Whether the server can be reached at all. */
  get hasWay(): boolean {
    return !this.dark && !this.isCaptive && (this.udp === 'open' || this.tcp === 'open')
  }

  /** The device comes to another network, with a NAT of its own. */
  join(): void {
    this.rebind()
    this.visit++
    this.udp = 'open'
    this.tcp = 'open'
    this.isCaptive = false
    this.#host = this.network.nextHost++
    this.nat = drawNat(this.conditions.nat, this.network.random)
  }

  /** The NAT forgets the mapping: the next packet leaves from a new outside address; the device does not notice. */
  rebind(): void {
    if (this.#mapping !== null) this.network.unmap(this.#mapping.outside)
    this.#mapping = null
  }

  /** Something that an attacker on the path made. */
  inject(bytes: Uint8Array): void {
    this.#receive(bytes)
  }

  /** Whether a datagram is lost now. */
  loses(): boolean {
    const { bursts, lossRatio } = this.conditions
    const { random, queue } = this.network
    const isBad = bursts !== null && this.#bursts.isBad(bursts, queue.nowMs)
    const isLost = random.uniform() < (isBad ? bursts.lossRatio : lossRatio)
    return this.dark || isLost
  }

  send(bytes: Uint8Array): void {
    const network = this.network
    const { nowMs } = network.queue
    if (this.#mapping?.isAlive(nowMs) === false) this.rebind()
    this.#mapping ??= this.#map(nowMs)
    this.#mapping.sent(nowMs)
    const { outside } = this.#mapping
    const seen = { toServer: true, port: this.#port, bytes: bytes.slice(), outside }
    const passes = this.udp !== 'blocked' && !this.isCaptive && this.#isSmall(bytes)
    network.carry(this, seen, (arrived) => {
      if (passes && network.sendToServer(this.#port, arrived, outside)) this.arrived++
    })
  }

  /** From the network: a datagram to one of this path's outside addresses. */
  deliver(bytes: Uint8Array, outside: Uint8Array): void {
    const { nowMs } = this.network.queue
    if (this.#mapping?.outside !== outside || !this.#mapping.isAlive(nowMs)) return
    if (this.udp === 'blocked' || this.udp === 'outbound' || this.isCaptive || !this.#isSmall(bytes)) return
    this.#mapping.received(nowMs)
    this.#receive(bytes)
  }

  #isSmall(bytes: Uint8Array): boolean {
    return this.udp !== 'small' || bytes.length <= this.udpBytesMax
  }

  #map(nowMs: number): NatMapping {
    if (this.nat.changesAddress) this.#host = this.network.nextHost++
    return new NatMapping(this.nat, this.network.map(this, this.#host), nowMs)
  }
}

export class Network {
  readonly queue: EventQueue
  readonly random: SeededRandom
  readonly #paths = new Map<string, { path: DevicePath; outside: Uint8Array }>()
  #nextPort = 1024
  /** Number of the next outside IP address. */
  nextHost = 1
  /** The server's ports; null: it is down. */
  servers: readonly ServerPort[] | null = null
  /** Where a datagram goes that does not reach the server; null: it does. */
  straysTo: () => readonly ServerPort[] | null = () => null
  /** Told of every datagram put on the wire. */
  observe: (seen: Seen) => void = () => {}
  datagrams = 0

  constructor(queue: EventQueue, random: SeededRandom) {
    this.queue = queue
    this.random = random
  }

  map(path: DevicePath, host: number): Uint8Array {
    const outside = outsideAddress(host, this.#nextPort++)
    this.#paths.set(outside.join('.'), { path, outside })
    return outside
  }

  unmap(outside: Uint8Array): void {
    this.#paths.delete(outside.join('.'))
  }

  /** @returns whether somebody was there. */
  sendToServer(port: number, bytes: Uint8Array, outside: Uint8Array): boolean {
    const ports = this.straysTo() ?? this.servers
    ports?.[port]?.receive(bytes, outside)
    return ports !== null
  }

  /** Who answers at the server's ports now. */
  hosts(): readonly ConnectionHost[] | null {
    return this.straysTo() ?? this.servers
  }

  /** From a port of the server to an address; nobody there: lost. */
  sendToDevice(port: number, remote: Uint8Array, bytes: Uint8Array): void {
    const entry = this.#paths.get(remote.join('.'))
    const copy = bytes.slice()
    if (entry === undefined) {
      this.observe({ toServer: false, port, bytes: copy, outside: remote.slice() })
      return
    }
    const { path, outside } = entry
    this.carry(path, { toServer: false, port, bytes: copy, outside }, (arrived) => path.deliver(arrived, outside))
  }

  carry(path: DevicePath, seen: Seen, arrive: (bytes: Uint8Array) => void): void {
    this.datagrams++
    this.observe(seen)
    const { latencyMs, jitterMs, duplicateRatio } = path.conditions
    const copies = this.random.uniform() < duplicateRatio ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const lost = path.loses()
      const delayMs = latencyMs + this.random.uniform() * jitterMs
      if (!lost) this.queue.at(this.queue.nowMs + delayMs, () => arrive(seen.bytes.slice()))
    }
  }
}

/** 10.x.y.z as IPv4-mapped IPv6, and a port: distinct for each pair, until 64,512 ports are used up. */
function outsideAddress(host: number, port: number): Uint8Array {
  const address = new Uint8Array(18)
  address.set([0xff, 0xff, 10, (host >> 16) & 255, (host >> 8) & 255, host & 255], 10)
  const low = 1024 + (port % 64_512)
  address[16] = low >> 8
  address[17] = low & 255
  return address
}
