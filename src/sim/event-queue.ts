/** Virtual time: things to do, in order of time; ties break by order of insertion, so that a seed replays exactly. */

/** So many steps at one moment mean that two timers wake each other for ever. */
const STEPS_AT_ONE_MOMENT_MAX = 100_000

interface Due {
  atMs: number
  order: number
  run: () => void
}

export class EventQueue {
  readonly #heap: Due[] = []
  #order = 0
  #nowMs = 0

  /** Virtual monotonic ms since the start of the simulation. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Runs `run` at `atMs`, or now if that is past. */
  at(atMs: number, run: () => void): void {
    const heap = this.#heap
    let child = heap.length
    heap.push({ atMs: Math.max(atMs, this.#nowMs), order: this.#order++, run })
    while (child > 0) {
      const parent = (child - 1) >> 1
      if (!before(heap[child]!, heap[parent]!)) break
      swap(heap, child, parent)
      child = parent
    }
  }

  /** Runs what is due up to `untilMs`. */
  runUntil(untilMs: number): void {
    let steps = 0
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs) {
      const due = this.#take()
      steps = due.atMs === this.#nowMs ? steps + 1 : 0
      if (steps > STEPS_AT_ONE_MOMENT_MAX) throw new Error(`time stands still at ${due.atMs} ms`)
      this.#nowMs = due.atMs
      due.run()
    }
    this.#nowMs = untilMs
  }

  #take(): Due {
    const heap = this.#heap
    const first = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return first
    heap[0] = last
    let parent = 0
    for (;;) {
      const left = 2 * parent + 1
      if (left >= heap.length) break
      const right = left + 1
      const child = right < heap.length && before(heap[right]!, heap[left]!) ? right : left
      if (!before(heap[child]!, heap[parent]!)) break
      swap(heap, child, parent)
      parent = child
    }
    return first
  }
}

function before(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

function swap(heap: Due[], a: number, b: number): void {
  const kept = heap[a]!
  heap[a] = heap[b]!
  heap[b] = kept
}
