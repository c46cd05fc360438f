/**
 * Key derivation: HMAC and HKDF as the Noise handshake needs them, and one keyed-BLAKE2s
 * derivation for everything after the handshake.
 */

import { concat } from '../base/bytes.js'
import { ascii } from '../base/text.js'
import { type Crypto, expectBytes, HASH_BYTES, KEY_BYTES } from './crypto.js'

/** Bytes of a BLAKE2s block, HMAC's B. RFC 7693 §2.1. */
const BLOCK_BYTES = 64

/** Ends a label in `deriveKey`. */
const NUL = Uint8Array.of(0)

/** Byte repeated in HMAC's inner pad. RFC 2104 §2. */
const INNER_PAD = 0x36

/** Byte repeated in HMAC's outer pad. RFC 2104 §2. */
const OUTER_PAD = 0x5c

/**
 * HMAC-BLAKE2s (RFC 2104). Noise asks for HMAC around the hash, not for BLAKE2s's own keyed mode.
 *
 * @param crypto  primitives.
 * @param key     any length; above 64 B it is hashed first.
 * @param message any length.
 * @returns 32 B.
 */
export function hmac(crypto: Crypto, key: Uint8Array, message: Uint8Array): Uint8Array {
  const blockKey = key.length > BLOCK_BYTES ? crypto.hash(key) : key
  const inner = new Uint8Array(BLOCK_BYTES + message.length)
  const outer = new Uint8Array(BLOCK_BYTES + HASH_BYTES)
  for (let i = 0; i < BLOCK_BYTES; i++) {
    const byte = blockKey[i] ?? 0
    inner[i] = byte ^ INNER_PAD
    outer[i] = byte ^ OUTER_PAD
  }
  inner.set(message, BLOCK_BYTES)
  outer.set(crypto.hash(inner), BLOCK_BYTES)
  return crypto.hash(outer)
}

/**
 * HKDF as Noise rev 34 §4.3 defines it.
 *
 * @param crypto           primitives.
 * @param chainingKey      32 B.
 * @param inputKeyMaterial 0 or 32 B (a DH result or a psk).
 * @param outputs          how many keys, 2 or 3. The first two are the same either way.
 * @returns that many keys of 32 B.
 * @throws RangeError if the chaining key is not 32 B.
 */
export function hkdf(
  crypto: Crypto,
  chainingKey: Uint8Array,
  inputKeyMaterial: Uint8Array,
  outputs: 2,
): [Uint8Array, Uint8Array]
export function hkdf(
  crypto: Crypto,
  chainingKey: Uint8Array,
  inputKeyMaterial: Uint8Array,
  outputs: 3,
): [Uint8Array, Uint8Array, Uint8Array]
export function hkdf(
  crypto: Crypto,
  chainingKey: Uint8Array,
  inputKeyMaterial: Uint8Array,
  outputs: 2 | 3,
): Uint8Array[] {
  expectBytes('chaining key', chainingKey, KEY_BYTES)
  const temporaryKey = hmac(crypto, chainingKey, inputKeyMaterial)
  const keys: Uint8Array[] = []
  let previous: Uint8Array = new Uint8Array(0)
  for (let counter = 1; counter <= outputs; counter++) {
    const message = new Uint8Array(previous.length + 1)
    message.set(previous)
    message[previous.length] = counter
    previous = hmac(crypto, temporaryKey, message)
    keys.push(previous)
  }
  return keys
}

/**
 * Derives a key from a key: BLAKE2s in keyed mode (RFC 7693 §2.9) as a pseudo-random function of
 * `label || 0x00 || context`. The zero byte ends the label, so no label can run into a context.
 * Contexts are joined without lengths: one label goes with contexts of one fixed layout.
 *
 * @param crypto  primitives.
 * @param key     32 B, itself uniformly random: a Noise output or an earlier derived key.
 * @param label   ASCII without NUL, one for each purpose.
 * @param context fixed-layout bytes that this key depends on: an epoch, a boot value, a DH result.
 * @returns 32 B.
 * @throws RangeError if the key is not 32 B or the label contains NUL; Error if it is not ASCII.
 */
export function deriveKey(
  crypto: Crypto,
  key: Uint8Array,
  label: string,
  ...context: readonly Uint8Array[]
): Uint8Array {
  expectBytes('key', key, KEY_BYTES)
  if (label.includes('\0')) throw new RangeError('label must not contain NUL')
  return crypto.mac(key, concat(ascii(label), NUL, ...context), KEY_BYTES)
}
