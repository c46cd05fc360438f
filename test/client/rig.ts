/** One device machine and a scripted server under one virtual clock; nothing passes between them by itself. */
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Now } from '../../src/base/time.js'
import type { Credentials } from '../../src/client/credentials.js'
import { DeviceMachine } from '../../src/client/device-machine.js'
import type { DeviceEvent } from '../../src/client/event.js'
import type { SaveRequest } from '../../src/client/save-gate.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import type { ServerFrame } from '../../src/frame/frame.js'
import { datagramKind } from '../../src/packet/header.js'
import { type FirstMessage, type Packet, ScriptedServer } from './scripted-server.js'

/** Unix ms at which every test begins. */
export const START_WALL_MS = 1_800_000_000_000

/** The application that tests use: 8 bytes of aa. */
export const APP = 'aaaaaaaaaaaaaaaa'

/** A datagram of the device and when it left, ms since the start. */
export interface Sent {
  atMs: number
  bytes: Uint8Array
}

/** Refuses to seal twice under one key and nonce, and counts. Shared by machines that must never collide. */
export function guarded(crypto: Crypto, seen: Set<string> = new Set()): Crypto {
  return {
    ...crypto,
    name: crypto.name,
    seal(key, nonce, aad, plaintext) {
      const use = `${hex(key)} ${hex(nonce)}`
      if (seen.has(use)) throw new Error('a key and nonce are used twice')
      seen.add(use)
      return crypto.seal(key, nonce, aad, plaintext)
    },
    open: (key, nonce, aad, ciphertext) => crypto.open(key, nonce, aad, ciphertext),
    publicKey: (secretKey) => crypto.publicKey(secretKey),
    sharedSecret: (secretKey, publicKey) => crypto.sharedSecret(secretKey, publicKey),
    hash: (message) => crypto.hash(message),
    mac: (key, message, outputBytes) => crypto.mac(key, message, outputBytes),
  }
}

export interface RigOptions {
  seed?: string
  /** default 30; null: learnt */
  keepaliveS?: number | null
  canProbe?: boolean
  asksEvery?: number
  stored?: Uint8Array | null
  server?: ScriptedServer
  /** shared over machines: see `guarded` */
  seen?: Set<string>
  wallMs?: number
  serverKeys?: Uint8Array[]
  /** of the device, if it is not the server's */
  psk?: Uint8Array
}

const SECRET = new SeededRandom('device').fill(new Uint8Array(32))
const PSK = new SeededRandom('psk').fill(new Uint8Array(32))

export class Rig {
  readonly crypto: Crypto
  readonly server: ScriptedServer
  readonly machine: DeviceMachine
  readonly now: Now
  readonly startMs: number
  /** What the storage holds; null: nothing. */
  disk: Uint8Array | null
  /** Every state that was stored, oldest first. */
  readonly stored: Uint8Array[] = []
  /** Whether saves wait for `save`. */
  holdsSaves = false
  readonly heldSaves: SaveRequest[] = []
  readonly events: DeviceEvent[] = []
  #sent: Sent[] = []

  constructor(crypto: Crypto, options: RigOptions = {}) {
    const { seed = 'rig', keepaliveS = 30, stored = null, wallMs = START_WALL_MS } = options
    this.crypto = crypto
    this.server = options.server ?? new ScriptedServer(crypto, PSK)
    this.now = { monotonicMs: 5_000_000, wallMs }
    this.server.clock = () => this.wallMs
    this.startMs = this.now.monotonicMs
    this.disk = stored
    const { secretKey, publicKey } = keyPair(crypto, SECRET)
    const serverKeys = options.serverKeys ?? [(this.server.staticKeys[0] as { publicKey: Uint8Array }).publicKey]
    const credentials: Credentials = {
      deviceId: 'dev_1',
      secretKey,
      publicKey,
      psk: options.psk ?? PSK,
      serverKeys,
      endpoints: ['udp://192.0.2.1:7350'],
    }
    this.machine = new DeviceMachine(
      {
        credentials,
        stored,
        crypto: guarded(crypto, options.seen),
        random: new SeededRandom(seed),
        ...(keepaliveS === null ? {} : { keepaliveS }),
        canProbe: options.canProbe ?? false,
        asksEvery: options.asksEvery ?? 1,
      },
      this.now,
    )
  }

  /** A device with a confirmed session: started, through the handshake, first packet answered with `frames`. */
  static online(crypto: Crypto, options: RigOptions = {}, ...frames: readonly ServerFrame[]): Rig {
    const rig = new Rig(crypto, options)
    rig.start()
    rig.finishHandshake(...frames)
    return rig
  }

