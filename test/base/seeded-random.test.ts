import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'

t.test('a seed gives the same bytes for ever', async (t) => {
  t.equal(
    hex(new SeededRandom('pilotlight').fill(new Uint8Array(20))),
    hex(new SeededRandom('pilotlight').fill(new Uint8Array(20))),
  )
  t.equal(hex(new SeededRandom('pilotlight').fill(new Uint8Array(20))), '6ae07666b5c388fcaacde80035cd4ad0516ee3d8')
  t.strictSame(new SeededRandom(7).fill(new Uint8Array(9)), new SeededRandom('7').fill(new Uint8Array(9)))
})

t.test('different seeds and labels give different numbers, whatever was drawn', async (t) => {
  const first = new Map<number, string>()
  for (let seed = 0; seed < 5000; seed++) {
    const number = new SeededRandom(seed).uniform()
    if (first.has(number)) t.fail(`${seed} gives the same number as ${first.get(number)}`)
    first.set(number, `${seed}`)
  }
  const parent = new SeededRandom('a')
  const before = parent.fork('x').uniform()
  parent.uniform()
  t.equal(parent.fork('x').uniform(), before)
  t.not(parent.fork('y').uniform(), before)
})

t.test('the numbers are spread evenly', async (t) => {
  const random = new SeededRandom('even')
  const bins = new Array<number>(10).fill(0)
  const bytes = new Array<number>(256).fill(0)
  for (let i = 0; i < 20000; i++) {
    const uniform = random.uniform()
    if (!(uniform >= 0 && uniform < 1)) t.fail(`${uniform}`)
    const bin = random.int(10)
    bins[bin] = (bins[bin] as number) + 1
  }
  for (const byte of random.fill(new Uint8Array(100_001))) bytes[byte] = (bytes[byte] as number) + 1
  t.ok(Math.max(...bins) < 2250 && Math.min(...bins) > 1750, `${bins}`)
  t.ok(Math.max(...bytes) < 500 && Math.min(...bytes) > 290, `${bytes}`)
})
