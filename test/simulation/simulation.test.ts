import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { SCENARIOS } from '../../src/sim/scenario.js'
import { World } from '../../src/sim/world.js'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '../..')
const MAIN = join(ROOT, 'dist/sim/main.js')

t.test('seeds that failed once pass', async (t) => {
  const failed: { scenario: string; seed: number }[] = JSON.parse(
    readFileSync(join(import.meta.dirname, 'seeds.json'), 'utf8'),
  )
  for (const { scenario, seed } of failed) {
    const named = SCENARIOS.find(({ name }) => name === scenario)!
    const world = new World(named, seed, nobleCrypto)
    world.run()
    t.same(world.checker.violations, [], `${scenario} ${seed}`)
  }
})

t.test('the same seed gives the same life', async (t) => {
  const lives = [1, 2].map(() => {
    const world = new World(SCENARIOS.at(-1)!, 7, nobleCrypto)
    world.run()
    return [world.datagrams, world.handshakes, world.checker.counts]
  })
  t.same(lives[0], lives[1])
})

t.test('200 seeds break no promise', { timeout: 1_400_000 }, async (t) => {
  const halves = ['1', '101'].map((from) =>
    run('node', [MAIN, '--seeds', '100', '--from', from, '--json'], { cwd: ROOT }),
  )
  for (const { stdout } of await Promise.all(halves)) {
    const result = JSON.parse(stdout)
    t.equal(result.seeds, 100)
    t.equal(result.violations, 0, JSON.stringify(result.scenarios))
    t.ok(result.rings > 1000 && result.shown > 1000 && result.changes > 500, 'a lot happened')
  }
})
