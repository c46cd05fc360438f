/**
 * `npm run sim -- [--seeds 200] [--from 1] [--seed N] [--scenario NAME] [--crypto ideal|noble] [--json]`: lives from seeds,
 * and what they broke. A failing seed prints the command that replays it. Long runs tell how far they are on stderr.
 */
import { parseArgs } from 'node:util'
import { nobleCrypto } from '../crypto/noble.js'
import { withIdealDh } from './ideal-dh.js'
import { SCENARIOS, STORMS } from './scenario.js'
import { World } from './world.js'

/** How often progress is told, ms. */
const PROGRESS_MS = 30_000
const SHOWN_VIOLATIONS = 5

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    scenario: { type: 'string' },
    crypto: { type: 'string', default: 'ideal' },
    json: { type: 'boolean', default: false },
  },
})
const sums = { deviceDays: 0, datagrams: 0, handshakes: 0, violations: 0, rings: 0, shown: 0, changes: 0 }
const scenarios: Record<string, { seeds: number; violations: number }> = {}
process.exitCode = run()

function run(): number {
  const { scenario: wanted } = values
  const chosen = wanted === undefined ? SCENARIOS : [...SCENARIOS, ...STORMS].filter(({ name }) => name === wanted)
  if (chosen.length === 0) {
    console.error(`no scenario "${wanted}"; there are ${[...SCENARIOS, ...STORMS].map(({ name }) => name).join(', ')}`)
    return 2
  }
  const from = Number(values.seed ?? values.from)
  const count = values.seed === undefined ? Number(values.seeds) : 1
  if (!(Number.isInteger(from) && Number.isInteger(count) && count > 0)) {
    console.error('--seeds, --from and --seed take whole numbers')
    return 2
  }
  if (values.crypto !== 'ideal' && values.crypto !== 'noble') {
    console.error('--crypto takes ideal or noble')
    return 2
  }
  let toldMs = Date.now()
  for (let seed = from; seed < from + count; seed++) {
    live(chosen[seed % chosen.length]!, seed)
    if (Date.now() - toldMs < PROGRESS_MS) continue
    toldMs = Date.now()
    console.error(`${seed - from + 1} of ${count} seeds, ${sums.violations} violations`)
  }
  tell(count)
  return sums.violations === 0 ? 0 : 1
}

function live(scenario: (typeof SCENARIOS)[number], seed: number): void {
  const world = new World(scenario, seed, values.crypto === 'noble' ? nobleCrypto : withIdealDh(nobleCrypto))
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
  for (const violation of violations.slice(0, SHOWN_VIOLATIONS))
    console.error(`seed ${seed} ${scenario.name}: ${violation}`)
  if (violations.length > 0) console.error(`replay: npm run sim -- --seed ${seed} --scenario '${scenario.name}'`)
}

function tell(count: number): void {
  const deviceDays = Math.round(sums.deviceDays * 100) / 100
  if (values.json) {
    console.log(JSON.stringify({ seeds: count, ...sums, deviceDays, scenarios }))
    return
  }
  console.log(`${count} seeds, ${deviceDays} device days, ${sums.datagrams} datagrams, ${sums.handshakes} handshakes`)
  console.log(
    `${sums.rings} rings, ${sums.shown} shown, ${sums.changes} presence changes, ${sums.violations} violations`,
  )
}
