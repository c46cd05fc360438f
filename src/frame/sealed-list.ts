/** The person list under the key that only the person's devices hold. [R-10-2] */

import { assert } from '../base/assert.js'
import { concat, writeU48 } from '../base/bytes.js'
import { type Crypto, NONCE_BYTES } from '../crypto/crypto.js'
import { deriveKey } from '../crypto/hkdf.js'
import { LIST_PART_BYTES, LIST_PARTS_MAX, TAG_BYTES } from '../packet/constants.js'
import { PADDING_BYTE } from './cbor.js'

/** Bytes of the random salt at the start of a sealed list. */
export const LIST_SALT_BYTES = 16

/** A sealed list has a multiple of this. */
const STEP_BYTES = 1024

const OVERHEAD_BYTES = LIST_SALT_BYTES + TAG_BYTES

/** Bytes of the longest plaintext, so that the sealed list fits in 32 parts. */
export const LIST_PLAINTEXT_BYTES_MAX = LIST_PARTS_MAX * LIST_PART_BYTES - OVERHEAD_BYTES

const EMPTY = new Uint8Array(0)
const ZERO_NONCE = new Uint8Array(NONCE_BYTES)

/**
 * Seals a list. [R-10-2]
 *
 * @param listKey   32 B, the person's.
 * @param version   the version that the list will have; bound to it.
 * @param salt      16 fresh random bytes: two devices may seal different lists as one version.
 * @param plaintext of `encodePersonList`.
 * @returns a multiple of 1024 B, at most 32 KiB; fresh.
 */
export function sealList(
  crypto: Crypto,
  listKey: Uint8Array,
  version: number,
  salt: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  assert(plaintext.length <= LIST_PLAINTEXT_BYTES_MAX, 'list too long to seal')
  assert(salt.length === LIST_SALT_BYTES, 'list salt must be 16 bytes')
  const sealedBytes = Math.ceil((OVERHEAD_BYTES + plaintext.length) / STEP_BYTES) * STEP_BYTES
  const padded = new Uint8Array(sealedBytes - OVERHEAD_BYTES).fill(PADDING_BYTE)
  padded.set(plaintext)
  return concat(salt, crypto.seal(sealingKey(crypto, listKey, version, salt), ZERO_NONCE, EMPTY, padded))
}

/**
 * Opens a list. [R-10-2]
 *
 * @param listKey 32 B.
 * @param version as STATE or LIST_PART told it.
 * @param sealed  any bytes.
 * @returns the padded plaintext, for `decodePersonList`; null if it was not sealed with this key as this version.
 */
export function openList(crypto: Crypto, listKey: Uint8Array, version: number, sealed: Uint8Array): Uint8Array | null {
  if (sealed.length < OVERHEAD_BYTES || sealed.length > LIST_PARTS_MAX * LIST_PART_BYTES) return null
  const key = sealingKey(crypto, listKey, version, sealed.subarray(0, LIST_SALT_BYTES))
  return crypto.open(key, ZERO_NONCE, EMPTY, sealed.subarray(LIST_SALT_BYTES))
}

/** One key for each version and salt, so a nonce of zeros is used once. */
function sealingKey(crypto: Crypto, listKey: Uint8Array, version: number, salt: Uint8Array): Uint8Array {
  const versionBytes = new Uint8Array(6)
  writeU48(versionBytes, 0, version)
  return deriveKey(crypto, listKey, 'pilotlight list', versionBytes, salt)
}
