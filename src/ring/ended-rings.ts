/** An ended ring in memory. */
interface Ended {
  row: Uint8Array
  /** key of the application that sent it */
  app: number
  /** 16 B */
  id: Uint8Array
  /** key into the idempotency index, '' none */
  idempotency: string
  /** monotonic ms after which it is forgotten */
  untilMs: number
}

/**
 * Rings that have ended, as rows, for their senders to read; and the idempotency keys of all rings. Bounded in number
 * and time: when there are too many, the application that has most loses its oldest, in the store too. So no
 * application can push out what others were told to be kept.
 */
export class EndedRings {
  readonly #max: number
  readonly #drop: (id: Uint8Array) => void
  /** by ring in hex */
  readonly #rows = new Map<string, Ended>()
  readonly #shares = new Shares()
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

  /** Idempotency keys in memory, also those of open rings. */
  get keys(): number {
    return this.#byKey.size
  }

  /** The row of a ring, or null: it is not here, or past its time. */
  get(ring: string, monotonicMs: number): Uint8Array | null {
    const ended = this.#rows.get(ring)
    return ended === undefined || ended.untilMs <= monotonicMs ? null : ended.row
  }

  /** Keeps the row of a ring that has ended. */
  add(ring: string, ended: Ended): void {
    this.#rows.set(ring, ended)
    this.#shares.add(ended.app, ring)
    if (this.#rows.size > this.#max) this.#forget(this.#shares.oldestOfLargest())
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
    const { id, app, idempotency } = this.#rows.get(ring) as Ended
    this.#rows.delete(ring)
    this.#shares.delete(app, ring)
    if (this.#byKey.get(idempotency) === ring) this.#byKey.delete(idempotency)
    this.#drop(id)
  }
}

/** Rings by application, and which application has most of them: each step in constant time. */
class Shares {
  /** an application's rings in hex, the one that ended first in front */
  readonly #rings = new Map<number, Set<string>>()
  /** applications by how many they have */
  readonly #bySize = new Map<number, Set<number>>()
  #largest = 0

  add(app: number, ring: string): void {
    const rings = this.#rings.get(app) ?? new Set()
    const before = rings.size
    this.#rings.set(app, rings.add(ring))
    this.#move(app, before, rings.size)
  }

  delete(app: number, ring: string): void {
    const rings = this.#rings.get(app)
    if (rings === undefined) return
    const before = rings.size
    rings.delete(ring)
    if (rings.size === 0) this.#rings.delete(app)
    this.#move(app, before, rings.size)
  }

  /** The oldest ring of an application that has most. There must be one. */
  oldestOfLargest(): string {
    const [app] = this.#bySize.get(this.#largest) as Set<number>
    const [ring] = this.#rings.get(app as number) as Set<string>
    return ring as string
  }

  /** Sizes change by one, so the largest does too. */
  #move(app: number, before: number, after: number): void {
    if (before === after) return
    const last = this.#bySize.get(before)
    last?.delete(app)
    if (last?.size === 0) this.#bySize.delete(before)
    if (after > 0) this.#bySize.set(after, (this.#bySize.get(after) ?? new Set()).add(app))
    if (after > this.#largest || !this.#bySize.has(this.#largest)) this.#largest = after
  }
}
