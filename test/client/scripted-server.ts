/** A server that does what the test says and nothing by itself: one device, built on src/session. */
import { concat, equalBytes, writeU32 } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { type KeyPair, keyPair } from '../../src/crypto/key-pair.js'
import type { DeviceFrame, PingFrame, ServerFrame } from '../../src/frame/frame.js'
import { decodeFrames, encodeFrames } from '../../src/frame/frame-codec.js'
import { oneByteValue } from '../../src/frame/one-byte.js'
import { needsPadding } from '../../src/frame/padding.js'
import { HandshakeState } from '../../src/noise/handshake-state.js'
import { parsePattern } from '../../src/noise/pattern.js'
import { BOOT_BYTES, CID_BYTES, Flag, ONE_BYTE_VALUES } from '../../src/packet/constants.js'
import { cookieKey, cookieOf, sealCookieReply } from '../../src/packet/cookie.js'
import {
  HANDSHAKE_PROLOGUE,
  HANDSHAKE_PROTOCOL,
  isMac1Valid,
  mac1Key,
  mac1Of,
  noiseOfMessage1,
  parseMessage1Payload,
  writeAcceptance,
  writeMessage2,
  writeRefusal,
} from '../../src/packet/handshake.js'
import { CID_OFFSET, datagramKind, emptyHeader, parseHeader } from '../../src/packet/header.js'
import { writeReset } from '../../src/packet/reset.js'
import { startKeys } from '../../src/session/keys.js'
import { Receiver } from '../../src/session/receiver.js'
import { SessionFlag } from '../../src/session/record.js'
import { noteAsk, Sender } from '../../src/session/sender.js'
import { SessionSlab } from '../../src/session/slab.js'
import type { SessionView } from '../../src/session/view.js'

const PATTERN = parsePattern(HANDSHAKE_PROTOCOL)

/** A channel packet of the device, opened. */
export interface Packet {
  frames: DeviceFrame[]
  /** the PING, if there is one */
  ping: PingFrame | null
  number: number
  ask: boolean
  /** 12 B or null */
  boot: Uint8Array | null
  long: boolean
  grease: number
  cid: Uint8Array
  bytes: Uint8Array
}

/** A message 1 of the device, opened. */
export interface FirstMessage {
  stampMs: number
  ping: number
  hasCookie: boolean
  /** number of the static key it was made for */
  key: number
  bytes: Uint8Array
  noise: HandshakeState
}

export class ScriptedServer {
  readonly crypto: Crypto
  readonly random: SeededRandom
  readonly staticKeys: KeyPair[]
  readonly psk: Uint8Array
  boot: Uint8Array
  cid: Uint8Array = new Uint8Array(0)
  token: Uint8Array = new Uint8Array(0)
  /** Of the pseudonym by which rings are sent. */
  rotation = 0
  readonly #slab = new SessionSlab('server', 2)
  #slot: 0 | 1 = 0
  #sender: Sender
  #receiver: Receiver
  readonly #header = emptyHeader()
  #ids = 0x100

  constructor(crypto: Crypto, psk: Uint8Array, seed = 'server') {
    this.crypto = crypto
    this.random = new SeededRandom(seed)
    this.psk = psk
    this.staticKeys = [this.#secret(), this.#secret()].map((secret) => keyPair(crypto, secret))
    this.boot = this.bytes(BOOT_BYTES)
    writeU32(this.boot, 0, 1_700_000_000)
    this.#sender = new Sender(this.#context)
    this.#receiver = new Receiver(this.#context)
  }

  get #context(): { crypto: Crypto; random: SeededRandom; boot: Uint8Array } {
    return { crypto: this.crypto, random: this.random, boot: this.boot }
  }

  /** The session. */
  get view(): SessionView {
    return this.#slab.view().at(this.#slot)
  }

  bytes(length: number): Uint8Array {
    return this.random.fill(new Uint8Array(length))
  }

  /** A fresh id for a reliable frame. */
  id(): number {
    return ++this.#ids
  }

