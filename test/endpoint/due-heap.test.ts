import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { DueHeap } from '../../src/endpoint/due-heap.js'
import { isLive, rotated, stepsTo } from '../../src/endpoint/rotation.js'

t.test('the heap agrees with a sorted list', async (t) => {
  const random = new SeededRandom('heap')
  const heap = new DueHeap()
  let model: { timeMs: number; slot: number }[] = []
  let nowMs = 0
  for (let step = 0; step < 5000; step++) {
    if (random.int(3) > 0) {
      const timeMs = nowMs + random.int(500)
      heap.add(timeMs, step)
      model.push({ timeMs, slot: step })
    } else {
      nowMs += random.int(300)
      const taken: number[] = []
      let lastMs = Number.NEGATIVE_INFINITY
      for (let slot = heap.take(nowMs); slot >= 0; slot = heap.take(nowMs)) {
        taken.push(slot)
        const { timeMs } = model.find((one) => one.slot === slot)!
        if (timeMs < lastMs) t.fail('out of order')
        lastMs = timeMs
      }
      const due = model.filter((one) => one.timeMs <= nowMs).map(({ slot }) => slot)
      if (taken.sort((a, b) => a - b).join() !== due.join()) t.fail(`step ${step}`)
      model = model.filter((one) => one.timeMs > nowMs)
    }
    const nextMs = model.reduce((least, { timeMs }) => Math.min(least, timeMs), Infinity)
    if (heap.nextMs !== nextMs || heap.size !== model.length) t.fail(`next at step ${step}`)
  }
  t.pass('5000 steps')
})

t.test('two parts that each add a time whenever either is due do not fill the heap', async (t) => {
  const heap = new DueHeap()
  let looks = 0
  heap.add(1000, 7)
  for (let nowMs = 0; nowMs <= 60_000; nowMs += 500) {
    if (nowMs % 3000 === 0) heap.add(nowMs + 250, 7)
    for (let slot = heap.take(nowMs); slot >= 0; slot = heap.take(nowMs)) {
      looks++
      heap.add(nowMs + 1000, slot)
      heap.add(nowMs + 8000, slot)
    }
  }
  t.ok(heap.size < 20, `${heap.size} entries`)
  t.ok(looks < 130, `${looks} looks in a minute`)
})

t.test('a time that never comes is not added', async (t) => {
  const heap = new DueHeap()
  heap.add(Infinity, 1)
  t.equal(heap.size, 0)
  t.equal(heap.nextMs, Infinity)
  t.equal(heap.take(1e12), -1)
})

t.test('rotations count modulo 1024', async (t) => {
  t.equal(rotated(1023, 2), 1)
  t.equal(stepsTo(1023, 0), 1)
  t.equal(stepsTo(0, 1023), 1023)
  for (const current of [0, 1, 500, 1023]) {
    const live = Array.from({ length: 1024 }, (_, rotation) => rotation).filter((rotation) => isLive(current, rotation))
    const expected = [current, rotated(current, 1), rotated(current, 1023)]
    t.same(
      live,
      expected.sort((a, b) => a - b),
    )
  }
})
