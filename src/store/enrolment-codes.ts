import { randomBytes } from 'node:crypto'
import type Database from 'better-sqlite3'
import { utf8Bytes } from '../base/text.js'
import { type Crypto, HASH_BYTES } from '../crypto/crypto.js'
import type { PersonKey } from '../hub/message.js'

/** Base32 without I, L, O and U, which people misread. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** 12 digits of 5 bits: 60 bits. */
const DIGITS = 12
const DIGITS_PER_GROUP = 4

/** A fresh random code such as `7KQM-0XVE-R3TD`. */
export function newEnrolmentCode(): string {
  const digits = Array.from(randomBytes(DIGITS), (byte) => ALPHABET[byte & 31]).join('')
  return digits.replace(new RegExp(`(.{${DIGITS_PER_GROUP}})(?!$)`, 'g'), '$1-')
}

/**
 * A code as people type it, in the one form that is hashed: no spaces or hyphens, capitals, O as 0, I and L as 1.
 *
 * @returns null if it cannot be a code.
 */
export function plainEnrolmentCode(typed: string): string | null {
  if (typed.length > 64) return null
  const plain = typed.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1')
  return plain.length === DIGITS && [...plain].every((digit) => ALPHABET.includes(digit)) ? plain : null
}

/**
 * Codes that let one device in, once. Only a keyed hash is kept: with a plain one, 60 bits could be searched in a
 * stolen database before a code expires.
 */
export class EnrolmentCodes {
  readonly #crypto: Crypto
  readonly #key: Uint8Array
  readonly #insert: Database.Statement<[Uint8Array, PersonKey, number]>
  readonly #find: Database.Statement<[Uint8Array, number], { account: PersonKey }>
  readonly #delete: Database.Statement<[Uint8Array]>
  readonly #expire: Database.Statement<[number]>

  /** @param key 32 B, for the hash. */
  constructor(database: Database.Database, crypto: Crypto, key: Uint8Array) {
    this.#crypto = crypto
    this.#key = key
    this.#insert = database.prepare('INSERT INTO codes (hash, account, expires) VALUES (?, ?, ?)')
    this.#find = database.prepare('SELECT account FROM codes WHERE hash = ? AND expires > ?')
    this.#delete = database.prepare('DELETE FROM codes WHERE hash = ?')
    this.#expire = database.prepare('DELETE FROM codes WHERE expires <= ?')
  }

  /** A new code for an account, valid until `wallMs + ttlMs`. */
  add(person: PersonKey, wallMs: number, ttlMs: number): string {
    const code = newEnrolmentCode()
    this.#insert.run(this.#hash(code) as Uint8Array, person, wallMs + ttlMs)
    return code
  }

  /** Whose code it is; null if there is no such code or its time is over. */
  find(code: string, wallMs: number): PersonKey | null {
    const hash = this.#hash(code)
    return hash === null ? null : (this.#find.get(hash, wallMs)?.account ?? null)
  }

  /** Uses a code up. */
  remove(code: string): void {
    const hash = this.#hash(code)
    if (hash !== null) this.#delete.run(hash)
  }

  /** Removes codes whose time is over. */
  expire(wallMs: number): void {
    this.#expire.run(wallMs)
  }

  #hash(code: string): Uint8Array | null {
    const plain = plainEnrolmentCode(code)
    return plain === null ? null : this.#crypto.mac(this.#key, utf8Bytes(plain), HASH_BYTES)
  }
}
