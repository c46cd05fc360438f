import type { PromisedStep } from '../session/saved.js'

/** A promise whose device was not heard for so long makes room for another one, ms. That device may have to handshake. */
const KEPT_MS = 3_600_000

interface Kept extends PromisedStep {
  /** monotonic ms */
  readonly sinceMs: number
}

/**
 * Steps with keys that are promised, or being committed, by slot: at most so many, since a device may ask for one and
 * never be heard again. A symmetric step needs none of this: its root follows from the record. wire-spec §5.6
 */
export class PromisedSteps {
  readonly #max: number
  /** The oldest first. */
  readonly #bySlot = new Map<number, Kept>()

  /** @param max 1 or more; promises that come back from the store are kept beyond it. */
  constructor(max: number) {
    this.#max = max
  }

  get count(): number {
    return this.#bySlot.size
  }

  /** The slot's promise, or null. */
  of(slot: number): PromisedStep | null {
    return this.#bySlot.get(slot) ?? null
  }

  /** Whether the slot may have one without another being dropped. */
  hasRoom(slot: number): boolean {
    return this.#bySlot.size < this.#max || this.#bySlot.has(slot)
  }

  /** The slot whose promise is the oldest, and old enough to make room; -1 if there is none. */
  oldest(nowMs: number): number {
    for (const [slot, { sinceMs }] of this.#bySlot) return nowMs - sinceMs >= KEPT_MS ? slot : -1
    return -1
  }

  /** Keeps a promise in place of the slot's last one. Its byte strings are kept, not copied. */
  set(slot: number, promise: PromisedStep, nowMs: number): void {
    this.drop(slot)
    this.#bySlot.set(slot, { ...promise, sinceMs: nowMs })
  }

  /** Forgets the slot's promise, if any, and wipes its root. */
  drop(slot: number): void {
    this.#bySlot.get(slot)?.root.fill(0)
    this.#bySlot.delete(slot)
  }
}
