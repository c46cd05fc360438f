/** An endpoint, scripted devices built on src/session, and a store in memory, under one virtual clock. */
import { addressFrom } from '../../src/base/address.js'
import { concat, hex, writeU32 } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Now } from '../../src/base/time.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { type KeyPair, keyPair } from '../../src/crypto/key-pair.js'
import type { EndpointOptions } from '../../src/endpoint/config.js'
import { deviceHandle, slotOf } from '../../src/endpoint/device-handle.js'
import { Endpoint } from '../../src/endpoint/endpoint.js'
import type {
  DeviceHandle,
  EndpointEvent,
  EndpointStoreReply,
  EndpointStoreRequest,
  Transmit,
} from '../../src/endpoint/message.js'
import type { DeviceFrame, ServerFrame } from '../../src/frame/frame.js'
import { decodeFrames, encodeFrames } from '../../src/frame/frame-codec.js'
import { pingByte } from '../../src/frame/one-byte.js'
import { needsPadding } from '../../src/frame/padding.js'
import { HandshakeState } from '../../src/noise/handshake-state.js'
import { parsePattern } from '../../src/noise/pattern.js'
import { cookieKey, openCookieReply } from '../../src/packet/cookie.js'
import type { DropReason } from '../../src/packet/drop.js'
import {
  HANDSHAKE_PROLOGUE,
  HANDSHAKE_PROTOCOL,
  type Message2Payload,
  mac1Key,
  mac1Of,
  noiseOfMessage2,
  parseMessage2Payload,
  writeMessage1,
  writeMessage1Payload,
} from '../../src/packet/handshake.js'
import { emptyHeader, parseHeader } from '../../src/packet/header.js'
import { startKeys } from '../../src/session/keys.js'
import { Receiver } from '../../src/session/receiver.js'
import { Offset, SessionFlag } from '../../src/session/record.js'
import { loadSession, saveSession } from '../../src/session/saved.js'
import { confirmNumber, Sender } from '../../src/session/sender.js'
import { SessionSlab } from '../../src/session/slab.js'
import type { SessionView } from '../../src/session/view.js'

/** Unix ms at which every test begins. */
export const START_WALL_MS = 1_800_000_000_000
export const WORKER = 5

const PATTERN = parsePattern(HANDSHAKE_PROTOCOL)

/** Boot value of a process that starts at this time. */
export function bootValue(seconds: number, random: SeededRandom): Uint8Array {
  const boot = random.fill(new Uint8Array(12))
  writeU32(boot, 0, seconds)
  return boot
}

/** A device as the store knows it. */
export interface StoredDevice {
  device: DeviceHandle
  publicKey: Uint8Array
  psk: Uint8Array
  stampMs: number
  rotation: number
  session: Uint8Array | null
}

/** The store: commits at once unless told otherwise. */
export class MemoryStore {
  readonly rows = new Map<DeviceHandle, StoredDevice>()
  /** Every request that came, in order. */
  readonly requests: EndpointStoreRequest[] = []
  /** Requests that wait for `release`. */
  readonly held: EndpointStoreRequest[] = []
  holds = false
  failsCommits = false

  handle(request: EndpointStoreRequest): EndpointStoreReply | null {
    this.requests.push(request)
    if (this.holds && 'request' in request) {
      this.held.push(request)
      return null
    }
    return this.answer(request)
  }

  answer(request: EndpointStoreRequest): EndpointStoreReply | null {
    if (request.kind === 'find-device') {
      const row = [...this.rows.values()].find((one) => hex(one.publicKey) === hex(request.publicKey))
      return { kind: 'found', request: request.request, device: row === undefined ? null : { ...row } }
    }
    const row = this.rows.get(request.device)
    if (request.kind === 'commit-session') {
      const ok = row !== undefined && !this.failsCommits
      if (ok) {
        row.session = request.session.slice()
        row.rotation = request.rotation
        if (request.stampMs !== 0) row.stampMs = request.stampMs
      }
      return { kind: 'committed', request: request.request, ok }
    }
    if (row === undefined) return null
    row.rotation = request.rotation
    row.session = request.kind === 'save-session' ? request.session.slice() : null
    return null
  }

  /** A copy, as of this moment. */
  clone(): MemoryStore {
    const copy = new MemoryStore()
    for (const row of this.rows.values()) copy.rows.set(row.device, { ...row })
    return copy
  }

  count(kind: EndpointStoreRequest['kind']): number {
    return this.requests.filter((request) => request.kind === kind).length
  }
}

export interface PairOptions {
  seed?: string
  store?: MemoryStore
  options?: Partial<EndpointOptions>
  /** Unix seconds in the boot value; the clock's if not given. */
  bootSeconds?: number
}

