import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Command, command } from '../../src/cli/command.js'
import { isHttpUrl, list, oneOf, onOff, text, wholeNumber } from '../../src/cli/option.js'
import { parseCommandLine, wantsJson } from '../../src/cli/parse.js'

const OPTIONS = {
  data: text('FOLDER', 'folder', './var'),
  udpPort: wholeNumber('PORT', 'port', { from: 0, to: 65535 }, 7350),
  host: list('ADDRESS', 'address', 'all'),
  color: oneOf(['red', 'blue'], 'a colour', 'red'),
  quiet: onOff('say nothing'),
}
const run = async () => {}
const COMMANDS: Command[] = [
  command({ name: 'serve', summary: 'serve', options: OPTIONS, run }),
  command({
    name: 'account add',
    summary: 'add',
    positionals: [{ name: 'NAME', help: 'name' }],
    options: { data: OPTIONS.data },
    run,
  }),
  command({ name: 'account list', summary: 'list', options: {}, run }),
]

const parse = (line: string, environment: Record<string, string> = {}) =>
  parseCommandLine(line.split(' ').filter(Boolean), environment, COMMANDS)

const values = (line: string, environment: Record<string, string> = {}) => {
  const invocation = parse(line, environment)
  return invocation.kind === 'run' ? invocation.values : invocation
}

t.test('defaults, then config file, then environment, then flags', async (t) => {
  const config = join(t.testdir(), 'c.json')
  writeFileSync(config, JSON.stringify({ 'udp-port': 1, host: ['h1', 'h2'], quiet: true, color: 'blue', data: '/c' }))
  t.match(values('serve'), { data: './var', udpPort: 7350, host: [], color: 'red', quiet: false, json: false })
  t.match(values(`serve --config ${config}`), {
    data: '/c',
    udpPort: 1,
    host: ['h1', 'h2'],
    color: 'blue',
    quiet: true,
  })
  const environment = {
    PILOTLIGHT_CONFIG: config,
    PILOTLIGHT_UDP_PORT: '2',
    PILOTLIGHT_HOST: 'e1,e2,e3',
    PILOTLIGHT_DATA: '',
  }
  t.match(values('serve', environment), { udpPort: 2, host: ['e1', 'e2', 'e3'], color: 'blue', data: '/c' })
  t.match(values('serve --udp-port 3 --host f1 --host f2 --quiet', environment), {
    udpPort: 3,
    host: ['f1', 'f2'],
    quiet: true,
  })
  t.match(values('account add ada', environment), { data: '/c' }, 'one file serves all commands')
})

t.test('words', async (t) => {
  t.match(parse('account add add'), { kind: 'run', positionals: ['add'] })
  t.match(parse('--json account add account'), { kind: 'run', positionals: ['account'], json: true })
  t.match(parse('account add --data /x ada'), { positionals: ['ada'], values: { data: '/x' } })
  t.same(parse('--version'), { kind: 'version' })
  for (const line of ['', '--help', '-h', 'help'])
    t.match(parse(line), { kind: 'help', command: null, group: '' }, line)
  for (const line of ['account --help', 'help account'])
    t.match(parse(line), { kind: 'help', command: null, group: 'account' }, line)
  for (const line of ['serve --help', 'serve -h', 'help serve', 'account add --help']) {
    t.match(parse(line), { kind: 'help', command: { options: {} } }, line)
  }
  t.equal(wantsJson(['a', '--json'], {}), true)
  t.equal(wantsJson(['a'], { PILOTLIGHT_JSON: '1' }), true)
  t.equal(wantsJson(['a'], { PILOTLIGHT_JSON: 'false' }), false)
})

t.test('mistakes are told in one line, with code and exit code', async (t) => {
  const usage = (message: RegExp) => ({ code: 'PL_USAGE', exitCode: 2, message })
  const cases: [string, RegExp][] = [
    ['frobnicate', /unknown command "frobnicate"/],
    ['account', /account needs a word more/],
    ['account frob', /unknown command "account frob"/],
    ['--frob', /unknown option --frob/],
    ['serve --frob', /Unknown option '--frob'/],
    ['serve --udp-port', /argument missing/],
    ['serve --udp-port x', /--udp-port must be a whole number from 0 to 65535, not "x"/],
    ['serve --udp-port 65536', /--udp-port must be/],
    ['serve --udp-port=-1', /--udp-port must be/],
    ['serve --udp-port 1 --udp-port 2', /--udp-port is given twice/],
    ['serve --color green', /--color must be red or blue, not "green"/],
    ['serve --quiet=1', /does not take an argument/],
    ['serve extra', /unexpected argument "extra"/],
    ['account add', /NAME is missing/],
  ]
  for (const [line, message] of cases) t.throws(() => parse(line), usage(message), line)
  t.throws(() => parse('serve', { PILOTLIGHT_QUIET: 'maybe' }), usage(/PILOTLIGHT_QUIET must be true or false/))
  for (const line of cases) {
    try {
      parse(line[0])
    } catch (error) {
      t.notMatch((error as Error).message, /\n/, line[0])
    }
  }
})

t.test('a config file that cannot be used', async (t) => {
  const folder = t.testdir({
    text: 'no json',
    array: '[1]',
    unknown: '{"udp_port":1}',
    object: '{"data":{}}',
    bad: '{"udp-port":"x"}',
  })
  const parseWith = (name: string) => () => parse(`serve --config ${join(folder, name)}`)
  const bad = (message: RegExp) => ({ code: 'PL_BAD_CONFIG', exitCode: 2, message })
  t.throws(parseWith('missing'), bad(/cannot be read \(ENOENT\)/))
  t.throws(parseWith('text'), bad(/is not JSON/))
  t.throws(parseWith('array'), bad(/must be a JSON object/))
  t.throws(parseWith('unknown'), bad(/"udp_port" is no option/))
  t.throws(parseWith('object'), bad(/must be a text/))
  t.throws(parseWith('bad'), { code: 'PL_USAGE', message: /"udp-port" in the config file must be/ })
})

t.test('HTTP URLs', async (t) => {
  for (const text of ['http://a', 'https://a.example:1/x?y']) t.ok(isHttpUrl(text), text)
  for (const text of ['', 'a', 'foo:bar', 'ftp://a', '//a', 'http://']) t.notOk(isHttpUrl(text), text)
})
