/**
 * Consents on their way to a device. A row names a person and an application, so it is sealed under a key of its own
 * that goes with it: what a copy of another page still holds of the row opens no more, not even with the key file.
 */
import type Database from 'better-sqlite3'
import type { Crypto } from '../crypto/crypto.js'
import { RowSealer, randomRowKey, rowPlace } from './row-sealer.js'

interface GrantRecord {
  grant: Buffer
  key: Buffer
  row: Buffer
}

/** See the head of this file. */
export class Grants {
  readonly #crypto: Crypto
  /** seals the rows' keys */
  readonly #sealer: RowSealer
  readonly #put: Database.Statement<[Uint8Array, number, Uint8Array, Uint8Array]>
  readonly #blank: Database.Statement<[Uint8Array]>
  readonly #drop: Database.Statement<[Uint8Array]>
  readonly #over: Database.Statement<[number], Buffer>
  readonly #all: Database.Statement<[], GrantRecord>

  constructor(database: Database.Database, crypto: Crypto, sealer: RowSealer) {
    this.#crypto = crypto
    this.#sealer = sealer
    this.#put = database.prepare('INSERT OR REPLACE INTO grants (grant_id, until, key, row) VALUES (?, ?, ?, ?)')
    this.#blank = database.prepare(
      'UPDATE grants SET key = zeroblob(length(key)), row = zeroblob(length(row)) WHERE grant_id = ?',
    )
    this.#drop = database.prepare('DELETE FROM grants WHERE grant_id = ?')
    this.#over = database.prepare('SELECT grant_id FROM grants WHERE until <= ?').pluck() as Database.Statement<
      [number],
      Buffer
    >
    this.#all = database.prepare('SELECT grant_id AS "grant", key, row FROM grants')
  }

  /** Inserts a grant. @param grant 16 B. @param untilMs when it is deleted, Unix ms. */
  put(grant: Uint8Array, untilMs: number, row: Uint8Array): void {
    const key = randomRowKey()
    const sealer = new RowSealer(this.#crypto, key)
    this.#put.run(grant, untilMs, this.#sealer.seal(keyPlace(grant), key), sealer.seal(grantPlace(grant), row))
    sealer.destroy()
    key.fill(0)
  }

  /** Deletes a grant and its key. Overwritten in place first: not a matter of where SQLite frees the bytes. */
  drop(grant: Uint8Array): void {
    this.#blank.run(grant)
    this.#drop.run(grant)
  }

  /** All grants, and how many rows did not open. */
  load(): { rows: Uint8Array[]; unreadable: number } {
    const rows: Uint8Array[] = []
    let unreadable = 0
    for (const { grant, key: sealedKey, row: sealed } of this.#all.all()) {
      const row = this.#open(new Uint8Array(grant), sealedKey, sealed)
      if (row === null) unreadable++
      else rows.push(row)
    }
    return { rows, unreadable }
  }

  /** Deletes what nobody took in time. */
  expire(wallMs: number): void {
    for (const grant of this.#over.all(wallMs)) this.drop(grant)
  }

  #open(grant: Uint8Array, sealedKey: Uint8Array, sealed: Uint8Array): Uint8Array | null {
    const key = this.#sealer.open(keyPlace(grant), sealedKey)
    if (key === null) return null
    const sealer = new RowSealer(this.#crypto, key)
    const row = sealer.open(grantPlace(grant), sealed)
    sealer.destroy()
    key.fill(0)
    return row
  }
}

function keyPlace(grant: Uint8Array): Uint8Array {
  return rowPlace('grants.key', grant)
}

function grantPlace(grant: Uint8Array): Uint8Array {
  return rowPlace('grants.row', grant)
}
