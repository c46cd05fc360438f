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

/** How long a browser is known where a person was signed in: 180 days from then. */
const KNOWN_TTL_MS = 180 * 86_400_000

/** Sessions of one person; the oldest gives way. */
const SESSIONS_MAX = 32

/** What a token looks like. */
const TOKEN = /^pls_[A-Za-z0-9_-]{43}$/
/** What a browser keeps beyond its session. */
const KNOWN = /^plk_[A-Za-z0-9_-]{43}$/

const COLUMNS = `s.session_id AS id, s.account AS person, a.account, s.label, s.created AS createdMs,
  s.expires AS expiresMs FROM sessions s JOIN accounts a ON a.id = s.account`

/**
 * Persons who are signed in, by bearer token. Only a keyed hash of a token is kept. A session of a page also makes its
 * browser known: by a second token, which outlives the session and only lets the browser ask the person's devices.
 */
export class Sessions {
  readonly #crypto: Crypto
  readonly #key: Uint8Array
  readonly #insert: Database.Statement<[Uint8Array, string, PersonKey, string, number, number, number]>
  readonly #find: Database.Statement<[Uint8Array, number], SessionRow>
  readonly #ofPerson: Database.Statement<[PersonKey, number], SessionRow>
  readonly #known: Database.Statement<[PersonKey, number, number], SessionRow>
  readonly #findKnown: Database.Statement<[Uint8Array, number], { person: PersonKey }>
  readonly #remember: Database.Statement<[Uint8Array, number, PersonKey, string]>
  readonly #unknow: Database.Statement<[Uint8Array]>
  readonly #forget: Database.Statement<[Uint8Array]>
  readonly #end: Database.Statement<[number, PersonKey, string]>
  readonly #delete: Database.Statement<[PersonKey, string]>
  readonly #retire: Database.Statement<[PersonKey, PersonKey]>
  readonly #expire: Database.Statement<[number]>

  /** @param key 32 B, for the hash. */
  constructor(database: Database.Database, crypto: Crypto, key: Uint8Array) {
    this.#crypto = crypto
    this.#key = key
    this.#insert = database.prepare(
      'INSERT INTO sessions (hash, session_id, account, label, created, expires, until) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#find = database.prepare(`SELECT ${COLUMNS} WHERE s.hash = ? AND s.expires > ?`)
    this.#ofPerson = database.prepare(`SELECT ${COLUMNS} WHERE s.account = ? AND s.expires > ? ORDER BY s.created DESC`)
    this.#known = database.prepare(
      `SELECT ${COLUMNS} WHERE s.account = ? AND s.expires <= ? AND s.until > ? ORDER BY s.created DESC`,
    )
    this.#findKnown = database.prepare('SELECT account AS person FROM sessions WHERE known = ? AND until > ?')
    this.#remember = database.prepare(
      'UPDATE sessions SET known = ?, until = created + ? WHERE account = ? AND session_id = ?',
    )
    this.#unknow = database.prepare('UPDATE sessions SET known = NULL, until = expires WHERE known = ?')
    this.#forget = database.prepare('DELETE FROM sessions WHERE known = ?')
    this.#end = database.prepare(
      'UPDATE sessions SET expires = ? WHERE account = ? AND session_id = ? AND known IS NOT NULL',
    )
    this.#delete = database.prepare('DELETE FROM sessions WHERE account = ? AND session_id = ?')
    this.#retire = database.prepare(
      `DELETE FROM sessions WHERE account = ? AND hash NOT IN
       (SELECT hash FROM sessions WHERE account = ? ORDER BY created DESC LIMIT ${SESSIONS_MAX})`,
    )
    this.#expire = database.prepare('DELETE FROM sessions WHERE until <= ?')
  }

  /** Signs a person in. `token` is told once. @param label what the person calls the browser. */
  add(person: PersonKey, label: string, wallMs: number): { token: string; session: SessionRow } {
    const token = `pls_${base64url(randomBytes(32))}`
    const hash = this.#hash(token)
    const expiresMs = wallMs + SESSION_TTL_MS
    this.#insert.run(hash, `ses_${hex(randomBytes(8))}`, person, label, wallMs, expiresMs, expiresMs)
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

  /** Signs out, and forgets the browser. @returns false if the person has no such session. */
  remove(person: PersonKey, id: string): boolean {
    return this.#delete.run(person, id).changes > 0
  }

  /**
   * Makes the browser of a session known.
   *
   * @param before what it kept until now, '' nothing: it counts no more.
   * @returns what it is to keep, told once.
   */
  remember(person: PersonKey, id: string, before: string): string {
    if (KNOWN.test(before)) this.#unknow.run(this.#hash(before))
    const token = `plk_${base64url(randomBytes(32))}`
    this.#remember.run(this.#hash(token), KNOWN_TTL_MS, person, id)
    return token
  }

  /** Signs out of a session; its browser stays known, if it was. @returns false if the person has no such session. */
  end(person: PersonKey, id: string, wallMs: number): boolean {
    return this.#end.run(wallMs, person, id).changes > 0 || this.remove(person, id)
  }

  /** Whom a browser that is known may ask, by what it kept; null if it is not known. */
  knownTo(token: string, wallMs: number): PersonKey | null {
    return KNOWN.test(token) ? (this.#findKnown.get(this.#hash(token), wallMs)?.person ?? null) : null
  }

  /** Forgets a browser, and ends its session. */
  forget(token: string): void {
    if (KNOWN.test(token)) this.#forget.run(this.#hash(token))
  }

  /** Browsers that are known to a person and not signed in, the newest first. */
  knownOf(person: PersonKey, wallMs: number): SessionRow[] {
    return this.#known.all(person, wallMs, wallMs)
  }

  /** Removes what is over. */
  expire(wallMs: number): void {
    this.#expire.run(wallMs)
  }

  #hash(token: string): Uint8Array {
    return this.#crypto.mac(this.#key, utf8Bytes(token), HASH_BYTES)
  }
}
