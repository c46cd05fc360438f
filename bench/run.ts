/** Runs scenarios, repetition by repetition, and keeps all that is needed to trust and repeat them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BenchError } from './bench-error.js'
import { type Machine, machineFacts } from './machine.js'
import type { Invocation, PlannedRun } from './options.js'
import { reportText } from './report.js'
import type { Outcome, Table } from './scenario.js'
import { medianOf, type Spread, spreadOf } from './statistics.js'

/** What `result.json` holds. */
export interface RunRecord {
  machine: Machine
  seed: string
  scenarios: ScenarioRecord[]
}

/** One scenario's part of `result.json`. */
export interface ScenarioRecord {
  name: string
  action: string | null
  parameters: object
  /** result of each repetition, with the seed that gives it again */
  repetitions: { seed: string; result: object }[]
  /** of every number in the result, by its path: median, quartiles, range over the repetitions */
  spread: Record<string, Spread>
  /** of the first repetition */
  tables: readonly Table[]
}

/** A finished run. */
export interface FinishedRun {
  record: RunRecord
  /** what `--json` prints: the result; of several repetitions, the first with each number at its median */
  printed: object
  exitCode: 0 | 1
}

type Plan = Extract<Invocation, { kind: 'run' }>

export async function runPlan(plan: Plan, progress: (line: string) => void): Promise<FinishedRun> {
  const record: RunRecord = { machine: machineFacts(), seed: plan.seed, scenarios: [] }
  const printed: Record<string, object> = {}
  let exitCode: 0 | 1 = 0
  for (const planned of plan.scenarios) {
    const { scenario, action } = planned
    const runs = await repeat(planned, plan, progress)
    const results = runs.map(({ outcome }) => outcome.result)
    const first = runs[0]!.outcome
    if (runs.some(({ outcome }) => outcome.exitCode === 1)) exitCode = 1
    record.scenarios.push({
      name: scenario.name,
      action,
      parameters: first.parameters,
      repetitions: runs.map(({ seed, outcome }) => ({ seed, result: outcome.result })),
      spread: spreadOf(results),
      tables: first.tables,
    })
    printed[scenario.name] = medianOf(results)
  }
  const [only] = plan.scenarios
  return { record, exitCode, printed: plan.scenarios.length === 1 ? printed[only!.scenario.name]! : printed }
}

/** Writes `result.json` and `report.md`. @throws BenchError if the folder cannot be written. */
export function writeRun(folder: string, { record }: FinishedRun): void {
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'result.json'), `${JSON.stringify(record, null, 2)}\n`)
    writeFileSync(join(folder, 'report.md'), `${reportText(record)}\n`)
  } catch (error) {
    throw new BenchError(`--out ${folder} cannot be written: ${(error as Error).message}`, 1)
  }
}

async function repeat(
  { scenario, action, values }: PlannedRun,
  plan: Plan,
  progress: (line: string) => void,
): Promise<{ seed: string; outcome: Outcome }[]> {
  const runs = []
  for (let index = 0; index < plan.repeat; index++) {
    const seed = index === 0 ? plan.seed : `${plan.seed}.${index}`
    if (plan.repeat > 1) progress(`${scenario.name}: repetition ${index + 1} of ${plan.repeat}`)
    runs.push({ seed, outcome: await scenario.run({ action, values, seed, progress }) })
  }
  return runs
}
