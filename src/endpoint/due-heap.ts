/**
 * Times of the few sessions that are doing something: a binary heap of (time, slot). An entry is never changed; whoever
 * takes one out asks again what is due and adds the next times, so only the earliest time of a slot needs an entry. Else
 * two parts that each add one whenever either is due would double them for ever.
 */
export class DueHeap {
  readonly #times: number[] = []
  readonly #slots: number[] = []
  /** earliest time of each slot that has an entry */
  readonly #earliest = new Map<number, number>()

  get size(): number {
    return this.#times.length
  }

  /** The earliest time, monotonic ms; Infinity when empty. */
  get nextMs(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY
  }

  /** Adds a time, unless the slot has an entry for it or an earlier one; Infinity is not added. */
  add(timeMs: number, slot: number): void {
    if (timeMs >= (this.#earliest.get(slot) ?? Number.POSITIVE_INFINITY)) return
    this.#earliest.set(slot, timeMs)
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
    while (this.nextMs <= nowMs) {
      const slot = this.#slots[0] as number
      const isEarliest = this.#earliest.get(slot) === this.#times[0]
      const timeMs = this.#times.pop() as number
      const last = this.#slots.pop() as number
      if (this.#times.length > 0) this.#sink(timeMs, last)
      if (!isEarliest) continue // an earlier time was added later, and has come
      this.#earliest.delete(slot)
      return slot
    }
    return -1
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
