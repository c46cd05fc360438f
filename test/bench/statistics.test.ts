import t from 'tap'
import {
  medianOf,
  pairedRatio,
  quantile,
  RATIO_METHOD,
  ratioText,
  spreadOf,
  spreadOfNumbers,
} from '../../bench/statistics.js'
import { SeededRandom } from '../../src/base/seeded-random.js'

t.test('quantiles, and medians of results that differ in shape', async (t) => {
  t.equal(quantile([4, 1, 3, 2], 0.5), 2.5)
  t.equal(quantile([1], 0.9), 1)
  t.same(spreadOfNumbers([5, 1, 3, 2, 4]), { median: 3, quartile1: 2, quartile3: 4, min: 1, max: 5 })
  t.same(Object.keys(spreadOf([{ a: 1, b: { c: 2 } }, { a: 3 }])), ['a'])
  t.same(medianOf([{ a: 1, b: 5 }, { a: 3 }, { a: 2 }]), { a: 2, b: 5 })
})

t.test('a ratio of pairs: what disturbs both of a pair does not disturb it', async (t) => {
  const weather = [1, 3, 10, 2, 7, 1, 4]
  const { ratio, low, high, pairs, level } = pairedRatio(
    weather.map((each) => 3 * each),
    weather.map((each) => 4 * each),
  )
  t.same(
    [ratio, low, high, pairs, level].map((each) => Number(each!.toFixed(9))),
    [0.75, 0.75, 0.75, 7, 0.95],
  )
})

t.test('a ratio of few pairs has no interval, and the same seed gives the same', async (t) => {
  t.match(pairedRatio([1, 2, 3, 4, 5], [1, 1, 1, 1, 1]), { low: null, high: null, pairs: 5 })
  t.match(RATIO_METHOD, /none below 6 pairs/)
  const [above, below] = [
    [2, 3, 1, 4, 2, 8],
    [1, 1, 1, 1, 1, 1],
  ]
  const ratio = pairedRatio(above, below, 'x')
  t.ok(ratio.low! >= 1 && ratio.low! < ratio.ratio && ratio.ratio < ratio.high! && ratio.high! <= 8)
  t.same(pairedRatio(above, below, 'x'), ratio)
  t.match(pairedRatio([1, 2], [1, 1], '1', 0.5), { low: Number, high: Number }, 'a lower level needs fewer')
  t.equal(ratioText({ ...ratio, low: 1, high: 8, ratio: 2.4494 }), '2.45 (95 % CI 1 to 8, 6 pairs)')
  t.equal(ratioText({ ratio: 0.5, low: null, high: null, pairs: 1, level: 0.95 }), '0.5 (1 pair)')
})

t.test('over and under are alike: the ratio of the inverse is the inverse', async (t) => {
  const [above, below] = [
    [2, 3, 5, 7],
    [3, 2, 9, 1],
  ]
  t.ok(Math.abs(pairedRatio(above, below).ratio * pairedRatio(below, above).ratio - 1) < 1e-12)
})

t.test('pairs that are none', async (t) => {
  t.throws(() => pairedRatio([], []), RangeError)
  t.throws(() => pairedRatio([1], [1, 2]), RangeError)
  t.throws(() => pairedRatio([0], [1]), RangeError)
  t.throws(() => pairedRatio([1], [Number.NaN]), RangeError)
})

t.test('the interval holds the true median about as often as it says', async (t) => {
  const random = new SeededRandom('coverage')
  const noise = () => Math.exp(random.uniform() + random.uniform() + random.uniform() - 1.5)
  let held = 0
  const measurements = 200
  for (let each = 0; each < measurements; each++) {
    const above = Array.from({ length: 12 }, () => 2 * noise())
    const { low, high } = pairedRatio(
      above,
      above.map(() => noise()),
      `${each}`,
    )
    if (low! <= 2 && 2 <= high!) held++
  }
  t.ok(held >= 0.9 * measurements && held < measurements, `${held} of ${measurements}`)
})
