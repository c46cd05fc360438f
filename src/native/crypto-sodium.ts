/**
 * ChaCha20-Poly1305 on libsodium's WebAssembly.
 *
 * The C functions are called directly, on one piece of scratch memory: the wrapper's own functions
 * allocate for each argument (twice as slow) and throw for each forged packet (8 us).
 */

import { type Crypto, expectBytes, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from '../crypto/crypto.js'

/** The part of `Crypto` that is ChaCha20-Poly1305. */
export type Aead = Pick<Crypto, 'seal' | 'open'>

/**
 * Loads libsodium.
 *
 * @returns its AEAD, or null where there is no WebAssembly or the package has another shape.
 */
export async function loadSodiumAead(): Promise<Aead | null> {
  try {
    const wrappers = await import('libsodium-wrappers')
    await wrappers.ready
    const { libsodium } = wrappers as unknown as { libsodium: SodiumModule }
    return sodiumAead(libsodium)
  } catch {
    return null
  }
}

/**
 * libsodium's C functions, which libsodium-wrappers exports but does not type. A pointer is an
 * offset into HEAPU8; a 64-bit length is two arguments, low word first; 0 is a null pointer.
 */
interface SodiumModule {
  /** A new object after each growth of the memory, so never kept. */
  readonly HEAPU8: Uint8Array
  _malloc(bytes: number): number
  _free(pointer: number): void
  /** (c, &clen, m, mlen, ad, adlen, nsec, npub, k) as in libsodium's C header. */
  _crypto_aead_chacha20poly1305_ietf_encrypt(...words: SodiumArguments): number
  /** (m, &mlen, nsec, c, clen, ad, adlen, npub, k); not 0 if the tag does not verify. */
  _crypto_aead_chacha20poly1305_ietf_decrypt(...words: SodiumArguments): number
}

// biome-ignore format: one line for eleven words
type SodiumArguments = [
  number, number, number, number, number, number, number, number, number, number, number,
]

/** Where key and nonce of a call lie in the scratch memory; aad, input and output follow. */
const KEY_OFFSET = 0
const NONCE_OFFSET = KEY_OFFSET + KEY_BYTES
const AAD_OFFSET = NONCE_OFFSET + NONCE_BYTES

/** Bytes. Fits a datagram of 1200 B in and out; grows when a message is larger. */
const SCRATCH_BYTES = 4096

function sodiumAead(sodium: SodiumModule): Aead {
  let scratch = sodium._malloc(SCRATCH_BYTES)
  let scratchBytes = SCRATCH_BYTES

  /** Sees to it that inputs of these lengths fit, and writes key and nonce. @returns the memory as it is now. */
  function begin(key: Uint8Array, nonce: Uint8Array, aadBytes: number, inputBytes: number): Uint8Array {
    expectBytes('key', key, KEY_BYTES)
    expectBytes('nonce', nonce, NONCE_BYTES)
    const bytes = AAD_OFFSET + aadBytes + 2 * inputBytes + TAG_BYTES
    if (bytes > scratchBytes) {
      const larger = sodium._malloc(bytes)
      if (larger === 0) throw new RangeError(`no memory for a message of ${inputBytes} bytes`)
      sodium._free(scratch)
      scratch = larger
      scratchBytes = bytes
    }
    const memory = sodium.HEAPU8
    put(memory, scratch + KEY_OFFSET, key)
    put(memory, scratch + NONCE_OFFSET, nonce)
    return memory
  }

  return {
    seal(key, nonce, aad, plaintext) {
      const memory = begin(key, nonce, aad.length, plaintext.length)
      const [keyAt, nonceAt, aadAt] = [scratch + KEY_OFFSET, scratch + NONCE_OFFSET, scratch + AAD_OFFSET]
      const inputAt = aadAt + aad.length
      const outputAt = inputAt + plaintext.length
      put(memory, aadAt, aad)
      put(memory, inputAt, plaintext)
      // biome-ignore format: the words of one C argument stay together
      sodium._crypto_aead_chacha20poly1305_ietf_encrypt(
        outputAt, 0, inputAt, plaintext.length, 0, aadAt, aad.length, 0, 0, nonceAt, keyAt,
      )
      return taken(memory, outputAt, plaintext.length + TAG_BYTES)
    },

    open(key, nonce, aad, ciphertext) {
      const memory = begin(key, nonce, aad.length, ciphertext.length)
      if (ciphertext.length < TAG_BYTES) return null
      const [keyAt, nonceAt, aadAt] = [scratch + KEY_OFFSET, scratch + NONCE_OFFSET, scratch + AAD_OFFSET]
      const inputAt = aadAt + aad.length
      const outputAt = inputAt + ciphertext.length
      put(memory, aadAt, aad)
      put(memory, inputAt, ciphertext)
      // biome-ignore format: the words of one C argument stay together
      const failed = sodium._crypto_aead_chacha20poly1305_ietf_decrypt(
        outputAt, 0, 0, inputAt, ciphertext.length, 0, aadAt, aad.length, 0, nonceAt, keyAt,
      )
      return failed === 0 ? taken(memory, outputAt, ciphertext.length - TAG_BYTES) : null
    },
  }
}

/** Up to so many bytes a loop is faster than the built-in functions, which are made for more. */
const LOOP_BYTES = 64

function put(memory: Uint8Array, at: number, bytes: Uint8Array): void {
  if (bytes.length > LOOP_BYTES) memory.set(bytes, at)
  else for (let i = 0; i < bytes.length; i++) memory[at + i] = bytes[i] as number
}

function taken(memory: Uint8Array, at: number, length: number): Uint8Array {
  if (length > LOOP_BYTES) return memory.slice(at, at + length)
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = memory[at + i] as number
  return bytes
}
