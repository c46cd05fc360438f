import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { SegmentUse } from '../../src/base/segment-use.js'

t.test('an empty segment stays until another is empty too', async (t) => {
  const freed: number[] = []
  const use = new SegmentUse((segment) => freed.push(segment))
  use.take(0)
  use.take(7)
  use.take(7)
  for (let times = 0; times < 100; times++) {
    use.give(0)
    use.take(0)
  }
  use.give(7)
  t.same(freed, [], 'one that comes and goes frees nothing')
  use.give(0)
  t.same(freed, [])
  use.give(7)
  t.same(freed, [0])
  use.take(0)
  use.give(0)
  t.same(freed, [0, 7])
})

t.test('what is freed is never in use, and all but one of the empty ones are freed', async (t) => {
  const random = new SeededRandom('segments')
  const counts = new Map<number, number>()
  const there = new Set<number>()
  const use = new SegmentUse((segment) => {
    if ((counts.get(segment) ?? 0) > 0) t.fail(`segment ${segment} was in use`)
    there.delete(segment)
  })
  for (let step = 0; step < 20_000; step++) {
    const segment = random.int(6)
    const count = counts.get(segment) ?? 0
    const takes = count === 0 || random.int(2) === 0
    counts.set(segment, count + (takes ? 1 : -1))
    if (takes) {
      there.add(segment)
      use.take(segment)
    } else use.give(segment)
    const used = [...counts.values()].filter((left) => left > 0).length
    if (there.size < used || there.size > used + 1) t.fail(`${there.size} segments for ${used} in use`)
  }
})
