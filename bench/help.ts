import { COMMON_OPTIONS } from './options.js'
import type { Scenario, ScenarioOption } from './scenario.js'

/** What `help` and `--help` print. */
export function helpText(scenarios: readonly Scenario[], scenario: Scenario | null): string {
  if (scenario === null) {
    return [
      'npm run bench -- LIST | all [NAME ...] | smoke [NAME ...] | <scenario> [options]',
      '',
      ...columns([
        ...scenarios.map(({ name, summary }) => [name, summary] as const),
        ['all [NAME ...]', 'every scenario, or those that are named, in one report'],
        ['smoke [NAME ...]', 'a small run of each, about two minutes; counts are checked, times are not'],
        ['LIST', 'the scenarios and their options'],
      ]),
      '',
      ...optionLines(COMMON_OPTIONS),
    ].join('\n')
  }
  const action = scenario.actions.length > 0 ? ` [${scenario.actions.join('|')}]` : ''
  return [
    `npm run bench -- ${scenario.name}${action} [options]`,
    scenario.summary,
    '',
    ...optionLines({ ...scenario.options, ...COMMON_OPTIONS }),
  ].join('\n')
}

/** What `LIST` prints. */
export function listText(scenarios: readonly Scenario[], json: boolean): string {
  if (!json) return scenarios.map((scenario) => helpText(scenarios, scenario)).join('\n\n')
  return JSON.stringify({
    scenarios: scenarios.map(({ name, summary, actions, options }) => ({ name, summary, actions, options })),
  })
}

function optionLines(options: Readonly<Record<string, ScenarioOption>>): string[] {
  return columns(Object.entries(options).map(([name, { placeholder, help }]) => [`--${name} ${placeholder}`, help]))
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
