/**
 * `npm run sim -- [--seeds 200] [--from 1] [--seed N] [--scenario NAME] [--crypto ideal|noble] [--jobs 1] [--json]`: lives
 * from seeds, and what they broke. A failing seed prints the command that replays it. Long runs tell on stderr how far
 * they are and how much memory they take: it must not grow.
 */
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { ALL_SCENARIOS, type CryptoName, type LifeResult, live, scenarioOf } from './life.js'
import type { Scenario } from './scenario.js'

/** How often progress is told, ms, and after how many seeds at the latest. */
const PROGRESS_MS = 30_000
const PROGRESS_SEEDS = 100
const SHOWN_VIOLATIONS = 5
const JOBS_MAX = 64
const MEBIBYTE = 2 ** 20

/** What one thread lives: every `jobs`-th seed. */
interface Lane {
  wanted: string | null
  from: number
  to: number
  jobs: number
  crypto: CryptoName
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    scenario: { type: 'string' },
    crypto: { type: 'string', default: 'ideal' },
    jobs: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
})
const sums = { deviceDays: 0, datagrams: 0, handshakes: 0, violations: 0, rings: 0, shown: 0, changes: 0 }
const scenarios: Record<string, { seeds: number; violations: number }> = {}
const heaps: number[] = []
let done = 0
let toldMs = Date.now()

if (isMainThread) process.exitCode = await run()
else lane(workerData as Lane, (result, heapBytes) => parentPort?.postMessage({ result, heapBytes }))

async function run(): Promise<number> {
  const wanted = values.scenario ?? null
  if (scenarioOf(wanted, 0) === undefined) {
    console.error(`no scenario "${wanted}"; there are ${ALL_SCENARIOS.map(({ name }) => name).join(', ')}`)
    return 2
  }
  const from = Number(values.seed ?? values.from)
  const count = values.seed === undefined ? Number(values.seeds) : 1
  const jobs = Number(values.jobs)
  if (![from, count, jobs].every(Number.isInteger) || count < 1 || jobs < 1 || jobs > JOBS_MAX) {
    console.error(`--seeds, --from, --seed and --jobs (at most ${JOBS_MAX}) take whole numbers`)
    return 2
  }
  if (values.crypto !== 'ideal' && values.crypto !== 'noble') {
    console.error('--crypto takes ideal or noble')
    return 2
  }
  const whole: Lane = { wanted, from, to: from + count, jobs, crypto: values.crypto }
  if (jobs === 1) lane(whole, (result, heapBytes) => take(result, heapBytes, 0, count))
  else
    await Promise.all(
      Array.from({ length: jobs }, (_, index) => thread({ ...whole, from: from + index }, index, count)),
    )
  if (done !== count) throw new Error(`${count - done} seeds were not lived`)
  tell(count)
  return sums.violations === 0 ? 0 : 1
}

/** Lives every seed of a lane, one after the other. */
function lane({ wanted, from, to, jobs, crypto }: Lane, told: (result: LifeResult, heapBytes: number) => void): void {
  for (let seed = from; seed < to; seed += jobs) {
    const result = live(scenarioOf(wanted, seed) as Scenario, seed, crypto)
    told(result, process.memoryUsage().heapUsed)
  }
}

/** A lane in a thread of its own. */
function thread(one: Lane, index: number, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: one, argv: process.argv.slice(2) })
    worker.on('message', ({ result, heapBytes }: { result: LifeResult; heapBytes: number }) =>
      take(result, heapBytes, index, count),
    )
    worker.on('error', reject)
    worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`thread ${index} ended with ${code}`))))
  })
}

function take(result: LifeResult, heapBytes: number, index: number, count: number): void {
  const { seed, scenario, violations } = result
  for (const name of ['deviceDays', 'datagrams', 'handshakes', 'rings', 'shown', 'changes'] as const)
    sums[name] += result[name]
  sums.violations += violations.length
  const row = scenarios[scenario] ?? { seeds: 0, violations: 0 }
  scenarios[scenario] = { seeds: row.seeds + 1, violations: row.violations + violations.length }
  for (const violation of violations.slice(0, SHOWN_VIOLATIONS)) console.error(`seed ${seed} ${scenario}: ${violation}`)
  if (violations.length > 0) console.error(`replay: npm run sim -- --seed ${seed} --scenario '${scenario}'`)
  heaps[index] = heapBytes
  done++
  if (done % PROGRESS_SEEDS !== 0 && Date.now() - toldMs < PROGRESS_MS) return
  toldMs = Date.now()
  const heapMebibytes = heaps.map((bytes) => Math.round(bytes / MEBIBYTE)).join(' + ')
  console.error(`${done} of ${count} seeds, ${sums.violations} violations, ${heapMebibytes} MiB of heap`)
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
