import { assert } from '../base/assert.js'
import { SegmentUse } from '../base/segment-use.js'
import { Column, LongColumn, SEGMENT_BITS } from './column.js'
import {
  type Choice,
  Choices,
  causeCode,
  causeOf,
  type PresenceCause,
  type PresenceState,
  stateCode,
  stateOf,
} from './state.js'

/** Bits of a person's flags. */
export const PersonFlag = {
  /** the row has an owner */
  used: 1,
  /** they were there when the server started: `unknown` until heard, docs/presence.md */
  restored: 2,
  /** the server holds a list of theirs in memory */
  held: 4,
  /** that list has the committed version */
  current: 8,
  /** heard with a list since the start, and not invisible: applications may see a state */
  live: 16,
  /** hours or texts stand in the side map of `Visibility` */
  extra: 32,
  /** lines stand in the side map of `SeenLines` */
  seen: 64,
} as const

/** Where the codes of state and cause stand in the column `line`, above the choice. */
const CHOICE = 3
const STATE_BIT = 2
const CAUSE_BIT = 5
const CODE = 7

/**
 * Persons at rest: 31 bytes each in typed arrays, no object. The row is the person's key, 1 to 2^31 - 1, as the store
 * numbers them from 1 on.
 *
 * | column | bytes | owner | content |
 * |---|---|---|---|
 * | flags | 1 | each its own | `PersonFlag` |
 * | line | 1 | lines | choice 2 bits, and of the person's own line, what those see to whom they show themselves, state 3 bits and cause 3 bits |
 * | sinceMs | 6 | lines | Unix ms of its begin, a whole number |
 * | count | 4 | lines | of its version |
 * | lastCount | 4 | lines | greatest count that any application was told |
 * | head | 4 | devices | first device, row + 1, 0 none |
 * | block, entries | 4 + 1 | visibility | the person's block of visibility entries, 0 none, and their number minus 1 |
 * | listVersion | 6 | list | committed version of the list, 0 none |
 */
export class PersonTable {
  readonly #flags = Column.bytes()
  readonly #line = Column.bytes()
  readonly #sinceMs = new LongColumn()
  readonly #count = Column.words()
  readonly #lastCount = Column.words()
  readonly #head = Column.words()
  readonly #block = Column.words()
  readonly #entries = Column.bytes()
  readonly #listVersion = new LongColumn()
  readonly #columns = [
    this.#flags,
    this.#line,
    this.#sinceMs,
    this.#count,
    this.#lastCount,
    this.#head,
    this.#block,
    this.#entries,
    this.#listVersion,
  ]
  /** rows with a flag: a person is here, or was and is in `SeenLines` */
  readonly #rows = new SegmentUse((index) => {
    for (const column of this.#columns) column.drop(index)
  })
  #used = 0

  /** Rows with an owner. */
  get count(): number {
    return this.#used
  }

  /** Bytes of all columns. */
  get allocatedBytes(): number {
    return this.#columns.reduce((bytes, column) => bytes + column.allocatedBytes, 0)
  }

  /** Takes a row, 1 to 2^31 - 1. */
  add(person: number, listVersion: number, isRestored: boolean): void {
    assert(Number.isInteger(person) && person > 0 && person < 2 ** 31, `key of a person: ${person}`)
    this.#setFlags(person, PersonFlag.used | (isRestored ? PersonFlag.restored : 0))
    this.setChoice(person, Choices.available)
    this.#lastCount.set(person, 0)
    this.#head.set(person, 0)
    this.#block.set(person, 0)
    this.#listVersion.set(person, listVersion)
    this.#used++
  }

  /** Frees a row. What applications saw last stays. */
  remove(person: number): void {
    this.#setFlags(person, this.#flags.get(person) & PersonFlag.seen)
    this.#used--
  }

  /** Whether the person is here. */
  has(person: number): boolean {
    return this.is(person, PersonFlag.used)
  }

  /** The first person at or after `person` who is or was here, or -1. */
  nextUsed(person: number): number {
    return this.#flags.nextUsed(person)
  }

  /** Whether a flag is set. */
  is(person: number, flag: number): boolean {
    return (this.#flags.get(person) & flag) !== 0
  }

  /** Sets or clears a flag. */
  put(person: number, flag: number, value: boolean): void {
    const flags = this.#flags.get(person)
    this.#setFlags(person, value ? flags | flag : flags & ~flag)
  }

  /** The person's choice. */
  choice(person: number): Choice {
    return (this.#line.get(person) & CHOICE) as Choice
  }

  /** Notes the choice. */
  setChoice(person: number, choice: Choice): void {
    this.#line.set(person, (this.#line.get(person) & ~CHOICE) | choice)
  }

  /** State of the person's own line. */
  state(person: number): PresenceState {
    return stateOf((this.#line.get(person) >> STATE_BIT) & CODE)
  }

  /** Cause of the person's own line. */
  cause(person: number): PresenceCause {
    return causeOf((this.#line.get(person) >> CAUSE_BIT) & CODE)
  }

  /** Begin of the person's own line, Unix ms. */
  sinceMs(person: number): number {
    return this.#sinceMs.get(person)
  }

  /** Count of the person's own line. */
  lineCount(person: number): number {
    return this.#count.get(person)
  }

  /** Begins a new own line. */
  setLine(person: number, state: PresenceState, sinceMs: number, count: number, cause: PresenceCause): void {
    const line = (stateCode(state) << STATE_BIT) | (causeCode(cause) << CAUSE_BIT)
    this.#line.set(person, this.choice(person) | line)
    this.#sinceMs.set(person, Math.floor(sinceMs))
    this.#count.set(person, count)
  }

  /** Greatest count that any application was told. */
  lastCount(person: number): number {
    return this.#lastCount.get(person)
  }

  /** Notes the greatest count. */
  setLastCount(person: number, count: number): void {
    this.#lastCount.set(person, count)
  }

  /** First device of the person, or -1. */
  head(person: number): number {
    return this.#head.get(person) - 1
  }

  /** Notes the first device, or -1. */
  setHead(person: number, device: number): void {
    this.#head.set(person, device + 1)
  }

  /** Number of visibility entries. */
  entries(person: number): number {
    return this.#block.get(person) === 0 ? 0 : this.#entries.get(person) + 1
  }

  /** Name of the block of visibility entries; worth nothing without entries. */
  block(person: number): number {
    return this.#block.get(person)
  }

  /** Notes the block and its entries, 1 to 256; block 0: none. */
  setEntries(person: number, block: number, entries: number): void {
    this.#block.set(person, block)
    this.#entries.set(person, Math.max(entries - 1, 0))
  }

  /** Committed version of the person's list, 0 none. */
  listVersion(person: number): number {
    return this.#listVersion.get(person)
  }

  /** Notes a newly committed version: a list held in memory is not current any more. */
  setListVersion(person: number, version: number): void {
    this.#listVersion.set(person, version)
    this.put(person, PersonFlag.current, false)
  }

  #setFlags(person: number, flags: number): void {
    const before = this.#flags.get(person)
    if (before === 0 && flags !== 0) this.#rows.take(person >>> SEGMENT_BITS)
    this.#flags.set(person, flags)
    if (before !== 0 && flags === 0) this.#rows.give(person >>> SEGMENT_BITS)
  }
}
