import type Database from 'better-sqlite3'

/**
 * Rows that SQLite has joined into one blob: hexadecimal digits for numbers, bytes as they are. A row costs no object
 * and no call into SQLite, which makes reading millions of them three times as fast.
 *
 * @param row an SQL expression, one for each row of `from`, a text or blob.
 */
export function packedRows(
  database: Database.Database,
  row: string,
  from: string,
): Database.Statement<unknown[], Buffer | null> {
  // `||` and group_concat join bytes as they are, whatever they are: nothing converts a text of UTF-8 to UTF-8.
  const sql = `SELECT CAST(group_concat(packed, '') AS BLOB) FROM (SELECT ${row} AS packed FROM ${from})`
  return database.prepare(sql).pluck() as Database.Statement<unknown[], Buffer | null>
}

/** Reads such a blob from its begin to its end. */
export class PackedReader {
  readonly #bytes: Uint8Array
  #at = 0

  /** @param bytes null: no row. */
  constructor(bytes: Uint8Array | null) {
    this.#bytes = bytes ?? new Uint8Array(0)
  }

  /** Whether there is another row. */
  get hasMore(): boolean {
    return this.#at < this.#bytes.length
  }

  /** A number of so many digits. */
  number(digits: number): number {
    let value = 0
    for (const end = this.#at + digits; this.#at < end; this.#at++) {
      const character = this.#bytes[this.#at] as number
      value = value * 16 + (character <= 0x39 ? character - 0x30 : character - 0x57)
    }
    return value
  }

  /** The next bytes, borrowed. */
  span(length: number): Uint8Array {
    const start = this.#at
    this.#at += length
    return this.#bytes.subarray(start, this.#at)
  }
}
