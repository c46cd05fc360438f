/** From the words of the command line to a command and its values: flags, then environment, then config file, then defaults. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type CliError, cliError, usageError } from './cli-error.js'
import type { Command } from './command.js'
import { flagName, type Option, type Options, onOff, text, variableName } from './option.js'

/** Options that every command has. */
export const COMMON_OPTIONS = {
  json: onOff('print results and errors as JSON'),
  config: text('FILE', 'JSON file of options by their long names, e.g. {"udp-port": 7350}'),
  help: onOff('show this help'),
}

/** What the words ask for. */
export type Invocation =
  | { kind: 'version' }
  | { kind: 'help'; command: Command | null /** first words of a group, e.g. `account` */; group: string }
  | { kind: 'run'; command: Command; values: Record<string, unknown>; positionals: string[]; json: boolean }

/**
 * Reads the command line.
 *
 * @param words       what follows `pilotlight`.
 * @param environment e.g. `process.env`; only PILOTLIGHT_* is looked at.
 * @throws CliError PL_USAGE, or PL_BAD_CONFIG for the config file.
 */
export function parseCommandLine(
  words: string[],
  environment: Record<string, string | undefined>,
  commands: readonly Command[],
): Invocation {
  if (words[0] === '--version' || words[0] === '-V') return { kind: 'version' }
  const command = findCommand(words, commands)
  if (command === null) return withoutCommand(words, commands)
  const options: Options = { ...command.options, ...COMMON_OPTIONS }
  const { flags, positionals } = parseFlags(restOf(words, command), options, command)
  if (flags.has('help')) return { kind: 'help', command, group: '' }
  checkPositionals(positionals, command)
  const settings = readConfig(flags.get('config')?.[0] ?? environment[variableName('config')] ?? '', commands)
  const values: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(options)) {
    values[name] = readOption(name, option, flags, environment, settings)
  }
  return { kind: 'run', command, values, positionals, json: values['json'] === true }
}

/** Whether errors are wanted as JSON, also when the rest of the line cannot be read. */
export function wantsJson(words: string[], environment: Record<string, string | undefined>): boolean {
  return words.includes('--json') || ['true', '1'].includes(environment[variableName('json')] ?? '')
}

function findCommand(words: string[], commands: readonly Command[]): Command | null {
  const plain = words.filter((word) => !isCommonSwitch(word))
  const named = (count: number) => commands.find((command) => command.name === plain.slice(0, count).join(' '))
  return named(3) ?? named(2) ?? named(1) ?? null
}

function isCommonSwitch(word: string): boolean {
  return word === '--json' || word === '--help' || word === '-h'
}

/** The words without those that chose the command. */
function restOf(words: string[], command: Command): string[] {
  const names = command.name.split(' ')
  return words.filter((word) => {
    if (word !== names[0]) return true
    names.shift()
    return false
  })
}

function withoutCommand(words: string[], commands: readonly Command[]): Invocation {
  const plain = words.filter((word) => !isCommonSwitch(word))
  const given = plain[0] === 'help' ? plain.slice(1) : plain
  // A group of two words, e.g. `app webhook`, counts as one.
  const isPair = commands.some(({ name }) => name.startsWith(`${given[0]} ${given[1]} `))
  const [first = '', second = ''] = isPair ? [`${given[0]} ${given[1]}`, given[2]] : given
  const asked = plain.length < words.length || plain[0] === 'help'
  const named = commands.find(({ name }) => name === `${first} ${second}` || name === first)
  if (named !== undefined) return { kind: 'help', command: named, group: '' }
  if (first === '') return { kind: 'help', command: null, group: '' }
  if (first.startsWith('-')) throw usageError(`unknown option ${first}`)
  const isGroup = commands.some(({ name }) => name.startsWith(`${first} `))
  if (isGroup && asked && second === '') return { kind: 'help', command: null, group: first }
  if (isGroup) {
    const members = commands
      .filter(({ name }) => name.startsWith(`${first} `))
      .map(({ name }) => name.slice(first.length + 1).split(' ')[0])
    const what = second === '' ? `${first} needs a word more` : `unknown command "${first} ${second}"`
    throw usageError(what, `One of: ${[...new Set(members)].join(', ')}.`)
  }
  throw usageError(`unknown command "${first}"`)
}

function parseFlags(words: string[], options: Options, command: Command) {
  const specs: Record<string, { type: 'string' | 'boolean'; multiple: true; short?: string }> = {}
  for (const [name, option] of Object.entries(options)) {
    specs[flagName(name)] = { type: option.kind === 'switch' ? 'boolean' : 'string', multiple: true }
  }
  specs['help'] = { type: 'boolean', multiple: true, short: 'h' }
  try {
    const parsed = parseArgs({ args: words, options: specs, allowPositionals: true, strict: true })
    const flags = new Map<string, string[]>()
    for (const name of Object.keys(options)) {
      const given = parsed.values[flagName(name)]
      if (given !== undefined) flags.set(name, given.map(String))
    }
    return { flags, positionals: parsed.positionals }
  } catch (error) {
    const [sentence = ''] = (error as Error).message.split(/\. |\n/)
    throw usageError(sentence.replace(/\.$/, ''), `See pilotlight ${command.name} --help.`)
  }
}

function checkPositionals(given: string[], command: Command): void {
  const wanted = command.positionals
  const hint = `See pilotlight ${command.name} --help.`
  const missing = wanted[given.length]
  if (missing !== undefined) throw usageError(`${missing.name} is missing`, hint)
  const extra = given[wanted.length]
  if (extra !== undefined) throw usageError(`unexpected argument "${extra}"`, hint)
}

function readOption(
  name: string,
  option: Option<unknown>,
  flags: Map<string, string[]>,
  environment: Record<string, string | undefined>,
  settings: Map<string, string[]>,
): unknown {
  const flag = flags.get(name)
  if (flag !== undefined) {
    if (flag.length > 1 && option.kind === 'value') throw usageError(`--${flagName(name)} is given twice`)
    return option.read(flag, `--${flagName(name)}`)
  }
  const variable = environment[variableName(name)]
  if (variable !== undefined && variable !== '') {
    return option.read(option.kind === 'list' ? variable.split(',') : [variable], variableName(name))
  }
  const setting = settings.get(flagName(name))
  return setting === undefined ? option.fallback : option.read(setting, `"${flagName(name)}" in the config file`)
}

/** The config file's settings as texts. Settings of any command are taken, so that one file serves all. */
function readConfig(file: string, commands: readonly Command[]): Map<string, string[]> {
  const settings = new Map<string, string[]>()
  if (file === '') return settings
  const known = new Set(commands.flatMap(({ options }) => Object.keys(options)).map(flagName))
  for (const [name, value] of Object.entries(loadJson(file))) {
    if (!known.has(name)) throw badConfig(file, `"${name}" is no option`)
    const texts = (Array.isArray(value) ? value : [value]) as unknown[]
    if (texts.some((one) => !['string', 'number', 'boolean'].includes(typeof one))) {
      throw badConfig(file, `"${name}" must be a text, a number, true, false, or a list of texts`)
    }
    settings.set(name, texts.map(String))
  }
  return settings
}

function loadJson(file: string): object {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    throw badConfig(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
  }
  try {
    const value: unknown = JSON.parse(content)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    throw badConfig(file, 'is not JSON')
  }
  throw badConfig(file, 'must be a JSON object')
}

function badConfig(file: string, what: string): CliError {
  return cliError('PL_BAD_CONFIG', `config file ${file}: ${what}`)
}
