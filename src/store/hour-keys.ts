/**
 * The keys of hours. Rows that name a person and an application together are sealed under a key that changes every hour;
 * when the last row of an hour is gone its key is destroyed, and no copy of such a row opens any more, not even with
 * the key file.
 */
import type Database from 'better-sqlite3'
import type { Crypto } from '../crypto/crypto.js'
import { RowSealer, randomRowKey, rowPlace } from './row-sealer.js'

/** How long one key seals new rows. */
export const HOUR_MS = 3_600_000

/** Tables whose rows are sealed under these keys; each has a column `hour_key`. */
const TABLES = ['rings', 'outcomes'] as const

interface HourKeyRecord {
  id: number
  created: number
  key: Buffer
}

/** A key of an hour. */
export interface HourKey {
  /** goes into the row */
  id: number
  createdMs: number
  sealer: RowSealer
}

/** Makes, finds and destroys the keys of hours. */
export class HourKeys {
  readonly #crypto: Crypto
  /** seals the hours' keys */
  readonly #sealer: RowSealer
  readonly #insert: Database.Statement<[number, Uint8Array]>
  readonly #set: Database.Statement<[Uint8Array, number]>
  readonly #newest: Database.Statement<[], HourKeyRecord>
  readonly #all: Database.Statement<[], HourKeyRecord>
  readonly #unused: Database.Statement<[], number>
  readonly #blank: Database.Statement<[number]>
  readonly #delete: Database.Statement<[number]>
  #current: HourKey | null = null

  constructor(database: Database.Database, crypto: Crypto, sealer: RowSealer) {
    this.#crypto = crypto
    this.#sealer = sealer
    this.#insert = database.prepare('INSERT INTO hour_keys (created, key) VALUES (?, ?)')
    this.#set = database.prepare('UPDATE hour_keys SET key = ? WHERE id = ?')
    this.#newest = database.prepare('SELECT id, created, key FROM hour_keys ORDER BY id DESC LIMIT 1')
    this.#all = database.prepare('SELECT id, created, key FROM hour_keys')
    const isUnused = TABLES.map((table) => `NOT EXISTS (SELECT 1 FROM ${table} WHERE hour_key = k.id)`)
    this.#unused = database
      .prepare(`SELECT id FROM hour_keys k WHERE ${isUnused.join(' AND ')}`)
      .pluck() as Database.Statement<[], number>
    this.#blank = database.prepare('UPDATE hour_keys SET key = zeroblob(length(key)) WHERE id = ?')
    this.#delete = database.prepare('DELETE FROM hour_keys WHERE id = ?')
  }

  /** The key that seals new rows. */
  current(wallMs: number): HourKey {
    if (this.#current !== null && inHour(this.#current.createdMs, wallMs)) return this.#current
    this.forget()
    this.#current = this.#stored(wallMs) ?? this.#add(wallMs)
    return this.#current
  }

  /** Calls back with all keys by id, which are overwritten afterwards; null for one that does not open. */
  withAll<Result>(read: (sealers: ReadonlyMap<number, RowSealer | null>) => Result): Result {
    const sealers = new Map(this.#all.all().map((record) => [record.id, this.#open(record)]))
    try {
      return read(sealers)
    } finally {
      for (const sealer of sealers.values()) sealer?.destroy()
    }
  }

  /**
   * Deletes keys without a row but the one in use.
   *
   * @param closing also the one in use goes if it has no row.
   * @returns how many keys were destroyed: cut the WAL then.
   */
  expire(wallMs: number, closing: boolean): number {
    if (closing || (this.#current !== null && !inHour(this.#current.createdMs, wallMs))) this.forget()
    let destroyed = 0
    for (const id of this.#unused.all()) {
      if (id === this.#current?.id) continue
      // Overwritten in place first: not a matter of where SQLite frees the bytes.
      this.#blank.run(id)
      this.#delete.run(id)
      destroyed++
    }
    return destroyed
  }

  /** Drops the key in memory; the next row reads it again. To be called after a rollback, which may have undone it. */
  forget(): void {
    this.#current?.sealer.destroy()
    this.#current = null
  }

  #stored(wallMs: number): HourKey | null {
    const record = this.#newest.get()
    if (record === undefined || !inHour(record.created, wallMs)) return null
    const sealer = this.#open(record)
    return sealer === null ? null : { id: record.id, createdMs: record.created, sealer }
  }

  #add(wallMs: number): HourKey {
    const id = Number(this.#insert.run(wallMs, new Uint8Array(0)).lastInsertRowid)
    const key = randomRowKey()
    this.#set.run(this.#sealer.seal(keyPlace(id), key), id)
    const sealer = new RowSealer(this.#crypto, key)
    key.fill(0)
    return { id, createdMs: wallMs, sealer }
  }

  #open({ id, key: sealed }: HourKeyRecord): RowSealer | null {
    const key = this.#sealer.open(keyPlace(id), sealed)
    if (key === null) return null
    const sealer = new RowSealer(this.#crypto, key)
    key.fill(0)
    return sealer
  }
}

/** Whether a key made at `createdMs` may seal now. Both ways: a clock set back by hours must not stretch its hour. */
function inHour(createdMs: number, wallMs: number): boolean {
  return Math.abs(wallMs - createdMs) < HOUR_MS
}

function keyPlace(id: number): Uint8Array {
  return rowPlace('hour_keys.key', id)
}
