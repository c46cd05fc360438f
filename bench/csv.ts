/** CSV after RFC 4180, with a line of names; units stand in the names. */
import { plotFile } from './report.js'
import type { ScenarioRecord } from './run.js'
import type { FlameGraph, Plot, PlotAxis, Series } from './scenario.js'

/** Every plot, flame graph, series and table of a scenario. Tables are numbered, as their titles change with what was found. */
export function csvFiles(scenario: ScenarioRecord): { name: string; text: string }[] {
  const { plots, flames, series, tables } = scenario
  return [
    ...plots.map((plot) => ({ name: plotFile(scenario, plot, 'csv'), text: csvText(seriesOfPlot(plot)) })),
    ...flames.map((flame) => ({ name: plotFile(scenario, flame, 'csv'), text: csvText(seriesOfFlame(flame)) })),
    ...series.map((each) => ({ name: plotFile(scenario, each, 'csv'), text: csvText(each) })),
    ...tables.map((table, index) => ({
      name: plotFile(scenario, { name: `table-${index + 1}` }, 'csv'),
      text: csvText(table),
    })),
  ]
}

/** Numbers with all their digits; null is an empty cell. */
export function csvText({ columns, rows }: Pick<Series, 'columns' | 'rows'>): string {
  return [columns, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')
}

/** The points of a plot, one a row. */
function seriesOfPlot({ x, y, lines }: Plot): Pick<Series, 'columns' | 'rows'> {
  const points = lines.flatMap(({ name, points }) => points.map((point) => ({ name, ...point })))
  const hasSpread = points.some(({ low, high }) => low !== undefined || high !== undefined)
  return {
    columns: ['series', axisText(x), axisText(y), ...(hasSpread ? ['low', 'high'] : [])],
    rows: points.map((point) => [
      point.name,
      point.x,
      point.y,
      ...(hasSpread ? [point.low ?? null, point.high ?? null] : []),
    ]),
  }
}

/** The frames of a flame graph, one a row. */
function seriesOfFlame({ frames }: FlameGraph): Pick<Series, 'columns' | 'rows'> {
  return {
    columns: ['depth', 'function', 'part', 'from', 'to'],
    rows: frames.map(({ depth, name, part, from, to }) => [depth, name, part, from, to]),
  }
}

/** What an axis shows, with its unit. */
export function axisText({ label, unit }: PlotAxis): string {
  return unit === null ? label : `${label} (${unit})`
}

function cell(value: string | number | null): string {
  const text = value === null ? '' : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
