/**
 * Real cryptography is half of a simulated life. Here it is an ideal one, of no secrecy at all: a hash of 128 bits that mixes
 * well stands for BLAKE2s, a key stream and a tag made with it for ChaCha20-Poly1305, and a key agreement that anybody
 * could compute for X25519. Nobody attacks these in the simulator: it cuts, flips, repeats and invents bytes, and those
 * fail here as they do there. `--crypto noble` takes the real primitives.
 */
import {
  type Crypto,
  expectBytes,
  expectMacArguments,
  HASH_BYTES,
  KEY_BYTES,
  NONCE_BYTES,
  TAG_BYTES,
} from '../crypto/crypto.js'

/** State of the hash that is being made; only one is at a time. */
let a = 0
let b = 0
let c = 0
let d = 0

/** What a hash is for, so that those for different ends have nothing in common. */
const Purpose = { hash: 1, mac: 2, stream: 3, tag: 4, public: 5, shared: 6 } as const

export const idealCrypto: Crypto = {
  name: 'ideal',

  seal(key, nonce, aad, plaintext) {
    expectKeyAndNonce(key, nonce)
    const sealed = new Uint8Array(plaintext.length + TAG_BYTES)
    sealed.set(plaintext)
    xorStream(key, nonce, sealed.subarray(0, plaintext.length))
    sealed.set(tagOf(key, nonce, aad, plaintext), plaintext.length)
    return sealed
  },

  open(key, nonce, aad, ciphertext) {
    expectKeyAndNonce(key, nonce)
    const length = ciphertext.length - TAG_BYTES
    if (length < 0) return null
    const plaintext = ciphertext.slice(0, length)
    xorStream(key, nonce, plaintext)
    const tag = tagOf(key, nonce, aad, plaintext)
    return tag.every((byte, i) => byte === ciphertext[length + i]) ? plaintext : null
  },

  publicKey(secretKey) {
    expectBytes('secret key', secretKey, KEY_BYTES)
    return publicKeyOf(secretKey)
  },

  sharedSecret(secretKey, publicKey) {
    expectBytes('secret key', secretKey, KEY_BYTES)
    expectBytes('public key', publicKey, KEY_BYTES)
    const own = publicKeyOf(secretKey)
    const peer = publicKey.slice()
    peer[KEY_BYTES - 1] = (peer[KEY_BYTES - 1] as number) & 0x7f // the top bit does not count, RFC 7748 §5
    const isFirst = isBefore(own, peer)
    begin(Purpose.shared)
    absorb(isFirst ? own : peer)
    absorb(isFirst ? peer : own)
    return squeeze(new Uint8Array(KEY_BYTES))
  },

  hash(message) {
    begin(Purpose.hash)
    absorb(message)
    return squeeze(new Uint8Array(HASH_BYTES))
  },

  mac(key, message, outputBytes) {
    expectMacArguments(key, outputBytes)
    begin(Purpose.mac)
    mix(outputBytes)
    absorb(key)
    absorb(message)
    return squeeze(new Uint8Array(outputBytes))
  },
}

function expectKeyAndNonce(key: Uint8Array, nonce: Uint8Array): void {
  expectBytes('key', key, KEY_BYTES)
  expectBytes('nonce', nonce, NONCE_BYTES)
}

function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  begin(Purpose.public)
  absorb(secretKey)
  const image = squeeze(new Uint8Array(KEY_BYTES))
  image[KEY_BYTES - 1] = (image[KEY_BYTES - 1] as number) & 0x7f
  return image
}

function isBefore(one: Uint8Array, other: Uint8Array): boolean {
  const at = one.findIndex((byte, i) => byte !== other[i])
  return at >= 0 && (one[at] as number) < (other[at] as number)
}

function xorStream(key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): void {
  begin(Purpose.stream)
  absorb(key)
  absorb(nonce)
  const stream = squeeze(new Uint8Array(bytes.length))
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ (stream[i] as number)
}

function tagOf(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  begin(Purpose.tag)
  absorb(key)
  absorb(nonce)
  absorb(aad)
  absorb(plaintext)
  return squeeze(new Uint8Array(TAG_BYTES))
}

function begin(purpose: number): void {
  a = 0x243f_6a88
  b = 0x85a3_08d3
  c = 0x1319_8a2e
  d = 0x0370_7344
  mix(purpose)
}

/** One word into the state; for each word a permutation of the states. */
function mix(word: number): void {
  a = Math.imul(a ^ word, 0x9e37_79b1)
  a ^= a >>> 15
  b = Math.imul(b + a, 0x85eb_ca6b)
  b ^= b >>> 13
  c = (((c ^ b) << 11) | ((c ^ b) >>> 21)) + a
  d = Math.imul(d ^ c, 0xc2b2_ae35)
  d ^= d >>> 16
  a = (a + d) | 0
}

function absorb(bytes: Uint8Array): void {
  const { length } = bytes
  mix(length)
  const whole = length - (length % 4)
  let at = 0
  for (; at < whole; at += 4) {
    mix((bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) ^ 0)
  }
  let rest = 0
  for (; at < length; at++) rest = (rest << 8) | (bytes[at] as number)
  if (whole < length) mix(rest)
}

function squeeze(out: Uint8Array): Uint8Array {
  for (let round = 0; round < 4; round++) mix(round)
  for (let at = 0; at < out.length; at += 4) {
    mix(at)
    const word = Math.imul(a ^ (c >>> 7), 0x2545_f491) ^ d
    for (let i = 0; i < 4 && at + i < out.length; i++) out[at + i] = word >>> (8 * i)
  }
  return out
}
