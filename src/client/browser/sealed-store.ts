/**
 * Byte strings in IndexedDB, each sealed with AES-256-GCM under a key that WebCrypto keeps and no script can read. What
 * that protects from, and what not, stands in docs/browser.md.
 */
import { utf8Bytes } from '../../base/text.js'
import { Database } from './database.js'

const KEY_NAME = 'seal'
/** NIST SP 800-38D §8.2.2: random nonces of 96 bits are good for 2^32 messages under one key. */
const NONCE_BYTES = 12

export class SealedStore {
  readonly #database: Database
  readonly #key: CryptoKey

  private constructor(database: Database, key: CryptoKey) {
    this.#database = database
    this.#key = key
  }

  /**
   * Opens a store, and makes its key if there is none.
   *
   * @param name of the database.
   * @throws DOMException where the browser refuses storage, or the page is not in a secure context.
   */
  static async open(name: string): Promise<SealedStore> {
    const database = await Database.open(name)
    let key = await database.get('keys', KEY_NAME)
    if (key === undefined) {
      const made = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
      key = await database.putOnce('keys', KEY_NAME, made) // another tab may have been first
    }
    return new SealedStore(database, key as CryptoKey)
  }

  /** @returns the bytes, or null if there are none, or none that this key opens. */
  async get(name: string): Promise<Uint8Array | null> {
    const sealed = await this.#database.get('sealed', name)
    if (!(sealed instanceof Uint8Array)) return null
    try {
      const opened = await crypto.subtle.decrypt(
        parameters(name, sealed.slice(0, NONCE_BYTES)),
        this.#key,
        sealed.slice(NONCE_BYTES),
      )
      return new Uint8Array(opened)
    } catch {
      return null
    }
  }

  /** Keeps bytes under names, all or none. Settles when they are durable. */
  async put(values: Readonly<Record<string, Uint8Array>>): Promise<void> {
    const sealed: Record<string, Uint8Array> = {}
    for (const [name, bytes] of Object.entries(values)) sealed[name] = await this.#seal(name, bytes)
    await this.#database.put('sealed', sealed)
  }

  /** Forgets what is kept under names. */
  remove(...names: string[]): Promise<void> {
    return this.#database.remove('sealed', names)
  }

  close(): void {
    this.#database.close()
  }

  /** nonce || ciphertext || tag; the name is authenticated, so that values cannot be exchanged. */
  async #seal(name: string, bytes: Uint8Array): Promise<Uint8Array> {
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
    const ciphertext = await crypto.subtle.encrypt(parameters(name, nonce), this.#key, bytes.slice())
    const sealed = new Uint8Array(NONCE_BYTES + ciphertext.byteLength)
    sealed.set(nonce)
    sealed.set(new Uint8Array(ciphertext), NONCE_BYTES)
    return sealed
  }
}

function parameters(name: string, nonce: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: 'AES-GCM', iv: nonce, additionalData: utf8Bytes(name).slice() }
}
