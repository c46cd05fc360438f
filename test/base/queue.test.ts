import t from 'tap'
import { Queue } from '../../src/base/queue.js'
import { SeededRandom } from '../../src/base/seeded-random.js'

t.test('first in, first out', async (t) => {
  const queue = new Queue<number>()
  t.equal(queue.shift(), null)
  for (const item of [1, 2, 3]) queue.push(item)
  t.equal(queue.length, 3)
  t.equal(queue.shift(), 1)
  queue.push(4)
  t.same([queue.shift(), queue.shift(), queue.shift(), queue.shift()], [2, 3, 4, null])
  t.equal(queue.length, 0)
})

t.test('the same as an array, also where it is long and never empty', async (t) => {
  const random = new SeededRandom('queue')
  const [queue, model] = [new Queue<number>(), [] as number[]]
  let pushed = 0
  for (let step = 0; step < 40_000; step++) {
    // Grows to some thousand, then shrinks to nothing.
    const isPush = random.int(100) < (step < 20_000 ? 60 : 40)
    if (isPush) {
      queue.push(++pushed)
      model.push(pushed)
    } else if (queue.shift() !== (model.shift() ?? null)) t.fail(`step ${step}`)
    if (queue.length !== model.length) t.fail(`length at step ${step}`)
  }
  t.ok(pushed > 15_000)
})
