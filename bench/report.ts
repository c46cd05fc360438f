import type { RunRecord, ScenarioRecord } from './run.js'
import type { FlameGraph, Plot, Table } from './scenario.js'

/** `report.md`: where it was measured, then each scenario's plots and tables. */
export function reportText({ machine, seed, scenarios }: RunRecord, { withPlots = false } = {}): string {
  return [
    '# Bench report',
    '',
    `${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(1)} GiB, ${machine.os}, ` +
      `Node ${machine.node}, commit ${machine.commit ?? 'unknown'}, seed ${seed}, ${machine.startedAt}.`,
    ...scenarios.flatMap((scenario) => scenarioLines(scenario, withPlots)),
  ].join('\n')
}

/** The file of a plot or series, as the report names it. */
export function plotFile({ files }: Pick<ScenarioRecord, 'files'>, { name }: { name: string }, end: string): string {
  return `${files}-${name}.${end}`
}

/** A Markdown table. */
export function tableText({ columns, rows }: Pick<Table, 'columns' | 'rows'>): string {
  const cells = rows.map((row) => row.map(cell))
  const widths = columns.map((column, index) => Math.max(column.length, ...cells.map((row) => row[index]!.length)))
  const line = (row: readonly string[]) => `| ${row.map((each, index) => each.padEnd(widths[index]!)).join(' | ')} |`
  return [line(columns), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...cells.map(line)].join('\n')
}

function scenarioLines(scenario: ScenarioRecord, withPlots: boolean): string[] {
  const { files, repetitions, tables, plots, flames, faults } = scenario
  const count = repetitions.length > 1 ? ` (first of ${repetitions.length} repetitions; spread in result.json)` : ''
  return [
    '',
    `## ${files.replaceAll('-', ' ')}${count}`,
    ...faults.flatMap((fault) => ['', `WRONG: ${fault}`]),
    ...(withPlots ? [...plots, ...flames].flatMap((figure) => figureLines(scenario, figure)) : []),
    ...tables.flatMap((table) => [
      '',
      `### ${table.title}`,
      '',
      tableText(table),
      ...(table.notes ?? []).flatMap((note) => ['', note]),
    ]),
  ]
}

function figureLines(scenario: ScenarioRecord, figure: Plot | FlameGraph): string[] {
  const { title, caption } = figure
  return [
    '',
    `![${title.replaceAll(/[[\]]/g, '')}](${plotFile(scenario, figure, 'svg')})`,
    '',
    `**${title}.** ${caption === undefined ? '' : `${caption} `}[CSV](${plotFile(scenario, figure, 'csv')})`,
  ]
}

/** Numbers with four digits that count; `|` must not end a cell. */
function cell(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'string') return value.replaceAll('|', '\\|')
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)))
}
