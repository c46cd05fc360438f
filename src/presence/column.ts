/** Numbers of a typed array. */
type Numbers = Uint8Array | Uint16Array | Uint32Array

/** Rows of a segment, as a power of two. 4-byte fields make 16 KiB. */
export const SEGMENT_BITS = 12
const SEGMENT_ROWS = 1 << SEGMENT_BITS
const SEGMENT_MASK = SEGMENT_ROWS - 1

/**
 * One field of a table of fixed-size records: a number for each row, in typed arrays, no object for any row. Memory
 * comes in segments of 4096 rows, each when its first row is written, so rows may be sparse in large steps. The table
 * says when a segment may go.
 */
export class Column {
  readonly #make: (length: number) => Numbers
  readonly #segments: (Numbers | undefined)[] = []

  private constructor(make: (length: number) => Numbers) {
    this.#make = make
  }

  /** Numbers 0 to 255. */
  static bytes(): Column {
    return new Column((length) => new Uint8Array(length))
  }

  /** Numbers 0 to 65,535. */
  static shorts(): Column {
    return new Column((length) => new Uint16Array(length))
  }

  /** Numbers 0 to 2^32 - 1. */
  static words(): Column {
    return new Column((length) => new Uint32Array(length))
  }

  /** The number of a row; 0 where none was written. */
  get(row: number): number {
    const segment = this.#segments[row >>> SEGMENT_BITS]
    return segment === undefined ? 0 : (segment[row & SEGMENT_MASK] as number)
  }

  /** Writes the number of a row, 0 to 2^31 - 1. */
  set(row: number, value: number): void {
    this.#segmentOf(row)[row & SEGMENT_MASK] = value
  }

  /** The first row at or after `row` whose number is not 0, or -1. Skips segments that were never written. */
  nextUsed(row: number): number {
    for (let index = row >>> SEGMENT_BITS; index < this.#segments.length; index++) {
      const segment = this.#segments[index]
      if (segment === undefined) continue
      const first = index === row >>> SEGMENT_BITS ? row & SEGMENT_MASK : 0
      for (let at = first; at < SEGMENT_ROWS; at++) {
        if (segment[at] !== 0) return index * SEGMENT_ROWS + at
      }
    }
    return -1
  }

  /** Frees segment `index`: its rows read 0. */
  drop(index: number): void {
    this.#segments[index] = undefined
  }

  /** Bytes of all segments. */
  get allocatedBytes(): number {
    let bytes = 0
    for (const segment of this.#segments) bytes += segment?.byteLength ?? 0
    return bytes
  }

  #segmentOf(row: number): Numbers {
    const index = row >>> SEGMENT_BITS
    let segment = this.#segments[index]
    if (segment === undefined) {
      segment = this.#make(SEGMENT_ROWS)
      this.#segments[index] = segment
    }
    return segment
  }
}

/** Whole numbers of 0 to 2^48 - 1, such as times in ms and versions, in 6 bytes a row. 0 where none was written. */
export class LongColumn {
  readonly #low = Column.words()
  readonly #high = Column.shorts()

  /** The number of a row. */
  get(row: number): number {
    return this.#high.get(row) * 2 ** 32 + this.#low.get(row)
  }

  /** Writes the number of a row, 0 to 2^31 - 1. */
  set(row: number, value: number): void {
    this.#low.set(row, value >>> 0)
    this.#high.set(row, Math.floor(value / 2 ** 32))
  }

  /** Frees segment `index`: its rows read 0. */
  drop(index: number): void {
    this.#low.drop(index)
    this.#high.drop(index)
  }

  /** Bytes of all segments. */
  get allocatedBytes(): number {
    return this.#low.allocatedBytes + this.#high.allocatedBytes
  }
}
