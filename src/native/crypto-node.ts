/**
 * X25519 and BLAKE2s on node:crypto, which is OpenSSL in C.
 */

import { createPrivateKey, createPublicKey, diffieHellman, hash, type KeyObject, timingSafeEqual } from 'node:crypto'
import { type Crypto, expectBytes, KEY_BYTES } from '../crypto/crypto.js'

/** The part of `Crypto` that is X25519. */
export type Agreement = Pick<Crypto, 'publicKey' | 'sharedSecret'>

/** The part of `Crypto` that is BLAKE2s without a key. */
export type Digest = Pick<Crypto, 'hash'>

/** X25519. Keys that come in the same array again are not imported again. */
export const nodeAgreement: Agreement = {
  publicKey(secretKey) {
    expectBytes('secret key', secretKey, KEY_BYTES)
    const { x } = createPublicKey(secretKeyObject(secretKey)).export({ format: 'jwk' })
    return new Uint8Array(Buffer.from(x ?? '', 'base64url'))
  },

  sharedSecret(secretKey, publicKey) {
    expectBytes('secret key', secretKey, KEY_BYTES)
    expectBytes('public key', publicKey, KEY_BYTES)
    const keys = { privateKey: secretKeyObject(secretKey), publicKey: publicKeyObject(publicKey) }
    try {
      return new Uint8Array(diffieHellman(keys))
    } catch {
      return null // OpenSSL refuses an all-zero result
    }
  },
}

/** BLAKE2s, 32 B out. */
export const nodeDigest: Digest = {
  hash(message) {
    return new Uint8Array(hash('blake2s256', message, 'buffer'))
  },
}

/**
 * Stands where a JWK wants the public key beside a secret one. Node passes only the secret key to
 * OpenSSL (seen in 20.20 and 24.21); the check in crypto-native.ts would notice if that changed.
 * PKCS #8 needs no such thing, but importing that takes ten times as long on Node 20.
 */
const UNREAD_PUBLIC_KEY = 'A'.repeat(43)

/** A KeyObject, and a copy of the bytes that it was made from. */
interface HeldKey {
  readonly bytes: Uint8Array
  readonly object: KeyObject
}

/**
 * KeyObjects by the caller's array, and gone when that array is: importing a secret key costs as
 * much as using it, and a handshake uses each of its keys two or three times.
 */
const secretKeys = new WeakMap<Uint8Array, HeldKey>()
const publicKeys = new WeakMap<Uint8Array, HeldKey>()

function secretKeyObject(secretKey: Uint8Array): KeyObject {
  return heldKey(secretKeys, secretKey, (d) =>
    createPrivateKey({ key: { kty: 'OKP', crv: 'X25519', d, x: UNREAD_PUBLIC_KEY }, format: 'jwk' }),
  )
}

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  return heldKey(publicKeys, publicKey, (x) =>
    createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' }),
  )
}

function heldKey(
  held: WeakMap<Uint8Array, HeldKey>,
  bytes: Uint8Array,
  importKey: (base64url: string) => KeyObject,
): KeyObject {
  const known = held.get(bytes)
  // Compared, since the caller may have written another key into the same array.
  if (known !== undefined && timingSafeEqual(known.bytes, bytes)) return known.object
  const copy = Uint8Array.from(bytes)
  const object = importKey(Buffer.from(copy.buffer).toString('base64url'))
  held.set(bytes, { bytes: copy, object })
  return object
}
