/**
 * How far below a silence that a mapping survived the interval stays.
 *
 * A probe that was answered says that one mapping lived so long, once. NATs that clear their tables in sweeps, or
 * earlier under load, give each mapping a life of its own: here evenly between (1 - spread) * T and T. The search ends
 * near the value that half of them survive, as one answer is believed and two failures are. `deadShare` is the share of
 * time for which the live mapping is then dead. The margin is the least whole per cent that keeps it below 1 % (the
 * reachability that we promise is 99 %) for a spread of 30 %, and it leaves 0 for a spread of 18 % and less; each per
 * cent more costs 1 % more wake-ups. Timer slack and the jitter of the network are far below it.
 */
export const MARGIN = 0.1

/**
 * Share of time for which a mapping is dead.
 *
 * @param margin   0..1, see above.
 * @param spread   0..1: lives are even between (1 - spread) * T and T.
 * @param survived share of mappings that survive the value that the search ended at, 0..1.
 */
export function deadShare(margin: number, spread: number, survived = 0.5): number {
  const safe = 1 - spread * survived
  const interval = safe * (1 - margin)
  const shortest = 1 - spread
  if (interval <= shortest) return 0
  // The mean of max(0, interval - life) over the even distribution, for each interval.
  return (interval - shortest) ** 2 / (2 * spread) / interval
}
