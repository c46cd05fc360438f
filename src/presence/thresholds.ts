import { assert } from '../base/assert.js'
import { AWAY_AFTER_S, OFFLINE_AFTER_S } from '../packet/constants.js'
import { Column } from './column.js'

/** Seconds of idleness until away and until offline, 0 never. */
export interface Threshold {
  readonly awayAfterS: number
  readonly offlineAfterS: number
}

/** One pair of seconds, and how many devices have it. */
interface Pair extends Threshold {
  devices: number
}

const SECONDS_MAX = 2 ** 22 - 1
/** Pairs that a column of 16 bits can name, the default apart. */
const PAIRS_MAX = 65_534
/** What stands in the column of a device whose pair stands in the side map. */
const ELSEWHERE = 65_535

/**
 * Thresholds of devices: 2 bytes each. Nearly all devices share a few pairs, most of them the default, so a device has the
 * number of its pair. Should there be more pairs than numbers, those that come last stand in a side map.
 */
export class Thresholds {
  readonly #number = Column.shorts()
  /** by number; the default is 0 and needs no count. Null: a number that is free */
  readonly #pairs: (Pair | null)[] = [{ awayAfterS: AWAY_AFTER_S, offlineAfterS: OFFLINE_AFTER_S, devices: 0 }]
  readonly #numberOf = new Map<number, number>([[keyOf(AWAY_AFTER_S, OFFLINE_AFTER_S), 0]])
  readonly #free: number[] = []
  readonly #elsewhere = new Map<number, Threshold>()
  readonly #pairsMax: number

  /** @param pairsMax beside the default; another one only in tests. */
  constructor(pairsMax = PAIRS_MAX) {
    this.#pairsMax = pairsMax
  }

  /** Frees segment `index` of the column; its devices have the default. */
  drop(index: number): void {
    this.#number.drop(index)
  }

  /** Bytes of the column. */
  get allocatedBytes(): number {
    return this.#number.allocatedBytes
  }

  /** Pairs that are named, the default apart, and devices in the side map. */
  get sizes(): { pairs: number; elsewhere: number } {
    return { pairs: this.#numberOf.size - 1, elsewhere: this.#elsewhere.size }
  }

  /** Those of a device; the default for one that has set none. */
  of(row: number): Threshold {
    const number = this.#number.get(row)
    return (number === ELSEWHERE ? this.#elsewhere.get(row) : this.#pairs[number]) as Threshold
  }

  /** Sets those of a device; each below 2^22. */
  set(row: number, awayAfterS: number, offlineAfterS: number): void {
    assert(awayAfterS <= SECONDS_MAX && offlineAfterS <= SECONDS_MAX, 'seconds of a threshold')
    const number = this.#take(awayAfterS, offlineAfterS)
    this.clear(row)
    this.#number.set(row, number)
    if (number === ELSEWHERE) this.#elsewhere.set(row, { awayAfterS, offlineAfterS })
  }

  /** Gives a device the default. */
  clear(row: number): void {
    const number = this.#number.get(row)
    if (number === 0) return
    this.#number.set(row, 0)
    if (number === ELSEWHERE) this.#elsewhere.delete(row)
    else this.#give(number)
  }

  #take(awayAfterS: number, offlineAfterS: number): number {
    const key = keyOf(awayAfterS, offlineAfterS)
    const known = this.#numberOf.get(key)
    if (known !== undefined) {
      ;(this.#pairs[known] as Pair).devices++
      return known
    }
    if (this.#numberOf.size > this.#pairsMax) return ELSEWHERE
    const number = this.#free.pop() ?? this.#pairs.length
    this.#pairs[number] = { awayAfterS, offlineAfterS, devices: 1 }
    this.#numberOf.set(key, number)
    return number
  }

  #give(number: number): void {
    const pair = this.#pairs[number] as Pair
    if (--pair.devices > 0) return
    this.#numberOf.delete(keyOf(pair.awayAfterS, pair.offlineAfterS))
    this.#pairs[number] = null
    this.#free.push(number)
  }
}

function keyOf(awayAfterS: number, offlineAfterS: number): number {
  return awayAfterS * (SECONDS_MAX + 1) + offlineAfterS
}
