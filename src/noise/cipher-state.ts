import { type Crypto, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from '../crypto/crypto.js'

/** The nonce that no message may use: it is kept for rekey. Noise §5.1. */
const MAX_NONCE = 2n ** 64n - 1n

const EMPTY = new Uint8Array(0)

/**
 * Noise's CipherState (rev 34 §5.1): a key, and the number of the next message under it.
 *
 * Keys are replaced, never overwritten, so a copy shares them safely.
 */
export class CipherState {
  readonly #crypto: Crypto
  #key: Uint8Array | null
  #nonce = 0n

  /**
   * @param crypto primitives.
   * @param key    32 B, or null for a state that does not encrypt yet.
   */
  constructor(crypto: Crypto, key: Uint8Array | null = null) {
    this.#crypto = crypto
    this.#key = key
  }

  /** Takes a new key (32 B) and starts again at nonce 0. */
  initializeKey(key: Uint8Array): void {
    this.#key = key
    this.#nonce = 0n
  }

  /** Whether messages are encrypted: false until the first key. */
  hasKey(): boolean {
    return this.#key !== null
  }

  /** The number of the next message, 0 to 2^64 - 1; at 2^64 - 1 there is no next message. */
  get nonce(): bigint {
    return this.#nonce
  }

  /**
   * Jumps to a message number, for transports that lose or reorder. Noise §11.4.
   *
   * @param nonce 0 to 2^64 - 1; sending the same one twice gives the key away.
   * @throws RangeError if out of range.
   */
  setNonce(nonce: bigint): void {
    if (nonce < 0n || nonce > MAX_NONCE) throw new RangeError(`nonce out of range: ${nonce}`)
    this.#nonce = nonce
  }

  /**
   * Encrypts the next message.
   *
   * @param ad        authenticated beside it, any length.
   * @param plaintext any length.
   * @returns plaintext.length + 16 B, or without a key the plaintext itself, not copied.
   * @throws RangeError when the nonces are used up (2^64 - 1 messages).
   */
  encryptWithAd(ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    if (this.#key === null) return plaintext
    if (this.#nonce === MAX_NONCE) throw new RangeError('nonces used up')
    const ciphertext = this.#crypto.seal(this.#key, nonceBytes(this.#nonce), ad, plaintext)
    this.#nonce++
    return ciphertext
  }

  /**
   * Decrypts the next message. A failure leaves the nonce where it was: else anybody could end the
   * channel with one forged datagram (RUSTSEC-2024-0011).
   *
   * @param ad         as given to `encryptWithAd`.
   * @param ciphertext any bytes, never trusted.
   * @returns the plaintext, or null if the tag does not verify or the nonces are used up; without a
   *   key the input itself, not copied.
   */
  decryptWithAd(ad: Uint8Array, ciphertext: Uint8Array): Uint8Array | null {
    if (this.#key === null) return ciphertext
    if (this.#nonce === MAX_NONCE) return null
    const plaintext = this.#crypto.open(this.#key, nonceBytes(this.#nonce), ad, ciphertext)
    if (plaintext !== null) this.#nonce++
    return plaintext
  }

  /**
   * Replaces the key by one derived from it; the nonce goes on. Noise §4.2 and §11.3.
   *
   * @throws Error without a key.
   */
  rekey(): void {
    if (this.#key === null) throw new Error('rekey before the first key')
    const zeros = new Uint8Array(KEY_BYTES)
    const sealed = this.#crypto.seal(this.#key, nonceBytes(MAX_NONCE), EMPTY, zeros)
    this.#key = sealed.slice(0, sealed.length - TAG_BYTES)
  }

  /** An independent state with the same key and nonce. */
  copy(): CipherState {
    const copy = new CipherState(this.#crypto, this.#key)
    copy.#nonce = this.#nonce
    return copy
  }
}

/** 4 zero bytes, then the number in 8 bytes, little-endian. Noise §12.3. */
function nonceBytes(nonce: bigint): Uint8Array {
  const bytes = new Uint8Array(NONCE_BYTES)
  new DataView(bytes.buffer).setBigUint64(4, nonce, true)
  return bytes
}
