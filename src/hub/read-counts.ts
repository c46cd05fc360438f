import type { Now } from '../base/time.js'
import type { AppKey, PersonKey } from './message.js'

/** Pairs of person and application that are counted; the one that was asked for least lately gives way. */
const PAIRS_MAX = 50_000

/** Count of one pair. Times are Unix ms. */
export interface Reads {
  app: AppKey
  count: number
  firstMs: number
  lastMs: number
}

/**
 * Who asked for whom, how often and when: in memory only, for the persons themselves. It names who is asked for, which the
 * memory knows anyway; nothing of it is ever written.
 */
export class ReadCounts {
  /** in the order of their last reads */
  readonly #pairs = new Map<string, Reads>()

  /** Pairs that are counted. */
  get size(): number {
    return this.#pairs.size
  }

  /** An application was told a person's presence because it asked. */
  add(person: PersonKey, app: AppKey, { wallMs }: Now): void {
    const name = `${person} ${app}`
    const reads = this.#pairs.get(name) ?? { app, count: 0, firstMs: wallMs, lastMs: wallMs }
    this.#pairs.delete(name)
    this.#pairs.set(name, reads)
    reads.count++
    reads.lastMs = wallMs
    if (this.#pairs.size > PAIRS_MAX) this.#pairs.delete(this.#pairs.keys().next().value ?? '')
  }

  /** Who asked for a person, the latest first. */
  of(person: PersonKey): Reads[] {
    const begin = `${person} `
    return [...this.#pairs]
      .filter(([name]) => name.startsWith(begin))
      .map(([, reads]) => reads)
      .reverse()
  }

  /** Forgets a person. */
  forget(person: PersonKey): void {
    for (const { app } of this.of(person)) this.#pairs.delete(`${person} ${app}`)
  }
}
