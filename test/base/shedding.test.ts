import t from 'tap'
import { Shedding } from '../../src/base/shedding.js'

/** Asks evenly for a while. @returns how many were admitted. */
function ask(shedding: Shedding, fromMs: number, forMs: number, perSecond: number): number {
  let admitted = 0
  for (let nth = 0; nth < (forMs * perSecond) / 1000; nth++) {
    if (shedding.admits(fromMs + (nth * 1000) / perSecond)) admitted++
  }
  return admitted
}

t.test(
  'a busy loop sheds less urgent work after 0.3 s, down to a 32nd, and takes it back when it is idle',
  async (t) => {
    let load = 1
    const shedding = new Shedding(() => load)
    t.equal(ask(shedding, 0, 200, 1000), 200, 'a burst is no overload')
    ask(shedding, 200, 2000, 1000)
    t.equal(shedding.share, 1 / 32)
    t.equal(ask(shedding, 2200, 320, 1000), 10, 'some always gets through')
    load = 0.9
    ask(shedding, 2520, 500, 1000)
    t.ok(shedding.share > 0.2 && shedding.share < 0.4, `a share of ${shedding.share} after half a second`)
    ask(shedding, 3020, 2000, 1000)
    t.equal(shedding.share, 1)
  },
)

t.test('a busy loop of which little is asked sheds nothing', async (t) => {
  const shedding = new Shedding(() => 1)
  t.equal(ask(shedding, 0, 10_000, 19), 190)
})

t.test('after a pause nothing is shed', async (t) => {
  const shedding = new Shedding(() => 1)
  ask(shedding, 0, 2000, 1000)
  t.ok(shedding.share < 0.1)
  t.equal(shedding.admits(60_000), true)
  t.equal(shedding.share, 1)
})
