import t from 'tap'
import { PilotlightError } from '../../src/base/errors.js'
import { appServiceFor } from '../../src/cli/app-service.js'
import { asCliError, CLI_ERRORS, CliError, cliError, usageError } from '../../src/cli/cli-error.js'
import { columns, errorLine } from '../../src/cli/terminal.js'
import { dayAndTime, timeOfDay } from '../../src/cli/text.js'
import { SERVER_ERRORS, ServerError } from '../../src/io/server-error.js'

t.test('one line, with code and hint, never a stack trace', async (t) => {
  t.equal(
    errorLine(cliError('PL_NO_STORE', 'there is no folder /x'), false),
    'pilotlight: PL_NO_STORE: there is no folder /x. Use --data to name the folder of a server.',
  )
  t.same(JSON.parse(errorLine(usageError('wrong', 'do right'), true)), {
    error: { code: 'PL_USAGE', message: 'wrong', hint: 'do right' },
  })
  const thrown = [
    new Error('first line\n    at secret (file.ts:1:1)'),
    Object.assign(new Error('x'), { code: 'ENOENT' }),
    new ServerError('PL_PORT_TAKEN', 'UDP [::]:7350'),
    new PilotlightError('PL_STORE_BUSY', '/x'),
    'a text',
    undefined,
  ]
  for (const one of thrown) t.notMatch(errorLine(asCliError(one), false), /\n/)
})

t.test('codes of ours stay, others are internal', async (t) => {
  t.match(asCliError(new ServerError('PL_PORT_TAKEN', 'UDP x')), {
    code: 'PL_PORT_TAKEN',
    hint: /another port/,
    exitCode: 1,
  })
  t.match(asCliError(new PilotlightError('PL_STORE_BUSY')), { code: 'PL_STORE_BUSY', exitCode: 1 })
  t.match(asCliError(Object.assign(new Error('no'), { code: 'unauthorized' })), {
    code: 'unauthorized',
    hint: /--api-key/,
  })
  t.equal(asCliError(Object.assign(new Error('no'), { code: 'EACCES' })).code, 'PL_INTERNAL')
  const own = new CliError('PL_X', 'y')
  t.equal(asCliError(own), own)
  for (const code of [...Object.keys(CLI_ERRORS), ...Object.keys(SERVER_ERRORS)]) t.match(code, /^PL_[A-Z_]+$/)
})

t.test('an AppService needs a URL and a key', async (t) => {
  t.throws(() => appServiceFor('http://127.0.0.1:7351', ''), { code: 'PL_NO_API_KEY', exitCode: 2 })
  for (const url of ['', 'nonsense', 'ftp://x']) t.throws(() => appServiceFor(url, 'k'), { code: 'PL_BAD_URL' })
})

t.test('columns and times', async (t) => {
  t.same(
    columns([
      ['a', 'bb', 'c'],
      ['aaa', 'b', ''],
    ]),
    ['a    bb  c', 'aaa  b   '],
  )
  t.match(dayAndTime(0), /^19(69|70)-\d\d-\d\d \d\d:\d\d:\d\d$/)
  t.match(timeOfDay(0), /^\d\d:\d\d:\d\d$/)
})
