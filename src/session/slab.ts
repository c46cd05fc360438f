import { assert } from '../base/assert.js'
import { SegmentUse } from '../base/segment-use.js'
import { RECORD_BYTES, type Role } from './record.js'
import { type Records, type Segment, SessionView } from './view.js'

/** Slots of a segment of a server's slab: 4096 records of 176 B are 0.7 MB. */
const SLOTS_PER_SEGMENT = 4096

/**
 * Sessions at rest, one record for each slot. Memory comes in segments, each when its first slot is
 * written, and goes with the last record that was `hold`. A device has a slab of one slot (two while it handshakes anew).
 */
export class SessionSlab implements Records {
  readonly role: Role
  /** Number of slots. */
  readonly slots: number
  /** Bytes of one record. */
  readonly recordBytes: number
  readonly manyFailed = new Map<number, number>()
  readonly #slotsPerSegment: number
  readonly #stride: number
  readonly #segments: (Segment | undefined)[] = []
  readonly #held = new SegmentUse((index) => {
    this.#segments[index] = undefined
  })

  /**
   * @param role  whose records these are; decides their length.
   * @param slots number of slots, 1 to 2^24.
   * @param stride of so many slots that follow each other one is used, and only one has a record.
   */
  constructor(role: Role, slots: number, stride = 1) {
    assert(slots >= 1 && slots <= 1 << 24, 'slots of a slab')
    this.role = role
    this.slots = slots
    this.recordBytes = RECORD_BYTES[role]
    this.#stride = stride
    this.#slotsPerSegment = Math.min(Math.ceil(slots / stride), SLOTS_PER_SEGMENT)
  }

  /** Bytes of all segments. */
  get allocatedBytes(): number {
    let bytes = 0
    for (const segment of this.#segments) bytes += segment?.bytes.length ?? 0
    return bytes
  }

  /** A movable view, at no slot yet. Make it once, move it often. */
  view(): SessionView {
    return new SessionView(this)
  }

  /** Whether a record of this slot was ever written; false for slots out of range. Never allocates. */
  has(slot: number): boolean {
    return this.#segments[this.#indexOf(slot)] !== undefined && slot < this.slots
  }

  /** The slot's record is needed until `release`. Not to be said twice. */
  hold(slot: number): void {
    this.#held.take(this.#indexOf(slot))
  }

  /**
   * The slot's record, which was held, is needed no more. It may be gone from here on, with all others of its segment,
   * now or later: views at one of them stand at bytes that are nobody's, until they are moved.
   */
  release(slot: number): void {
    this.#held.give(this.#indexOf(slot))
  }

  /**
   * Where the record of a slot lies. Allocates its segment when it is the first.
   *
   * @param slot 0 to slots - 1.
   */
  segmentOf(slot: number): Segment {
    const index = this.#indexOf(slot)
    return this.#segments[index] ?? this.#allocate(slot, index)
  }

  /** Offset in bytes of a slot's record in its segment. */
  offsetOf(slot: number): number {
    return (Math.floor(slot / this.#stride) % this.#slotsPerSegment) * this.recordBytes
  }

  #indexOf(slot: number): number {
    return Math.floor(Math.floor(slot / this.#stride) / this.#slotsPerSegment)
  }

  #allocate(slot: number, index: number): Segment {
    assert(Number.isInteger(slot) && slot >= 0 && slot < this.slots, 'slot in range')
    const buffer = new ArrayBuffer(this.#slotsPerSegment * this.recordBytes)
    const segment = {
      bytes: new Uint8Array(buffer),
      doubles: new Float64Array(buffer),
      words: new Uint32Array(buffer),
      shorts: new Uint16Array(buffer),
    }
    this.#segments[index] = segment
    return segment
  }
}
