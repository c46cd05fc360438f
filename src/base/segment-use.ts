/**
 * Which segments of a table are in use: a count for each. A segment in which nothing is used any more is given back when
 * the next one gets there. So the last one stays, and what comes and goes alone in its segment allocates nothing; each
 * event costs constant time.
 */
export class SegmentUse {
  readonly #counts: number[] = []
  readonly #giveBack: (segment: number) => void
  /** the last one in which nothing was used any more, -1 none */
  #unused = -1

  /** @param giveBack frees a segment: its content is of no more use. */
  constructor(giveBack: (segment: number) => void) {
    this.#giveBack = giveBack
  }

  /** One more thing of a segment is used. */
  take(segment: number): void {
    this.#counts[segment] = (this.#counts[segment] ?? 0) + 1
    if (segment === this.#unused) this.#unused = -1
  }

  /** One of the things that were taken is used no more. */
  give(segment: number): void {
    const count = (this.#counts[segment] as number) - 1
    this.#counts[segment] = count
    if (count > 0) return
    if (this.#unused >= 0) this.#giveBack(this.#unused)
    this.#unused = segment
  }
}