/** One server process and whoever speaks with it. */
export class Pair {
  readonly crypto: Crypto
  readonly random: SeededRandom
  readonly store: MemoryStore
  readonly staticKeys: KeyPair[]
  readonly options: EndpointOptions
  readonly endpoint: Endpoint
  /** Records of the endpoint's sessions. */
  readonly slab: SessionSlab
  readonly now: Now = { monotonicMs: 1_000_000, wallMs: START_WALL_MS }
  readonly events: EndpointEvent[] = []
  #devices = 0

  constructor(crypto: Crypto, pairOptions: PairOptions = {}) {
    this.crypto = crypto
    this.random = new SeededRandom(pairOptions.seed ?? 'pair')
    this.store = pairOptions.store ?? new MemoryStore()
    const keys = new SeededRandom('static keys')
    const secret = (): Uint8Array => keys.fill(new Uint8Array(32))
    this.staticKeys = [keyPair(crypto, secret()), keyPair(crypto, secret())]
    this.options = {
      worker: WORKER,
      slots: 20_000,
      staticKeys: this.staticKeys,
      boot: bootValue(pairOptions.bootSeconds ?? this.now.wallMs / 1000, this.random),
      cidKey: new Uint8Array(32).fill(0xc1),
      resetKey: new Uint8Array(32).fill(0x5e),
      ...pairOptions.options,
    }
    this.slab = new SessionSlab('server', this.options.slots, this.options.share?.of)
    this.endpoint = new Endpoint(crypto, this.random.fork('endpoint'), this.options, this.now, this.slab)
  }

  /** Starts a new server process on the same store: the old one is as killed. `store` is what the disk holds. */
  restart(afterMs = 5000, store: MemoryStore = this.store): Pair {
    const next = new Pair(this.crypto, {
      seed: `${this.random.int(2 ** 32)}`,
      store,
      options: { ...this.options, boot: bootValue((this.now.wallMs + afterMs) / 1000, this.random) },
    })
    next.now.wallMs = this.now.wallMs + afterMs
    next.#devices = this.#devices
    for (const row of store.rows.values()) next.endpoint.loadSession(row.device, row.session, row.rotation)
    return next
  }

  /** Enrols a device; `slot` counts up if not given. */
  enrol(slot = this.#devices++, generation = 1): TestDevice {
    const device = new TestDevice(this, deviceHandle(WORKER, slot, generation))
    const { handle, keys, psk } = device
    this.store.rows.set(handle, {
      device: handle,
      publicKey: keys.publicKey,
      psk,
      stampMs: 0,
      rotation: 0,
      session: null,
    })
    return device
  }

  /** Enrols a device and takes it through its handshake; it is in contact, and its spare is acked. */
  join(remote = addressOf(1)): TestDevice {
    const device = this.enrol()
    device.handshake(remote)
    this.events.length = 0
    return device
  }

  /** Hands in a datagram; returns what goes out. Both arguments are lent, and overwritten afterwards. */
  deliver(bytes: Uint8Array, remote: Uint8Array): Transmit[] {
    const lent = { bytes: Uint8Array.from(bytes), remote: Uint8Array.from(remote) }
    this.endpoint.handleDatagram(lent.bytes, lent.remote, this.now)
    lent.bytes.fill(0xee)
    lent.remote.fill(0xee)
    return this.drain()
  }

  /** Passes time, stopping at each timeout; returns what goes out. */
  advance(ms: number): Transmit[] {
    const endMs = this.now.monotonicMs + ms
    const sent: Transmit[] = []
    for (;;) {
      const dueMs = this.endpoint.nextTimeout()
      if (dueMs > endMs) break
      this.#setTime(Math.max(dueMs, this.now.monotonicMs))
      this.endpoint.handleTimeout(this.now)
      sent.push(...this.drain())
    }
    this.#setTime(endMs)
    return sent
  }

  /** Polls all queues; lets the store answer. */
  drain(): Transmit[] {
    const sent: Transmit[] = []
    for (;;) {
      const request = this.endpoint.pollStore()
      if (request === null) break
      const reply = this.store.handle(request)
      if (reply !== null) this.endpoint.handleStored(reply, this.now)
    }
    for (let event = this.endpoint.pollEvent(); event !== null; event = this.endpoint.pollEvent())
      this.events.push(event)
    for (let one = this.endpoint.pollTransmit(); one !== null; one = this.endpoint.pollTransmit()) {
      sent.push({ remote: one.remote.slice(), bytes: one.bytes.slice() })
    }
    return sent
  }

  /** Lets the store answer what it held. */
  release(): Transmit[] {
    for (const request of this.store.held.splice(0)) {
      const reply = this.store.answer(request)
      if (reply !== null) this.endpoint.handleStored(reply, this.now)
    }
    return this.drain()
  }

  /** A command of the hub; returns what goes out. */
  command(command: Parameters<Endpoint['handleCommand']>[0]): Transmit[] {
    this.endpoint.handleCommand(command, this.now)
    return this.drain()
  }