  #secret(): Uint8Array {
    return this.bytes(32)
  }

  /** Opens a message 1; null if no key of ours fits. */
  readMessage1(bytes: Uint8Array): FirstMessage | null {
    for (const [key, s] of this.staticKeys.entries()) {
      if (!isMac1Valid(this.crypto, mac1Key(this.crypto, s.publicKey), bytes)) continue
      const e = this.bytes(32)
      const noise = new HandshakeState(this.crypto, {
        pattern: PATTERN,
        initiator: false,
        prologue: HANDSHAKE_PROLOGUE,
        s,
        e,
      })
      const payload = noise.readMessage(noiseOfMessage1(bytes))
      const parsed = payload === null ? null : parseMessage1Payload(payload)
      if (parsed === null) return null
      const hasCookie = datagramKind(bytes, 'd2s') === 'message-1-cookie'
      return { stampMs: parsed.stampMs, ping: oneByteValue(parsed.pingByte), hasCookie, key, bytes, noise }
    }
    return null
  }

  /** Message 2 that accepts; the session is begun. */
  accept(message1: FirstMessage): Uint8Array {
    this.cid = this.bytes(CID_BYTES)
    this.token = this.bytes(12)
    message1.noise.setPsk(0, this.psk)
    const noise = message1.noise.writeMessage(writeAcceptance(this.cid, this.token)) as Uint8Array
    this.#slot = this.#slot === 0 ? 1 : 0
    startKeys(this.view, this.#context, message1.noise.exportRoot())
    return writeMessage2(noise)
  }

  /** Goes back to the session before the last `accept`, as if that message 2 was lost. */
  keepOld(): void {
    this.#slot = this.#slot === 0 ? 1 : 0
  }

  /** Message 2 that refuses; with the zero psk if `isUnknown`. */
  refuse(message1: FirstMessage, code: number, value: number, isUnknown = false): Uint8Array {
    message1.noise.setPsk(0, isUnknown ? new Uint8Array(32) : this.psk)
    return writeMessage2(message1.noise.writeMessage(writeRefusal(code, value)) as Uint8Array)
  }

  /** Message 2 that accepts under the zero psk, as somebody would who knows no psk. */
  acceptWithoutPsk(message1: FirstMessage): Uint8Array {
    message1.noise.setPsk(0, new Uint8Array(32))
    return writeMessage2(message1.noise.writeMessage(writeAcceptance(this.bytes(5), this.bytes(12))) as Uint8Array)
  }

  /** The 16 B that this server asks for. */
  get cookie(): Uint8Array {
    return cookieOf(this.crypto, new Uint8Array(32).fill(7), new Uint8Array(18))
  }

  cookieReply(message1: Uint8Array, key = 0): Uint8Array {
    const sealing = cookieKey(this.crypto, (this.staticKeys[key] as KeyPair).publicKey)
    return sealCookieReply(this.crypto, sealing, this.bytes(12), mac1Of(message1), this.cookie)
  }

  /** Whether mac2 of a message 1 was made with `cookie`. */
  isMac2Valid(message1: Uint8Array): boolean {
    return equalBytes(this.crypto.mac(this.cookie, message1.subarray(0, 120), 16), message1.subarray(120))
  }

  /** Opens a channel packet. @throws Error if it does not open. */
  open(bytes: Uint8Array): Packet {
    const opened = this.tryOpen(bytes)
    if (typeof opened === 'string') throw new Error(`packet does not open: ${opened}`)
    return opened
  }

  tryOpen(bytes: Uint8Array): Packet | string {
    const header = this.#header
    const fault = parseHeader(bytes, 'd2s', header)
    if (fault !== null) return fault
    const opened = this.#receiver.open(this.view, header, bytes)
    if (typeof opened === 'string') return opened
    const frames = decodeFrames(opened, 'd2s')
    if (frames === null) return 'malformed'
    if (header.ask) noteAsk(this.view, header.bootOffset >= 0)
    const boot = header.bootOffset < 0 ? null : bytes.slice(header.bootOffset, header.bootOffset + BOOT_BYTES)
    return {
      frames,
      ping: frames[0]?.kind === 'ping' ? frames[0] : null,
      number: this.#receiver.number,
      ask: header.ask,
      boot,
      long: header.numberBytes === 4,
      grease: header.flags & Flag.grease,
      cid: bytes.slice(CID_OFFSET, CID_OFFSET + CID_BYTES),
      bytes,
    }
  }

  /** Seals frames. */
  seal(frames: readonly ServerFrame[]): Uint8Array {
    return this.sealBytes(encodeFrames(frames, 's2d'), needsPadding(frames), frames[0]?.kind === 'pong')
  }

  /** Seals a plaintext, well-formed or not. */
  sealBytes(plaintext: Uint8Array, padded = false, answers = false): Uint8Array {
    return this.#sender.seal(this.view, { plaintext, ask: false, retry: false, answers, padded }) as Uint8Array
  }

  /** The server's clock, Unix ms. */
  clock: () => number = () => 0

  /** The PONG to a packet, CLOCK if it brought SYNC, and more. */
  answer(packet: Packet, ...more: readonly ServerFrame[]): Uint8Array {
    const wantsClock =
      packet.frames.some(({ kind }) => kind === 'sync') && !more.some(({ kind }) => kind === 'challenge')
    const clock: ServerFrame[] = wantsClock ? [{ kind: 'clock', clockMs: this.clock() }] : []
    return this.seal([{ kind: 'pong', residue: packet.number % ONE_BYTE_VALUES }, ...clock, ...more])
  }

  /** A new process of the server: another boot value; the session is unconfirmed until `confirm`. */
  restart(seconds = 1_700_000_100): void {
    this.boot = this.bytes(BOOT_BYTES)
    writeU32(this.boot, 0, seconds)
    this.#sender = new Sender(this.#context)
    this.#receiver = new Receiver(this.#context)
    this.view.lower(SessionFlag.confirmed)
  }

  /** The RESPONSE came. */
  confirm(): void {
    this.view.raise(SessionFlag.confirmed)
  }

  /** A reset with this token; by default that of the current ID. */
  reset(token: Uint8Array = this.token): Uint8Array {
    return writeReset(token)
  }

  state(more: Partial<{ id: number; version: number; flags: number }> = {}): ServerFrame {
    return { kind: 'state', id: this.id(), version: 0, flags: 0, ...more }
  }

  newCid(): ServerFrame & { kind: 'new-cid' } {
    return { kind: 'new-cid', id: this.id(), cid: this.bytes(CID_BYTES), token: this.bytes(12) }
  }

  notify(more: Partial<ServerFrame & { kind: 'notify' }> = {}): ServerFrame & { kind: 'notify' } {
    return {
      kind: 'notify',
      id: this.id(),
      ring: this.bytes(16),
      app: new Uint8Array(8).fill(0xaa),
      rotation: this.rotation,
      deadlineMs: 0,
      title: 'Ann calls',
      body: '',
      url: '',
      payload: concat(),
      ...more,
    }
  }
}
