import type { LiveRing } from './live-ring.js'

/** Live rings by number, name and person, and how many are open for each application. */
export class RingIndex {
  readonly #byNumber = new Map<number, LiveRing>()
  readonly #byName = new Map<string, LiveRing>()
  readonly #byPerson = new Map<number, Set<LiveRing>>()
  readonly #openOf = new Map<number, number>()
  readonly #open = new Set<LiveRing>()
  #lastNumber = 0

  /** Live rings. */
  get size(): number {
    return this.#byNumber.size
  }

  /** Live rings that have not ended. */
  get open(): number {
    return this.#open.size
  }

  /** A number for a new ring. */
  nextNumber(): number {
    do this.#lastNumber = (this.#lastNumber + 1) % 2 ** 31
    while (this.#lastNumber === 0 || this.#byNumber.has(this.#lastNumber))
    return this.#lastNumber
  }

  /** Adds an open ring. */
  add(ring: LiveRing): void {
    this.#byNumber.set(ring.number, ring)
    this.#byName.set(ring.name, ring)
    this.#open.add(ring)
    this.#openOf.set(ring.record.app, this.openOf(ring.record.app) + 1)
    for (const { person } of ring.record.targets) {
      const rings = this.#byPerson.get(person) ?? new Set()
      this.#byPerson.set(person, rings.add(ring))
    }
  }

  /** Notes that a ring has ended. */
  close(ring: LiveRing): void {
    if (!this.#open.delete(ring)) return
    const open = this.openOf(ring.record.app) - 1
    if (open > 0) this.#openOf.set(ring.record.app, open)
    else this.#openOf.delete(ring.record.app)
  }

  /** Removes a ring. */
  remove(ring: LiveRing): void {
    this.close(ring)
    this.#byNumber.delete(ring.number)
    this.#byName.delete(ring.name)
    for (const { person } of ring.record.targets) {
      const rings = this.#byPerson.get(person)
      rings?.delete(ring)
      if (rings?.size === 0) this.#byPerson.delete(person)
    }
  }

  /** The live ring with a number, or null. */
  byNumber(number: number): LiveRing | null {
    return this.#byNumber.get(number) ?? null
  }

  /** The live ring with a name, or null. */
  byName(name: string): LiveRing | null {
    return this.#byName.get(name) ?? null
  }

  /** The live rings to a person, oldest first; a copy. */
  ofPerson(person: number): LiveRing[] {
    const rings = this.#byPerson.get(person)
    return rings === undefined ? [] : [...rings]
  }

  /** The open rings of an application; a copy. */
  ofApp(app: number): LiveRing[] {
    return [...this.#open].filter((ring) => ring.record.app === app)
  }

  /** Number of open rings of an application. */
  openOf(app: number): number {
    return this.#openOf.get(app) ?? 0
  }
}
