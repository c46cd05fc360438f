import t from 'tap'
import { RingRate } from '../../src/ring/ring-limits.js'

t.test('a pair is forgotten a minute after its last ring, though another that came before it still rings', (t) => {
  const rate = new RingRate(5)
  rate.count(1, 1, 0)
  rate.count(1, 2, 1_000)
  rate.count(1, 1, 30_000)
  rate.count(1, 3, 62_000)
  t.equal(rate.pairs, 2)
  t.end()
})

t.test('the count is of the last minute, exactly', (t) => {
  const rate = new RingRate(2)
  rate.count(1, 1, 0)
  t.equal(rate.waitMs(1, 1, 10_000), 0)
  rate.count(1, 1, 10_000)
  t.equal(rate.waitMs(1, 1, 10_000), 50_000)
  t.equal(rate.waitMs(2, 1, 10_000), 0, 'of another application nothing is learnt')
  t.equal(rate.waitMs(1, 1, 60_000), 0)
  rate.count(1, 1, 60_000)
  t.equal(rate.waitMs(1, 1, 60_000), 10_000)
  t.end()
})
