/** Histograms of `/metrics` over a while: what was counted between two readings. */

/** One bucket: how many values were above the bound before and not above this one. */
interface Bucket {
  /** Infinity for the last */
  bound: number
  count: number
}

/** A histogram between two readings. */
export class MetricHistogram {
  readonly #buckets: readonly Bucket[]

  /** @param name without `_bucket`. @param before `OursServer.metrics`, as is `after`. */
  constructor(name: string, before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>) {
    let below = 0
    this.#buckets = [...after]
      .flatMap(([sample, value]) => {
        const le = new RegExp(`^${name}_bucket\\{le="(.*)"\\}$`).exec(sample)?.[1]
        if (le === undefined) return []
        return [{ bound: le === '+Inf' ? Infinity : Number(le), total: value - (before.get(sample) ?? 0) }]
      })
      .sort((a, b) => a.bound - b.bound)
      .map(({ bound, total }) => {
        const count = total - below
        below = total
        return { bound, count }
      })
  }

  get count(): number {
    return this.#buckets.reduce((sum, { count }) => sum + count, 0)
  }

  /**
   * The value below which a share of all lies, within its bucket by proportion as Prometheus does.
   *
   * @param share 0 to 1; 1 is the bound of the highest bucket that holds any.
   * @returns null where nothing was counted, or the value is above all bounds.
   */
  quantile(share: number): number | null {
    let wanted = share * this.count
    let lower = 0
    for (const { bound, count } of this.#buckets) {
      if (count > 0 && wanted <= count) return bound === Infinity ? null : lower + ((bound - lower) * wanted) / count
      wanted -= count
      lower = bound
    }
    return null
  }
}
