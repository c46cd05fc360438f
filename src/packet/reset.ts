import { writeU16 } from '../base/bytes.js'
import type { Crypto } from '../crypto/crypto.js'
import { Kind, RESET_BYTES, RESET_TOKEN_BYTES } from './constants.js'

/**
 * The token that goes with one connection ID. wire-spec §13.
 *
 * @param resetKey 32 B, secret.
 * @param node     node and worker, 0..63.
 * @param slot     0..2^24 - 1.
 * @param rotation 0..1023.
 * @returns 12 B.
 */
export function resetToken(
  crypto: Crypto,
  resetKey: Uint8Array,
  node: number,
  slot: number,
  rotation: number,
): Uint8Array {
  const name = new Uint8Array(6)
  name[0] = node
  name[1] = slot >>> 16
  writeU16(name, 2, slot & 0xffff)
  writeU16(name, 4, rotation)
  return crypto.mac(resetKey, name, RESET_TOKEN_BYTES)
}

/**
 * Writes a reset. wire-spec §6.1.
 *
 * @param token 12 B.
 * @returns the datagram, 13 B.
 */
export function writeReset(token: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(RESET_BYTES)
  datagram[0] = Kind.reset
  datagram.set(token, 1)
  return datagram
}

/**
 * The token of a reset; the device compares it with `equalBytes`. [R-6.1-2]
 *
 * @param bytes any datagram.
 * @returns 12 B of the datagram, not copied, or null if it is no reset.
 */
export function parseReset(bytes: Uint8Array): Uint8Array | null {
  return bytes.length === RESET_BYTES && bytes[0] === Kind.reset ? bytes.subarray(1) : null
}
