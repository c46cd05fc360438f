import { hex } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import { KEY_BYTES, NONCE_BYTES } from '../crypto/crypto.js'
import type { KeyPair } from '../crypto/key-pair.js'
import { oneByteValue } from '../frame/one-byte.js'
import { HandshakeState } from '../noise/handshake-state.js'
import { parsePattern } from '../noise/pattern.js'
import { RefusalCode, STAMP_AHEAD_MAX_MS } from '../packet/constants.js'
import { CookieJar, cookieKey, sealCookieReply } from '../packet/cookie.js'
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
} from '../packet/handshake.js'
import { startKeys } from '../session/keys.js'
import { Admission } from './admission.js'
import { BUSY_S, LOOKUP_LIFE_MS, LOOKUPS_MAX } from './config.js'
import type { Core } from './core.js'
import { slotOf } from './device-handle.js'
import type { FoundDevice, HandOver } from './message.js'
import type { PendingHandshakes } from './pending-handshakes.js'
import { PENDING_STEP, rotated } from './rotation.js'
import type { Sessions } from './sessions.js'

const PATTERN = parsePattern(HANDSHAKE_PROTOCOL)

/** psk of a refusal to a device that is not enrolled. [R-4.3-1] */
const ZERO_PSK = new Uint8Array(KEY_BYTES)

/** One of our static keys with what is derived from it. */
interface StaticKey {
  readonly pair: KeyPair
  /** 32 B */
  readonly mac1Key: Uint8Array
  /** 32 B */
  readonly cookieKey: Uint8Array
}

/** A message 1 whose device the store looks up. */
interface Lookup {
  /** 120 or 136 B */
  readonly message: Uint8Array
  readonly noise: HandshakeState
  readonly stampMs: number
  /** PING's v */
  readonly ping: number
  /** 18 B */
  readonly remote: Uint8Array
  /** monotonic */
  readonly expiresAtMs: number
}

/** Handshakes from message 1 to message 2: wire-spec §4. Keeps nothing before mac1, and no session before its commit. */
export class Handshakes {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #pendings: PendingHandshakes
  readonly #keys: readonly StaticKey[]
  readonly #admission: Admission
  readonly #cookies: CookieJar
  /** By request; the oldest first. */
  readonly #lookups = new Map<number, Lookup>()

