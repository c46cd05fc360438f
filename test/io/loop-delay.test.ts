import t from 'tap'
import { LoopDelay } from '../../src/io/loop-delay.js'

/** Counts by upper bound in ms; empty ones are left out. */
function counts(delay: LoopDelay): Record<string, number> {
  const { bounds, counts } = delay.sample()
  const rows = counts.map((count, at) => [at < bounds.length ? (bounds[at] ?? 0) * 1000 : 'more', count] as const)
  return Object.fromEntries(rows.filter(([, count]) => count > 0))
}

t.test('a loop that serves at once', async (t) => {
  const delay = new LoopDelay(1000)
  for (let tick = 1; tick <= 100; tick++) delay.tick(1000 + tick * 20.5)
  t.same(counts(delay), { 1: 100 })
  t.ok(Math.abs(delay.sample().sum - 100 * 0.0005) < 1e-9)
})

t.test('a block counts for all that would have come meanwhile', async (t) => {
  const delay = new LoopDelay(0)
  for (let at = 20; at <= 1000; at += 20) delay.tick(at)
  // The timer of 1020 fires at 1420: so would have those of 1040 to 1420.
  delay.tick(1420)
  t.same(counts(delay), { 1: 51, 25: 1, 50: 1, 100: 3, 250: 7, 1000: 8 })
  const { bounds, counts: all, sum } = delay.sample()
  t.equal(Math.round(sum * 1000), 4200)
  const late = all.slice(bounds.indexOf(0.01) + 1).reduce((a, b) => a + b)
  t.equal(late, 20, 'so a p99 of 10 ms is broken by a block of 400 ms in 1.4 s')
})

t.test('a timer that fires early is not late', async (t) => {
  const delay = new LoopDelay(0)
  delay.tick(19.6)
  t.same(counts(delay), { 1: 1 })
  delay.tick(10_000)
  t.equal(counts(delay)['more'], 449, 'waits of more than a second')
})
