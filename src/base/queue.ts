/** Places that were taken from are given back when so many are free, and half of all. */
const FREE_MAX = 1024

/** First in, first out, without moving what waits but now and then. */
export class Queue<T> {
  #items: (T | undefined)[] = []
  #head = 0

  /** Items that wait. */
  get length(): number {
    return this.#items.length - this.#head
  }

  /** Appends. */
  push(item: T): void {
    this.#items.push(item)
  }

  /** The oldest item, taken out, or null. */
  shift(): T | null {
    const item = this.#items[this.#head]
    if (item === undefined) return null
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) this.#items.length = 0
    else if (this.#head < FREE_MAX || this.#head * 2 < this.#items.length) return item
    else this.#items.splice(0, this.#head)
    this.#head = 0
    return item
  }
}
