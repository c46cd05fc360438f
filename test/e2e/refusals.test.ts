import { once } from 'node:events'
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { commandHelp } from '../../src/cli/help.js'
import { command, commands, folderOf, HANGS_MS, json, preload, refused, serverIn, Talk } from './command.js'
import { CLI } from './process.js'

/** Two at a time: each is a process. */
async function inPairs<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
  const waiting = [...items]
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await act(item)
  }
  await Promise.all([worker(), worker()])
}

interface Case {
  words: string[]
  code: string
  message?: RegExp
  exitCode?: 1 | 2
  env?: Record<string, string>
}

function refuseAll(t: Test, cases: Case[]): Promise<void> {
  return inPairs(cases, ({ words, env, ...refusal }) => refused(t, words, refusal, env))
}

/** A TCP port of loopback that is taken, until it is freed. */
async function portTaken(t: Test): Promise<{ number: number; free(): Promise<unknown> }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const free = () => new Promise((resolve) => server.close(resolve))
  t.teardown(free)
  return { number: (server.address() as AddressInfo).port, free }
}

t.test("every command's help", { timeout: HANGS_MS }, async (t) => {
  const offered = await commands()
  // All in one process, which runs the command anew for each: a process of its own each would take seconds.
  const script = [
    'process.stdout.setMaxListeners(0)',
    `for (const words of ${JSON.stringify(offered.map(({ name }) => [...name.split(' '), '--help']))}) {`,
    `  process.argv = ['node', 'pilotlight', ...words]`,
    `  await import(${JSON.stringify(`${pathToFileURL(CLI)}?`)} + words)`,
    `  process.stdout.write('\\0')`,
    '}',
  ]
  const all = new Talk(t, 'node', ['--input-type=module', '-e', script.join('\n')])
  t.same((await all.rest()).split('\0'), [...offered.map((one) => `${commandHelp(one)}\n`), ''])
  t.equal(await all.ended, 0)
  t.equal(all.stderr, '')
  t.match(await command(t, ['keys', 'rotate', '-h']), { code: 0, stdout: /^pilotlight keys rotate \[options\]\n/ })
  t.match(await command(t, []), { code: 0, stdout: /^pilotlight: .*\n\nCommands:\n/, stderr: '' })
  t.match(await command(t, ['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/, stderr: '' })
})

t.test('wrong calls', { timeout: HANGS_MS }, async (t) => {
  const folder = folderOf(t)
  const serve = ['serve', '--data', join(folder, 'server')]
  const bad = { code: 'PL_USAGE', exitCode: 2 as const }
  await refuseAll(t, [
    { ...bad, words: ['frobnicate'], message: /unknown command "frobnicate"/ },
    { ...bad, words: ['keys', 'turn', '--json'], message: /unknown command "keys turn"/ },
    { ...bad, words: [...serve, '--udp-port', 'many'], message: /--udp-port must be a whole number/ },
    { ...bad, words: [...serve, '--tls-cert', 'x'], message: /--tls-cert and --tls-key go together/ },
    { ...bad, words: [...serve, '--public-url', 'foo:bar'], message: /is no HTTP URL/ },
    { ...bad, words: [...serve, '--udp-endpoint', 'udp://h:70000'], message: /is not like udp:\/\/HOST:PORT/ },
    { ...bad, words: ['device', 'run'], message: /--file is missing/ },
    { ...bad, words: ['ring', 'p_x', '--api-key', 'pl_x'], message: /--title is missing/ },
    { words: ['presence', 'p_x'], code: 'PL_NO_API_KEY', exitCode: 2, env: { PILOTLIGHT_API_KEY: '' } },
    { words: [...serve, '--config', folder], code: 'PL_BAD_CONFIG', exitCode: 2, message: /EISDIR/ },
  ])
  const { stderr } = await command(t, ['keys', 'turn'], { PILOTLIGHT_JSON: '1' })
  t.equal(JSON.parse(stderr).error.code, 'PL_USAGE', 'JSON is asked for in the environment too')
})

t.test('folders, files and ports that cannot be used', { timeout: HANGS_MS }, async (t) => {
  const folder = folderOf(t)
  const file = join(folder, 'file')
  writeFileSync(file, 'no backup, no device, no folder')
  const empty = join(folder, 'empty')
  mkdirSync(empty)
  const { number: port } = await portTaken(t)
  const serve = ['serve', '--udp-port', '0', '--log-level', 'silent', '--data']
  const local = ['--http-port', '0', '--host', '127.0.0.1']
  await refuseAll(t, [
    { words: [...serve, join(folder, 'a'), '--http-port', `${port}`, '--host', '127.0.0.1'], code: 'PL_PORT_TAKEN' },
    { words: [...serve, join(file, 'x'), ...local], code: 'PL_STORE_FOLDER', message: /ENOTDIR/ },
    { words: ['account', 'add', 'Ada', '--data', file], code: 'PL_STORE_FOLDER' },
    { words: ['account', 'list', '--data', join(folder, 'none')], code: 'PL_NO_STORE', message: /there is no folder/ },
    { words: ['keys', 'rotate', '--data', empty, '--json'], code: 'PL_NO_STORE', message: /is no folder of a server/ },
    { words: ['backup', join(folder, 'new'), '--data', file], code: 'PL_NO_STORE' },
    { words: ['restore', join(folder, 'none'), '--data', empty], code: 'PL_STORE_FOLDER', message: /no such file/ },
    { words: ['restore', file, '--data', empty, '--json'], code: 'PL_BACKUP_INVALID' },
    { words: ['restore', file, '--data', file], code: 'PL_BACKUP_INVALID' },
    { words: ['device', 'run', '--file', join(folder, 'none')], code: 'PL_DEVICE_FILE', message: /there is no file/ },
    { words: ['device', 'run', '--file', file], code: 'PL_BAD_CREDENTIALS' },
    { words: ['device', 'run', '--file', empty], code: 'PL_DEVICE_FILE', message: /cannot be read \(EISDIR\)/ },
  ])
  chmodSync(empty, 0o500)
  if (process.getuid?.() === 0) t.comment('root may write everywhere: not tested for a folder without the right')
  else await refused(t, [...serve, empty, ...local], { code: 'PL_STORE_FOLDER', message: /EACCES/ })
  for (const name of ['keys.json', 'pilotlight.db']) t.notOk(existsSync(join(empty, name)), 'a question makes no store')
})

t.test('what a server refuses', { timeout: HANGS_MS }, async (t) => {
  const folder = folderOf(t)
  const data = ['--data', join(folder, 'server')]
  const { account } = await json(t, ['account', 'add', 'Ada', ...data])
  const { apiKey } = await json(t, ['app', 'add', 'chat', ...data])
  const code = (env = {}) => json(t, ['account', 'code', account!, ...data], env)
  const { code: expired } = await code(preload('const now = Date.now; Date.now = () => now() - 16 * 60_000'))
  const server = await serverIn(t, join(folder, 'server'))
  const { code: good } = await code()
  const port = await portTaken(t)
  const closed = port.number
  await port.free()

  await t.test('ids that nobody has', async (t) => {
    await refuseAll(t, [
      { words: ['account', 'remove', 'acc_0123456789abcdef', ...data], code: 'PL_UNKNOWN_ACCOUNT' },
      { words: ['account', 'code', 'nonsense', ...data, '--json'], code: 'PL_UNKNOWN_ACCOUNT' },
      { words: ['device', 'remove', 'dev_0123456789abcdef', ...data], code: 'PL_UNKNOWN_DEVICE' },
      { words: ['app', 'remove', 'app_0123456789abcdef', ...data], code: 'PL_UNKNOWN_APP', message: /app list/ },
      { words: ['app', 'rotate', 'nonsense', ...data], code: 'PL_UNKNOWN_APP' },
      { words: ['account', 'add', ' ', ...data], code: 'PL_BAD_ARGUMENT', message: /1 to 120 characters/ },
    ])
  })

  await t.test('API keys, PUIDs and URLs', async (t) => {
    const url = ['--url', server.url]
    const key = ['--api-key', apiKey!]
    const title = ['--title', 'x']
    const nowhere = ['--url', `http://127.0.0.1:${closed}`, ...key]
    await refuseAll(t, [
      { words: ['presence', 'p_x', ...url, '--api-key', 'pl_wrong'], code: 'unauthorized', message: /--api-key/ },
      { words: ['ring', 'p_x', ...url, ...title, '--api-key', 'pl_wrong', '--json'], code: 'unauthorized' },
      { words: ['presence', 'p_x', ...url, ...key, '--watch'], code: 'unknown-puid', message: /device allow/ },
      { words: ['ring', 'p_x', ...url, ...title, ...key, '--wait', '--json'], code: 'unknown-puid' },
      { words: ['ring', 'p_x', ...url, '--title', 'x'.repeat(2000), ...key], code: 'ring-too-large' },
      {
        words: ['presence', 'p_x', ...nowhere],
        code: 'unreachable',
        message: /no answer .*ECONNREFUSED.*Is the server/,
      },
    ])
  })

  await t.test('enrolment', async (t) => {
    const file = join(folder, 'ada.json')
    let count = 0
    /** Two at a time: each with a file of its own. */
    const enrol = (code: string, to = join(folder, `refused-${count++}`), url = server.url) => [
      ...['device', 'enrol', '--url', url, '--code', code, '--file', to],
    ]
    const blocked = join(folder, 'blocked')
    writeFileSync(blocked, '')
    await refuseAll(t, [
      // None of these uses up the code.
      { words: enrol(good!, blocked), code: 'PL_DEVICE_FILE', message: /exists already/ },
      { words: enrol(good!, join(blocked, 'x')), code: 'PL_DEVICE_FILE', message: /cannot be made/ },
      {
        words: enrol(good!, undefined, `http://127.0.0.1:${closed}`),
        code: 'PL_ENROL_FAILED',
        message: /cannot be reached/,
      },
      { words: enrol(good!, undefined, 'http://192.0.2.1'), code: 'PL_PLAIN_HTTP', message: /loopback only/ },
      { words: enrol(''), code: 'PL_USAGE', exitCode: 2, message: /--code is missing/ },
      { words: enrol(expired!), code: 'PL_ENROL_FAILED', message: /code is not valid/ },
      { words: enrol('nonsense'), code: 'PL_ENROL_FAILED', message: /code is not valid/ },
      { words: enrol('\u00e9'), code: 'PL_ENROL_FAILED', message: /code/ },
    ])
    const left = readdirSync(folder).filter((name) => name.startsWith('refused'))
    t.same(left, [], 'nothing is left behind')
    t.match(await json(t, enrol(good!, file)), { file })
    const other = join(folder, 'other.json')
    await refused(t, enrol(good!, other), { code: 'PL_ENROL_FAILED', message: /code is not valid/ })
    t.notOk(existsSync(other))
    const unknown = ['device', 'allow', 'app_0123456789abcdef', '--file', file]
    await refused(t, unknown, { code: 'PL_UNKNOWN_APP' })
    copyFileSync(file, other)
    mkdirSync(`${other}.state`)
    const state = /other\.json\.state cannot be read \(EISDIR\)/
    await refused(t, ['device', 'run', '--file', other], { code: 'PL_DEVICE_FILE', message: state })
  })
})
