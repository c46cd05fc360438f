/**
 * A seeded network between devices and one server: latency, jitter, loss, duplicates, reordering (by jitter), and a NAT in
 * front of each device whose mappings expire and are sometimes made anew.
 */
import type { SeededRandom } from '../base/seeded-random.js'
import type { EventQueue } from './event-queue.js'

export interface LinkConditions {
  latencyMs: number
  /** uniform addition, 0..jitterMs; larger than the gap between packets, it reorders them */
  jitterMs: number
  /** 0..1, each direction, independent */
  lossRatio: number
  /** 0..1 */
  duplicateRatio: number
  /** NAT mapping idle time; Infinity: no NAT timeout */
  natIdleMs: number
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

export interface ServerPort {
  receive(bytes: Uint8Array, remote: Uint8Array): void
}

/** A device's way to the server: its NAT mapping and link. */
export class DevicePath {
  readonly #network: Network
  readonly #receive: (bytes: Uint8Array) => void
  /** Which of the server's ports it talks to. */
  readonly #port: number
  conditions: LinkConditions
  /** No network at all: everything is lost. */
  dark = false
  #outside: Uint8Array | null = null
  #lastUseMs = 0

  constructor(network: Network, port: number, conditions: LinkConditions, receive: (bytes: Uint8Array) => void) {
    this.#network = network
    this.#port = port
    this.conditions = conditions
    this.#receive = receive
  }

  /** The next packet leaves from a new outside address; the device does not notice. */
  rebind(): void {
    if (this.#outside !== null) this.#network.unmap(this.#outside)
    this.#outside = null
  }

  /** Something that an attacker on the path made. */
  inject(bytes: Uint8Array): void {
    this.#receive(bytes)
  }

  send(bytes: Uint8Array): void {
    const network = this.#network
    const { nowMs } = network.queue
    if (nowMs - this.#lastUseMs > this.conditions.natIdleMs) this.rebind()
    this.#outside ??= network.map(this)
    this.#lastUseMs = nowMs
    const outside = this.#outside
    const seen = { toServer: true, port: this.#port, bytes: bytes.slice(), outside }
    network.carry(this, seen, (arrived) => network.sendToServer(this.#port, arrived, outside))
  }

  /** From the network: a datagram to one of this path's outside addresses. */
  deliver(bytes: Uint8Array, outside: Uint8Array): void {
    const nowMs = this.#network.queue.nowMs
    if (this.#outside !== outside || nowMs - this.#lastUseMs > this.conditions.natIdleMs) return
    this.#lastUseMs = nowMs
    this.#receive(bytes)
  }
}

export class Network {
  readonly queue: EventQueue
  readonly #random: SeededRandom
  readonly #paths = new Map<string, { path: DevicePath; outside: Uint8Array }>()
  #nextPort = 1024
  /** The server's ports; null: it is down. */
  servers: readonly ServerPort[] | null = null
  /** Told of every datagram put on the wire. */
  observe: (seen: Seen) => void = () => {}
  datagrams = 0

  constructor(queue: EventQueue, random: SeededRandom) {
    this.queue = queue
    this.#random = random
  }

  map(path: DevicePath): Uint8Array {
    const outside = outsideAddress(this.#nextPort++)
    this.#paths.set(outside.join('.'), { path, outside })
    return outside
  }

  unmap(outside: Uint8Array): void {
    this.#paths.delete(outside.join('.'))
  }

  sendToServer(port: number, bytes: Uint8Array, outside: Uint8Array): void {
    this.servers?.[port]?.receive(bytes, outside)
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
    const { latencyMs, jitterMs, lossRatio, duplicateRatio } = path.conditions
    const copies = this.#random.uniform() < duplicateRatio ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const lost = path.dark || this.#random.uniform() < lossRatio
      const delayMs = latencyMs + this.#random.uniform() * jitterMs
      if (!lost) this.queue.at(this.queue.nowMs + delayMs, () => arrive(seen.bytes.slice()))
    }
  }
}

/** 10.x.y.z as IPv4-mapped IPv6, and a port: distinct for each number. */
function outsideAddress(number: number): Uint8Array {
  const address = new Uint8Array(18)
  address.set([0xff, 0xff, 10, (number >> 16) & 255, (number >> 8) & 255, number & 255], 10)
  address[16] = 4
  address[17] = 1
  return address
}
