/**
 * The primitives under everything: one interface, so that a phone (noble) and a server
 * (node:crypto and libsodium) run the same protocol code. Every implementation is held to the
 * same published vectors, and to each other.
 */

/** Bytes of a Poly1305 tag at the end of each sealed message. RFC 8439 §2.5. */
export const TAG_BYTES = 16

/** Bytes of a ChaCha20-Poly1305 key, an X25519 secret or public key, and a shared secret. */
export const KEY_BYTES = 32

/** Bytes of a ChaCha20-Poly1305 nonce. RFC 8439 §2.3. */
export const NONCE_BYTES = 12

/** Bytes of a BLAKE2s hash. RFC 7693 §4. */
export const HASH_BYTES = 32

/**
 * The primitives that Pilotlight uses; all byte lengths fixed.
 *
 * Inputs are borrowed, never kept or written to. Outputs are fresh arrays that the caller owns.
 * A key, nonce or secret of the wrong length is our own bug and throws a RangeError; nothing that
 * a stranger can send (ciphertext, public key of 32 B) throws.
 */
export interface Crypto {
  /** Which implementation this is, for logs: 'noble' or 'native'. */
  readonly name: string

  /**
   * Seals with ChaCha20-Poly1305 (RFC 8439 §2.8).
   *
   * @param key       32 B.
   * @param nonce     12 B; never used twice with one key.
   * @param aad       authenticated, not encrypted; any length, may be empty.
   * @param plaintext any length, may be empty.
   * @returns ciphertext || tag: plaintext.length + 16 B.
   * @throws RangeError if key or nonce has the wrong length.
   */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array

  /**
   * Opens what `seal` made (RFC 8439 §2.8).
   *
   * @param key        32 B.
   * @param nonce      12 B.
   * @param aad        as given to `seal`.
   * @param ciphertext ciphertext || tag; any bytes of any length, never trusted.
   * @returns the plaintext (ciphertext.length - 16 B), or null if the tag does not verify or the
   *   input is shorter than 16 B. Never throws for any ciphertext.
   * @throws RangeError if key or nonce has the wrong length.
   */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | null

  /**
   * The X25519 public key of a secret key (RFC 7748 §6.1).
   *
   * @param secretKey 32 B; clamped here, so any 32 bytes will do.
   * @returns 32 B.
   * @throws RangeError if the secret key is not 32 B.
   */
  publicKey(secretKey: Uint8Array): Uint8Array

  /**
   * The X25519 shared secret (RFC 7748 §6.1).
   *
   * The top bit of the public key is masked and non-canonical values are reduced, as RFC 7748 §5
   * demands.
   *
   * @param secretKey 32 B.
   * @param publicKey 32 B from the peer, never trusted.
   * @returns 32 B, or null when the result is all zero: the peer sent a point of low order.
   * @throws RangeError if either key is not 32 B.
   */
  sharedSecret(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array | null

  /**
   * BLAKE2s without a key (RFC 7693).
   *
   * @param message any length.
   * @returns 32 B.
   */
  hash(message: Uint8Array): Uint8Array

  /**
   * BLAKE2s with a key (RFC 7693 §2.9). Outputs of different lengths are unrelated: the length is
   * part of the parameter block, so a short one is not a prefix of a long one.
   *
   * @param key         1 to 32 B.
   * @param message     any length.
   * @param outputBytes 1 to 32.
   * @returns `outputBytes` bytes.
   * @throws RangeError if the key or `outputBytes` is out of range.
   */
  mac(key: Uint8Array, message: Uint8Array, outputBytes: number): Uint8Array
}

/**
 * Refuses an argument of the wrong length. Only for what our own code chose (keys, nonces), never
 * for bytes from the network, which are measured and dropped.
 *
 * @param what   name of the argument, for the message.
 * @param bytes  the argument.
 * @param length bytes it must have.
 * @throws RangeError if it has another length.
 */
export function expectBytes(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length === length) return
  throw new RangeError(`${what} must be ${length} bytes, got ${bytes.length}`)
}

/**
 * Refuses arguments of `Crypto.mac` that are out of range (RFC 7693 §2.1).
 *
 * @param key         must be 1 to 32 B.
 * @param outputBytes must be an integer from 1 to 32.
 * @throws RangeError otherwise.
 */
export function expectMacArguments(key: Uint8Array, outputBytes: number): void {
  if (key.length < 1 || key.length > KEY_BYTES) {
    throw new RangeError(`mac key must be 1 to ${KEY_BYTES} bytes, got ${key.length}`)
  }
  if (!Number.isInteger(outputBytes) || outputBytes < 1 || outputBytes > HASH_BYTES) {
    throw new RangeError(`mac output must be 1 to ${HASH_BYTES} bytes, got ${outputBytes}`)
  }
}
