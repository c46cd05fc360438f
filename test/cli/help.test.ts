import t from 'tap'
import { COMMANDS } from '../../src/cli/commands/all.js'
import { commandHelp, overviewHelp } from '../../src/cli/help.js'
import { flagName, variableName } from '../../src/cli/option.js'
import { COMMON_OPTIONS, parseCommandLine } from '../../src/cli/parse.js'

/** The commands that the issue names. */
const NAMES = [
  'serve',
  ...['add', 'list', 'remove', 'code'].map((word) => `account ${word}`),
  ...['add', 'list', 'show', 'change', 'remove', 'rotate'].map((word) => `app ${word}`),
  ...['set', 'show', 'rotate', 'remove', 'test', 'deliveries', 'replay'].map((word) => `app webhook ${word}`),
  ...['enrol', 'run', 'allow', 'list', 'remove'].map((word) => `device ${word}`),
  'ring',
  'presence',
  'backup',
  'restore',
  'keys show',
  'keys rotate',
]

t.test('every command is there, once, and in the overview', async (t) => {
  t.same(COMMANDS.map(({ name }) => name).sort(), [...NAMES].sort())
  const overview = overviewHelp(COMMANDS)
  for (const { name, summary } of COMMANDS) {
    t.match(overview, `  ${name}`, name)
    t.match(overview, summary)
  }
  const group = overviewHelp(COMMANDS, 'keys')
  t.match(group, 'keys rotate')
  t.notMatch(group, 'account')
  t.match(parseCommandLine(['app', 'webhook', '--help'], {}, COMMANDS), { kind: 'help', group: 'app webhook' })
  t.match(overviewHelp(COMMANDS, 'app webhook'), 'app webhook deliveries')
})

t.test("every command's help tells all that it takes", async (t) => {
  for (const command of COMMANDS) {
    const help = commandHelp(command)
    for (const [name, option] of Object.entries({ ...command.options, ...COMMON_OPTIONS })) {
      t.match(help, `--${flagName(name)}`, `${command.name} --${flagName(name)}`)
      t.match(help, option.help)
      if (name !== 'help') t.match(help, variableName(name))
      if (option.fallbackText !== '') t.match(help, `[${option.fallbackText}]`)
    }
    for (const positional of command.positionals) {
      t.match(help, `  ${positional.name}`)
      t.match(help, positional.help)
    }
    t.notMatch(help, /undefined|\[object/)
  }
})

t.test('every command takes --json and --help, and its defaults', async (t) => {
  for (const command of COMMANDS) {
    const words = [...command.name.split(' '), ...command.positionals.map(() => 'X')]
    const help = parseCommandLine([...words, '--help'], {}, COMMANDS)
    t.equal(help.kind, 'help')
    const plain = parseCommandLine(words, {}, COMMANDS)
    t.match(plain, { kind: 'run', json: false }, command.name)
    if (plain.kind === 'run') t.equal(plain.command, command)
    t.match(parseCommandLine([...words, '--json'], {}, COMMANDS), { kind: 'run', json: true })
  }
})

t.test('serve: embedded defaults', async (t) => {
  t.match(parseCommandLine(['serve'], {}, COMMANDS), {
    values: { data: './var', udpPort: 7350, httpPort: 7351, host: [], tlsCert: '', crypto: 'native', maxSilence: 1800 },
  })
})
