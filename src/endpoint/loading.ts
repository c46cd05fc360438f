import { Queue } from '../base/queue.js'
import type { Now } from '../base/time.js'

/** How much may wait: in all, and for one part, so that what follows its load is a short step. */
export interface LoadingLimits {
  readonly all: number
  readonly part: number
}

/**
 * After a start: the parts of devices that the store has and that are not here yet, and what waits for them. An input about a
 * device that is not loaded is put aside, in order, until its part is; which parts are waited for is polled.
 */
export class Loading {
  readonly #limits: LoadingLimits
  readonly #missing = new Set<number>()
  readonly #waiting = new Map<number, ((now: Now) => void)[]>()
  readonly #wanted = new Queue<number>()
  #count = 0

  constructor(limits: LoadingLimits) {
    this.#limits = limits
  }

  /** Parts that are not here yet. */
  get parts(): number {
    return this.#missing.size
  }

  /** Inputs that wait. */
  get waiting(): number {
    return this.#count
  }

  /** These parts are not here. */
  expect(parts: Iterable<number>): void {
    for (const part of parts) this.#missing.add(part)
  }

  /** Whether a part is here; costs next to nothing when all are. */
  has(part: number): boolean {
    return this.#missing.size === 0 || !this.#missing.has(part)
  }

  /**
   * Puts an input aside until a part that is not here is.
   *
   * @returns false if there is no room.
   */
  wait(part: number, handle: (now: Now) => void): boolean {
    const waiting = this.#waiting.get(part) ?? []
    if (!this.#waiting.has(part)) {
      this.#waiting.set(part, waiting)
      this.#wanted.push(part)
    }
    if (this.#count >= this.#limits.all || waiting.length >= this.#limits.part) return false
    waiting.push(handle)
    this.#count++
    return true
  }

  /** A part is here: handles what waited for it. */
  handleLoaded(part: number, now: Now): void {
    this.#missing.delete(part)
    const waiting = this.#waiting.get(part) ?? []
    this.#waiting.delete(part)
    this.#count -= waiting.length
    for (const handle of waiting) handle(now)
  }

  /** The next part that something waits for, each once; or null. */
  pollWanted(): number | null {
    return this.#wanted.shift()
  }
}
