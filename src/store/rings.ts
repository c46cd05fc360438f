import type Database from 'better-sqlite3'
import type { Crypto } from '../crypto/crypto.js'
import { HourKeys } from './hour-keys.js'
import { type RowSealer, rowPlace } from './row-sealer.js'
import type { StoredRing } from './store.js'

/** How long an outcome is kept for its webhook, from when it was put: two days, and an hour for clocks. */
export const OUTCOME_MS = 49 * 3_600_000

interface RowRecord {
  ring: Buffer
  hourKey: number
  row: Buffer
}

/** What the store keeps of rings: those in flight, and outcomes that webhooks are still to tell. */
type Table = 'rings' | 'outcomes'

/** The statements of one table. */
class RingRows {
  readonly #table: Table
  readonly #put: Database.Statement<[Uint8Array, number, number, Uint8Array]>
  readonly #drop: Database.Statement<[Uint8Array]>
  readonly #expire: Database.Statement<[number]>
  readonly #all: Database.Statement<[], RowRecord>

  constructor(database: Database.Database, table: Table) {
    this.#table = table
    this.#put = database.prepare(
      `INSERT INTO ${table} (ring, hour_key, until, row) VALUES (?, ?, ?, ?)
       ON CONFLICT (ring) DO UPDATE SET hour_key = excluded.hour_key, until = excluded.until, row = excluded.row`,
    )
    this.#drop = database.prepare(`DELETE FROM ${table} WHERE ring = ?`)
    this.#expire = database.prepare(`DELETE FROM ${table} WHERE until < ?`)
    this.#all = database.prepare(`SELECT ring, hour_key AS hourKey, row FROM ${table} ORDER BY rowid`)
  }

  put(ring: Uint8Array, key: { id: number; sealer: RowSealer }, untilMs: number, row: Uint8Array): void {
    this.#put.run(ring, key.id, untilMs, key.sealer.seal(this.#place(key.id, ring), row))
  }

  drop(ring: Uint8Array): void {
    this.#drop.run(ring)
  }

  expire(wallMs: number): void {
    this.#expire.run(wallMs)
  }

  /** @param sealers by hour. */
  load(sealers: ReadonlyMap<number, RowSealer | null>): { rows: StoredRing[]; unreadable: number } {
    const rows: StoredRing[] = []
    let unreadable = 0
    for (const { ring, hourKey, row } of this.#all.iterate()) {
      const plain = sealers.get(hourKey)?.open(this.#place(hourKey, ring), row) ?? null
      if (plain === null) unreadable++
      else rows.push({ ring: new Uint8Array(ring), row: plain })
    }
    return { rows, unreadable }
  }

  #place(hourKey: number, ring: Uint8Array): Uint8Array {
    return rowPlace(`${this.#table}.row`, hourKey, ring)
  }
}

/**
 * Rings in flight, and outcomes that webhooks are still to tell. Their rows name a person and an application, so they are
 * sealed under the keys of their hours.
 */
export class Rings {
  readonly #keys: HourKeys
  readonly #rings: RingRows
  readonly #outcomes: RingRows

  constructor(database: Database.Database, crypto: Crypto, sealer: RowSealer) {
    this.#keys = new HourKeys(database, crypto, sealer)
    this.#rings = new RingRows(database, 'rings')
    this.#outcomes = new RingRows(database, 'outcomes')
  }

  /** Inserts or replaces a ring. @param untilMs when it is deleted, Unix ms. */
  put(ring: Uint8Array, untilMs: number, row: Uint8Array, wallMs: number): void {
    this.#rings.put(ring, this.#keys.current(wallMs), untilMs, row)
  }

  drop(ring: Uint8Array): void {
    this.#rings.drop(ring)
  }

  /** Inserts or replaces the outcome of a ring. It is deleted after two days at the latest. */
  putOutcome(ring: Uint8Array, row: Uint8Array, wallMs: number): void {
    this.#outcomes.put(ring, this.#keys.current(wallMs), wallMs + OUTCOME_MS, row)
  }

  dropOutcome(ring: Uint8Array): void {
    this.#outcomes.drop(ring)
  }

  /** All rings and outcomes, and how many rows did not open. */
  load(): { rings: StoredRing[]; outcomes: StoredRing[]; unreadable: number } {
    return this.#keys.withAll((sealers) => {
      const rings = this.#rings.load(sealers)
      const outcomes = this.#outcomes.load(sealers)
      return { rings: rings.rows, outcomes: outcomes.rows, unreadable: rings.unreadable + outcomes.unreadable }
    })
  }

  /**
   * Deletes what is past its time, and keys without a row but the one in use.
   *
   * @param wallMs  now.
   * @param closing also the one in use goes if it has no row.
   * @returns how many keys were destroyed: cut the WAL then.
   */
  expire(wallMs: number, closing = false): number {
    this.#rings.expire(wallMs)
    this.#outcomes.expire(wallMs)
    return this.#keys.expire(wallMs, closing)
  }

  /** Drops the key in memory. To be called after a rollback, which may have undone it. */
  forget(): void {
    this.#keys.forget()
  }
}
