import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { AWAY_AFTER_S, OFFLINE_AFTER_S } from '../../src/packet/constants.js'
import { Thresholds } from '../../src/presence/thresholds.js'

const DEFAULT = { awayAfterS: AWAY_AFTER_S, offlineAfterS: OFFLINE_AFTER_S }

t.test('thresholds agree with a Map, also where there are more pairs than numbers', (t) => {
  const random = new SeededRandom('thresholds')
  const pairsMax = 5
  const thresholds = new Thresholds(pairsMax)
  const model = new Map<number, { awayAfterS: number; offlineAfterS: number }>()
  let elsewhereMost = 0
  for (let step = 0; step < 5000; step++) {
    const row = random.int(12)
    if (random.int(3) === 0) {
      thresholds.clear(row)
      model.delete(row)
    } else {
      // Few pairs at times, many at others.
      const wide = step % 1000 < 500 ? 2 : 9
      const [awayAfterS, offlineAfterS] = [random.int(wide) * 60, 2 ** 22 - 1 - random.int(wide)]
      thresholds.set(row, awayAfterS, offlineAfterS)
      model.set(row, { awayAfterS, offlineAfterS })
    }
    const { pairs, elsewhere } = thresholds.sizes
    const distinct = new Set([...model.values()].map((one) => `${one.awayAfterS} ${one.offlineAfterS}`)).size
    elsewhereMost = Math.max(elsewhereMost, elsewhere)
    if (pairs > Math.min(pairsMax, distinct)) t.fail(`step ${step}: ${pairs} pairs for ${distinct}`)
    if (pairs + elsewhere < distinct) t.fail(`step ${step}: ${pairs} + ${elsewhere} for ${distinct}`)
    for (let at = 0; at < 12; at++) {
      const { awayAfterS, offlineAfterS } = thresholds.of(at)
      const expected = model.get(at) ?? DEFAULT
      if (awayAfterS !== expected.awayAfterS || offlineAfterS !== expected.offlineAfterS)
        t.fail(`step ${step}, row ${at}`)
    }
  }
  t.ok(elsewhereMost > 0, 'the side map was in use')
  for (let row = 0; row < 12; row++) thresholds.clear(row)
  t.same(thresholds.sizes, { pairs: 0, elsewhere: 0 })
  t.end()
})

t.test('the default costs nothing to name, and a device 2 bytes', (t) => {
  const thresholds = new Thresholds()
  t.match(thresholds.of(9), DEFAULT)
  t.equal(thresholds.allocatedBytes, 0)
  thresholds.set(9, AWAY_AFTER_S, OFFLINE_AFTER_S)
  t.same(thresholds.sizes, { pairs: 0, elsewhere: 0 })
  t.equal(thresholds.allocatedBytes, 4096 * 2)
  t.throws(() => thresholds.set(9, 2 ** 22, 0), /bug/)
  t.end()
})
