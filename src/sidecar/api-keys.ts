import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ApiKeyEntry, AppEntry } from './message.js'

/** An application that calls, and what its key may do. A test key calls as an application of its own: `-app`. */
export interface Caller extends AppEntry {
  readonly key: ApiKeyEntry
}

/** `Authorization: Bearer pl_...`; the scheme's case does not matter (RFC 9110 §11.1). */
const BEARER = /^bearer +(pl_[A-Za-z0-9._~+/=-]{1,200})$/i

/**
 * The API keys of all applications, as hashes.
 *
 * The table is found by a hash under a secret of this process, so that neither the look-up nor the comparison tells by
 * its time how close a guess came, however many applications there are.
 */
export class ApiKeys {
  readonly #secret = randomBytes(32)
  #apps = new Map<string, Caller>()

  /** Replaces the table. */
  replace(apps: readonly AppEntry[]): void {
    const table = new Map<string, Caller>()
    for (const entry of apps) {
      for (const key of entry.keys) {
        const app = key.mode === 'test' ? -entry.app : entry.app
        table.set(this.#place(key.hash), { ...entry, app, key })
      }
    }
    this.#apps = table
  }

  /**
   * @param authorization the header field.
   * @returns the application, or null for every kind of failure alike.
   */
  find(authorization: string | undefined): Caller | null {
    return this.findKey(BEARER.exec(authorization ?? '')?.[1] ?? '')
  }

  /** As `find`, by the text of the key. */
  findKey(key: string): Caller | null {
    const hash = createHash('sha256').update(key).digest()
    const found = this.#apps.get(this.#place(hash))
    const same = timingSafeEqual(hash, found?.key.hash.length === hash.length ? found.key.hash : this.#secret)
    return same && key !== '' && found !== undefined ? found : null
  }

  #place(hash: Uint8Array): string {
    return createHmac('sha256', this.#secret).update(hash).digest('base64')
  }
}
