/** Medians, spread over repetitions, and ratios of paired runs. */
import { SeededRandom } from '../src/base/seeded-random.js'

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

/** How much one thing is of another, from runs in pairs. */
export interface Ratio {
  /** the median of the ratios of the pairs, on a scale of logarithms: a over b is one through b over a */
  ratio: number
  /** ends of the confidence interval; null where the pairs are too few for any interval at this level */
  low: number | null
  high: number | null
  pairs: number
  /** 0.95: the interval holds the true median in 95 of 100 such measurements */
  level: number
}

/** How `pairedRatio` comes to its interval; for reports. */
export const RATIO_METHOD =
  'Median of the ratios of paired runs; 95 % confidence interval by percentile bootstrap of that median ' +
  '(2,000 resamples of whole pairs, seeded; Efron and Tibshirani 1993, 13.3); none below 6 pairs.'
const RESAMPLES = 2_000

/**
 * Ratio of paired runs: both of a pair are made one right after the other, so that what disturbs the machine disturbs
 * both. See RATIO_METHOD. An interval at `level` needs so many pairs that the range of all ratios would hold the median
 * that surely: 1 - 2^(1 - pairs), which is 6 pairs for 95 %.
 *
 * @param above positive, as many as `below`, at least one; `above[i]` and `below[i]` are a pair.
 * @throws RangeError if they are not.
 */
export function pairedRatio(above: readonly number[], below: readonly number[], seed = '1', level = 0.95): Ratio {
  if (above.length !== below.length || above.length === 0) throw new RangeError('paired runs must come in pairs')
  if (![...above, ...below].every((number) => number > 0 && number < Infinity)) {
    throw new RangeError('a ratio needs positive numbers')
  }
  const logs = above.map((number, index) => Math.log(number / below[index]!))
  const pairs = logs.length
  const ratio = Math.exp(quantile(logs, 0.5))
  if (1 - 2 ** (1 - pairs) < level) return { ratio, low: null, high: null, pairs, level }
  const random = new SeededRandom(`ratio/${seed}`)
  const medians = Array.from({ length: RESAMPLES }, () =>
    quantile(
      logs.map(() => logs[random.int(pairs)]!),
      0.5,
    ),
  )
  const end = (share: number) => Math.exp(quantile(medians, share))
  return { ratio, low: end((1 - level) / 2), high: end((1 + level) / 2), pairs, level }
}

/** `0.42 (95 % CI 0.40 to 0.45, 12 pairs)`. */
export function ratioText({ ratio, low, high, pairs, level }: Ratio): string {
  const short = (number: number) => String(Number(number.toPrecision(3)))
  const interval = low === null || high === null ? '' : `${100 * level} % CI ${short(low)} to ${short(high)}, `
  return `${short(ratio)} (${interval}${pairs} ${pairs === 1 ? 'pair' : 'pairs'})`
}

/** Median, quartiles and range. @param numbers at least one. */
export function spreadOfNumbers(numbers: readonly number[]): Spread {
  return {
    median: quantile(numbers, 0.5),
    quartile1: quantile(numbers, 0.25),
    quartile3: quantile(numbers, 0.75),
    min: Math.min(...numbers),
    max: Math.max(...numbers),
  }
}

/** Every number in the results, by its path such as `rows.3.ours.joulesPerDay`; only paths that all of them have. */
export function spreadOf(results: readonly object[]): Record<string, Spread> {
  const flat = results.map((result) => new Map(numbersIn(result, '')))
  const spread: Record<string, Spread> = {}
  for (const path of flat[0]?.keys() ?? []) {
    const numbers = flat.flatMap((each) => each.get(path) ?? [])
    if (numbers.length < results.length) continue
    spread[path] = spreadOfNumbers(numbers)
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
