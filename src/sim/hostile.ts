/** An attacker on the path: repeats, cuts, flips, reflects and invents datagrams, from an address of its own. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { Checker } from './checker.js'
import type { DeviceNode } from './device-node.js'
import type { Network, Seen } from './network.js'

/** Datagrams that the attacker keeps. */
const KEPT = 500

export class Hostile {
  readonly #random: SeededRandom
  readonly #network: Network
  readonly #checker: Checker
  readonly #kept: Seen[] = []
  readonly #addresses: Uint8Array[]

  constructor(random: SeededRandom, network: Network, checker: Checker) {
    this.#random = random
    this.#network = network
    this.#checker = checker
    this.#addresses = Array.from({ length: 3 }, (_, index) => {
      const address = random.fill(new Uint8Array(18))
      address.fill(0, 0, 10)
      address.set([0xff, 0xff, 192, 168, 0, index], 10)
      return address
    })
  }

  observe(seen: Seen): void {
    if (!seen.toServer && this.#addresses.some((one) => same(one, seen.outside))) {
      this.#checker.hostileReceived(seen.outside, seen.bytes)
      return
    }
    if (this.#kept.length < KEPT) this.#kept.push(seen)
    else this.#kept[this.#random.int(KEPT)] = seen
  }

  /** One attack. */
  act(devices: readonly DeviceNode[]): void {
    const seen = this.#kept[this.#random.int(this.#kept.length)]
    if (seen === undefined) return
    const bytes = this.#twist(seen.bytes)
    if (this.#random.uniform() < 0.3) {
      devices[this.#random.int(devices.length)]!.path.inject(bytes)
      return
    }
    const ownAddress = this.#addresses[this.#random.int(this.#addresses.length)]!
    const spoofs = this.#random.uniform() < 0.3
    const address = spoofs ? seen.outside : ownAddress
    if (!spoofs) this.#checker.hostileSent(address, bytes.length)
    this.#network.sendToServer(seen.port, bytes, address)
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
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index])
}
