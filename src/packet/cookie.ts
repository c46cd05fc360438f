/** Cookies: what a server under load asks for before it does any public-key work. wire-spec §4.4, §13. */

import { concat, equalBytes } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import { ascii } from '../base/text.js'
import { type Crypto, KEY_BYTES, NONCE_BYTES } from '../crypto/crypto.js'
import {
  COOKIE_REPLY_BYTES,
  COOKIE_SECRET_MS,
  Kind,
  MESSAGE1_BYTES,
  MESSAGE1_COOKIE_BYTES,
  VERSION_LABEL,
} from './constants.js'

/** Bytes of a cookie, of mac1 and of mac2. */
export const COOKIE_BYTES = 16

/**
 * The key under which cookie replies are sealed. wire-spec §4.4.
 *
 * @param serverPublicKey 32 B, static.
 * @returns 32 B; kept by both sides.
 */
export function cookieKey(crypto: Crypto, serverPublicKey: Uint8Array): Uint8Array {
  return crypto.hash(concat(ascii(`${VERSION_LABEL} cookie`), serverPublicKey))
}

/**
 * The cookie of an address under one secret. wire-spec §13.
 *
 * @param secret  32 B.
 * @param address 18 B: address and port.
 * @returns 16 B.
 */
export function cookieOf(crypto: Crypto, secret: Uint8Array, address: Uint8Array): Uint8Array {
  return crypto.mac(secret, address, COOKIE_BYTES)
}

/**
 * Writes a cookie reply. wire-spec §4.4.
 *
 * @param key    of `cookieKey`.
 * @param nonce  12 fresh random bytes.
 * @param mac1   16 B of the message 1 that is answered.
 * @param cookie 16 B.
 * @returns the datagram, 45 B.
 */
export function sealCookieReply(
  crypto: Crypto,
  key: Uint8Array,
  nonce: Uint8Array,
  mac1: Uint8Array,
  cookie: Uint8Array,
): Uint8Array {
  return concat(new Uint8Array([Kind.cookie]), nonce, crypto.seal(key, nonce, mac1, cookie))
}

/**
 * Opens a cookie reply. [R-4.4-1]
 *
 * @param key      of `cookieKey`.
 * @param mac1     16 B of our last message 1.
 * @param datagram any bytes.
 * @returns the cookie, 16 B, or null: not a cookie reply, or not to this message 1.
 */
export function openCookieReply(
  crypto: Crypto,
  key: Uint8Array,
  mac1: Uint8Array,
  datagram: Uint8Array,
): Uint8Array | null {
  if (datagram.length !== COOKIE_REPLY_BYTES || datagram[0] !== Kind.cookie) return null
  const sealed = 1 + NONCE_BYTES
  return crypto.open(key, datagram.subarray(1, sealed), mac1, datagram.subarray(sealed))
}

/** A server's cookie secret and the one before it, each used for 120 s and valid for 120 s more. wire-spec §4.4. */
export class CookieJar {
  readonly #crypto: Crypto
  readonly #random: Random
  #current: Uint8Array
  #last: Uint8Array | null = null
  /** when `#current` was drawn, monotonic ms */
  #drawnMs: number

  /**
   * @param random source of the secrets.
   * @param nowMs  monotonic.
   */
  constructor(crypto: Crypto, random: Random, nowMs: number) {
    this.#crypto = crypto
    this.#random = random
    this.#current = random.fill(new Uint8Array(KEY_BYTES))
    this.#drawnMs = nowMs
  }

  /**
   * The cookie to give out now.
   *
   * @param address 18 B: address and port that asked.
   * @param nowMs   monotonic.
   * @returns 16 B.
   */
  make(address: Uint8Array, nowMs: number): Uint8Array {
    this.#rotate(nowMs)
    return cookieOf(this.#crypto, this.#current, address)
  }

  /**
   * Whether mac2 was made with a cookie that this address was given in the last 120 to 240 s. [R-4.4-2]
   *
   * @param message any datagram; only one of 136 B can be right.
   * @param address 18 B: where it came from.
   * @param nowMs   monotonic.
   */
  isMac2Valid(message: Uint8Array, address: Uint8Array, nowMs: number): boolean {
    if (message.length !== MESSAGE1_COOKIE_BYTES) return false
    this.#rotate(nowMs)
    const valid = this.#isMadeWith(this.#current, message, address)
    return valid || (this.#last !== null && this.#isMadeWith(this.#last, message, address))
  }

  #isMadeWith(secret: Uint8Array, message: Uint8Array, address: Uint8Array): boolean {
    const mac2 = this.#crypto.mac(
      cookieOf(this.#crypto, secret, address),
      message.subarray(0, MESSAGE1_BYTES),
      COOKIE_BYTES,
    )
    return equalBytes(mac2, message.subarray(MESSAGE1_BYTES))
  }

  #rotate(nowMs: number): void {
    const ageMs = nowMs - this.#drawnMs
    if (ageMs < COOKIE_SECRET_MS) return
    this.#last = ageMs < 2 * COOKIE_SECRET_MS ? this.#current : null
    this.#current = this.#random.fill(new Uint8Array(KEY_BYTES))
    this.#drawnMs = nowMs
  }
}
