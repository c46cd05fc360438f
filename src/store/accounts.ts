import { randomBytes } from 'node:crypto'
import type Database from 'better-sqlite3'
import { equalBytes, hex } from '../base/bytes.js'
import type { PersonKey } from '../hub/message.js'
import { PackedReader, packedRows } from './packed-rows.js'
import { type PersonPart, ROWS_PER_PART } from './parts.js'
import type { AccountRow } from './store.js'

/** A person's list as the store keeps it: ciphertext of their devices, and its version. */
export interface StoredList {
  version: number
  sealed: Uint8Array | null
}

/** Accounts and their lists. */
export class Accounts {
  readonly #insert: Database.Statement<[string, string, number]>
  readonly #all: Database.Statement<[], AccountRow>
  readonly #packed: Database.Statement<unknown[], Buffer | null>
  readonly #byText: Database.Statement<[string], PersonKey>
  readonly #delete: Database.Statement<[PersonKey]>
  readonly #list: Database.Statement<[PersonKey], { version: number; sealed: Buffer | null }>
  readonly #putList: Database.Statement<[number, Uint8Array, PersonKey]>

  constructor(database: Database.Database) {
    this.#insert = database.prepare('INSERT INTO accounts (account, name, created) VALUES (?, ?, ?)')
    this.#all = database.prepare(
      `SELECT a.id AS person, a.account, a.name, a.created AS createdMs, a.list_version AS listVersion,
       (SELECT count(*) FROM devices d WHERE d.account = a.id) AS devices FROM accounts a ORDER BY a.id`,
    )
    // The index holds both columns: the table with its lists is not read.
    const rows = `accounts INDEXED BY accounts_versions WHERE id >= ? ORDER BY id LIMIT ${ROWS_PER_PART}`
    this.#packed = packedRows(database, `printf('%08x%012x', id, list_version)`, rows)
    this.#byText = database.prepare('SELECT id FROM accounts WHERE account = ?').pluck() as Database.Statement<
      [string],
      PersonKey
    >
    this.#delete = database.prepare('DELETE FROM accounts WHERE id = ?')
    this.#list = database.prepare('SELECT list_version AS version, list_sealed AS sealed FROM accounts WHERE id = ?')
    this.#putList = database.prepare('UPDATE accounts SET list_version = ?, list_sealed = ? WHERE id = ?')
  }

  /** A new account with a random text id. */
  add(name: string, wallMs: number): AccountRow {
    const account = `acc_${hex(randomBytes(8))}`
    const { lastInsertRowid } = this.#insert.run(account, name, wallMs)
    return { person: Number(lastInsertRowid), account, name, createdMs: wallMs, listVersion: 0, devices: 0 }
  }

  all(): AccountRow[] {
    return this.#all.all()
  }

  /** What a start needs of the accounts from a number on. */
  part(from: PersonKey): PersonPart {
    const reader = new PackedReader(this.#packed.get(from) ?? null)
    const persons = new Uint32Array(ROWS_PER_PART)
    const listVersions = new Float64Array(ROWS_PER_PART)
    let count = 0
    for (; reader.hasMore; count++) {
      persons[count] = reader.number(8)
      listVersions[count] = reader.number(12)
    }
    const next = count === ROWS_PER_PART ? (persons[count - 1] as number) + 1 : -1
    return { count, persons, listVersions, next }
  }

  /** The number of the account with this text id, or null. */
  find(account: string): PersonKey | null {
    return this.#byText.get(account) ?? null
  }

  /** Removes the account, its list and its codes. Its devices must be gone. */
  remove(person: PersonKey): void {
    this.#delete.run(person)
  }

  /** The list of a person; version 0 and null for none and for nobody. */
  list(person: PersonKey): StoredList {
    const row = this.#list.get(person)
    return { version: row?.version ?? 0, sealed: row?.sealed ? new Uint8Array(row.sealed) : null }
  }

  /**
   * Replaces the list by compare-and-set (wire-spec R-10-3), by a higher version only: so of two changes at once one is
   * refused, and none ever goes back, not by a device that slept, not after a restored backup. The same list again is
   * fine too: its answer was lost.
   *
   * @param base the version that must be current.
   * @returns the version that is current now, and whether that is this list.
   */
  putList(person: PersonKey, base: number, version: number, sealed: Uint8Array): { ok: boolean; version: number } {
    const row = this.#list.get(person)
    if (row === undefined) return { ok: false, version: 0 }
    if (row.version === version && row.sealed !== null) return { ok: equalBytes(row.sealed, sealed), version }
    if (base !== row.version || version <= base) return { ok: false, version: row.version }
    this.#putList.run(version, sealed, person)
    return { ok: true, version }
  }
}
