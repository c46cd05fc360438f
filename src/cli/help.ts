/** The help texts, made from the same tables that the parser reads. */
import type { Command } from './command.js'
import { flagName, type Options, variableName } from './option.js'
import { COMMON_OPTIONS } from './parse.js'
import { columns } from './terminal.js'

/** The list of commands; `group` limits it to those that start with a word. */
export function overviewHelp(commands: readonly Command[], group = ''): string {
  const shown = group === '' ? commands : commands.filter(({ name }) => name.startsWith(`${group} `))
  return [
    group === ''
      ? 'pilotlight: one tiny encrypted channel per device, so that applications know who is there and reach them at once.'
      : `pilotlight ${group}:`,
    '',
    'Commands:',
    ...columns(shown.map((command) => [`  ${usageOf(command)}`, command.summary])),
    '',
    'pilotlight COMMAND --help tells the options of a command; pilotlight --version the version.',
    'Each option may also come from the environment (--udp-port is PILOTLIGHT_UDP_PORT) or from a config file (--config).',
    'Flags come before the environment, that before the config file, that before the defaults.',
    'Exit codes: 0 done, 1 failed, 2 called wrongly.',
  ].join('\n')
}

/** Everything about one command. */
export function commandHelp(command: Command): string {
  const lines = [`pilotlight ${usageOf(command)} [options]`, '', command.summary]
  if (command.details !== '') lines.push('', command.details)
  if (command.positionals.length > 0) {
    lines.push('', 'Arguments:', ...columns(command.positionals.map(({ name, help }) => [`  ${name}`, help])))
  }
  const rows = [...optionRows(command.options), ...optionRows(COMMON_OPTIONS)]
  return [...lines, '', 'Options (and their names in the environment):', ...columns(rows)].join('\n')
}

function usageOf(command: Command): string {
  return [command.name, ...command.positionals.map(({ name }) => name)].join(' ')
}

function optionRows(options: Options): string[][] {
  return Object.entries(options).map(([name, option]) => {
    const flag = `  --${flagName(name)}${option.placeholder === '' ? '' : ` ${option.placeholder}`}`
    const fallback = option.fallbackText === '' ? '' : ` [${option.fallbackText}]`
    const again = option.kind === 'list' ? ' (may be given again)' : ''
    const variable = name === 'help' ? '' : ` (${variableName(name)})`
    return [flag, `${option.help}${again}${fallback}${variable}`]
  })
}
