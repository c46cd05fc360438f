/**
 * `npm run sim -- [--seeds 200] [--from 1] [--seed N] [--scenario NAME] [--json]`: lives from seeds, and what they broke.
 * A failing seed prints the command that replays it.
 */
import { parseArgs } from 'node:util'
import { nobleCrypto } from '../crypto/noble.js'
import { SCENARIOS } from './scenario.js'
import { World } from './world.js'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    scenario: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
})
process.exitCode = run()

function run(): number {
  const chosen = SCENARIOS.filter(({ name }) => values.scenario === undefined || name === values.scenario)
  if (chosen.length === 0) {
    console.error(`no scenario "${values.scenario}"; there are ${SCENARIOS.map(({ name }) => name).join(', ')}`)
    return 2
  }
  const from = Number(values.seed ?? values.from)
  const count = values.seed === undefined ? Number(values.seeds) : 1
  if (!(Number.isInteger(from) && Number.isInteger(count) && count > 0)) {
    console.error('--seeds, --from and --seed take whole numbers')
    return 2
  }
  const sums = { deviceDays: 0, datagrams: 0, handshakes: 0, violations: 0, rings: 0, shown: 0, changes: 0 }
  const scenarios: Record<string, { seeds: number; violations: number }> = {}
  for (let seed = from; seed < from + count; seed++) {
    const scenario =
      values.seed !== undefined && values.scenario !== undefined ? chosen[0]! : chosen[seed % chosen.length]!
    const world = new World(scenario, seed, nobleCrypto)
    world.run()
    const { violations, counts } = world.checker
    sums.deviceDays += world.deviceDays
    sums.datagrams += world.datagrams
    sums.handshakes += world.handshakes
    sums.violations += violations.length
    sums.rings += counts.rings
    sums.shown += counts.shown
    sums.changes += counts.changes
    const row = scenarios[scenario.name] ?? { seeds: 0, violations: 0 }
    scenarios[scenario.name] = { seeds: row.seeds + 1, violations: row.violations + violations.length }
    for (const violation of violations.slice(0, 5)) console.error(`seed ${seed} ${scenario.name}: ${violation}`)
    if (violations.length > 0) console.error(`replay: npm run sim -- --seed ${seed} --scenario ${scenario.name}`)
  }
  const deviceDays = Math.round(sums.deviceDays * 100) / 100
  if (values.json) console.log(JSON.stringify({ seeds: count, ...sums, deviceDays, scenarios }))
  else {
    console.log(`${count} seeds, ${deviceDays} device days, ${sums.datagrams} datagrams, ${sums.handshakes} handshakes`)
    console.log(
      `${sums.rings} rings, ${sums.shown} shown, ${sums.changes} presence changes, ${sums.violations} violations`,
    )
  }
  return sums.violations === 0 ? 0 : 1
}