  constructor(core: Core, sessions: Sessions, pendings: PendingHandshakes, nowMs: number) {
    const { crypto, random, config } = core
    this.#core = core
    this.#sessions = sessions
    this.#pendings = pendings
    this.#keys = config.staticKeys.map((pair) => ({
      pair,
      mac1Key: mac1Key(crypto, pair.publicKey),
      cookieKey: cookieKey(crypto, pair.publicKey),
    }))
    const { handshakesPerAddress, handshakesPerSecondBeforeCookie } = config
    this.#admission = new Admission(crypto, random, handshakesPerAddress, handshakesPerSecondBeforeCookie)
    this.#cookies = new CookieJar(crypto, random, nowMs)
  }

  /** Look-ups that wait for the store. */
  get lookups(): number {
    return this.#lookups.size
  }

  /** When a look-up is given up next, monotonic ms, or Infinity. */
  get nextMs(): number {
    for (const { expiresAtMs } of this.#lookups.values()) return expiresAtMs
    return Number.POSITIVE_INFINITY
  }

  /** Gives up look-ups that the store never answered. */
  expire(nowMs: number): void {
    for (const [request, { expiresAtMs }] of this.#lookups) {
      if (expiresAtMs > nowMs) return
      this.#lookups.delete(request)
    }
  }

  /**
   * Message 1: mac1, load, limits, and only then any public-key work. wire-spec §4.4
   *
   * @param message datagram of 120 or 136 B.
   * @param remote  18 B.
   */
  handleMessage1(message: Uint8Array, remote: Uint8Array, nowMs: number): void {
    const { counters, out } = this.#core
    const key = this.#keyOf(message)
    if (key === undefined) {
      counters.drop('mac1')
      return
    }
    const hasCookie = this.#cookies.isMac2Valid(message, remote, nowMs)
    const isLoaded = this.#admission.isLoaded(nowMs)
    const isAdmitted = (hasCookie || !isLoaded) && this.#admission.admits(remote, hasCookie, nowMs)
    if (!isAdmitted && !hasCookie) {
      counters.drop('cookie')
      this.#sendCookie(key, message, remote, nowMs)
      return
    }
    // Without room no public-key work: the device repeats it after a pause. wire-spec §4.4
    if (!isAdmitted || this.#lookups.size >= LOOKUPS_MAX || !this.#pendings.hasRoom(this.#lookups.size, nowMs)) {
      counters.drop('limit')
      return
    }
    const lookup = this.#readMessage1(key, message, remote, nowMs)
    if (lookup === null) return
    const request = this.#core.nextRequest()
    this.#lookups.set(request, lookup)
    const publicKey = lookup.noise.remoteStatic as Uint8Array
    out.request({ kind: 'find-device', request, publicKey: publicKey.slice() })
  }

  /**
   * The store's reply to a look-up.
   *
   * @returns false if the request is none of these, or was given up.
   */
  handleFound(request: number, device: FoundDevice | null, now: Now): boolean {
    const lookup = this.#lookups.get(request)
    if (lookup === undefined) return false
    this.#lookups.delete(request)
    if (device === null) this.#refuse(lookup, ZERO_PSK, RefusalCode.unknownDevice, 0)
    else if (lookup.stampMs > now.wallMs + STAMP_AHEAD_MAX_MS) {
      this.#refuse(lookup, device.psk, RefusalCode.clockAhead, Math.floor(now.wallMs))
    } else if (lookup.stampMs <= device.stampMs) {
      this.#refuse(lookup, device.psk, RefusalCode.stampOld, device.stampMs)
    } else if (this.#core.config.share.of > 1 && !this.#sessions.isInRange(device.device)) {
      this.#core.out.handOvers.push({ message: lookup.message, remote: lookup.remote, device })
    } else this.#accept(lookup, device, now.monotonicMs)
    return true
  }

  /** A message 1 that another endpoint looked up, of a device whose slot is ours. It is read again: its keys stay where they are. */
  handleHandOver({ message, remote, device }: HandOver, nowMs: number): void {
    const key = this.#keyOf(message)
    const lookup = key === undefined ? null : this.#readMessage1(key, message, remote, nowMs)
    if (lookup !== null) this.#accept(lookup, device, nowMs)
  }

  /** Our key that mac1 is made with. */
  #keyOf(message: Uint8Array): StaticKey | undefined {
    return this.#keys.find(({ mac1Key }) => isMac1Valid(this.#core.crypto, mac1Key, message))
  }

  /** Reads the Noise part; null, and counted, if it does not verify. */
  #readMessage1(key: StaticKey, message: Uint8Array, remote: Uint8Array, nowMs: number): Lookup | null {
    const { crypto, random, counters } = this.#core
    const noise = new HandshakeState(crypto, {
      pattern: PATTERN,
      initiator: false,
      prologue: HANDSHAKE_PROLOGUE,
      s: key.pair,
      e: random.fill(new Uint8Array(KEY_BYTES)),
    })
    const bytes = noise.readMessage(noiseOfMessage1(message))
    if (bytes === null) {
      counters.drop('noise')
      return null
    }
    const payload = parseMessage1Payload(bytes)
    const ping = payload === null ? -1 : oneByteValue(payload.pingByte)
    if (payload === null || ping < 0) {
      counters.drop('malformed')
      return null
    }
    const { stampMs } = payload
    return {
      message: message.slice(),
      noise,
      stampMs,
      ping,
      remote: remote.slice(),
      expiresAtMs: nowMs + LOOKUP_LIFE_MS,
    }
  }

  /** The device may handshake: its session is made, beside the one that it may have. [R-4.1-5] */
  #accept(lookup: Lookup, found: FoundDevice, nowMs: number): void {
    const { counters, view, loading } = this.#core
    const slot = slotOf(found.device)
    const missing = this.#sessions.missingPart(slot)
    if (missing >= 0) {
      if (!loading.wait(missing, (now) => this.#accept(lookup, found, now.monotonicMs))) counters.drop('limit')
      return
    }
    // The store knows the device; here it may be removed by now, or not be added yet.
    if (!this.#sessions.isInRange(found.device) || !this.#sessions.own(found.device, found.rotation)) {
      counters.drop('unknown-device')
      return
    }
    const last = this.#pendings.of(slot)
    if (last !== null && (last.first !== null || lookup.stampMs <= last.stampMs)) {
      counters.drop('stamp') // a replay of the message 1 that waits, or its first packet is being committed
      return
    }
    if (last === null && !this.#pendings.hasRoom(0, nowMs)) {
      this.#refuse(lookup, found.psk, RefusalCode.busy, BUSY_S)
      return
    }
    const rotation = rotated(view.rotation, PENDING_STEP)
    const payload = writeAcceptance(this.#core.cid(slot, rotation), this.#core.token(slot, rotation))
    if (!this.#sendMessage2(lookup, found.psk, payload)) return
    const pending = this.#pendings.add(found.device, slot, rotation, lookup.stampMs, nowMs)
    const session = this.#pendings.sessionOf(pending)
    startKeys(session, this.#core, lookup.noise.exportRoot())
    session.rotation = rotation
    session.ping = lookup.ping
    const { observer } = this.#core
    observer?.note(
      'handshake_updated',
      slot,
      { step: 'accepted', cid: hex(this.#core.cid(slot, rotation)) },
      lookup.remote,
    )
  }

  #refuse(lookup: Lookup, psk: Uint8Array, code: 1 | 2 | 3 | 4, value: number): void {
    const { counters } = this.#core
    counters.refused[code]++
    this.#core.observer?.note('handshake_updated', null, { step: 'refused', code }, lookup.remote)
    this.#sendMessage2(lookup, psk, writeRefusal(code, value))
  }

  /** False if the device's key is of low order: nothing was sent. */
  #sendMessage2(lookup: Lookup, psk: Uint8Array, payload: Uint8Array): boolean {
    const { counters, out } = this.#core
    lookup.noise.setPsk(0, psk)
    const message = lookup.noise.writeMessage(payload)
    if (message === null) {
      counters.drop('noise')
      return false
    }
    counters.packetsOut['message-2']++
    out.transmit(writeMessage2(message), lookup.remote)
    return true
  }

  #sendCookie(key: StaticKey, message: Uint8Array, remote: Uint8Array, nowMs: number): void {
    const { crypto, random, counters, out } = this.#core
    const nonce = random.fill(new Uint8Array(NONCE_BYTES))
    const cookie = this.#cookies.make(remote, nowMs)
    counters.packetsOut.cookie++
    out.transmit(sealCookieReply(crypto, key.cookieKey, nonce, mac1Of(message), cookie), remote)
  }
}