  /** Answers the message 1 that is out, and the first packet. */
  finishHandshake(...frames: readonly ServerFrame[]): Packet {
    const message1 = this.server.readMessage1(this.takeOne()) as FirstMessage
    this.deliver(this.server.accept(message1))
    const first = this.server.open(this.takeOne())
    this.deliver(this.server.answer(first, ...frames))
    return first
  }

  /** Another process of the same device, from what the disk holds, or other bytes. */
  restarted(options: RigOptions = {}): Rig {
    const rig = new Rig(this.crypto, {
      stored: this.disk,
      server: this.server,
      seed: `restart ${this.now.wallMs}`,
      wallMs: this.now.wallMs + 10_000,
      ...options,
    })
    rig.start()
    return rig
  }

  get wallMs(): number {
    return this.now.wallMs
  }

  /** ms since the start. */
  get atMs(): number {
    return this.now.monotonicMs - this.startMs
  }

  start(): void {
    this.machine.start(this.now)
    this.drain()
  }

  /** Runs a command and takes what it caused. */
  do<T>(command: (machine: DeviceMachine, now: Now) => T): T {
    const result = command(this.machine, this.now)
    this.drain()
    return result
  }

  deliver(bytes: Uint8Array): void {
    this.machine.handleDatagram(bytes, this.now)
    this.drain()
  }

  /** Delivers frames in one packet. */
  send(...frames: readonly ServerFrame[]): void {
    this.deliver(this.server.seal(frames))
  }

  /** Passes time, stopping at each timeout. */
  advance(ms: number): void {
    const endMs = this.now.monotonicMs + ms
    for (let rounds = 0; ; rounds++) {
      if (rounds > 10_000) throw new Error('the machine is busy for ever')
      const dueMs = this.machine.nextTimeout()
      if (dueMs > endMs) break
      this.#setTime(Math.max(dueMs, this.now.monotonicMs))
      this.machine.handleTimeout(this.now)
      this.drain()
    }
    this.#setTime(endMs)
  }

  /** Steps the wall clock, as a person or NTP would. */
  stepWall(ms: number): void {
    this.now.wallMs += ms
  }

  /** Takes saves, datagrams and events out of the machine. */
  drain(): void {
    for (;;) {
      const request = this.machine.pollSave()
      if (request === null) break
      if (this.holdsSaves) this.heldSaves.push(request)
      else this.#store(request)
    }
    this.#collect()
  }

  /** Stores what was held, one save. */
  save(): void {
    const request = this.heldSaves.shift()
    if (request === undefined) throw new Error('nothing to save')
    this.#store(request)
    this.drain()
  }

  /** Datagrams since the last call. */
  take(): Sent[] {
    this.#collect()
    return this.#sent.splice(0)
  }

  /** The one datagram since the last call. */
  takeOne(): Uint8Array {
    const sent = this.take()
    if (sent.length !== 1) throw new Error(`expected 1 datagram, got ${sent.length}`)
    return (sent[0] as Sent).bytes
  }

  /** Channel packets since the last call, opened. */
  takePackets(): (Packet & { atMs: number })[] {
    return this.take().map(({ bytes, atMs }) => ({ ...this.server.open(bytes), atMs }))
  }

  /** The one packet since the last call. */
  takePacket(): Packet {
    return this.server.open(this.takeOne())
  }

  /** Messages 1 since the last call. */
  takeMessages1(): (FirstMessage & { atMs: number })[] {
    return this.take()
      .filter(({ bytes }) => datagramKind(bytes, 'd2s').startsWith('message-1'))
      .map(({ bytes, atMs }) => ({ ...(this.server.readMessage1(bytes) as FirstMessage), atMs }))
  }

  /** Events of a kind since the start. */
  eventsOf<K extends DeviceEvent['kind']>(kind: K): (DeviceEvent & { kind: K })[] {
    return this.events.filter((event): event is DeviceEvent & { kind: K } => event.kind === kind)
  }

  #store(request: SaveRequest): void {
    this.disk = request.bytes.slice()
    this.stored.push(this.disk)
    this.machine.handleSaved(request, this.now)
  }

  #collect(): void {
    for (let bytes = this.machine.pollTransmit(); bytes !== null; bytes = this.machine.pollTransmit()) {
      this.#sent.push({ atMs: this.atMs, bytes })
    }
    for (let event = this.machine.pollEvent(); event !== null; event = this.machine.pollEvent()) this.events.push(event)
  }

  #setTime(monotonicMs: number): void {
    this.now.wallMs += monotonicMs - this.now.monotonicMs
    this.now.monotonicMs = monotonicMs
  }
}
