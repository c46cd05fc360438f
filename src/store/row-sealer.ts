import { randomBytes } from 'node:crypto'
import { concat, equalBytes, hex, writeU48 } from '../base/bytes.js'
import { ascii } from '../base/text.js'
import { type Crypto, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from '../crypto/crypto.js'
import { deriveKey } from '../crypto/hkdf.js'

/** Bytes of an epoch: names the derived key that sealed a blob. */
const EPOCH_BYTES = 8

/** Blobs under one derived key. Random 12-byte nonces meet by chance at 2^-49 then (RFC 8439 §4 wants them unique). */
const SEALS_PER_EPOCH = 2 ** 24

/** Nonces drawn from the kernel at once: a call for one costs as much, and more than all the rest of a seal. */
const NONCES_DRAWN = 256

/** Derived keys kept for opening; a database has about one epoch for each start of the server. */
const KEYS_KEPT = 4096

/** How much longer a sealed blob is than its plaintext. */
export const SEAL_BYTES = EPOCH_BYTES + NONCE_BYTES + TAG_BYTES

/**
 * Names the place of a sealed blob, so that it opens nowhere else.
 *
 * @param column table and column, e.g. `devices.psk`; ASCII.
 * @param parts  the row: numbers below 2^48, or bytes of one fixed length. One column, one layout.
 */
export function rowPlace(column: string, ...parts: readonly (number | Uint8Array)[]): Uint8Array {
  const bytes = parts.map((part) => {
    if (typeof part !== 'number') return part
    const out = new Uint8Array(6)
    writeU48(out, 0, part)
    return out
  })
  return concat(ascii(`${column}\0`), ...bytes)
}

/**
 * Seals columns under keys derived from one key: epoch (8 B, random) || nonce (12 B, random) || ChaCha20-Poly1305, with
 * the place as associated data. It does not stop an old blob from being put back in its own place.
 */
export class RowSealer {
  readonly #crypto: Crypto
  readonly #key: Uint8Array
  readonly #keys = new Map<string, Uint8Array>()
  #epoch: Uint8Array = new Uint8Array(0)
  #epochKey: Uint8Array = new Uint8Array(0)
  #seals = SEALS_PER_EPOCH
  #nonces: Uint8Array = new Uint8Array(0)
  /** epoch and key of the last `open`: neighbours were often sealed in one epoch */
  #openedEpoch: Uint8Array = new Uint8Array(0)
  #openedKey: Uint8Array = new Uint8Array(0)

  /**
   * @param crypto primitives.
   * @param key    32 B, copied.
   */
  constructor(crypto: Crypto, key: Uint8Array) {
    this.#crypto = crypto
    this.#key = new Uint8Array(key)
  }

  /** The sealed form of a plaintext, `SEAL_BYTES` longer. */
  seal(place: Uint8Array, plaintext: Uint8Array): Uint8Array {
    if (this.#seals >= SEALS_PER_EPOCH) this.#startEpoch()
    this.#seals++
    const nonce = this.#nextNonce()
    return concat(this.#epoch, nonce, this.#crypto.seal(this.#epochKey, nonce, place, plaintext))
  }

  /** What `seal` sealed for this place with this key; null for any other bytes. */
  open(place: Uint8Array, sealed: Uint8Array): Uint8Array | null {
    if (sealed.length < SEAL_BYTES) return null
    const epoch = sealed.subarray(0, EPOCH_BYTES)
    if (!equalBytes(epoch, this.#openedEpoch)) {
      this.#openedKey = this.#derived(epoch)
      this.#openedEpoch = epoch.slice()
    }
    const nonce = sealed.subarray(EPOCH_BYTES, EPOCH_BYTES + NONCE_BYTES)
    return this.#crypto.open(this.#openedKey, nonce, place, sealed.subarray(EPOCH_BYTES + NONCE_BYTES))
  }

  /** Overwrites the keys in memory. Nothing can be sealed or opened afterwards. */
  destroy(): void {
    for (const key of this.#keys.values()) key.fill(0)
    this.#keys.clear()
    this.#epochKey.fill(0)
    this.#openedKey.fill(0)
    this.#key.fill(0)
  }

  /** Borrowed: 12 B that were never given out before. */
  #nextNonce(): Uint8Array {
    if (this.#nonces.length === 0) this.#nonces = new Uint8Array(randomBytes(NONCES_DRAWN * NONCE_BYTES))
    const nonce = this.#nonces.subarray(0, NONCE_BYTES)
    this.#nonces = this.#nonces.subarray(NONCE_BYTES)
    return nonce
  }

  #startEpoch(): void {
    this.#epoch = new Uint8Array(randomBytes(EPOCH_BYTES))
    this.#epochKey = this.#derived(this.#epoch)
    this.#seals = 0
  }

  #derived(epoch: Uint8Array): Uint8Array {
    const name = hex(epoch)
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    if (this.#keys.size >= KEYS_KEPT) this.#keys.clear()
    const key = deriveKey(this.#crypto, this.#key, 'pilotlight store row', epoch)
    this.#keys.set(name, key)
    return key
  }
}

/** A random 32-byte key. */
export function randomRowKey(): Uint8Array {
  return new Uint8Array(randomBytes(KEY_BYTES))
}
