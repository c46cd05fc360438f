/**
 * Times of the few sessions that are doing something: a binary heap of (time, slot). An entry is never changed; whoever
 * takes one out asks again what is due, so a stale entry costs one look.
 */
export class DueHeap {
  readonly #times: number[] = []
  readonly #slots: number[] = []

  get size(): number {
    return this.#times.length
  }

  /** The earliest time, monotonic ms; Infinity when empty. */
  get nextMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  /** Adds a time; Infinity is not added. */
  add(timeMs: number, slot: number): void {
    if (timeMs === Number.POSITIVE_INFINITY) return
    let at = this.#times.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if ((this.#times[parent] as number) <= timeMs) break
      this.#move(parent, at)
      at = parent
    }
    this.#times[at] = timeMs
    this.#slots[at] = slot
  }

  /** Takes out the earliest entry if it is due; returns its slot, or -1. */
  take(nowMs: number): number {
    if (this.nextMs > nowMs) return -1
    const slot = this.#slots[0] as number
    const timeMs = this.#times.pop() as number
    const last = this.#slots.pop() as number
    if (this.#times.length > 0) this.#sink(timeMs, last)
    return slot
  }

  #sink(timeMs: number, slot: number): void {
    const size = this.#times.length
    let at = 0
    while (true) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && (this.#times[child + 1] as number) < (this.#times[child] as number)) child++
      if ((this.#times[child] as number) >= timeMs) break
      this.#move(child, at)
      at = child
    }
    this.#times[at] = timeMs
    this.#slots[at] = slot
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number
    this.#slots[to] = this.#slots[from] as number
  }
}