  /** Events since the last call. */
  takeEvents(): EndpointEvent[] {
    return this.events.splice(0)
  }

  dropped(reason: DropReason): number {
    return this.endpoint.metrics().dropped[reason]
  }

  #setTime(monotonicMs: number): void {
    this.now.wallMs += monotonicMs - this.now.monotonicMs
    this.now.monotonicMs = monotonicMs
  }
}

/** An address by a small number. */
export function addressOf(n: number): Uint8Array {
  return addressFrom(`192.0.2.${n}`, 40_000 + n)
}

export interface SendOptions {
  ask?: boolean
  retry?: boolean
  probe?: boolean
}

/** A device that does what the test says and nothing by itself. */
export class TestDevice {
  readonly pair: Pair
  readonly handle: DeviceHandle
  readonly keys: KeyPair
  readonly psk: Uint8Array
  readonly random: SeededRandom
  boot: Uint8Array
  slab = new SessionSlab('device', 1)
  view: SessionView = this.slab.view().at(0)
  sender: Sender
  receiver: Receiver
  lastStampMs = 0
  /** Numbers of asking packets whose PONG did not come. */
  readonly asked: number[] = []
  noise: HandshakeState | null = null
  lastMessage1: Uint8Array = new Uint8Array(0)
  /** Ids of reliable frames to ack with the next packet. */
  readonly toAck: number[] = []
  readonly #header = emptyHeader()

  constructor(pair: Pair, handle: DeviceHandle) {
    this.pair = pair
    this.handle = handle
    this.random = pair.random.fork(`device ${handle}`)
    this.keys = keyPair(pair.crypto, this.random.fill(new Uint8Array(32)))
    this.psk = this.random.fill(new Uint8Array(32))
    this.boot = bootValue(pair.now.wallMs / 1000, this.random)
    this.sender = new Sender(this.context)
    this.receiver = new Receiver(this.context)
  }

  get context(): { crypto: Crypto; random: SeededRandom; boot: Uint8Array } {
    return { crypto: this.pair.crypto, random: this.random, boot: this.boot }
  }

  get slot(): number {
    return slotOf(this.handle)
  }

  /** The process dies and starts again with the session that was saved (now, if not given). */
  reboot(saved: Uint8Array = saveSession(this.view), afterS = 10): void {
    this.boot = bootValue(this.pair.now.wallMs / 1000 + afterS, this.random)
    this.slab = new SessionSlab('device', 1)
    this.view = this.slab.view().at(0)
    this.sender = new Sender(this.context)
    this.receiver = new Receiver(this.context)
    this.asked.length = 0
    loadSession(this.view, this.context, saved)
  }

  /** A message 1 to the server's key number `key`. */
  message1(options: { stampMs?: number; cookie?: Uint8Array | null; key?: number; ping?: number } = {}): Uint8Array {
    const { cookie = null, key = 0, ping = pingByte('active', 4) } = options
    const stampMs = options.stampMs ?? Math.max(this.lastStampMs + 1, this.pair.now.wallMs)
    this.lastStampMs = stampMs
    const { publicKey } = this.pair.staticKeys[key] as KeyPair
    this.noise = new HandshakeState(this.pair.crypto, {
      pattern: PATTERN,
      initiator: true,
      prologue: HANDSHAKE_PROLOGUE,
      s: this.keys,
      e: this.random.fill(new Uint8Array(32)),
      rs: publicKey,
      psks: [this.psk],
    })
    const noise = this.noise.writeMessage(writeMessage1Payload(stampMs, ping)) as Uint8Array
    this.lastMessage1 = writeMessage1(this.pair.crypto, mac1Key(this.pair.crypto, publicKey), noise, cookie)
    return this.lastMessage1
  }

  /** Opens a cookie reply to the last message 1. */
  openCookie(datagram: Uint8Array, key = 0): Uint8Array | null {
    const { publicKey } = this.pair.staticKeys[key] as KeyPair
    return openCookieReply(
      this.pair.crypto,
      cookieKey(this.pair.crypto, publicKey),
      mac1Of(this.lastMessage1),
      datagram,
    )
  }

  /** Reads message 2, with a psk of zeros if `zero`; on acceptance the new session replaces the old one at once. */
  readMessage2(datagram: Uint8Array, zero = false): Message2Payload | null {
    const noise = this.noise
    if (noise === null) return null
    noise.setPsk(0, zero ? new Uint8Array(32) : this.psk)
    const bytes = noise.readMessage(noiseOfMessage2(datagram))
    const payload = bytes === null ? null : parseMessage2Payload(bytes)
    if (payload?.kind === 'acceptance') {
      startKeys(this.view, this.context, noise.exportRoot())
      this.view.write(Offset.cid, payload.cid)
      this.view.write(Offset.token, payload.token)
      this.asked.length = 0
    }
    return payload
  }

