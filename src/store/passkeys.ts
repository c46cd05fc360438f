import type Database from 'better-sqlite3'
import type { PersonKey } from '../hub/message.js'

/** Passkeys of one person; more are refused. */
export const PASSKEYS_MAX = 20

/** A passkey (WebAuthn credential). */
export interface PasskeyRow {
  /** base64url */
  credential: string
  person: PersonKey
  /** COSE */
  publicKey: Uint8Array
  /** of signatures; 0 for authenticators that do not count */
  counter: number
  /** the browser that made it */
  label: string
  createdMs: number
}

const COLUMNS = `credential, account AS person, public_key AS publicKey, counter, label, created AS createdMs FROM passkeys`

/** Public keys by which persons sign in. */
export class Passkeys {
  readonly #insert: Database.Statement<[string, PersonKey, Uint8Array, number, string, number]>
  readonly #find: Database.Statement<[string], PasskeyRow>
  readonly #ofPerson: Database.Statement<[PersonKey], PasskeyRow>
  readonly #count: Database.Statement<[number, string]>
  readonly #delete: Database.Statement<[PersonKey, string]>

  constructor(database: Database.Database) {
    this.#insert = database.prepare(
      'INSERT INTO passkeys (credential, account, public_key, counter, label, created) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#find = database.prepare(`SELECT ${COLUMNS} WHERE credential = ?`)
    this.#ofPerson = database.prepare(`SELECT ${COLUMNS} WHERE account = ? ORDER BY created, credential`)
    this.#count = database.prepare('UPDATE passkeys SET counter = max(counter, ?) WHERE credential = ?')
    this.#delete = database.prepare('DELETE FROM passkeys WHERE account = ? AND credential = ?')
  }

  /** @returns false if there is such a credential already, or the person has as many as one may have. */
  add({ credential, person, publicKey, counter, label, createdMs }: PasskeyRow): boolean {
    if (this.find(credential) !== null || this.ofPerson(person).length >= PASSKEYS_MAX) return false
    this.#insert.run(credential, person, publicKey, counter, label, createdMs)
    return true
  }

  find(credential: string): PasskeyRow | null {
    const row = this.#find.get(credential)
    return row === undefined ? null : { ...row, publicKey: new Uint8Array(row.publicKey) }
  }

  /** The oldest first. */
  ofPerson(person: PersonKey): PasskeyRow[] {
    return this.#ofPerson.all(person)
  }

  /** Notes that it was used. */
  used(credential: string, counter: number): void {
    this.#count.run(counter, credential)
  }

  /** @returns false if the person has no such one. */
  remove(person: PersonKey, credential: string): boolean {
    return this.#delete.run(person, credential).changes > 0
  }
}
