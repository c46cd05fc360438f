import t from 'tap'
import { DROP_REASONS, DropCounters } from '../../src/packet/drop.js'

t.test('[R-3-4] each reason has its own counter', async (t) => {
  t.equal(new Set(DROP_REASONS).size, DROP_REASONS.length)
  const counters = new DropCounters()
  DROP_REASONS.forEach((reason, index) => {
    for (let i = 0; i <= index; i++) counters.count(reason)
  })
  const snapshot = counters.snapshot()
  DROP_REASONS.forEach((reason, index) => {
    t.equal(counters.of(reason), index + 1)
    t.equal(snapshot[reason], index + 1)
  })
  t.equal(counters.total, (DROP_REASONS.length * (DROP_REASONS.length + 1)) / 2)
  counters.count('tag')
  t.not(counters.of('tag'), snapshot.tag, 'a snapshot stays as it was')
})
