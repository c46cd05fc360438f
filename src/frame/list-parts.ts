/** A list, sealed or plain, as parts of at most 1024 B, one to a datagram. [R-10-3], [R-10-4], [R-10-6] */
import { assert } from '../base/assert.js'
import { concat, equalBytes } from '../base/bytes.js'
import { LIST_PART_BYTES, LIST_PARTS_MAX } from '../packet/constants.js'

/**
 * Splits a list.
 *
 * @param bytes at most 32 KiB, or it is our bug.
 * @returns 1 to 32 parts, all of 1024 B but the last; they alias `bytes`.
 */
export function splitList(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let start = 0; start === 0 || start < bytes.length; start += LIST_PART_BYTES) {
    parts.push(bytes.subarray(start, start + LIST_PART_BYTES))
  }
  assert(parts.length <= LIST_PARTS_MAX, 'list too long to split')
  return parts
}

/** Puts a list together. Holds one unfinished list, at most 32 KiB; a part of another one starts anew. */
export class ListAssembler {
  #version = 0
  #parts: (Uint8Array | null)[] = []
  #missing = 0

  /**
   * Takes a part; parts may come in any order, and again. One that differs from what came before under its index is of
   * another sealing of the list, and starts anew.
   *
   * @param version of the list.
   * @param index   below `count`, as the codec checked.
   * @param count   1..32.
   * @param part    at most 1024 B; copied.
   * @returns the whole list, fresh, once all parts are there, and then starts anew; else null.
   */
  add(version: number, index: number, count: number, part: Uint8Array): Uint8Array | null {
    const earlier = this.#parts[index] ?? part
    if (version !== this.#version || count !== this.#parts.length || !equalBytes(earlier, part)) {
      this.#version = version
      this.#parts = Array.from({ length: count }, () => null)
      this.#missing = count
    }
    if (this.#parts[index] === null) this.#missing--
    this.#parts[index] = part.slice()
    if (this.#missing > 0) return null
    const whole = concat(...this.#parts.map((piece) => piece ?? new Uint8Array(0)))
    this.clear()
    return whole
  }

  /** The first index that is missing of the list that is being put together; 0 if there is none. */
  get nextIndex(): number {
    return Math.max(this.#parts.indexOf(null), 0)
  }

  /** Forgets what was collected. */
  clear(): void {
    this.#version = 0
    this.#parts = []
    this.#missing = 0
  }
}
