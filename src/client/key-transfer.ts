/** How a new device of a person gets the list key from an old one. wire-spec §11. */
import { base32 } from '../base/base64.js'
import { concat, equalBytes } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import { ascii } from '../base/text.js'
import type { Now } from '../base/time.js'
import { type Crypto, KEY_BYTES } from '../crypto/crypto.js'
import type { KeyPair } from '../crypto/key-pair.js'
import type { KeyGivenFrame, KeyOfferFrame } from '../frame/frame.js'
import { HandshakeState } from '../noise/handshake-state.js'
import { parsePattern } from '../noise/pattern.js'
import { KEY_REQUEST_MS, VERSION_LABEL } from '../packet/constants.js'
import type { Outlet } from './outlet.js'

/** Bytes of the nonce of a request. */
export const REQUEST_NONCE_BYTES = 16

/** Characters of a check code. wire-spec §11, step 3 */
export const CHECK_CODE_CHARACTERS = 10

/** Offers kept at once; the oldest goes. */
const OFFERS_MAX = 8

/** wire-spec §11, step 4 */
const PATTERN = parsePattern('Noise_K_25519_ChaChaPoly_BLAKE2s')
const PROLOGUE_LABEL = ascii(`${VERSION_LABEL} list key`)
const CODE_LABEL = ascii(`${VERSION_LABEL} code`)

/** Key of KEY_REQUEST among the frames that wait. */
const REQUEST = 'key-request'

/** Our open request, as the store keeps it. */
export interface KeyRequest {
  /** 16 B, random */
  nonce: Uint8Array
  /** Unix ms by our clock; then a new one is made */
  untilWallMs: number
}

interface Offer {
  request: number
  deviceKey: Uint8Array
  nonce: Uint8Array
  untilMs: number
}

/**
 * The code that both devices show. wire-spec §11, step 3.
 *
 * @param deviceKey 32 B, static public key of the new device.
 * @param nonce     16 B of its request.
 * @returns 10 characters of base32.
 */
export function checkCode(crypto: Crypto, deviceKey: Uint8Array, nonce: Uint8Array): string {
  return base32(crypto.hash(concat(CODE_LABEL, deviceKey, nonce))).slice(0, CHECK_CODE_CHARACTERS)
}

/**
 * Seals a list key for a new device. wire-spec §11, step 4.
 *
 * @param own       static pair of this device.
 * @param deviceKey 32 B, static public key of the new one.
 * @param nonce     16 B of its request.
 * @param listKey   32 B.
 * @returns 80 B; null if the device's key is of low order.
 */
export function sealListKey(
  crypto: Crypto,
  random: Random,
  own: KeyPair,
  deviceKey: Uint8Array,
  nonce: Uint8Array,
  listKey: Uint8Array,
): Uint8Array | null {
  const prologue = concat(PROLOGUE_LABEL, nonce)
  const e = random.fill(new Uint8Array(KEY_BYTES))
  return new HandshakeState(crypto, {
    pattern: PATTERN,
    initiator: true,
    prologue,
    s: own,
    e,
    rs: deviceKey,
  }).writeMessage(listKey)
}

/**
 * Opens what `sealListKey` made.
 *
 * @param own       static pair of this, the new, device.
 * @param senderKey 32 B, static public key of the old one.
 * @param nonce     16 B of our request.
 * @param sealed    any bytes.
 * @returns the list key, 32 B; null if it does not open.
 */
