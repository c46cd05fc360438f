import t from 'tap'
import { LoopDelay } from '../../src/io/loop-delay.js'

/** Values by the end of the name and the bucket's bound. */
function numbers(delay: LoopDelay): Record<string, number> {
  return Object.fromEntries(
    delay.samples().map(({ name, labels, value }) => [`${/_([a-z]+)$/.exec(name)?.[1]} ${labels['le'] ?? ''}`, value]),
  )
}

t.test('a stall counts for every moment that was due in it', async (t) => {
  const delay = new LoopDelay(1000)
  t.equal(delay.tick(1004), 6, 'nothing is due yet')
  t.equal(delay.tick(1010.5), 9.5)
  t.equal(delay.tick(1065), 5, 'five were due at 1020 to 1060: 45, 35, 25, 15 and 5 ms late')
  t.match(numbers(delay), {
    'bucket 0.001': 1,
    'bucket 0.005': 2,
    'bucket 0.01': 2,
    'bucket 0.015': 3,
    'bucket 0.03': 4,
    'bucket 0.05': 6,
    'bucket +Inf': 6,
    'count ': 6,
  })
  t.equal(Math.round(numbers(delay)['sum ']! * 1e6), 125_500)
})

t.test('a machine that slept for a day adds a minute', async (t) => {
  const delay = new LoopDelay(0)
  t.equal(delay.tick(86_400_000), 10)
  t.match(numbers(delay), { 'bucket 5': 501, 'count ': 6001 })
})
