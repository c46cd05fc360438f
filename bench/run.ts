/** Runs scenarios, repetition by repetition, and keeps all that is needed to trust and repeat them. */
import { BenchError } from './bench-error.js'
import { type Machine, machineFacts } from './machine.js'
import type { PlannedRun, RunInvocation } from './options.js'
import type { FlameGraph, Outcome, Plot, Series, Table } from './scenario.js'
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
  /** what names of its files begin with: name and action, and a number if they come again */
  files: string
  parameters: object
  /** result of each repetition, with the seed that gives it again */
  repetitions: { seed: string; result: object }[]
  /** of every number in the result, by its path: median, quartiles, range over the repetitions; empty for one alone */
  spread: Record<string, Spread>
  /** of the first repetition, as are plots, flame graphs and series */
  tables: readonly Table[]
  plots: readonly Plot[]
  flames: readonly FlameGraph[]
  series: readonly Series[]
  /** what a smoke run found wrong, or why it ended */
  faults: readonly string[]
}

/** A finished run. */
export interface FinishedRun {
  record: RunRecord
  /**
   * What `--json` prints: the result; of several repetitions, the first with each number at its median. Of several
   * scenarios, an object by name, and by `name action` where a scenario runs more than once.
   */
  printed: object
  exitCode: 0 | 1
}

/**
 * Runs scenario after scenario. Where there are several, one that throws keeps none of the others from running.
 *
 * @param keep told after each of them what there is so far, so that an end before the end loses nothing.
 */
export async function runPlan(
  plan: RunInvocation,
  progress: (line: string) => void,
  keep: (record: RunRecord) => void = () => {},
): Promise<FinishedRun> {
  const record: RunRecord = { machine: machineFacts(), seed: plan.seed, scenarios: [] }
  const printed: Record<string, object> = {}
  let exitCode: 0 | 1 = 0
  for (const planned of plan.scenarios) {
    const { scenario, action } = planned
    const title = uniqueTitle(planned, record.scenarios)
    const head = { name: scenario.name, action, files: title.replaceAll(' ', '-') }
    const runs = await repeatOrFault(planned, plan, progress)
    if (typeof runs === 'string') {
      exitCode = 1
      record.scenarios.push({ ...NOTHING, ...head, faults: [runs] })
      progress(`${titleOf(planned)}: ${runs}`)
      keep(record)
      continue
    }
    const results = runs.map(({ outcome }) => outcome.result)
    const first = runs[0]!.outcome
    const faults = plan.isSmoke ? runs.flatMap(({ outcome }) => scenario.checkSmoke(outcome, action)) : []
    if (plan.isSmoke ? faults.length > 0 : runs.some(({ outcome }) => outcome.exitCode === 1)) exitCode = 1
    for (const fault of faults) progress(`${titleOf(planned)}: ${fault}`)
    record.scenarios.push({
      ...head,
      parameters: first.parameters,
      repetitions: runs.map(({ seed, outcome }) => ({ seed, result: outcome.result })),
      spread: runs.length > 1 ? spreadOf(results) : {},
      tables: first.tables,
      plots: first.plots ?? [],
      flames: first.flames ?? [],
      series: first.series ?? [],
      faults,
    })
    keep(record)
    const isOnly = plan.scenarios.filter((each) => each.scenario === scenario).length === 1
    printed[isOnly ? scenario.name : title] = medianOf(results)
  }
  const [only, ...more] = Object.values(printed)
  return { record, exitCode, printed: plan.scenarios.length === 1 && more.length === 0 ? (only ?? {}) : printed }
}

/** What stands in the record of a scenario that threw. */
const NOTHING = { parameters: {}, repetitions: [], spread: {}, tables: [], plots: [], flames: [], series: [] }

/** Throws as `repeat` does; but of several scenarios one that threw gives its message, and the next one runs. */
async function repeatOrFault(planned: PlannedRun, plan: RunInvocation, progress: (line: string) => void) {
  if (plan.scenarios.length === 1) return repeat(planned, plan, progress)
  try {
    progress(`${titleOf(planned)} begins`)
    return await repeat(planned, plan, progress)
  } catch (error) {
    return `it ended with ${error instanceof BenchError ? error.message : (error as Error).stack}`
  }
}

/** `energy compare`, and `energy compare 2` if that ran before. */
function uniqueTitle(planned: PlannedRun, before: readonly ScenarioRecord[]): string {
  const same = before.filter(({ name, action }) => name === planned.scenario.name && action === planned.action).length
  return same === 0 ? titleOf(planned) : `${titleOf(planned)} ${same + 1}`
}

function titleOf({ scenario, action }: PlannedRun): string {
  return action === null ? scenario.name : `${scenario.name} ${action}`
}

async function repeat(
  { scenario, action, values }: PlannedRun,
  plan: RunInvocation,
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
