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

  function place(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, input: Uint8Array) {
    const bytes = AAD_OFFSET + aad.length + 2 * input.length + TAG_BYTES
    if (bytes > scratchBytes) {
      const larger = sodium._malloc(bytes)
      if (larger === 0) throw new RangeError(`no memory for a message of ${input.length} bytes`)
      sodium._free(scratch)
      scratch = larger
      scratchBytes = bytes
    }
    const aadAt = scratch + AAD_OFFSET
    const inputAt = aadAt + aad.length
    const memory = sodium.HEAPU8
    memory.set(key, scratch + KEY_OFFSET)
    memory.set(nonce, scratch + NONCE_OFFSET)
    memory.set(aad, aadAt)
    memory.set(input, inputAt)
    const outputAt = inputAt + input.length
    return { memory, aadAt, inputAt, outputAt }
  }

  return {
    seal(key, nonce, aad, plaintext) {
      expectBytes('key', key, KEY_BYTES)
      expectBytes('nonce', nonce, NONCE_BYTES)
      const { memory, aadAt, inputAt, outputAt } = place(key, nonce, aad, plaintext)
      const [keyAt, nonceAt] = [scratch + KEY_OFFSET, scratch + NONCE_OFFSET]
      // biome-ignore format: the words of one C argument stay together
      sodium._crypto_aead_chacha20poly1305_ietf_encrypt(
        outputAt, 0, inputAt, plaintext.length, 0, aadAt, aad.length, 0, 0, nonceAt, keyAt,
      )
      return memory.slice(outputAt, outputAt + plaintext.length + TAG_BYTES)
    },

    open(key, nonce, aad, ciphertext) {
      expectBytes('key', key, KEY_BYTES)
      expectBytes('nonce', nonce, NONCE_BYTES)
      if (ciphertext.length < TAG_BYTES) return null
      const { memory, aadAt, inputAt, outputAt } = place(key, nonce, aad, ciphertext)
      const [keyAt, nonceAt] = [scratch + KEY_OFFSET, scratch + NONCE_OFFSET]
      // biome-ignore format: the words of one C argument stay together
      const failed = sodium._crypto_aead_chacha20poly1305_ietf_decrypt(
        outputAt, 0, 0, inputAt, ciphertext.length, 0, aadAt, aad.length, 0, nonceAt, keyAt,
      )
      if (failed !== 0) return null
      return memory.slice(outputAt, outputAt + ciphertext.length - TAG_BYTES)
    },
  }
}
