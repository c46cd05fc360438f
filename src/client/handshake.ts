/** The device's side of the handshake: stamps, attempts, server keys, cookies, refusals. wire-spec §4 and §9.3. */
import { equalBytes } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import { type Crypto, KEY_BYTES } from '../crypto/crypto.js'
import type { KeyPair } from '../crypto/key-pair.js'
import { HandshakeState } from '../noise/handshake-state.js'
import { parsePattern } from '../noise/pattern.js'
import {
  HANDSHAKE_RETRY_FACTOR,
  HANDSHAKE_RETRY_MAX_MS,
  MESSAGE2_BYTES,
  RESET_PAUSE_MAX_MS,
  RefusalCode,
} from '../packet/constants.js'
import { cookieKey, openCookieReply } from '../packet/cookie.js'
import type { DropReason } from '../packet/drop.js'
import {
  HANDSHAKE_PROLOGUE,
  HANDSHAKE_PROTOCOL,
  mac1Key,
  mac1Of,
  noiseOfMessage2,
  parseMessage2Payload,
  writeMessage1,
  writeMessage1Payload,
} from '../packet/handshake.js'

const PATTERN = parsePattern(HANDSHAKE_PROTOCOL)
const ZERO_PSK = new Uint8Array(KEY_BYTES)

/** Pause after the first message 1, ms; it doubles. wire-spec [R-9.3-1] */
const RETRY_FIRST_MS = 1000

/** A cookie is used for this, ms. wire-spec [R-4.4-1] */
const COOKIE_LIFE_MS = 120_000

/** Longest wait that a refusal "busy" can ask for, s: one day, against a server's slip. */
const BUSY_MAX_S = 86_400

/** Server keys kept: the current and the next or last. wire-spec §12.3 */
export const SERVER_KEYS_MAX = 2

/** idle: none wanted. waiting: for the next attempt. storing: the stamp is on its way to the store. open: message 1 is out. */
type State = 'idle' | 'waiting' | 'storing' | 'open'

/** What a message 2 brought. */
export type HandshakeAnswer =
  | {
      kind: 'accepted'
      /** 32 B */
      root: Uint8Array
      /** 5 B */
      cid: Uint8Array
      /** 12 B */
      token: Uint8Array
      /** of message 1 and message 2 */
      bytes: [number, number]
    }
  | {
      kind: 'refused'
      /** of `RefusalCode` */
      code: number
      value: number
      /** by how much our clock is ahead of the server's, ms; for clock-ahead only, else 0 */
      aheadMs: number
    }
  | { kind: 'dropped'; reason: DropReason }

/** What the handshake keeps in the store. */
export interface HandshakeMemory {
  /** stamp of the last message 1, Unix ms; 0 none. wire-spec [R-4.1-2] */
  stampMs: number
  /** static public keys of the server, 32 B each, the one to try first first */
  serverKeys: Uint8Array[]
}

export class Handshake {
  readonly #crypto: Crypto
  readonly #random: Random
  readonly #own: KeyPair
  readonly #psk: Uint8Array
  readonly memory: HandshakeMemory
  #state: State = 'idle'
  #nextAtMs = Infinity
  /** Attempts since `begin`. */
  #attempts = 0
  /** Attempts since `begin` that were answered by a message 2 that does not open. */
  #unreadable = 0
  #isUnreadable = false
  /** Which server key the last message 1 was made for. */
  #serverKey: Uint8Array
  #noise: HandshakeState | null = null
  #message1: Uint8Array | null = null
  #cookie: { cookie: Uint8Array; untilMs: number } | null = null
  /** Whether an answer (cookie, stamp refusal) has brought an attempt forward since the last timer. */
  #wasHurried = false
  /** Whether the next attempt is that one. */
  #isHurried = false
  /** Server's clock minus ours, ms, after a refusal "clock-ahead". */
  #clockOffsetMs = 0

  /**
   * @param own    static pair of the device.
   * @param psk    32 B of the enrolment.
   * @param memory from the store; owned and changed by this object.
   */
  constructor(crypto: Crypto, random: Random, own: KeyPair, psk: Uint8Array, memory: HandshakeMemory) {
    this.#crypto = crypto
    this.#random = random
    this.#own = own
    this.#psk = psk
    this.memory = memory
    this.#serverKey = memory.serverKeys[0] as Uint8Array
  }

  /** Whether a handshake is wanted or under way. */
  get isActive(): boolean {
    return this.#state !== 'idle'
  }

  /** Attempts of this handshake that are out and unanswered. */
  get attempts(): number {
    return this.#attempts
  }

