import { assert } from './assert.js'
import { SegmentUse } from './segment-use.js'

/** Slots of one segment as records of 8 B, or 16 B where the wheel keeps the times itself. */
interface Segment {
  /** armed: the next slot of the bucket, or NONE */
  readonly next: Int32Array
  /** armed: the slot before, or `~bucket` for the first one; else UNARMED */
  readonly previous: Int32Array
  /** ms when the slot is due, if it is armed; null where its owner says it */
  readonly due: Float64Array | null
}

const NONE = -1
const UNARMED = -(2 ** 31)

// A tick is 1 ms. Six bits of it choose a bucket; nine levels cover 2^53 ms. The lower five levels are bits 0 to 29
// (`low`), the upper four bits 30 and up (`high`), since JavaScript's bit operations end at 32.
const LEVEL_BITS = 6
const BUCKETS = 64
const LEVELS = 9
const LOW_LEVELS = 5
const LOW_SPAN = 2 ** 30
const TICK_MAX = Number.MAX_SAFE_INTEGER

/** Bucket of the slots that were armed for a time already past. */
const LATE = LEVELS * BUCKETS
/** Bucket of the slots that `expire` is about to fire. */
const READY = LATE + 1

/** `nextDue` looks at each slot of a bucket with at most so many. */
const EXACT_SLOTS = 16

/**
 * Timers of many slots: a hierarchical wheel (Varghese and Lauck, 1987) over slot numbers, in typed arrays, with no
 * object for a timer and 16 B for a slot, or 8 B where times follow from what the owner has anyway, in segments that
 * are given back when nothing in them is armed. Arming and cancelling take constant time. One timer for each slot.
 *
 * Buckets are those of the highest digit (of 6 bits) in which a slot's tick differs from the wheel's: so everything on
 * a level is due before anything on the level above.
 */
