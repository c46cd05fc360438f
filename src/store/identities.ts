import type Database from 'better-sqlite3'
import { utf8Bytes } from '../base/text.js'
import { type Crypto, HASH_BYTES } from '../crypto/crypto.js'
import type { PersonKey } from '../hub/message.js'

/** Whom a provider of identities knows. Only a keyed hash is kept: a stolen database does not say who that is. */
export class Identities {
  readonly #crypto: Crypto
  readonly #key: Uint8Array
  readonly #find: Database.Statement<[Uint8Array], { account: PersonKey }>
  readonly #insert: Database.Statement<[Uint8Array, PersonKey]>

  /** @param key 32 B, for the hash. */
  constructor(database: Database.Database, crypto: Crypto, key: Uint8Array) {
    this.#crypto = crypto
    this.#key = key
    this.#find = database.prepare('SELECT account FROM identities WHERE hash = ?')
    this.#insert = database.prepare('INSERT INTO identities (hash, account) VALUES (?, ?)')
  }

  /** The person, or null. */
  find(issuer: string, subject: string): PersonKey | null {
    return this.#find.get(this.#hash(issuer, subject))?.account ?? null
  }

  add(issuer: string, subject: string, person: PersonKey): void {
    this.#insert.run(this.#hash(issuer, subject), person)
  }

  /** An issuer is a URL and has no space: no two pairs are one text. */
  #hash(issuer: string, subject: string): Uint8Array {
    return this.#crypto.mac(this.#key, utf8Bytes(`${issuer} ${subject}`), HASH_BYTES)
  }
}
