/** The folder of a run: `result.json`, `report.md`, an SVG of each plot and flame graph, and a CSV of all that these or a table show. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BenchError } from './bench-error.js'
import { csvFiles } from './csv.js'
import { flameSvg } from './flame.js'
import { plotSvg } from './plot.js'
import { plotFile, reportText } from './report.js'
import type { RunRecord } from './run.js'

/** Writes all files of a run. @throws BenchError if the folder cannot be written. */
export function writeRun(folder: string, record: RunRecord): void {
  try {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'result.json'), resultText(record))
    writeFileSync(join(folder, 'report.md'), `${reportText(record, { withPlots: true })}\n`)
    for (const scenario of record.scenarios) {
      for (const plot of scenario.plots) writeFileSync(join(folder, plotFile(scenario, plot, 'svg')), plotSvg(plot))
      for (const flame of scenario.flames)
        writeFileSync(join(folder, plotFile(scenario, flame, 'svg')), flameSvg(flame))
      for (const { name, text } of csvFiles(scenario)) writeFileSync(join(folder, name), text)
    }
  } catch (error) {
    throw new BenchError(`--out ${folder} cannot be written: ${(error as Error).message}`, 1)
  }
}

/** One line for each scenario. The rows of its series and the frames of its flame graphs are in their CSV files. */
function resultText({ scenarios, ...head }: RunRecord): string {
  const lines = scenarios.map((scenario) => {
    const series = scenario.series.map(({ name, columns }) => ({ name, columns }))
    const flames = scenario.flames.map(({ name, title }) => ({ name, title }))
    return JSON.stringify({ ...scenario, flames, series })
  })
  return `${JSON.stringify(head).slice(0, -1)},"scenarios":[\n${lines.join(',\n')}\n]}\n`
}
