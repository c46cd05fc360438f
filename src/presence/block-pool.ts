import { assert } from '../base/assert.js'

/** Bytes of a unit: one visibility entry. */
export const UNIT_BYTES = 8

/** Units of a segment: 64 KiB. */
const SEGMENT_BITS = 13
const SEGMENT_UNITS = 1 << SEGMENT_BITS
const SEGMENT_MASK = SEGMENT_UNITS - 1

/** Block sizes in units. Blocks of up to four, the common ones, fit exactly; others waste at most a third. */
const SIZES: readonly number[] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256]

/** The most units of one block. */
export const UNITS_MAX = 256

/** A segment: the same bytes as words, two for each unit, and as bytes. */
interface Segment {
  words: Uint32Array
  bytes: Uint8Array
}

/**
 * Blocks of 1 to 256 units of 8 bytes, in segments of typed arrays, with a free list for each size inside the free
 * blocks themselves. A block is named by the number of its first unit plus 1, so that 0 means none.
 */
export class BlockPool {
  readonly #segments: Segment[] = []
  /** Name of the first free block of each size, 0 none; its first word names the next. */
  readonly #free: number[] = SIZES.map(() => 0)
  /** First unit that was never given out, in the last segment. */
  #unused = 0
  #held = 0

  /** Units of the blocks in use, counted by what was asked for. */
  get unitsHeld(): number {
    return this.#held
  }

  /** Bytes of all segments. */
  get allocatedBytes(): number {
    return this.#segments.length * SEGMENT_UNITS * UNIT_BYTES
  }

  /**
   * Takes a block. Its content is whatever was there before.
   *
   * @param units 1 to 256.
   * @returns its name, 1..
   */
  take(units: number): number {
    assert(units >= 1 && units <= UNITS_MAX, 'units of a block')
    this.#held += units
    const sizeIndex = sizeIndexOf(units)
    const free = this.#free[sizeIndex] as number
    if (free === 0) return this.#takeUnused(SIZES[sizeIndex] as number)
    this.#free[sizeIndex] = this.word(free, 0)
    return free
  }

  /**
   * Gives a block back.
   *
   * @param block its name.
   * @param units what was asked for when it was taken.
   */
  give(block: number, units: number): void {
    this.#held -= units
    this.#chain(block, sizeIndexOf(units))
  }

  /** Word `index` of a block; two for each unit. */
  word(block: number, index: number): number {
    const unit = block - 1
    const { words } = this.#segments[unit >>> SEGMENT_BITS] as Segment
    return words[(unit & SEGMENT_MASK) * 2 + index] as number
  }

  /** Writes word `index` of a block, 0 to 2^32 - 1. */
  setWord(block: number, index: number, value: number): void {
    const unit = block - 1
    const { words } = this.#segments[unit >>> SEGMENT_BITS] as Segment
    words[(unit & SEGMENT_MASK) * 2 + index] = value
  }

  /** The bytes of a block themselves, not a copy. */
  bytes(block: number, length: number): Uint8Array {
    const unit = block - 1
    const start = (unit & SEGMENT_MASK) * UNIT_BYTES
    return (this.#segments[unit >>> SEGMENT_BITS] as Segment).bytes.subarray(start, start + length)
  }

  #takeUnused(size: number): number {
    const room = this.#segments.length * SEGMENT_UNITS - this.#unused
    if (room < size) {
      this.#shareOut(room)
      const buffer = new ArrayBuffer(SEGMENT_UNITS * UNIT_BYTES)
      this.#segments.push({ words: new Uint32Array(buffer), bytes: new Uint8Array(buffer) })
    }
    const block = this.#unused + 1
    this.#unused += size
    return block
  }

  /** Makes free blocks of what is left of a segment: no block lies across two. */
  #shareOut(room: number): void {
    let left = room
    for (let sizeIndex = SIZES.length - 1; sizeIndex >= 0; sizeIndex--) {
      const size = SIZES[sizeIndex] as number
      for (; left >= size; left -= size) {
        this.#chain(this.#unused + 1, sizeIndex)
        this.#unused += size
      }
    }
  }

  #chain(block: number, sizeIndex: number): void {
    this.setWord(block, 0, this.#free[sizeIndex] as number)
    this.#free[sizeIndex] = block
  }
}

/** Index of the smallest size that holds so many units. */
function sizeIndexOf(units: number): number {
  let index = 0
  while ((SIZES[index] as number) < units) index++
  return index
}
