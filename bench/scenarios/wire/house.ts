/**
 * One person with one device, and the server: the real machine, endpoint and hub with real cryptography, in virtual
 * time on a network that loses nothing. Every datagram that crosses it is written down.
 */
import { hex } from '../../../src/base/bytes.js'
import { SeededRandom } from '../../../src/base/seeded-random.js'
import type { Now } from '../../../src/base/time.js'
import { Handshake } from '../../../src/client/handshake.js'
import type { Crypto } from '../../../src/crypto/crypto.js'
import { type KeyPair, keyPair } from '../../../src/crypto/key-pair.js'
import { deviceHandle } from '../../../src/endpoint/device-handle.js'
import type { HubReply } from '../../../src/hub/message.js'
import { CidCodec } from '../../../src/packet/connection-id.js'
import { AnswerMeter } from '../../../src/sim/answer-meter.js'
import { ContactModel } from '../../../src/sim/contact-model.js'
import { DeviceNode } from '../../../src/sim/device-node.js'
import { EventQueue } from '../../../src/sim/event-queue.js'
import { Network } from '../../../src/sim/network.js'
import { ServerNode } from '../../../src/sim/server-node.js'
import { ServerWatch } from '../../../src/sim/server-watch.js'
import { addStoredDevice, emptyDisk } from '../../../src/sim/sim-store.js'
import { BODY_BYTES } from '../../peers/speech/body.js'

/** A datagram: the bytes of its UDP payload. */
export interface Datagram {
  up: boolean
  bytes: Uint8Array
}

const EPOCH_MS = 1_700_000_000_000
/** Pings are so far apart that every other exchange is over between two, s. */
const KEEPALIVE_S = 300
const APP = 1
const LINK = { latencyMs: 20, jitterMs: 0, lossRatio: 0, duplicateRatio: 0, bursts: null, nat: null }
const RING_LIFE_MS = 60_000
const SLOTS = 8
/** A slot that a removed device owned, beside the device's own. */
const [SLOT, DEAD_SLOT] = [0, 1]

export class House {
  readonly #queue = new EventQueue()
  readonly #crypto: Crypto
  readonly #random: SeededRandom
  readonly #network: Network
  readonly #server: ServerNode
  readonly #device: DeviceNode
  readonly #statics: KeyPair
  readonly #cidKey: Uint8Array
  readonly #appId: string
  readonly #seen: Datagram[] = []
  #puid = ''
  #requests = 0

