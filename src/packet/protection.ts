import { writeU48 } from '../base/bytes.js'
import { type Crypto, NONCE_BYTES } from '../crypto/crypto.js'
import { deriveKey } from '../crypto/hkdf.js'

/**
 * Key of the packets d2s. wire-spec §5.2.
 *
 * @param root       32 B, from the handshake.
 * @param deviceBoot D, 12 B; zeros until the device sent one.
 * @returns 32 B.
 */
export function deviceToServerKey(crypto: Crypto, root: Uint8Array, deviceBoot: Uint8Array): Uint8Array {
  return deriveKey(crypto, root, 'pilotlight d2s', deviceBoot)
}

/**
 * Key of the packets s2d. wire-spec §5.2.
 *
 * @param root       32 B, from the handshake.
 * @param serverBoot S, 12 B; zeros until the server sent one.
 * @param deviceBoot D, 12 B; zeros until the device sent one.
 * @returns 32 B.
 */
export function serverToDeviceKey(
  crypto: Crypto,
  root: Uint8Array,
  serverBoot: Uint8Array,
  deviceBoot: Uint8Array,
): Uint8Array {
  return deriveKey(crypto, root, 'pilotlight s2d', serverBoot, deviceBoot)
}

/**
 * Writes the nonce of a packet: 6 zero bytes and the packet number. wire-spec §5.2.
 *
 * @param out    12 B, overwritten.
 * @param number packet number, u48.
 */
export function writeNonce(out: Uint8Array, number: number): void {
  out.fill(0, 0, 6)
  writeU48(out, 6, number)
}

// Overwritten before each use; `Crypto` keeps no input.
const nonce = new Uint8Array(NONCE_BYTES)

/**
 * Seals a channel packet. wire-spec §5.2.
 *
 * @param key       32 B.
 * @param header    as `writeHeader` gave it; it becomes the associated data.
 * @param number    packet number, never used before under this key.
 * @param plaintext encoded frames; may be empty.
 * @returns the datagram: header, ciphertext, 16 B of tag; fresh.
 */
export function sealPacket(
  crypto: Crypto,
  key: Uint8Array,
  header: Uint8Array,
  number: number,
  plaintext: Uint8Array,
): Uint8Array {
  writeNonce(nonce, number)
  const sealed = crypto.seal(key, nonce, header, plaintext)
  const packet = new Uint8Array(header.length + sealed.length)
  packet.set(header)
  packet.set(sealed, header.length)
  return packet
}

/**
 * Opens a channel packet. wire-spec §5.2.
 *
 * @param key         32 B.
 * @param packet      any datagram whose header was parsed.
 * @param headerBytes bytes of its header.
 * @param number      packet number as expanded; the caller asked the replay window.
 * @returns the frames' bytes, or null if the tag does not verify: drop it ('tag'), change nothing. [R-5.2-1]
 */
export function openPacket(
  crypto: Crypto,
  key: Uint8Array,
  packet: Uint8Array,
  headerBytes: number,
  number: number,
): Uint8Array | null {
  writeNonce(nonce, number)
  return crypto.open(key, nonce, packet.subarray(0, headerBytes), packet.subarray(headerBytes))
}
