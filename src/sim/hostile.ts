/**
 * An attacker on the path: repeats, cuts, flips, reflects and invents datagrams, from an address of its own or that of a
 * victim. It knows the server's public key, as everybody may, so its mac1 is right.
 */
import type { SeededRandom } from '../base/seeded-random.js'
import { Handshake } from '../client/handshake.js'
import type { Crypto } from '../crypto/crypto.js'
import { keyPair } from '../crypto/key-pair.js'
import { Kind } from '../packet/constants.js'
import { MESSAGE1_NOISE_BYTES, mac1Key, writeMessage1 } from '../packet/handshake.js'
import type { Checker } from './checker.js'
import type { DeviceNode } from './device-node.js'
import type { Network, Seen } from './network.js'

/** Datagrams that the attacker keeps. */
const KEPT = 500
/** Messages 1 of a flood, in a second. */
const FLOOD = 120
/** A siege: how long, and datagrams in a second. One at a time. */
const SIEGE_SECONDS = 2
const SIEGE_PER_SECOND = 600
/** Real addresses of an attacker, which can answer cookies. */
const CLIENTS = 8

export class Hostile {
  readonly #crypto: Crypto
  readonly #random: SeededRandom
  readonly #network: Network
  readonly #checker: Checker
  readonly #serverKey: Uint8Array
  readonly #kept: Seen[] = []
  #siegeEndMs = 0
  #lastNow = { monotonicMs: 0, wallMs: 0 }
  readonly #addresses: Uint8Array[]
  /** strangers who are where they say, by address */
  readonly #clients = new Map<string, { address: Uint8Array; handshake: Handshake }>()

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
    if (!seen.toServer) this.#answerCookie(seen)
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

  /**
   * Some seconds of one kind: handshakes of strangers from addresses of nobody, the same from real addresses that bring
   * cookies, noise with a right mac1, garbage of all lengths, and packets of devices again and again.
   */
  siege(ports: number, now: () => { monotonicMs: number; wallMs: number }): void {
    const { queue } = this.#network
    if (queue.nowMs < this.#siegeEndMs) return
    this.#siegeEndMs = queue.nowMs + (SIEGE_SECONDS + 1) * 1000
    const port = this.#random.int(ports)
    const kind = this.#random.int(5)
    for (let i = 0; i < SIEGE_SECONDS * SIEGE_PER_SECOND; i++) {
      this.#checker.counts.hostile++
      queue.at(queue.nowMs + (i * 1000) / SIEGE_PER_SECOND, () => {
        if (kind === 1) this.#begin(port, now())
        else this.#network.sendToServer(port, this.#siegeBytes(kind, now()), this.#address(this.#random.int(65_536)))
      })
    }
  }

  #siegeBytes(kind: number, now: { monotonicMs: number; wallMs: number }): Uint8Array {
    if (kind === 0) return this.#message1(now)
    if (kind === 2) return this.#garbageMessage1()
    const seen = this.#kept[this.#random.int(this.#kept.length)]
    if (kind === 3 || seen === undefined) return this.#random.fill(new Uint8Array(this.#random.int(1400)))
    return seen.bytes
  }

  /** A stranger at a real address begins, or begins again with its cookie. */
  #begin(port: number, now: { monotonicMs: number; wallMs: number }): void {
    const number = this.#random.int(CLIENTS)
    const address = this.#address(number)
    address[16] = 1
    address[17] = number
    const known = this.#clients.get(address.join('.')) ?? { address, handshake: this.#stranger() }
    this.#clients.set(address.join('.'), known)
    known.handshake.cancel()
    this.#send(port, known, now)
  }

  #answerCookie({ bytes, outside }: Seen): void {
    const client = this.#clients.get(outside.join('.'))
    if (client !== undefined && bytes[0] === Kind.cookie) client.handshake.handleCookie(bytes, this.#lastNow)
  }

  #send(
    port: number,
    { address, handshake }: { address: Uint8Array; handshake: Handshake },
    now: { monotonicMs: number; wallMs: number },
  ): void {
    this.#lastNow = now
    handshake.begin(true, now)
    handshake.handleTimeout(now)
    const bytes = handshake.writeMessage1(0, now)
    if (bytes !== null) this.#network.sendToServer(port, bytes, address)
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
    const handshake = this.#stranger()
    handshake.begin(true, now)
    handshake.handleTimeout(now)
    return handshake.writeMessage1(0, now) ?? new Uint8Array(0)
  }

  #stranger(): Handshake {
    const own = keyPair(this.#crypto, this.#random.fill(new Uint8Array(32)))
    const memory = { stampMs: 0, serverKeys: [this.#serverKey] }
    return new Handshake(this.#crypto, this.#random, own, new Uint8Array(32), memory)
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
