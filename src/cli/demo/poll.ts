import { cliError } from '../cli-error.js'

const PATIENCE_MS = 60_000
const PAUSE_MS = 50

/** Asks until it holds, for what only HTTP can tell. @throws CliError PL_DEMO_FAILED with `failure`. */
export async function poll(failure: string, holds: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > untilMs) throw cliError('PL_DEMO_FAILED', failure)
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
}
