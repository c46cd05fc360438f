/**
 * An attacker on the path: repeats, cuts, flips, reflects and invents datagrams, from an address of its own or that of a
 * victim. It knows the server's public key, as everybody may, so its mac1 is right.
 */
import type { SeededRandom } from '../base/seeded-random.js'
import { Handshake } from '../client/handshake.js'
import type { Crypto } from '../crypto/crypto.js'
import { keyPair } from '../crypto/key-pair.js'
import { MESSAGE1_NOISE_BYTES, mac1Key, writeMessage1 } from '../packet/handshake.js'
import type { Checker } from './checker.js'
import type { DeviceNode } from './device-node.js'
import type { Network, Seen } from './network.js'

/** Datagrams that the attacker keeps. */
const KEPT = 500
/** Messages 1 of a flood, in a second. */
const FLOOD = 120

export class Hostile {
  readonly #crypto: Crypto
  readonly #random: SeededRandom
  readonly #network: Network
  readonly #checker: Checker
  readonly #serverKey: Uint8Array
  readonly #kept: Seen[] = []
  readonly #addresses: Uint8Array[]

  /** @param serverKey the server's static public key, 32 B. */
  constructor(crypto: Crypto, random: SeededRandom, network: Network, checker: Checker, serverKey: Uint8Array) {
    this.#crypto = crypto
    this.#random = random
    this.#network = network
    this.#checker = checker
    this.#serverKey = serverKey
    this.#addresses = Array.from({ length: 3 }, (_, index) => this.#address(index))
  }

  observe(seen: Seen): void {
    if (this.#kept.length < KEPT) this.#kept.push(seen)
    else this.#kept[this.#random.int(KEPT)] = seen
  }

  /** One attack. */
  act(devices: readonly DeviceNode[], now: { monotonicMs: number; wallMs: number }): void {
    const seen = this.#kept[this.#random.int(this.#kept.length)]
    if (seen === undefined) return
    this.#checker.counts.hostile++
    const bytes = this.#random.int(8) === 0 ? this.#message1(now) : this.#twist(seen.bytes)
    if (this.#random.uniform() < 0.3) {
      devices[this.#random.int(devices.length)]!.path.inject(bytes)
      return
    }
    const ownAddress = this.#addresses[this.#random.int(this.#addresses.length)]!
    const address = this.#random.uniform() < 0.3 ? seen.outside : ownAddress
    this.#network.sendToServer(seen.port, bytes, address)
  }

  /** Many messages 1 with a right mac1 within a second, most of them from addresses that nobody has. */
  flood(ports: number, now: { monotonicMs: number; wallMs: number }): void {
    const { queue } = this.#network
    const port = this.#random.int(ports)
    for (let i = 0; i < FLOOD; i++) {
      this.#checker.counts.hostile++
      const bytes = this.#random.int(4) === 0 ? this.#message1(now) : this.#garbageMessage1()
      const spoofs = this.#random.uniform() < 0.8
      const address = spoofs ? this.#address(this.#random.int(65_536)) : this.#addresses[0]!
      queue.at(queue.nowMs + this.#random.uniform() * 1000, () => this.#network.sendToServer(port, bytes, address))
    }
  }

  #twist(bytes: Uint8Array): Uint8Array {
    const twisted = bytes.slice()
    const kind = this.#random.int(5)
    if (kind === 1) return twisted.subarray(0, this.#random.int(twisted.length))
    if (kind === 2) twisted[this.#random.int(twisted.length)]! ^= 1 << this.#random.int(8)
    if (kind === 3) return this.#random.fill(new Uint8Array(this.#random.int(300)))
    if (kind === 4) this.#random.fill(twisted.subarray(1 + this.#random.int(twisted.length)))
    return twisted
  }

  /** A right handshake of somebody who is not enrolled. */
  #message1(now: { monotonicMs: number; wallMs: number }): Uint8Array {
    const own = keyPair(this.#crypto, this.#random.fill(new Uint8Array(32)))
    const memory = { stampMs: 0, serverKeys: [this.#serverKey] }
    const handshake = new Handshake(this.#crypto, this.#random, own, new Uint8Array(32), memory)
    handshake.begin(true, now)
    handshake.handleTimeout(now)
    return handshake.writeMessage1(0, now) ?? new Uint8Array(0)
  }

  #garbageMessage1(): Uint8Array {
    const noise = this.#random.fill(new Uint8Array(MESSAGE1_NOISE_BYTES))
    return writeMessage1(this.#crypto, mac1Key(this.#crypto, this.#serverKey), noise, null)
  }

  /** 192.168.x.y, which no device has, and a random port. */
  #address(number: number): Uint8Array {
    const address = this.#random.fill(new Uint8Array(18))
    address.fill(0, 0, 10)
    address.set([0xff, 0xff, 192, 168, number >> 8, number & 255], 10)
    return address
  }
}
