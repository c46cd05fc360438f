#!/usr/bin/env node
/** The `pilotlight` command. */
import { asCliError, type CliError } from './cli-error.js'
import { COMMANDS } from './commands/all.js'
import { commandHelp, overviewHelp } from './help.js'
import { parseCommandLine, wantsJson } from './parse.js'
import { errorLine, processTerminal } from './terminal.js'
import { PACKAGE_VERSION } from './version.js'

async function main(words: string[]): Promise<void> {
  const invocation = parseCommandLine(words, process.env, COMMANDS)
  if (invocation.kind === 'version') return void process.stdout.write(`${PACKAGE_VERSION}\n`)
  if (invocation.kind === 'help') {
    const { command, group } = invocation
    return void process.stdout.write(`${command === null ? overviewHelp(COMMANDS, group) : commandHelp(command)}\n`)
  }
  const { command, values, positionals, json } = invocation
  await command.run(values, positionals, processTerminal(json))
}

function fail(error: CliError, json: boolean): void {
  process.stderr.write(`${errorLine(error, json)}\n`)
  process.exitCode = error.exitCode
}

// A reader that went away (`| head`) is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const words = process.argv.slice(2)
try {
  await main(words)
} catch (error) {
  fail(asCliError(error), wantsJson(words, process.env))
}
