/** The server dies at each of its commits, before and after; the device at each of its saves. */
import t from 'tap'
import { idealCrypto } from '../../src/sim/ideal-crypto.js'
import { SCENARIOS } from '../../src/sim/scenario.js'
import { World } from '../../src/sim/world.js'

/** Commits and saves of the first minute: handshake, spare IDs, list, grants, rings. */
const STEPS = 16
const SHORT = {
  ...SCENARIOS.find(({ name }) => name === 'every step')!,
  persons: 2,
  devicesPerPerson: 1,
  workers: 1,
  keepaliveS: 120,
  turmoilS: 60,
}
const every = { ...SHORT.every, stateS: 0, commitCrashS: 0, saveKillS: 0, ringS: 10 }

t.test('the server dies at each step of its webhooks', async (t) => {
  const named = SCENARIOS.find(({ name }) => name === 'webhooks')!
  const rates = { ...every, hookTroubleS: 1e9 } // none
  for (let steps = 0; steps < STEPS; steps++) {
    const world = new World({ ...SHORT, calmS: named.calmS, every: rates }, 1, idealCrypto)
    world.server.crashAtWebhook = steps
    world.run()
    t.same(world.checker.violations, [], `${steps}`)
    t.equal(world.server.crashAtWebhook, null, 'it died')
  }
})

for (const isAfter of [false, true]) {
  const when = isAfter ? 'after' : 'before'
  t.test(`the server dies ${when} each commit`, async (t) => {
    for (let commits = 0; commits < STEPS; commits++) {
      const world = new World({ ...SHORT, every }, 1, idealCrypto)
      world.server.crashAtCommit = { commits, isAfter }
      world.run()
      t.same(world.checker.violations, [], `${commits}`)
    }
  })

  t.test(`a device dies ${when} each save`, async (t) => {
    for (let saves = 0; saves < STEPS; saves++) {
      const world = new World({ ...SHORT, every }, 1, idealCrypto)
      world.devices[0]!.killAtSave = { saves, isAfter }
      world.run()
      t.same(world.checker.violations, [], `${saves}`)
    }
  })
}
