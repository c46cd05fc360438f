import t from 'tap'
import { Usage } from '../../src/sidecar/usage.js'

const HOUR_MS = 3_600_000

t.test('units and refusals by the hour, a day back', async (t) => {
  const usage = new Usage()
  t.same(usage.of(7, 0), [])
  usage.add(7, 10, 1, false)
  usage.add(7, HOUR_MS - 1, 5, false)
  usage.add(7, HOUR_MS, 1, true)
  usage.add(-7, HOUR_MS, 2, false)
  usage.add(7, 3 * HOUR_MS + 1, 3, false)
  const later = [
    { sinceMs: HOUR_MS, units: 0, refused: 1 },
    { sinceMs: 3 * HOUR_MS, units: 3, refused: 0 },
  ]
  t.same(usage.of(7, 24 * HOUR_MS - 1), [{ sinceMs: 0, units: 6, refused: 0 }, ...later])
  t.same(usage.of(7, 24 * HOUR_MS), later)
  t.same(usage.of(-7, 24 * HOUR_MS), [{ sinceMs: HOUR_MS, units: 2, refused: 0 }], 'test keys by themselves')
  t.same(usage.of(7, 27 * HOUR_MS), [])
})

t.test('memory is bounded: the application that used nothing for longest makes room', async (t) => {
  const usage = new Usage()
  for (let app = 1; app <= 10_000; app++) usage.add(app, 0, 1, false)
  usage.add(1, 0, 1, false)
  usage.add(10_001, 0, 1, false)
  t.match(usage.of(1, 0), [{ units: 2 }])
  t.same(usage.of(2, 0), [])
  t.match(usage.of(10_001, 0), [{ units: 1 }])
})