  constructor(crypto: Crypto, seed: string) {
    const random = new SeededRandom(`wire ${seed}`)
    const bytes = (name: string, length = 32) => random.fork(name).fill(new Uint8Array(length))
    this.#crypto = crypto
    this.#random = random
    this.#cidKey = bytes('cid')
    this.#statics = keyPair(crypto, bytes('static'))
    const app = bytes('app', 8)
    this.#appId = hex(app)
    this.#network = new Network(this.#queue, random.fork('network'))
    this.#network.observe = (seen) => this.#seen.push({ up: seen.toServer, bytes: seen.bytes })
    const fail = (what: string): never => {
      throw new Error(what)
    }
    this.#server = new ServerNode(
      {
        crypto,
        random: random.fork('server'),
        network: this.#network,
        workers: 1,
        slots: SLOTS,
        staticKeys: [this.#statics],
        cidKey: this.#cidKey,
        resetKey: bytes('reset'),
        puidKey: bytes('puid'),
        apps: new Map([[APP, app]]),
        epochMs: EPOCH_MS,
        watch: new ServerWatch(new ContactModel(fail), new AnswerMeter(fail), this.#cidKey),
        attach: (ports) => {
          this.#network.servers = ports
        },
        onReply: (reply) => this.#handleReply(reply),
        onWebhook: () => {},
        onCrash: () => {},
      },
      emptyDisk(),
    )
    this.#device = this.#enrol(SLOT)
    this.#enrol(DEAD_SLOT)
    this.#server.start()
  }

  /** What crossed the network while this ran, and in the seconds after it. */
  during(run: () => void, seconds: number): Datagram[] {
    this.#seen.length = 0
    run()
    this.#queue.runUntil(this.#queue.nowMs + seconds * 1000)
    return this.#seen.splice(0)
  }

  /** Starts the device's process: a handshake at first, its stored session later. */
  startDevice = (): void => this.#device.start()

  killDevice = (): void => this.#device.kill()

  /** `kill -9` and a start of the server on the same store. */
  restartServer = (): void => {
    this.#server.crash()
    this.#server.start()
  }

  /** The person lets the application see them, and the device asks for the pseudonym that it needs for `ring`. */
  allow = (): void => {
    this.#device.do((machine, now) => machine.allow(this.#appId, {}, now))
    this.#queue.runUntil(this.#queue.nowMs + 30_000)
    this.#device.do((machine, now) => machine.requestPuid(this.#appId, now))
  }

  /** Next ping, whenever it is due: nothing else happens. */
  idle = (): void => {}

  /** An application rings the person; the text has as many bytes as the peers' messages. */
  ring = (): void => {
    if (this.#puid === '') throw new Error('the device was told no pseudonym')
    const [title, url] = ['Somebody waits at your door.', 'https://example.net/ring']
    const text = { title, body: 'x'.repeat(BODY_BYTES - title.length - url.length), url, payload: '' }
    const how = { deadlineInMs: RING_LIFE_MS, strategy: 'all' as const, stepMs: 0, collapseKey: '', idempotencyKey: '' }
    const ring = { to: [this.#puid], ...text, ...how }
    this.#server.request({ kind: 'ring', request: ++this.#requests, app: APP, ring })
  }

  /** The mapping of the device's NAT is made anew; nobody knows. */
  rebind = (): void => this.#device.path.rebind()

  /** The device comes to another network, and knows it. */
  move = (): void => {
    this.#device.path.join()
    this.#device.networkChanged()
  }

  /** Datagrams of others, each from an address of its own, at one moment. @returns what they were answered with. */
  strangers(datagrams: readonly Uint8Array[]): Datagram[] {
    return this.during(() => {
      for (const bytes of datagrams) this.#network.sendToServer(0, bytes, this.#address())
    }, 1)
  }

  /** A right message 1 of a device that is not enrolled. */
  strangersMessage1(): Uint8Array {
    const own = keyPair(this.#crypto, this.#random.fill(new Uint8Array(32)))
    const memory = { stampMs: 0, serverKeys: [this.#statics.publicKey] }
    const handshake = new Handshake(this.#crypto, this.#random, own, new Uint8Array(32), memory)
    handshake.begin(true, this.#now())
    handshake.handleTimeout(this.#now())
    const bytes = handshake.writeMessage1(0, this.#now())
    if (bytes === null) throw new Error('no message 1')
    return bytes
  }

  /** A channel packet of so many bytes to a connection ID that was used long ago. */
  deadPacket(bytes: number): Uint8Array {
    const packet = this.#random.fill(new Uint8Array(bytes))
    packet[0] = 0x80
    new CidCodec(this.#cidKey).write(packet, 1, 0, DEAD_SLOT, 500)
    return packet
  }

  #address(): Uint8Array {
    const address = this.#random.fill(new Uint8Array(18))
    address.fill(0, 0, 10)
    address.set([0xff, 0xff, 10, 9], 10)
    return address
  }

  #now(): Now {
    return { monotonicMs: this.#queue.nowMs, wallMs: Math.floor(EPOCH_MS + this.#queue.nowMs) }
  }

  #handleReply(reply: HubReply): void {
    if (reply.kind === 'error') throw new Error(`${reply.code}: ${reply.detail}`)
  }

  #enrol(slot: number): DeviceNode {
    const random = this.#random.fork(`device ${slot}`)
    const { secretKey, publicKey } = keyPair(this.#crypto, random.fork('static').fill(new Uint8Array(32)))
    const psk = random.fork('psk').fill(new Uint8Array(32))
    const handle = deviceHandle(0, slot, 0)
    const row = { device: handle, person: 1 + slot, name: `${slot}`, publicKey, psk, stampMs: 0, rotation: 0 }
    addStoredDevice(this.#server.disk, { ...row, session: null })
    const keys = { secretKey, publicKey, psk, serverKeys: [this.#statics.publicKey] }
    return new DeviceNode({
      name: `${slot}`,
      handle,
      credentials: { deviceId: `dev_${slot}`, ...keys, endpoints: ['udp://sim:1'] },
      crypto: this.#crypto,
      random,
      network: this.#network,
      port: 0,
      link: LINK,
      now: () => this.#now(),
      keepaliveS: KEEPALIVE_S,
      tcpKeepaliveS: null,
      steps: null,
      onEvent: (_node, event) => {
        if (event.kind === 'puid') this.#puid = event.puid
      },
    })
  }
}