  /** The next datagram with these frames. Asks unless told not to. */
  seal(frames: readonly DeviceFrame[], options: SendOptions = {}): Uint8Array {
    const { ask = true, retry = false } = options
    const plaintext = encodeFrames(frames, 'd2s')
    return this.sealBytes(plaintext, { ...options, ask, retry }, needsPadding(frames))
  }

  /** The next datagram with this plaintext, well-formed or not. */
  sealBytes(plaintext: Uint8Array, options: SendOptions = {}, padded = false): Uint8Array {
    const { ask = true, retry = false, probe = false } = options
    // Numbers under the key that goes are no numbers under the one that comes.
    if (ask && retry && !this.view.matches(Offset.deviceBoot, this.boot)) this.asked.length = 0
    const datagram = this.sender.seal(this.view, { plaintext, ask, retry, answers: false, probe, padded }) as Uint8Array
    if (ask) this.asked.push(this.sender.number)
    return datagram
  }

  /** A PING that asks. */
  ping(options: SendOptions & { state?: 'active' | 'idle' | 'gone'; silenceClass?: number } = {}): Uint8Array {
    const { state = 'active', silenceClass = 4 } = options
    return this.seal([{ kind: 'ping', state, silenceClass }], options)
  }

  /** A probe; the server's answer names `sender.number`. */
  probe(delayS: number): Uint8Array {
    return this.seal([{ kind: 'probe', delayS }], { ask: false, probe: true })
  }

  /** Opens a datagram of the server; acks and challenges in it are remembered. */
  open(datagram: Uint8Array): ServerFrame[] | DropReason {
    const wrong = parseHeader(datagram, 's2d', this.#header)
    if (wrong !== null) return wrong
    const opened = this.receiver.open(this.view, this.#header, datagram)
    if (typeof opened === 'string') return opened
    const frames = decodeFrames(opened, 's2d')
    if (frames === null) return 'malformed'
    for (const frame of frames) this.#note(frame)
    return frames
  }

  /** Opens all datagrams; throws at one that does not open. */
  openAll(sent: readonly Transmit[]): ServerFrame[] {
    return sent.flatMap(({ bytes }) => {
      const frames = this.open(bytes)
      if (typeof frames === 'string') throw new Error(`device ${this.slot} cannot open: ${frames}`)
      return frames
    })
  }

  /** Sends frames and opens what comes back. */
  exchange(frames: readonly DeviceFrame[], remote: Uint8Array, options: SendOptions = {}): ServerFrame[] {
    return this.openAll(this.pair.deliver(this.seal(frames, options), remote))
  }

  /** Acks what is to be acked, with a PING that asks. */
  ack(remote: Uint8Array): ServerFrame[] {
    const acks = this.toAck.splice(0).map((id): DeviceFrame => ({ kind: 'ack', id }))
    return this.exchange([{ kind: 'ping', state: 'active', silenceClass: 4 }, ...acks], remote)
  }

  /** Message 1, message 2, first packet, ack of the spare. */
  handshake(remote: Uint8Array): void {
    const [message2] = this.pair.deliver(this.message1(), remote)
    if (message2 === undefined) throw new Error('no message 2')
    if (this.readMessage2(message2.bytes)?.kind !== 'acceptance') throw new Error('not accepted')
    this.exchange([{ kind: 'ping', state: 'active', silenceClass: 4 }], remote)
    this.ack(remote)
  }

  /** Answers the CHALLENGE among frames, if there is one. */
  respond(frames: readonly ServerFrame[], remote: Uint8Array): ServerFrame[] {
    const challenge = frames.find((frame) => frame.kind === 'challenge')
    if (challenge === undefined) throw new Error('no challenge')
    const ping: DeviceFrame = { kind: 'ping', state: 'active', silenceClass: 4 }
    return this.exchange([ping, { kind: 'response', challenge: challenge.challenge.slice() }], remote)
  }

  /** Takes the spare into use. */
  moveToSpare(): void {
    const ids = this.view.read(Offset.spareCid, new Uint8Array(17))
    this.view.write(Offset.cid, ids)
    this.view.raise(SessionFlag.skipPending)
  }

  #note(frame: ServerFrame): void {
    if (frame.kind === 'pong') {
      const index = this.asked.findLastIndex((number) => number % 48 === frame.residue)
      const [number] = index < 0 ? [] : this.asked.splice(index, 1)
      if (number !== undefined && !this.receiver.byLastKey) confirmNumber(this.view, number)
    }
    if ('id' in frame && !this.toAck.includes(frame.id)) this.toAck.push(frame.id)
    if (frame.kind === 'new-cid') this.view.write(Offset.spareCid, concat(frame.cid, frame.token))
  }
}
