/** An ended ring in memory. */
interface Ended {
  row: Uint8Array
  /** 16 B */
  id: Uint8Array
  /** key into the idempotency index, '' none */
  idempotency: string
  /** monotonic ms after which it is forgotten */
  untilMs: number
}

/**
 * Rings that have ended, as rows, for their senders to read; and the idempotency keys of all rings. Bounded in number
 * and time: the oldest is forgotten first, in the store too.
 */
export class EndedRings {
  readonly #max: number
  readonly #drop: (id: Uint8Array) => void
  /** by ring in hex, the one that ended first in front */
  readonly #rows = new Map<string, Ended>()
  /** ring in hex by application and idempotency key */
  readonly #byKey = new Map<string, string>()

  /**
   * @param max  rows at most.
   * @param drop told of each ring that is forgotten.
   */
  constructor(max: number, drop: (id: Uint8Array) => void) {
    this.#max = max
    this.#drop = drop
  }

  /** Rows in memory. */
  get size(): number {
    return this.#rows.size
  }

  /** The row of a ring, or null: it is not here, or past its time. */
  get(ring: string, monotonicMs: number): Uint8Array | null {
    const ended = this.#rows.get(ring)
    return ended === undefined || ended.untilMs <= monotonicMs ? null : ended.row
  }

  /** Keeps the row of a ring that has ended. */
  add(ring: string, ended: { row: Uint8Array; id: Uint8Array; idempotency: string; untilMs: number }): void {
    this.#rows.set(ring, ended)
    if (this.#rows.size > this.#max) this.#forget(this.#rows.keys().next().value as string)
  }

  /** Forgets what is past its time. */
  expire(monotonicMs: number): void {
    for (const [ring, { untilMs }] of this.#rows) if (untilMs <= monotonicMs) this.#forget(ring)
  }

  /** The ring that was made with an idempotency key, or null. */
  byKey(idempotency: string): string | null {
    return this.#byKey.get(idempotency) ?? null
  }

  /** Notes the idempotency key of a ring, open or ended; '' is none. */
  setKey(idempotency: string, ring: string): void {
    if (idempotency !== '') this.#byKey.set(idempotency, ring)
  }

  /** Forgets an idempotency key: its ring never came to be. */
  dropKey(idempotency: string): void {
    this.#byKey.delete(idempotency)
  }

  #forget(ring: string): void {
    const { id, idempotency } = this.#rows.get(ring) as Ended
    this.#rows.delete(ring)
    if (this.#byKey.get(idempotency) === ring) this.#byKey.delete(idempotency)
    this.#drop(id)
  }
}
