import { SegmentUse } from '../base/segment-use.js'
import { Column, LongColumn, SEGMENT_BITS } from './column.js'
import { Thresholds } from './thresholds.js'

/** Bits of a device's flags. The lowest two hold what it reported last. */
export const DeviceFlag = {
  /** mask: 0 nothing or gone, 1 active, 2 idle */
  reported: 3,
  /** it can be sent to */
  inContact: 4,
  /** its session ended moments ago: still counts as present, `DevicePresence` */
  lingers: 8,
  /** heard since the start of the server */
  heard: 16,
  /** it was there when the server started */
  restored: 32,
  /** the row has an owner */
  used: 64,
  /** it was not told the person's list version as it is now, hub */
  stateDue: 128,
  /** since when it is idle is a guess, made after a restart */
  idleGuessed: 256,
} as const

/** What a device reported last, in the two lowest bits of its flags. */
export const Reported = { none: 0, active: 1, idle: 2 } as const

/** Times since which a device is idle begin here, ms: those that were guessed may be before the clock's zero. */
const IDLE_BASE_MS = -(2 ** 46)

/** No row. */
export const NO_DEVICE = -1

/**
 * Devices at rest: 22 bytes each in typed arrays, no object. A row number, 0 to 2^30 - 1, is given by the caller
 * (worker and slot), so there is no look-up table either.
 *
 * | column | bytes | content |
 * |---|---|---|
 * | flags | 2 | `DeviceFlag` |
 * | person | 4 | key of its person |
 * | next | 4 | next device of the person, row + 1, 0 none |
 * | thresholds | 2 | seconds until away and until offline, see `Thresholds` |
 * | idleSinceMs | 6 | monotonic ms since which it is idle, a whole number |
 * | timer | 4 | name of its timer, 0 none |
 */
export class DeviceTable {
  readonly #flags = Column.shorts()
  readonly #person = Column.words()
  readonly #next = Column.words()
  readonly #thresholds = new Thresholds()
  readonly #idleSinceMs = new LongColumn()
  readonly #timer = Column.words()
  readonly #columns = [this.#flags, this.#person, this.#next, this.#thresholds, this.#idleSinceMs, this.#timer]
  readonly #rows = new SegmentUse((index) => {
    for (const column of this.#columns) column.drop(index)
  })
  #count = 0

  /** Rows with an owner. */
  get count(): number {
    return this.#count
  }

  /** Bytes of all columns. */
  get allocatedBytes(): number {
    return this.#columns.reduce((bytes, column) => bytes + column.allocatedBytes, 0)
  }

  /** Takes a row for a device that was not heard yet. */
  add(row: number, person: number, isRestored: boolean): void {
    this.#rows.take(row >>> SEGMENT_BITS)
    this.#flags.set(row, DeviceFlag.used | (isRestored ? DeviceFlag.restored : 0))
    this.#person.set(row, person)
    this.#next.set(row, 0)
    this.#thresholds.clear(row)
    this.#timer.set(row, 0)
    this.#count++
  }

  /** Frees a row. */
  remove(row: number): void {
    this.#flags.set(row, 0)
    this.#thresholds.clear(row)
    this.#rows.give(row >>> SEGMENT_BITS)
    this.#count--
  }

  /** Whether the row has an owner. */
  has(row: number): boolean {
    return this.is(row, DeviceFlag.used)
  }

  /** Whether a flag is set. */
  is(row: number, flag: number): boolean {
    return (this.#flags.get(row) & flag) !== 0
  }

  /** Sets or clears a flag. */
  put(row: number, flag: number, value: boolean): void {
    const flags = this.#flags.get(row)
    this.#flags.set(row, value ? flags | flag : flags & ~flag)
  }

  /** What it reported last: a number of `Reported`. */
  reported(row: number): number {
    return this.#flags.get(row) & DeviceFlag.reported
  }

  /** Notes a report. */
  setReported(row: number, reported: number): void {
    this.#flags.set(row, (this.#flags.get(row) & ~DeviceFlag.reported) | reported)
  }

  /** Key of the person whose device it is. */
  person(row: number): number {
    return this.#person.get(row)
  }

  /** The person's next device, or `NO_DEVICE`. */
  next(row: number): number {
    return this.#next.get(row) - 1
  }

  /** Chains the person's next device, or `NO_DEVICE`. */
  setNext(row: number, next: number): void {
    this.#next.set(row, next + 1)
  }

  /** Seconds of idleness until away, 0 never. */
  awayAfterS(row: number): number {
    return this.#thresholds.of(row).awayAfterS
  }

  /** Seconds of idleness until offline, 0 never. */
  offlineAfterS(row: number): number {
    return this.#thresholds.of(row).offlineAfterS
  }

  /** Notes thresholds, seconds below 2^22. */
  setThresholds(row: number, awayAfterS: number, offlineAfterS: number): void {
    this.#thresholds.set(row, awayAfterS, offlineAfterS)
  }

  /** Monotonic ms since which it is idle, if it is. */
  idleSinceMs(row: number): number {
    return this.#idleSinceMs.get(row) + IDLE_BASE_MS
  }

  /** Notes since when it is idle, a whole number. */
  setIdleSinceMs(row: number, monotonicMs: number): void {
    this.#idleSinceMs.set(row, monotonicMs - IDLE_BASE_MS)
  }

  /** Name of its timer, 0 none. */
  timer(row: number): number {
    return this.#timer.get(row)
  }

  /** Notes its timer. */
  setTimer(row: number, timer: number): void {
    this.#timer.set(row, timer)
  }
}
