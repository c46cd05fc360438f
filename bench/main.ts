/**
 * `npm run bench -- LIST|all|smoke|<scenario> [options] [--json] [--out DIR]`: see `npm run bench -- help`. Results go to stdout,
 * progress and complaints to stderr. Exit codes: 0, 1 the scenario found something wrong, 2 called wrongly.
 */
import { BenchError } from './bench-error.js'
import { writeRun } from './folder.js'
import { helpText, listText } from './help.js'
import { parseWords } from './options.js'
import { reportText } from './report.js'
import { type FinishedRun, runPlan } from './run.js'
import { SCENARIOS } from './scenarios/all.js'

// A reader that went away (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof BenchError)) throw error
  process.stderr.write(`bench: ${error.message}\n`)
  process.exitCode = error.exitCode
}

async function main(words: string[]): Promise<number> {
  const invocation = parseWords(words, SCENARIOS)
  if (invocation.kind === 'help') return print(helpText(SCENARIOS, invocation.scenario))
  if (invocation.kind === 'list') return print(listText(SCENARIOS, invocation.json))
  const { out } = invocation
  const progress = (line: string) => void process.stderr.write(`${line}\n`)
  const run = await runPlan(invocation, progress, (record) => {
    if (out !== null) writeRun(out, record)
  })
  print(invocation.json ? JSON.stringify(run.printed) : invocation.isSmoke ? smokeText(run) : reportText(run.record))
  return run.exitCode
}

/** A line for each run, then what was wrong. */
function smokeText({ record: { scenarios } }: FinishedRun): string {
  const lines = scenarios.map(
    ({ name, action, faults }) => `${faults.length === 0 ? 'ok   ' : 'WRONG'} ${name} ${action ?? ''}`,
  )
  return [
    ...lines.map((line) => line.trimEnd()),
    ...scenarios.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`)),
  ].join('\n')
}

function print(text: string): 0 {
  process.stdout.write(`${text}\n`)
  return 0
}
