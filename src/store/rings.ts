/**
 * Rings in flight. Their rows name a person and an application, so they are sealed under a key that changes every hour;
 * when the last row of an hour is gone its key is destroyed, and no copy of such a row opens any more, not even with
 * the key file.
 */
import type Database from 'better-sqlite3'
import type { Crypto } from '../crypto/crypto.js'
import { RowSealer, randomRowKey, rowPlace } from './row-sealer.js'
import type { StoredRing } from './store.js'

/** How long one key seals new rows. */
export const HOUR_MS = 3_600_000

interface HourKeyRecord {
  id: number
  created: number
  key: Buffer
}

interface RingRecord {
  ring: Buffer
  hourKey: number
  row: Buffer
}

/** The key that seals new rows. */
interface CurrentKey {
  id: number
  createdMs: number
  sealer: RowSealer
}

/** Rings in flight and the keys of their hours. */
export class Rings {
  readonly #crypto: Crypto
  /** seals the hours' keys */
  readonly #sealer: RowSealer
  readonly #insertKey: Database.Statement<[number, Uint8Array]>
  readonly #setKey: Database.Statement<[Uint8Array, number]>
  readonly #newestKey: Database.Statement<[], HourKeyRecord>
  readonly #allKeys: Database.Statement<[], HourKeyRecord>
  readonly #unusedKeys: Database.Statement<[], number>
  readonly #blankKey: Database.Statement<[number]>
  readonly #deleteKey: Database.Statement<[number]>
  readonly #put: Database.Statement<[Uint8Array, number, number, Uint8Array]>
  readonly #drop: Database.Statement<[Uint8Array]>
  readonly #expire: Database.Statement<[number]>
  readonly #all: Database.Statement<[], RingRecord>
  #current: CurrentKey | null = null

  constructor(database: Database.Database, crypto: Crypto, sealer: RowSealer) {
    this.#crypto = crypto
    this.#sealer = sealer
    this.#insertKey = database.prepare('INSERT INTO hour_keys (created, key) VALUES (?, ?)')
    this.#setKey = database.prepare('UPDATE hour_keys SET key = ? WHERE id = ?')
    this.#newestKey = database.prepare('SELECT id, created, key FROM hour_keys ORDER BY id DESC LIMIT 1')
    this.#allKeys = database.prepare('SELECT id, created, key FROM hour_keys')
    this.#unusedKeys = database
      .prepare('SELECT id FROM hour_keys k WHERE NOT EXISTS (SELECT 1 FROM rings WHERE hour_key = k.id)')
      .pluck() as Database.Statement<[], number>
    this.#blankKey = database.prepare('UPDATE hour_keys SET key = zeroblob(length(key)) WHERE id = ?')
    this.#deleteKey = database.prepare('DELETE FROM hour_keys WHERE id = ?')
    this.#put = database.prepare(
      `INSERT INTO rings (ring, hour_key, until, row) VALUES (?, ?, ?, ?)
       ON CONFLICT (ring) DO UPDATE SET hour_key = excluded.hour_key, until = excluded.until, row = excluded.row`,
    )
    this.#drop = database.prepare('DELETE FROM rings WHERE ring = ?')
    this.#expire = database.prepare('DELETE FROM rings WHERE until < ?')
    this.#all = database.prepare('SELECT ring, hour_key AS hourKey, row FROM rings')
  }

  /** Inserts or replaces a ring. @param untilMs when it is deleted, Unix ms. */
  put(ring: Uint8Array, untilMs: number, row: Uint8Array, wallMs: number): void {
    const { id, sealer } = this.#currentKey(wallMs)
    this.#put.run(ring, id, untilMs, sealer.seal(ringPlace(id, ring), row))
  }

  drop(ring: Uint8Array): void {
    this.#drop.run(ring)
  }

  /** All rings, and how many rows did not open. */
  load(): { rings: StoredRing[]; unreadable: number } {
    const sealers = new Map(this.#allKeys.all().map((record) => [record.id, this.#open(record)]))
    const rings: StoredRing[] = []
    let unreadable = 0
    for (const { ring, hourKey, row } of this.#all.iterate()) {
      const plain = sealers.get(hourKey)?.open(ringPlace(hourKey, ring), row) ?? null
      if (plain === null) unreadable++
      else rings.push({ ring: new Uint8Array(ring), row: plain })
    }
    for (const sealer of sealers.values()) sealer?.destroy()
    return { rings, unreadable }
  }

  /**
   * Deletes rings whose time is over, and keys without a row but the one in use.
   *
   * @param wallMs  now.
   * @param closing also the one in use goes if it has no row.
   * @returns how many keys were destroyed: cut the WAL then.
   */
  expire(wallMs: number, closing = false): number {
    this.#expire.run(wallMs)
    if (closing || (this.#current !== null && !inHour(this.#current.createdMs, wallMs))) this.forget()
    let destroyed = 0
    for (const id of this.#unusedKeys.all()) {
      if (id === this.#current?.id) continue
      // Overwritten in place first: not a matter of where SQLite frees the bytes.
      this.#blankKey.run(id)
      this.#deleteKey.run(id)
      destroyed++
    }
    return destroyed
  }

  /** Drops the key in memory; the next ring reads it again. To be called after a rollback, which may have undone it. */
  forget(): void {
    this.#current?.sealer.destroy()
    this.#current = null
  }

  #currentKey(wallMs: number): CurrentKey {
    if (this.#current !== null && inHour(this.#current.createdMs, wallMs)) return this.#current
    this.forget()
    this.#current = this.#storedKey(wallMs) ?? this.#addKey(wallMs)
    return this.#current
  }

  #storedKey(wallMs: number): CurrentKey | null {
    const record = this.#newestKey.get()
    if (record === undefined || !inHour(record.created, wallMs)) return null
    const sealer = this.#open(record)
    return sealer === null ? null : { id: record.id, createdMs: record.created, sealer }
  }

  #addKey(wallMs: number): CurrentKey {
    const id = Number(this.#insertKey.run(wallMs, new Uint8Array(0)).lastInsertRowid)
    const key = randomRowKey()
    this.#setKey.run(this.#sealer.seal(keyPlace(id), key), id)
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

function ringPlace(hourKey: number, ring: Uint8Array): Uint8Array {
  return rowPlace('rings.row', hourKey, ring)
}