export class TimerWheel {
  readonly #segmentBits: number
  readonly #slotMask: number
  readonly #dueOf: ((slot: number) => number) | null
  readonly #segments: (Segment | undefined)[] = []
  /** armed slots */
  readonly #armed = new SegmentUse((index) => {
    this.#segments[index] = undefined
  })
  /** first slot of each bucket, or NONE */
  readonly #heads = new Int32Array(READY + 1).fill(NONE)
  /** two words for each level: bit of each bucket that is not empty */
  readonly #occupied = new Uint32Array(LEVELS * 2)
  /** the tick that the wheel has come to; every bucket is relative to it */
  #tick: number
  /** `nowMs` of the last `expire` */
  #nowMs: number
  #isExpiring = false

  /**
   * @param nowMs       monotonic ms, not negative.
   * @param segmentBits memory grows and shrinks by 2^segmentBits slots at a time.
   * @param dueOf       when an armed slot is due, ms, as its owner knows it; null: as it was armed. A slot fires at that time
   *   and not before; where it has become earlier since the slot was armed, the slot may fire as late as it was armed for.
   */
  constructor(nowMs = 0, segmentBits = 12, dueOf: ((slot: number) => number) | null = null) {
    this.#nowMs = nowMs
    this.#tick = Math.floor(nowMs)
    this.#segmentBits = segmentBits
    this.#slotMask = 2 ** segmentBits - 1
    this.#dueOf = dueOf
  }

  /**
   * Arms a slot, or arms it anew.
   *
   * @param slot  0 and up.
   * @param dueMs monotonic ms, not negative, may have a fraction; past times are due at once, Infinity cancels.
   */
  arm(slot: number, dueMs: number): void {
    assert(dueMs >= 0 && slot >= 0, `bad timer: slot ${slot}, due ${dueMs}`)
    this.cancel(slot)
    if (dueMs === Number.POSITIVE_INFINITY) return
    const segment = this.#grow(slot)
    this.#armed.take(slot >>> this.#segmentBits)
    if (segment.due !== null) segment.due[slot & this.#slotMask] = dueMs
    // Due already, but armed by a callback: the next call fires it, or a callback could keep this one busy for ever.
    if (this.#isExpiring && dueMs <= this.#nowMs) this.#link(slot, LATE)
    else this.#place(slot, dueMs)
  }

  /** Disarms a slot; nothing happens if it is not armed. */
  cancel(slot: number): void {
    const segment = this.#segments[slot >>> this.#segmentBits]
    if (segment === undefined || segment.previous[slot & this.#slotMask] === UNARMED) return
    this.#unlink(slot)
    segment.previous[slot & this.#slotMask] = UNARMED
    this.#armed.give(slot >>> this.#segmentBits)
  }

  /** Bytes of all segments. */
  get allocatedBytes(): number {
    const segments = this.#segments.filter((segment) => segment !== undefined).length
    return segments * 2 ** this.#segmentBits * (this.#dueOf === null ? 16 : 8)
  }

  /** Whether a slot is armed. */
  isArmed(slot: number): boolean {
    const segment = this.#segments[slot >>> this.#segmentBits]
    return segment !== undefined && segment.previous[slot & this.#slotMask] !== UNARMED
  }

  /** When a slot is due; Infinity if it is not armed. */
  dueOf(slot: number): number {
    return this.isArmed(slot) ? this.#due(slot) : Number.POSITIVE_INFINITY
  }

  /**
   * When to call `expire` next.
   *
   * @returns never later than the next due time, and that time exactly when few slots are due around it; Infinity if
   *   nothing is armed. After `expire(t)` it is above t, unless a slot was armed for t or before since.
   */
  nextDue(): number {
    for (const bucket of [LATE, READY]) {
      if ((this.#heads[bucket] as number) !== NONE) return this.#leastDue(bucket, EXACT_SLOTS) ?? 0
    }
    const bucket = this.#firstBucket()
    if (bucket === NONE) return Number.POSITIVE_INFINITY
    const start = this.#startOf(bucket)
    // The bucket we stand in holds less than a millisecond; its start is past, and would be no progress.
    const mustBeExact = start <= this.#nowMs
    const least = this.#leastDue(bucket, mustBeExact ? Number.POSITIVE_INFINITY : EXACT_SLOTS) ?? start
    // Slots whose owner has put them off say nothing of those in the buckets behind.
    return this.#dueOf === null ? least : Math.min(least, start + spanOf(bucket))
  }

  /**
   * Fires every slot that is due: once, never before its time, millisecond by millisecond in order (in any order within
   * one, and among those armed for a time already past).
   *
   * @param nowMs monotonic ms; may be days after the last call.
   * @param onDue called with each slot, which is then no longer armed. It may arm and cancel any slot, this one too;
   *   what it arms for `nowMs` or before fires in the next call.
   */
  expire(nowMs: number, onDue: (slot: number) => void): void {
    assert(!this.#isExpiring, 'expire within expire')
    this.#isExpiring = true
    this.#nowMs = Math.max(this.#nowMs, nowMs)
    try {
      this.#move(LATE, READY, TICK_MAX)
      this.#fire(onDue)
      this.#advance(Math.min(Math.floor(this.#nowMs), TICK_MAX), onDue)
    } finally {
      this.#move(READY, LATE, TICK_MAX) // left over only if a callback threw
      this.#isExpiring = false
    }
  }

  /** Goes from bucket to bucket up to `target`, fires level 0 and spreads the others over the levels below. */
  #advance(target: number, onDue: (slot: number) => void): void {
    for (;;) {
      const bucket = this.#firstBucket()
      if (bucket === NONE) break
      const start = this.#startOf(bucket)
      if (start > target) break
      this.#tick = start
      if (bucket < BUCKETS) {
        this.#move(bucket, READY, this.#nowMs)
        this.#fire(onDue)
        if (start === target) break
        this.#spread(bucket) // those that are due later now than they were armed for
      } else this.#spread(bucket)
    }
    this.#tick = target
  }

  /** Fires what stands in READY. */
  #fire(onDue: (slot: number) => void): void {
    for (;;) {
      const slot = this.#heads[READY] as number
      if (slot === NONE) return
      this.cancel(slot)
      onDue(slot)
    }
  }

  /** Moves the slots due at `nowMs` or before from one bucket to another. */
  #move(from: number, to: number, nowMs: number): void {
    let slot = this.#heads[from] as number
    while (slot !== NONE) {
      const segment = this.#segmentOf(slot)
      const following = segment.next[slot & this.#slotMask] as number
      if (this.#due(slot) <= nowMs) {
        this.#unlink(slot)
        this.#link(slot, to)
      }
      slot = following
    }
  }

  /** Puts the slots of a bucket that the wheel has come to on the levels below. */
  #spread(bucket: number): void {
    for (;;) {
      const slot = this.#heads[bucket] as number
      if (slot === NONE) return
      this.#unlink(slot)
      this.#place(slot, this.#due(slot))
    }
  }

  /** Links a slot where its due time belongs. */
  #place(slot: number, dueMs: number): void {
    const tick = Math.min(Math.floor(dueMs), TICK_MAX)
    if (tick < this.#tick) {
      this.#link(slot, LATE)
      return
    }
    const low = tick % LOW_SPAN
    const high = Math.floor(tick / LOW_SPAN)
    const highDifference = high ^ Math.floor(this.#tick / LOW_SPAN)
    const isHigh = highDifference !== 0
    const difference = isHigh ? highDifference : low ^ (this.#tick % LOW_SPAN)
    const level = difference === 0 ? 0 : Math.floor((31 - Math.clz32(difference)) / LEVEL_BITS)
    const digit = ((isHigh ? high : low) >>> (level * LEVEL_BITS)) & (BUCKETS - 1)
    this.#link(slot, (level + (isHigh ? LOW_LEVELS : 0)) * BUCKETS + digit)
  }

  /** The first tick of a bucket, from the wheel's own. */
  #startOf(bucket: number): number {
    const level = Math.floor(bucket / BUCKETS)
    const digit = bucket % BUCKETS
    const high = Math.floor(this.#tick / LOW_SPAN)
    if (level >= LOW_LEVELS) return withDigit(high, level - LOW_LEVELS, digit) * LOW_SPAN
    return high * LOW_SPAN + withDigit(this.#tick % LOW_SPAN, level, digit)
  }

  /** The bucket with the earliest slots, or NONE. */
  #firstBucket(): number {
    for (let word = 0; word < this.#occupied.length; word++) {
      const bits = this.#occupied[word] as number
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits)
    }
    return NONE
  }

  /** The least due time of a bucket, or null if it has more than `slotsMax` slots. */
  #leastDue(bucket: number, slotsMax: number): number | null {
    let least = Number.POSITIVE_INFINITY
    let seen = 0
    let slot = this.#heads[bucket] as number
    while (slot !== NONE) {
      if (++seen > slotsMax) return null
      least = Math.min(least, this.#due(slot))
      slot = this.#segmentOf(slot).next[slot & this.#slotMask] as number
    }
    return least
  }

  #link(slot: number, bucket: number): void {
    const segment = this.#segmentOf(slot)
    const at = slot & this.#slotMask
    const head = this.#heads[bucket] as number
    segment.next[at] = head
    segment.previous[at] = ~bucket
    if (head !== NONE) {
      const headSegment = this.#segmentOf(head)
      headSegment.previous[head & this.#slotMask] = slot
    }
    this.#heads[bucket] = slot
    if (bucket < LATE) this.#occupied[bucket >>> 5] = (this.#occupied[bucket >>> 5] as number) | (1 << (bucket & 31))
  }

  #unlink(slot: number): void {
    const segment = this.#segmentOf(slot)
    const at = slot & this.#slotMask
    const following = segment.next[at] as number
    const previous = segment.previous[at] as number
    if (following !== NONE) {
      const followingSegment = this.#segmentOf(following)
      followingSegment.previous[following & this.#slotMask] = previous
    }
    if (previous >= 0) {
      const previousSegment = this.#segmentOf(previous)
      previousSegment.next[previous & this.#slotMask] = following
      return
    }
    const bucket = ~previous
    this.#heads[bucket] = following
    if (following === NONE && bucket < LATE) {
      this.#occupied[bucket >>> 5] = (this.#occupied[bucket >>> 5] as number) & ~(1 << (bucket & 31))
    }
  }

  #due(slot: number): number {
    const { due } = this.#segmentOf(slot)
    return due === null ? (this.#dueOf as (slot: number) => number)(slot) : (due[slot & this.#slotMask] as number)
  }

  #segmentOf(slot: number): Segment {
    return this.#segments[slot >>> this.#segmentBits] as Segment
  }

  #grow(slot: number): Segment {
    const index = slot >>> this.#segmentBits
    let segment = this.#segments[index]
    if (segment !== undefined) return segment
    const slots = 1 << this.#segmentBits
    segment = {
      next: new Int32Array(slots),
      previous: new Int32Array(slots).fill(UNARMED),
      due: this.#dueOf === null ? new Float64Array(slots) : null,
    }
    this.#segments[index] = segment
    return segment
  }
}

/** Ticks of a bucket. */
function spanOf(bucket: number): number {
  return 2 ** (LEVEL_BITS * Math.floor(bucket / BUCKETS))
}

/** `value` with one digit of 6 bits set and those below it zero. */
function withDigit(value: number, level: number, digit: number): number {
  const above = (level + 1) * LEVEL_BITS
  return ((value >>> above) << above) | (digit << (level * LEVEL_BITS))
}
