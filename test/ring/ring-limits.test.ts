import t from 'tap'
import { RingRate } from '../../src/ring/ring-limits.js'

const ADA = { person: 1, rotation: 0 }
const BEN = { person: 2, rotation: 0 }

t.test('a bucket for each application and PUID: so many at once, then one after another', (t) => {
  const rate = new RingRate(3)
  for (const remaining of [2, 1, 0]) t.match(rate.take(1, [ADA], 0), { ok: true, remaining })
  t.match(rate.peek(1, [ADA], 0), { ok: false, retryAfterS: 20, remaining: 0, fullInS: 60 })
  t.match(rate.peek(1, [ADA], 19_999), { ok: false, retryAfterS: 1 })
  t.match(rate.peek(1, [ADA], 20_000), { ok: true })
  t.match(rate.peek(1, [BEN], 0), { ok: true, remaining: 3 })
  t.match(rate.peek(2, [ADA], 0), { ok: true, remaining: 3 })
  t.match(rate.peek(1, [{ ...ADA, rotation: 1 }], 0), { ok: true, remaining: 3 }, 'two names of one person are two')
  t.match(rate.peek(1, [BEN, ADA], 0), { ok: false, retryAfterS: 20 }, 'of a pool whoever has least')
  t.match(rate.take(1, [BEN, ADA], 20_000), { ok: true, remaining: 0 })
  t.match(rate.peek(1, [BEN], 20_000), { remaining: 2 })
  t.same(rate.stateOf(rate.peek(1, [BEN], 20_000)), {
    policy: 'puid',
    quota: 3,
    windowS: 60,
    remaining: 2,
    fullInS: 20,
  })
  t.end()
})

t.test('a bucket is forgotten when it is full again, though another that came before it is used', (t) => {
  const rate = new RingRate(5)
  rate.take(1, [ADA], 0)
  rate.take(1, [BEN], 10_000)
  rate.take(1, [ADA], 50_000)
  t.equal(rate.size, 2)
  rate.take(2, [BEN], 70_000)
  t.equal(rate.size, 2, 'that of Ben is gone')
  rate.take(3, [BEN], 130_000)
  t.equal(rate.size, 1)
  t.end()
})
