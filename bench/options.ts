/** From the words of the command line to a scenario and its request. */
import { parseArgs } from 'node:util'
import { BenchError } from './bench-error.js'
import type { Request, Scenario, ScenarioOption } from './scenario.js'

/** Options that every scenario has. */
export const COMMON_OPTIONS: Readonly<Record<string, ScenarioOption>> = {
  json: { type: 'boolean', placeholder: '', help: 'print one JSON object and nothing else' },
  out: {
    type: 'string',
    placeholder: 'DIR',
    help: 'write result.json, report.md, plots (SVG) and CSV files into this folder',
  },
  seed: { type: 'string', placeholder: 'TEXT', help: 'what all random numbers come from; 1 if not given' },
  repeat: { type: 'string', placeholder: 'N', help: 'repetitions, each with a seed of its own; 1 if not given' },
  help: { type: 'boolean', placeholder: '', help: 'show this' },
}

/** What the words ask for. */
export type Invocation = { kind: 'list'; json: boolean } | { kind: 'help'; scenario: Scenario | null } | RunInvocation

/** Scenarios to run. */
export interface RunInvocation {
  kind: 'run'
  /** small runs whose counts are checked */
  isSmoke: boolean
  scenarios: readonly PlannedRun[]
  json: boolean
  out: string | null
  seed: string
  repeat: number
}

/** Names that stand for several scenarios. */
const MANY = ['all', 'smoke']

/** One scenario with its own words. */
export interface PlannedRun {
  scenario: Scenario
  action: string | null
  values: Request['values']
}

/**
 * @param words what follows `npm run bench --`.
 * @throws BenchError with exit code 2.
 */
export function parseWords(words: readonly string[], scenarios: readonly Scenario[]): Invocation {
  const [name = '', ...rest] = words
  if (name.toLowerCase() === 'list') return { kind: 'list', json: readCommon(rest).json }
  if (name === '' || name === 'help' || name === '--help') return { kind: 'help', scenario: null }
  const names = ['LIST', ...MANY, ...scenarios.map((scenario) => scenario.name)]
  const scenario = scenarios.find((candidate) => candidate.name === name) ?? null
  if (scenario === null && !MANY.includes(name)) throw noScenario(name, names)
  const { values, positionals } = readWords(rest, { ...COMMON_OPTIONS, ...scenario?.options })
  const common = commonValues(values)
  if (values['help'] === true) return { kind: 'help', scenario }
  const isSmoke = name === 'smoke'
  const planned =
    scenario === null
      ? named(positionals, scenarios).flatMap((each) =>
          plannedInMany(each, isSmoke ? each.wordsInSmoke : each.wordsInAll),
        )
      : [{ scenario, action: readAction(scenario, positionals), values }]
  return { kind: 'run', isSmoke, scenarios: planned, ...common }
}

/** A whole number of at least `from`. @throws BenchError naming the option. */
export function wholeNumber(value: string | boolean | undefined, option: string, from: number, fallback: number) {
  if (value === undefined) return fallback
  const number = typeof value === 'string' && /^[0-9]{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (number >= from) return number
  throw new BenchError(`--${option} must be a whole number from ${from} on, not "${value}"`)
}

/** Of all scenarios those that are named, in the order of the table; every one if none is. */
function named(names: readonly string[], scenarios: readonly Scenario[]): readonly Scenario[] {
  const known = scenarios.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw noScenario(unknown, known)
  return names.length === 0 ? scenarios : scenarios.filter(({ name }) => names.includes(name))
}

function noScenario(name: string, known: readonly string[]): BenchError {
  return new BenchError(`no scenario "${name}"; there are ${known.join(', ')}`)
}

/** How `all` or `smoke` runs a scenario. */
function plannedInMany(scenario: Scenario, runs: readonly (readonly string[])[]): PlannedRun[] {
  return runs.map((words) => {
    const { values, positionals } = readWords(words, scenario.options)
    return { scenario, action: readAction(scenario, positionals), values }
  })
}

function readCommon(words: readonly string[]) {
  const { values, positionals } = readWords(words, COMMON_OPTIONS)
  if (positionals.length > 0) throw new BenchError(`"${positionals[0]}" says nothing to LIST`)
  return commonValues(values)
}

function commonValues(values: Request['values']) {
  const out = values['out']
  if (out === '') throw new BenchError('--out needs the name of a folder')
  return {
    json: values['json'] === true,
    out: typeof out === 'string' ? out : null,
    seed: typeof values['seed'] === 'string' ? values['seed'] : '1',
    repeat: wholeNumber(values['repeat'], 'repeat', 1, 1),
  }
}

function readAction(scenario: Scenario, positionals: readonly string[]): string | null {
  const [action = null, extra] = positionals
  if (extra !== undefined) throw new BenchError(`"${extra}" is one word too many`)
  if (action !== null && !scenario.actions.includes(action)) {
    const known = scenario.actions.length === 0 ? 'it has none' : `there are ${scenario.actions.join(', ')}`
    throw new BenchError(`${scenario.name} has no action "${action}"; ${known}`)
  }
  return action
}

function readWords(words: readonly string[], options: Readonly<Record<string, ScenarioOption>>) {
  const config = Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }]))
  try {
    const { values, positionals, tokens } = parseArgs({
      args: [...words],
      options: config,
      allowPositionals: true,
      strict: true,
      tokens: true,
    })
    const given = tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []))
    const twice = given.find((name, index) => given.indexOf(name) !== index)
    if (twice !== undefined) throw new BenchError(`--${twice} is given twice`)
    return { values: values as Request['values'], positionals }
  } catch (error) {
    if (error instanceof BenchError) throw error
    throw new BenchError((error as Error).message.split('. ')[0]!)
  }
}
