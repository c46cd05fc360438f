import { type Crypto, expectBytes, KEY_BYTES } from './crypto.js'

/**
 * An X25519 secret key with its public key. A server derives the public key once at start, not
 * once a handshake.
 */
export interface KeyPair {
  /** 32 B. */
  readonly secretKey: Uint8Array
  /** 32 B. */
  readonly publicKey: Uint8Array
}

/**
 * The pair that belongs to a secret key.
 *
 * @param crypto    primitives.
 * @param secretKey 32 B, kept and not copied.
 * @returns the pair.
 * @throws RangeError if the secret key is not 32 B.
 */
export function keyPair(crypto: Crypto, secretKey: Uint8Array): KeyPair {
  expectBytes('secret key', secretKey, KEY_BYTES)
  return { secretKey, publicKey: crypto.publicKey(secretKey) }
}