  /** Attempts of this handshake whose answer does not open: if it is many, ours may be the wrong psk. */
  get unreadable(): number {
    return this.#unreadable
  }

  /**
   * Begins, or brings forward, a handshake.
   *
   * @param isAsked true for the first start and the host's wish: at once; false: after a random pause of at most 5 s.
   *   wire-spec [R-9.3-2]
   */
  begin(isAsked: boolean, now: Now): void {
    const atMs = now.monotonicMs + (isAsked ? 0 : Math.trunc(this.#fraction() * RESET_PAUSE_MAX_MS))
    if (this.#state === 'waiting' || this.#state === 'open') {
      this.#nextAtMs = Math.min(this.#nextAtMs, atMs)
      return
    }
    if (this.#state === 'storing') return
    this.#state = 'waiting'
    this.#attempts = 0
    this.#unreadable = 0
    this.#wasHurried = false
    this.#nextAtMs = atMs
  }

  /** Begins not before this monotonic ms. */
  beginAt(atMs: number): void {
    this.cancel()
    this.#state = 'waiting'
    this.#attempts = 0
    this.#unreadable = 0
    this.#nextAtMs = atMs
  }

  /** The network changed: the pauses start from the shortest again. @param isAsked as of `begin`. */
  hurry(isAsked: boolean, now: Now): void {
    if (this.#state !== 'waiting' && this.#state !== 'open') return
    this.#attempts = 0
    this.begin(isAsked, now)
  }

  /** Another way to the server is open: the next message 1 goes out at once. */
  retry(now: Now): void {
    if (this.#state === 'open') this.#nextAtMs = now.monotonicMs
  }

  /** No handshake is wanted any more; an answer to one under way is dropped. */
  cancel(): void {
    this.#state = 'idle'
    this.#nextAtMs = Infinity
    this.#noise = null
    this.#message1 = null
  }

  /** Monotonic ms of the next message 1; Infinity for none. */
  nextTimeout(): number {
    return this.#nextAtMs
  }

  /**
   * @returns whether a message 1 is due now. Then the stamp in `memory` has grown: save, then `writeMessage1`.
   */
  handleTimeout(now: Now): boolean {
    if (now.monotonicMs < this.#nextAtMs) return false
    if (this.#isHurried) this.#isHurried = false
    else this.#wasHurried = false
    this.#drawStamp(now)
    return true
  }

  /**
   * The stamp is durable: makes a fresh message 1 with it and sets the timer of the next. wire-spec §4.1
   *
   * @param pingByte the PING frame's one byte.
   * @returns 120 or 136 B; null if the handshake was cancelled meanwhile.
   */
  writeMessage1(pingByte: number, now: Now): Uint8Array | null {
    if (this.#state !== 'storing') return null
    const keys = this.memory.serverKeys
    this.#serverKey = keys[this.#attempts % keys.length] as Uint8Array
    this.#noise = new HandshakeState(this.#crypto, {
      pattern: PATTERN,
      initiator: true,
      prologue: HANDSHAKE_PROLOGUE,
      s: this.#own,
      e: this.#random.fill(new Uint8Array(KEY_BYTES)),
      rs: this.#serverKey,
      psks: [this.#psk],
    })
    const noise = this.#noise.writeMessage(writeMessage1Payload(this.memory.stampMs, pingByte))
    this.#state = 'open'
    this.#nextAtMs = now.monotonicMs + this.#pauseMs()
    this.#attempts++
    this.#isUnreadable = false
    if (noise === null) return null // the server's key is of low order: nothing can come of it
    const isCookieFresh = this.#cookie !== null && now.monotonicMs < this.#cookie.untilMs
    const cookie = isCookieFresh ? (this.#cookie?.cookie ?? null) : null
    this.#message1 = writeMessage1(this.#crypto, mac1Key(this.#crypto, this.#serverKey), noise, cookie)
    return this.#message1
  }

  /** Reads a message 2. One that does not verify changes nothing. wire-spec §4.2, §4.3 */
  handleMessage2(datagram: Uint8Array, now: Now): HandshakeAnswer {
    if (this.#noise === null || this.#message1 === null || this.#state !== 'open') return dropped('unexpected')
    if (datagram.length !== MESSAGE2_BYTES) return dropped('length')
    const { payload, isZeroPsk } = this.#readNoise(this.#noise, noiseOfMessage2(datagram))
    if (payload === null) {
      // Once for each message 1: a copy of the answer says nothing more.
      if (!this.#isUnreadable) this.#unreadable++
      this.#isUnreadable = true
      return dropped('noise')
    }
    const answer = parseMessage2Payload(payload)
    if (answer === null || (isZeroPsk && (answer.kind !== 'refusal' || answer.code !== RefusalCode.unknownDevice))) {
      return dropped('malformed')
    }
    if (answer.kind === 'refusal') return this.#handleRefusal(answer.code, answer.value, now)
    const root = this.#noise.exportRoot()
    const bytes: [number, number] = [this.#message1.length, datagram.length]
    this.#keepServerKey()
    this.cancel()
    return { kind: 'accepted', root, cid: answer.cid.slice(), token: answer.token.slice(), bytes }
  }

  /** Takes a cookie: a new message 1 goes out at once, with it. @returns why it is dropped, or null. wire-spec [R-4.4-1] */
  handleCookie(datagram: Uint8Array, now: Now): DropReason | null {
    if (this.#message1 === null || this.#state !== 'open') return 'unexpected'
    const key = cookieKey(this.#crypto, this.#serverKey)
    const cookie = openCookieReply(this.#crypto, key, mac1Of(this.#message1), datagram)
    if (cookie === null) return 'cookie'
    this.#cookie = { cookie, untilMs: now.monotonicMs + COOKIE_LIFE_MS }
    this.#attempts = Math.max(0, this.#attempts - 1) // it was answered, by the same server key
    this.#attemptSoon(now)
    return null
  }

  /** Takes the next static key of the server. @returns whether it is new: save, then ack. wire-spec §12.3 */
  addServerKey(key: Uint8Array): boolean {
    const keys = this.memory.serverKeys
    if (keys.some((known) => equalBytes(known, key))) return false
    this.memory.serverKeys = [keys[0] as Uint8Array, key.slice()]
    return true
  }

  #handleRefusal(code: number, value: number, now: Now): HandshakeAnswer {
    let aheadMs = 0
    this.#attempts = Math.max(0, this.#attempts - 1)
    if (code === RefusalCode.clockAhead) {
      aheadMs = this.memory.stampMs - value
      this.#clockOffsetMs = value - now.wallMs
      this.memory.stampMs = Math.max(0, value - 1)
      this.#attemptSoon(now)
    } else if (code === RefusalCode.stampOld) {
      this.memory.stampMs = Math.max(this.memory.stampMs, value)
      this.#attemptSoon(now)
    } else if (code === RefusalCode.unknownDevice) this.cancel()
    else {
      this.#noise = null
      this.#nextAtMs = now.monotonicMs + Math.min(value, BUSY_MAX_S) * 1000
    }
    return { kind: 'refused', code, value, aheadMs }
  }

  /** An answer asks for another message 1 at once: done once, then the timer decides, else two ends could play ping-pong. */
  #attemptSoon(now: Now): void {
    this.#noise = null
    if (this.#wasHurried) return
    this.#wasHurried = true
    this.#isHurried = true
    this.#nextAtMs = now.monotonicMs
    this.#state = 'waiting'
  }

  #drawStamp(now: Now): void {
    this.#state = 'storing'
    this.#nextAtMs = Infinity
    this.memory.stampMs = Math.max(this.memory.stampMs + 1, Math.trunc(now.wallMs + this.#clockOffsetMs))
  }

  /** A message 2 that does not open with our psk may be the refusal of a server that does not know us. [R-4.3-1] */
  #readNoise(noise: HandshakeState, message: Uint8Array): { payload: Uint8Array | null; isZeroPsk: boolean } {
    const payload = noise.readMessage(message)
    if (payload !== null) return { payload, isZeroPsk: false }
    noise.setPsk(0, ZERO_PSK)
    const refusal = noise.readMessage(message)
    noise.setPsk(0, this.#psk)
    return { payload: refusal, isZeroPsk: true }
  }

  #keepServerKey(): void {
    const others = this.memory.serverKeys.filter((key) => key !== this.#serverKey)
    this.memory.serverKeys = [this.#serverKey, ...others].slice(0, SERVER_KEYS_MAX)
  }

  #pauseMs(): number {
    const [least, most] = HANDSHAKE_RETRY_FACTOR
    const doubled = Math.min(RETRY_FIRST_MS * 2 ** Math.min(this.#attempts, 20), HANDSHAKE_RETRY_MAX_MS)
    return Math.trunc(doubled * (least + (most - least) * this.#fraction()))
  }

  /** 0 to 1. */
  #fraction(): number {
    const [high = 0, low = 0] = this.#random.fill(new Uint8Array(2))
    return (high * 256 + low) / 65_535
  }
}

function dropped(reason: DropReason): HandshakeAnswer {
  return { kind: 'dropped', reason }
}
