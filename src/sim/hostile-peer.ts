/** A device that is enrolled and means ill: it keeps to the shapes of the protocol and to nothing else. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { DeviceFrame } from '../frame/frame.js'
import type { DeviceNode } from './device-node.js'

/** Packets of one fit. */
const FIT = 6
/** Packets of a siege, and its ms. */
const SIEGE = 300
const SIEGE_MS = 4000

export class HostilePeer {
  readonly #device: DeviceNode
  readonly #random: SeededRandom

  constructor(device: DeviceNode, random: SeededRandom) {
    this.#device = device
    this.#random = random
  }

  /** One fit: odd frames, acks for nothing, an address for each packet, a farewell, or handshakes again and again. */
  act(): void {
    const kind = this.#random.int(6)
    if (kind === 5) this.#say([{ kind: 'close', code: 0 }])
    if (kind === 0 || kind === 5) this.#device.do((machine, now) => machine.parts.handshake.begin(true, now))
    else if (kind === 1) this.#device.networkChanged()
    else for (let i = 0; i < FIT; i++) this.#send(kind === 2)
  }

  /** Half handshakes, probes from many addresses, challenges that are never answered, acks of nothing: many at once. */
  siege(): void {
    const kind = this.#random.int(4)
    const { queue } = this.#device.setting.network
    for (let i = 0; i < SIEGE; i++) {
      queue.at(queue.nowMs + (i * SIEGE_MS) / SIEGE, () => {
        if (kind === 0) this.#halfHandshake()
        else if (kind === 1) this.#probe()
        else this.#send(kind === 2)
      })
    }
  }

  /** Message 1, and nothing after message 2. */
  #halfHandshake(): void {
    this.#device.path.udp = 'outbound'
    this.#device.path.rebind()
    this.#device.do((machine, now) => {
      machine.parts.handshake.cancel()
      machine.parts.handshake.begin(true, now)
      machine.handleTimeout(now)
    })
  }

  #probe(): void {
    this.#device.path.udp = 'open'
    this.#device.do(({ parts }) => {
      if (!parts.channel.hasSession) return
      if (this.#random.uniform() < 0.5) this.#device.path.rebind()
      const sealed = parts.channel.sealProbe(this.#random.int(1800))
      if (sealed !== null) this.#device.path.send(sealed.bytes)
    })
  }

  /** @param flaps whether each packet comes from another address. */
  #send(flaps: boolean): void {
    this.#device.do((machine) => {
      const { channel } = machine.parts
      if (!channel.hasSession) return
      const frames = Array.from({ length: 1 + this.#random.int(8) }, () => this.#frame())
      const isPing = this.#random.uniform() < 0.5
      if (isPing) frames.unshift({ kind: 'ping', state: 'idle', silenceClass: this.#random.int(16) })
      const sealed = channel.seal(frames, this.#random.uniform() < 0.5, this.#random.uniform() < 0.2)
      if (flaps) this.#device.path.rebind()
      if (sealed !== null) this.#device.path.send(sealed.bytes)
    })
  }

  #say(frames: DeviceFrame[]): void {
    this.#device.do(({ parts }) => {
      const sealed = parts.channel.hasSession ? parts.channel.seal(frames, false, false) : null
      if (sealed !== null) this.#device.path.send(sealed.bytes)
    })
  }

  #frame(): DeviceFrame {
    const random = this.#random
    const id = 256 + random.int(65_280)
    const bytes = (length: number) => random.fill(new Uint8Array(length))
    const frames: (() => DeviceFrame)[] = [
      () => ({ kind: 'ack', id }),
      () => ({ kind: 'verdict', id, what: 0, deviceClass: random.int(24), reply: bytes(random.int(64)) }),
      () => ({ kind: 'verdict', id, what: 2, deviceClass: 0, reply: null }),
      () => ({ kind: 'response', challenge: bytes(8) }),
      () => ({ kind: 'thresholds', awayAfterS: random.int(2 ** 40), offlineAfterS: random.int(3) }),
      () => ({ kind: 'silence', seconds: random.int(4000) }),
      () => ({ kind: 'sync', version: random.int(2 ** 47) }),
      () => ({ kind: 'want-list', index: random.int(40) }),
      () => ({ kind: 'key-request', nonce: bytes(16) }),
      () => ({ kind: 'key-sealed', request: random.int(1000), sealed: bytes(80) }),
      () => ({ kind: 'puid-request', app: bytes(8), rotation: random.int(2 ** 31) }),
      () => ({ kind: 'list', base: 0, version: 1 + random.int(9), index: 0, count: 2, part: bytes(16) }),
      () => ({ kind: 'visibility', version: random.int(9), index: 0, count: 1, part: bytes(16) }),
    ]
    return (frames[random.int(frames.length)] as () => DeviceFrame)()
  }
}