export function openListKey(
  crypto: Crypto,
  own: KeyPair,
  senderKey: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | null {
  const prologue = concat(PROLOGUE_LABEL, nonce)
  const state = new HandshakeState(crypto, { pattern: PATTERN, initiator: false, prologue, s: own, rs: senderKey })
  const listKey = state.readMessage(sealed)
  return listKey?.length === KEY_BYTES ? listKey : null
}

/** Both sides of §11: asks for the list key, and gives it when the person says so. */
export class KeyTransfer {
  readonly #crypto: Crypto
  readonly #random: Random
  readonly #own: KeyPair
  readonly #outlet: Outlet
  #request: KeyRequest | null
  /** monotonic ms */
  #renewAtMs = Infinity
  #offers: Offer[] = []

  /** @param request from the store; null for none. */
  constructor(crypto: Crypto, random: Random, own: KeyPair, outlet: Outlet, request: KeyRequest | null) {
    this.#crypto = crypto
    this.#random = random
    this.#own = own
    this.#outlet = outlet
    this.#request = request
  }

  /** Our open request, for the store. */
  get request(): KeyRequest | null {
    return this.#request
  }

  /**
   * This device lacks the list key: sends KEY_REQUEST and tells the host the code. A request that is still open is
   * sent again, so that the code on the screen stays right.
   */
  ask(now: Now): void {
    if (this.#renewAtMs !== Infinity) return
    const open = this.#request
    const isOpen = open !== null && now.wallMs < open.untilWallMs && open.untilWallMs - now.wallMs <= KEY_REQUEST_MS
    const request = isOpen
      ? open
      : { nonce: this.#random.fill(new Uint8Array(REQUEST_NONCE_BYTES)), untilWallMs: now.wallMs + KEY_REQUEST_MS }
    this.#request = request
    this.#renewAtMs = now.monotonicMs + (request.untilWallMs - now.wallMs)
    this.#outlet.save(null)
    this.#outlet.ask(REQUEST, { kind: 'key-request', nonce: request.nonce })
    this.#outlet.emit({ kind: 'list-key-wanted', code: checkCode(this.#crypto, this.#own.publicKey, request.nonce) })
  }

  /** The server may have lost our request (it started anew, or this is a new session): sends it again if it is open. */
  repeat(): void {
    if (this.#request !== null && this.#renewAtMs !== Infinity) {
      this.#outlet.ask(REQUEST, { kind: 'key-request', nonce: this.#request.nonce })
    }
  }

  /** The list key is here, or is no more wanted. */
  stop(): void {
    this.#request = null
    this.#renewAtMs = Infinity
    this.#outlet.unask(REQUEST)
  }

  /**
   * Takes a KEY_GIVEN, only for our own open request, once. [R-11-2]
   *
   * @returns the list key, 32 B, or null.
   */
  handleGiven(frame: KeyGivenFrame): Uint8Array | null {
    if (this.#request === null || !equalBytes(frame.nonce, this.#request.nonce)) return null
    const listKey = openListKey(this.#crypto, this.#own, frame.senderKey, frame.nonce, frame.sealed)
    if (listKey !== null) this.stop()
    return listKey
  }

  /** Takes a KEY_OFFER: tells the host; a repeat is not told again. Byte strings are copied. */
  handleOffer(frame: KeyOfferFrame, now: Now): void {
    this.#dropOldOffers(now.monotonicMs)
    const isKnown = this.#offers.some(
      (offer) => offer.request === frame.request && equalBytes(offer.nonce, frame.nonce),
    )
    if (isKnown) return
    this.#offers = this.#offers.filter((offer) => offer.request !== frame.request)
    const untilMs = now.monotonicMs + KEY_REQUEST_MS
    this.#offers.push({
      request: frame.request,
      deviceKey: frame.deviceKey.slice(),
      nonce: frame.nonce.slice(),
      untilMs,
    })
    if (this.#offers.length > OFFERS_MAX) this.#offers.shift()
    const code = checkCode(this.#crypto, frame.deviceKey, frame.nonce)
    this.#outlet.emit({ kind: 'key-offer', request: frame.request, name: frame.name, code })
  }

  /**
   * The person compared the codes and confirms: sends KEY_SEALED. [R-11-1]
   *
   * @param listKey 32 B.
   * @returns false if no such offer is open, or its key cannot be used.
   */
  confirm(request: number, listKey: Uint8Array, now: Now): boolean {
    this.#dropOldOffers(now.monotonicMs)
    const offer = this.#offers.find((open) => open.request === request)
    if (offer === undefined) return false
    this.#offers = this.#offers.filter((open) => open !== offer)
    const sealed = sealListKey(this.#crypto, this.#random, this.#own, offer.deviceKey, offer.nonce, listKey)
    if (sealed === null) return false
    this.#outlet.ask(`key-sealed ${request}`, { kind: 'key-sealed', request, sealed })
    return true
  }

  /** Monotonic ms at which our request is renewed; Infinity for never. */
  nextTimeout(): number {
    return this.#renewAtMs
  }

  /** Renews our request when the server has forgotten it. */
  handleTimeout(now: Now): void {
    if (now.monotonicMs < this.#renewAtMs) return
    this.#request = null
    this.#renewAtMs = Infinity
    this.ask(now)
  }

  #dropOldOffers(nowMs: number): void {
    this.#offers = this.#offers.filter((offer) => nowMs < offer.untilMs)
  }
}
