import { Shedding } from '../base/shedding.js'

/** A ring that is not answered so long stands in a queue, ms: commits of a slow disk take less. Reads give way from then on. */
const STANDING_MS = 250
/** Only where that was of no use, new rings do, too. */
const TOO_LONG_MS = 2000

/**
 * Which rings are taken when more come than can be committed: a share, so that those are answered soon. A queue of bursts is
 * none that stands (compare RFC 8289): it is looked at several times.
 */
export class RingRoom {
  /** moments of the rings that wait for their answer, the oldest first */
  readonly #waiting = new Set<{ sinceMs: number }>()
  readonly #shedding: Shedding
  readonly #nowMs: () => number

  /** @param nowMs monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
    this.#shedding = new Shedding(() => (this.#waitedMs >= TOO_LONG_MS ? 1 : 0))
  }

  /** Whether rings wait so long that less urgent work should give way. */
  get isStanding(): boolean {
    return this.#waitedMs >= STANDING_MS
  }

  /** Whether one more is taken. */
  admits(): boolean {
    return this.#shedding.admits(this.#nowMs())
  }

  /** A ring that was taken waits for its answer. */
  async of<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const ring = { sinceMs: this.#nowMs() }
    this.#waiting.add(ring)
    try {
      return await answer
    } finally {
      this.#waiting.delete(ring)
    }
  }

  get #waitedMs(): number {
    const [oldest] = this.#waiting
    return oldest === undefined ? 0 : this.#nowMs() - oldest.sinceMs
  }
}
