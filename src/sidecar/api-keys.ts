import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { AppEntry } from './message.js'

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
  #apps = new Map<string, { entry: AppEntry; hash: Uint8Array }>()

  /** Replaces the table. */
  replace(apps: readonly AppEntry[]): void {
    const table = new Map<string, { entry: AppEntry; hash: Uint8Array }>()
    for (const entry of apps) for (const hash of entry.keyHashes) table.set(this.#place(hash), { entry, hash })
    this.#apps = table
  }

  /**
   * @param authorization the header field.
   * @returns the application, or null for every kind of failure alike.
   */
  find(authorization: string | undefined): AppEntry | null {
    const key = BEARER.exec(authorization ?? '')?.[1] ?? ''
    const hash = createHash('sha256').update(key).digest()
    const found = this.#apps.get(this.#place(hash))
    const same = timingSafeEqual(hash, found?.hash.length === hash.length ? found.hash : this.#secret)
    return same && key !== '' && found !== undefined ? found.entry : null
  }

  #place(hash: Uint8Array): string {
    return createHmac('sha256', this.#secret).update(hash).digest('base64')
  }
}
