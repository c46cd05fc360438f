import { concat } from '../base/bytes.js'
import { ascii } from '../base/text.js'
import { type Crypto, HASH_BYTES } from '../crypto/crypto.js'
import { hkdf } from '../crypto/hkdf.js'
import { CipherState } from './cipher-state.js'

const EMPTY = new Uint8Array(0)

/**
 * Noise's SymmetricState (rev 34 §5.2): the chaining key, the hash of all that was said, and the
 * cipher for what is said next.
 *
 * Chaining key and hash are replaced, never overwritten, so a copy is cheap.
 */
export class SymmetricState {
  readonly #crypto: Crypto
  readonly #cipher: CipherState
  #chainingKey: Uint8Array
  #hash: Uint8Array

  private constructor(crypto: Crypto, cipher: CipherState, chainingKey: Uint8Array, hash: Uint8Array) {
    this.#crypto = crypto
    this.#cipher = cipher
    this.#chainingKey = chainingKey
    this.#hash = hash
  }

  /**
   * The state before the first message (Noise: InitializeSymmetric).
   *
   * @param crypto       primitives.
   * @param protocolName full Noise name, ASCII.
   * @returns a state without a key.
   */
  static initialize(crypto: Crypto, protocolName: string): SymmetricState {
    const name = ascii(protocolName)
    const hash = name.length <= HASH_BYTES ? new Uint8Array(HASH_BYTES) : crypto.hash(name)
    if (name.length <= HASH_BYTES) hash.set(name)
    return new SymmetricState(crypto, new CipherState(crypto), hash, hash)
  }

  /** The hash of everything mixed in so far, 32 B. Unique to this handshake once it is over. */
  get handshakeHash(): Uint8Array {
    return this.#hash.slice()
  }

  /** Whether `encryptAndHash` encrypts yet. */
  hasKey(): boolean {
    return this.#cipher.hasKey()
  }

  /** Mixes a DH result (32 B) into the chaining key, and takes a new cipher key from it. */
  mixKey(inputKeyMaterial: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.#crypto, this.#chainingKey, inputKeyMaterial, 2)
    this.#chainingKey = chainingKey
    this.#cipher.initializeKey(key)
  }

  /** Mixes public bytes of any length into the hash. */
  mixHash(bytes: Uint8Array): void {
    this.#hash = this.#crypto.hash(concat(this.#hash, bytes))
  }

  /** Mixes a pre-shared key (32 B) into chaining key and hash, and takes a new cipher key. */
  mixKeyAndHash(preSharedKey: Uint8Array): void {
    const [chainingKey, forHash, key] = hkdf(this.#crypto, this.#chainingKey, preSharedKey, 3)
    this.#chainingKey = chainingKey
    this.mixHash(forHash)
    this.#cipher.initializeKey(key)
  }

  /**
   * Encrypts, if there is a key, and mixes the result into the hash.
   *
   * @param plaintext any length.
   * @returns plaintext.length + 16 B; without a key the plaintext itself, not copied.
   */
  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const ciphertext = this.#cipher.encryptWithAd(this.#hash, plaintext)
    this.mixHash(ciphertext)
    return ciphertext
  }

  /**
   * Decrypts, if there is a key, and mixes the ciphertext into the hash.
   *
   * @param ciphertext any bytes, never trusted.
   * @returns the plaintext, or null with nothing changed if the tag does not verify; without a key
   *   the input itself, not copied.
   */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array | null {
    const plaintext = this.#cipher.decryptWithAd(this.#hash, ciphertext)
    if (plaintext !== null) this.mixHash(ciphertext)
    return plaintext
  }

  /** The transport ciphers: first initiator to responder, then back. */
  split(): [CipherState, CipherState] {
    const [first, second] = hkdf(this.#crypto, this.#chainingKey, EMPTY, 2)
    return [new CipherState(this.#crypto, first), new CipherState(this.#crypto, second)]
  }

  /**
   * A secret beside the transport keys: the third output of the HKDF that `split` takes two of.
   *
   * @returns 32 B; independent of the transport keys, known to both sides and no one else.
   */
  exportRoot(): Uint8Array {
    const [, , root] = hkdf(this.#crypto, this.#chainingKey, EMPTY, 3)
    return root
  }

  /** An independent state that starts from the same values. */
  copy(): SymmetricState {
    return new SymmetricState(this.#crypto, this.#cipher.copy(), this.#chainingKey, this.#hash)
  }
}
