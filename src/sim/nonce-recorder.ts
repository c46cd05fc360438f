/** Watches that nobody, copies and restored ones included, ever seals twice with one key and one nonce. */
import type { Crypto } from '../crypto/crypto.js'

export class NonceRecorder {
  /** what was sealed, by key and nonce */
  readonly #used = new Map<number, number>()
  readonly #fail: (what: string) => void

  /** @param fail told of a pair that was used again. */
  constructor(fail: (what: string) => void) {
    this.#fail = fail
  }

  /** Pairs seen. */
  get pairs(): number {
    return this.#used.size
  }

  /** The same primitives, watched. */
  watch(crypto: Crypto): Crypto {
    return {
      ...crypto,
      seal: (key, nonce, aad, plaintext) => {
        const pair = fingerprint(key, nonce)
        const sealed = isCounted(nonce) ? 0 : fingerprint(aad, plaintext)
        const before = this.#used.get(pair)
        if (before !== undefined && (isCounted(nonce) || before !== sealed))
          this.#fail(`a key and nonce are used again: nonce ${nonce.join(' ')}`)
        this.#used.set(pair, sealed)
        return crypto.seal(key, nonce, aad, plaintext)
      },
    }
  }
}

/** A packet number, or the 0 of a key that seals once: no second use is right. PUIDs are sealed with a MAC of their text. */
function isCounted(nonce: Uint8Array): boolean {
  return nonce.subarray(0, 6).every((byte) => byte === 0)
}

/** 53 bits of two FNV-1a hashes: two pairs of a life collide once in some million lives. */
function fingerprint(first: Uint8Array, second: Uint8Array): number {
  let a = 0x811c_9dc5
  let b = 0x9e37_79b9
  for (const bytes of [first, second]) {
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number
      a = Math.imul(a ^ byte, 0x0100_0193)
      b = Math.imul(b ^ byte, 0x85eb_ca6b)
      b ^= b >>> 13
    }
  }
  return (a >>> 0) * 2 ** 21 + ((b >>> 0) & 0x1f_ffff)
}
