import t from 'tap'
import { delaySample, LoopDelay } from '../../src/io/loop-delay.js'

/** Values up to each bound, and in all. */
function numbers(delay: LoopDelay): Record<string, number> {
  const { bounds, counts } = delaySample(delay.counted, null)
  let below = 0
  return Object.fromEntries(
    counts.map((count, at) => {
      below += count
      return [String(bounds[at] ?? 'all'), below]
    }),
  )
}

t.test('a stall counts for every moment that was due in it', async (t) => {
  const delay = new LoopDelay(1000)
  t.equal(delay.tick(1004), 6, 'nothing is due yet')
  t.equal(delay.tick(1010.5), 9.5)
  t.equal(delay.tick(1065), 5, 'five were due at 1020 to 1060: 45, 35, 25, 15 and 5 ms late')
  t.match(numbers(delay), {
    '0.001': 1,
    '0.005': 2,
    '0.01': 2,
    '0.015': 3,
    '0.03': 4,
    '0.05': 6,
    all: 6,
  })
  t.equal(Math.round(delay.counted.sumS * 1e6), 125_500)
})

t.test('a machine that slept for a day adds a minute', async (t) => {
  const delay = new LoopDelay(0)
  t.equal(delay.tick(86_400_000), 10)
  t.match(numbers(delay), { '5': 501, all: 6001 })
})
