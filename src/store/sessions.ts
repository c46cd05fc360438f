import { randomBytes } from 'node:crypto'
import type Database from 'better-sqlite3'
import { base64url } from '../base/base64.js'
import { hex } from '../base/bytes.js'
import { utf8Bytes } from '../base/text.js'
import { type Crypto, HASH_BYTES } from '../crypto/crypto.js'
import type { PersonKey } from '../hub/message.js'
import type { SessionRow } from './directory-message.js'

/** How long a person stays signed in: 30 days. */
export const SESSION_TTL_MS = 30 * 86_400_000

/** Sessions of one person; the oldest gives way. */
const SESSIONS_MAX = 32

/** What a token looks like. */
const TOKEN = /^pls_[A-Za-z0-9_-]{43}$/

const COLUMNS = `s.session_id AS id, s.account AS person, a.account, s.label, s.created AS createdMs,
  s.expires AS expiresMs FROM sessions s JOIN accounts a ON a.id = s.account`

/** Persons who are signed in, by bearer token. Only a keyed hash of a token is kept. */
export class Sessions {
  readonly #crypto: Crypto
  readonly #key: Uint8Array
  readonly #insert: Database.Statement<[Uint8Array, string, PersonKey, string, number, number]>
  readonly #find: Database.Statement<[Uint8Array, number], SessionRow>
  readonly #ofPerson: Database.Statement<[PersonKey, number], SessionRow>
  readonly #delete: Database.Statement<[PersonKey, string]>
  readonly #retire: Database.Statement<[PersonKey, PersonKey]>
  readonly #expire: Database.Statement<[number]>

  /** @param key 32 B, for the hash. */
  constructor(database: Database.Database, crypto: Crypto, key: Uint8Array) {
    this.#crypto = crypto
    this.#key = key
    this.#insert = database.prepare(
      'INSERT INTO sessions (hash, session_id, account, label, created, expires) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#find = database.prepare(`SELECT ${COLUMNS} WHERE s.hash = ? AND s.expires > ?`)
    this.#ofPerson = database.prepare(`SELECT ${COLUMNS} WHERE s.account = ? AND s.expires > ? ORDER BY s.created DESC`)
    this.#delete = database.prepare('DELETE FROM sessions WHERE account = ? AND session_id = ?')
    this.#retire = database.prepare(
      `DELETE FROM sessions WHERE account = ? AND hash NOT IN
       (SELECT hash FROM sessions WHERE account = ? ORDER BY created DESC LIMIT ${SESSIONS_MAX})`,
    )
    this.#expire = database.prepare('DELETE FROM sessions WHERE expires <= ?')
  }

  /** Signs a person in. `token` is told once. @param label what the person calls the browser. */
  add(person: PersonKey, label: string, wallMs: number): { token: string; session: SessionRow } {
    const token = `pls_${base64url(randomBytes(32))}`
    const hash = this.#hash(token)
    this.#insert.run(hash, `ses_${hex(randomBytes(8))}`, person, label, wallMs, wallMs + SESSION_TTL_MS)
    this.#retire.run(person, person)
    return { token, session: this.#find.get(hash, wallMs) as SessionRow }
  }

  /** Whose token it is; null if there is no such session or its time is over. */
  find(token: string, wallMs: number): SessionRow | null {
    return TOKEN.test(token) ? (this.#find.get(this.#hash(token), wallMs) ?? null) : null
  }

  /** Sessions of a person, the newest first. */
  ofPerson(person: PersonKey, wallMs: number): SessionRow[] {
    return this.#ofPerson.all(person, wallMs)
  }

  /** Signs out. @returns false if the person has no such session. */
  remove(person: PersonKey, id: string): boolean {
    return this.#delete.run(person, id).changes > 0
  }

  /** Removes sessions whose time is over. */
  expire(wallMs: number): void {
    this.#expire.run(wallMs)
  }

  #hash(token: string): Uint8Array {
    return this.#crypto.mac(this.#key, utf8Bytes(token), HASH_BYTES)
  }
}
