/**
 * The portable implementation, on the @noble libraries: phone, browser, simulator, and
 * the reference that every faster one is compared with.
 */

import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { pow } from '@noble/curves/abstract/modular.js'
import { montgomery } from '@noble/curves/abstract/montgomery.js'
import { blake2s } from '@noble/hashes/blake2.js'
import { type Crypto, expectBytes, expectMacArguments, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from './crypto.js'

/** The field prime of Curve25519. RFC 7748 §4.1. */
const P = 2n ** 255n - 19n

/**
 * noble's X25519 from its own ladder. '@noble/curves/ed25519.js' has it ready-made, but wants
 * TextEncoder as soon as it is loaded (for FROST), and brings signatures that nothing here uses.
 */
const x25519 = montgomery({
  P,
  type: 'x25519',
  // decodeScalar25519, RFC 7748 §5; noble passes a copy.
  adjustScalarBytes(scalar: Uint8Array) {
    scalar[0] = (scalar[0] ?? 0) & 248
    scalar[31] = ((scalar[31] ?? 0) & 127) | 64
    return scalar as Uint8Array<ArrayBuffer>
  },
  powPminus2: (x) => pow(x, P - 2n, P),
})

/**
 * `Crypto` in plain JavaScript: no node: module, no WebAssembly, synchronous from the first call.
 * X25519 costs about a millisecond here, which a device pays once a month and a server should not.
 */
export const nobleCrypto: Crypto = {
  name: 'noble',

  seal(key, nonce, aad, plaintext) {
    expectBytes('key', key, KEY_BYTES)
    expectBytes('nonce', nonce, NONCE_BYTES)
    return chacha20poly1305(key, nonce, aad).encrypt(plaintext)
  },

  open(key, nonce, aad, ciphertext) {
    expectBytes('key', key, KEY_BYTES)
    expectBytes('nonce', nonce, NONCE_BYTES)
    if (ciphertext.length < TAG_BYTES) return null
    try {
      return chacha20poly1305(key, nonce, aad).decrypt(ciphertext)
    } catch {
      return null // noble reports a bad tag by a plain Error; all else was checked above
    }
  },

  publicKey(secretKey) {
    expectBytes('secret key', secretKey, KEY_BYTES)
    return x25519.getPublicKey(secretKey)
  },

  sharedSecret(secretKey, publicKey) {
    expectBytes('secret key', secretKey, KEY_BYTES)
    expectBytes('public key', publicKey, KEY_BYTES)
    try {
      return x25519.getSharedSecret(secretKey, publicKey)
    } catch {
      return null // noble throws for a point of low order; lengths were checked above
    }
  },

  hash(message) {
    return blake2s(message)
  },

  mac(key, message, outputBytes) {
    expectMacArguments(key, outputBytes)
    return blake2s(message, { key, dkLen: outputBytes })
  },
}
