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

/** What a code was made for: `device` enrols one, and nothing else; `any`, the operator's, enrols one or signs in. */
export type CodePurpose = 'device' | 'any'

/**
 * Codes that let one device in, or sign a person in, once. Only a keyed hash is kept: with a plain one, 60 bits could be searched in a
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
  add(person: PersonKey, wallMs: number, ttlMs: number, purpose: CodePurpose): string {
    const code = newEnrolmentCode()
    this.#insert.run(this.#hash(code, purpose) as Uint8Array, person, wallMs + ttlMs)
    return code
  }

  /** Who enrols a device by it; null if there is no such code or its time is over. */
  forDevice(code: string, wallMs: number): PersonKey | null {
    return this.#findFor(code, wallMs, 'any') ?? this.#findFor(code, wallMs, 'device')
  }

  /** Who signs in by it; null if there is no such code, its time is over, or it is for a device alone. */
  forSignIn(code: string, wallMs: number): PersonKey | null {
    return this.#findFor(code, wallMs, 'any')
  }

  /** Uses a code up. */
  remove(code: string): void {
    for (const purpose of ['any', 'device'] as const) {
      const hash = this.#hash(code, purpose)
      if (hash !== null) this.#delete.run(hash)
    }
  }

  /** Removes codes whose time is over. */
  expire(wallMs: number): void {
    this.#expire.run(wallMs)
  }

  #findFor(code: string, wallMs: number, purpose: CodePurpose): PersonKey | null {
    const hash = this.#hash(code, purpose)
    return hash === null ? null : (this.#find.get(hash, wallMs)?.account ?? null)
  }

  /** The purpose is part of it: no row says what a code is for. */
  #hash(code: string, purpose: CodePurpose): Uint8Array | null {
    const plain = plainEnrolmentCode(code)
    return plain === null ? null : this.#crypto.mac(this.#key, utf8Bytes(`${purpose} ${plain}`), HASH_BYTES)
  }
}
