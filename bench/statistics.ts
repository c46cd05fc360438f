/** Medians and spread over repetitions. */

/** Of one number over all repetitions. */
export interface Spread {
  median: number
  quartile1: number
  quartile3: number
  min: number
  max: number
}

/** The value below which a share `share` (0 to 1) of the numbers lies, between neighbours by proportion. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!]
  return low + (high - low) * (at - Math.floor(at))
}

/** Every number in the results, by its path such as `rows.3.ours.joulesPerDay`; only paths that all of them have. */
export function spreadOf(results: readonly object[]): Record<string, Spread> {
  const flat = results.map((result) => new Map(numbersIn(result, '')))
  const spread: Record<string, Spread> = {}
  for (const path of flat[0]?.keys() ?? []) {
    const numbers = flat.flatMap((each) => each.get(path) ?? [])
    if (numbers.length < results.length) continue
    spread[path] = {
      median: quantile(numbers, 0.5),
      quartile1: quantile(numbers, 0.25),
      quartile3: quantile(numbers, 0.75),
      min: Math.min(...numbers),
      max: Math.max(...numbers),
    }
  }
  return spread
}

/** The first result, with each number at its median over all results. */
export function medianOf(results: readonly object[]): object {
  if (results.length === 1) return results[0]!
  return withMedians(results[0]!, '', spreadOf(results)) as object
}

function* numbersIn(value: unknown, path: string): Generator<[string, number]> {
  if (typeof value === 'number') yield [path, value]
  if (typeof value !== 'object' || value === null) return
  for (const [key, inner] of Object.entries(value)) yield* numbersIn(inner, path === '' ? key : `${path}.${key}`)
}

function withMedians(value: unknown, path: string, spread: Record<string, Spread>): unknown {
  if (typeof value === 'number') return spread[path]?.median ?? value
  if (typeof value !== 'object' || value === null) return value
  const inner = (key: string | number, each: unknown) =>
    withMedians(each, path === '' ? String(key) : `${path}.${key}`, spread)
  if (Array.isArray(value)) return value.map((each, index) => inner(index, each))
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, inner(key, each)]))
}
