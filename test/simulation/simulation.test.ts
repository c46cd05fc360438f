import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { idealCrypto } from '../../src/sim/ideal-crypto.js'
import { SCENARIOS, STORMS } from '../../src/sim/scenario.js'
import { World } from '../../src/sim/world.js'
import { ROOT } from '../support/root.js'
import { runProcess } from '../support/run-process.js'

const MAIN = join(ROOT, 'dist/sim/main.js')
const crypto = idealCrypto

t.test('seeds that failed once pass', async (t) => {
  const failed: { scenario: string; seed: number }[] = JSON.parse(
    readFileSync(join(ROOT, 'test/simulation/seeds.json'), 'utf8'),
  )
  for (const { scenario, seed } of failed) {
    const named = [...SCENARIOS, ...STORMS].find(({ name }) => name === scenario)!
    const world = new World(named, seed, crypto)
    world.run()
    t.same(world.checker.violations, [], `${scenario} ${seed}`)
  }
})

t.test('the same seed gives the same life', async (t) => {
  const lives = [1, 2].map(() => {
    const world = new World(SCENARIOS.at(-1)!, 7, crypto)
    world.run()
    return [world.datagrams, world.handshakes, world.checker.counts]
  })
  t.same(lives[0], lives[1])
})

t.test('with X25519 itself, too', async (t) => {
  const world = new World(SCENARIOS.find(({ name }) => name === 'everything')!, 1, nobleCrypto)
  world.run()
  t.same(world.checker.violations, [])
})

t.test('500 devices that come back at once are all on line again', async (t) => {
  const world = new World(STORMS[0]!, 1, crypto)
  world.run()
  t.same(world.checker.violations, [])
})

t.test('120 seeds break no promise', { timeout: 1_400_000 }, async (t) => {
  const halves = ['1', '61'].map((from) =>
    runProcess('node', [MAIN, '--seeds', '60', '--from', from, '--json'], { cwd: ROOT }).catch((error) => error),
  )
  for (const { stdout, stderr } of await Promise.all(halves)) {
    const result = JSON.parse(stdout)
    t.equal(result.seeds, 60)
    t.equal(result.violations, 0, stderr)
    t.ok(result.deviceDays > 5)
    t.same(Object.keys(result.scenarios).sort(), SCENARIOS.map(({ name }) => name).sort(), 'all of the mix')
    t.ok(result.rings > 1000 && result.shown > 1000 && result.changes > 500, 'a lot happened')
  }
})
