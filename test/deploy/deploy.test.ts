/** What the image and the unit name must be there: paths, options, ports, routes. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { COMMANDS } from '../../src/cli/commands/all.js'
import { variableName } from '../../src/cli/option.js'
import { parseCommandLine } from '../../src/cli/parse.js'
import { fixture } from '../sidecar/fake-main.js'
import { ROOT } from '../support/root.js'

const run = promisify(execFile)
const UNIT = join(ROOT, 'deploy/pilotlight.service')
const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  bin: { pilotlight: string }
  files: string[]
}
const SERVE = COMMANDS.find(({ name }) => name === 'serve')!

/** What `serve` makes of the words behind the program and the environment; unknown variables of ours fail. */
function served(t: Test, words: string[], environment: Record<string, string>): Record<string, unknown> {
  const known = Object.keys(SERVE.options).map(variableName)
  for (const name of Object.keys(environment)) {
    if (name.startsWith('PILOTLIGHT_')) t.ok(known.includes(name), `${name} is an option of serve`)
  }
  const invocation = parseCommandLine(words, environment, COMMANDS)
  if (invocation.kind !== 'run') throw new Error(`${words.join(' ')} runs nothing`)
  t.equal(invocation.command, SERVE)
  return invocation.values
}

/** `A=1 B=2` */
function variables(texts: string[]): Record<string, string> {
  const pairs = texts.flatMap((text) => text.split(' ')).map((pair) => pair.split('='))
  return Object.fromEntries(pairs.map(([name = '', value = '']) => [name, value]))
}

t.test('Containerfile', async (t) => {
  const lines = readFileSync(join(ROOT, 'Containerfile'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => /^([A-Z]+) (.*)$/.exec(line) ?? t.fail(`not read: ${line}`))
    .filter((match) => Array.isArray(match))
  const last = lines.map(([, name]) => name).lastIndexOf('FROM')
  const all = (name: string, from = last) =>
    lines.slice(from).flatMap(([, other, value = '']) => (other === name ? [value] : []))
  const one = (name: string) => {
    const values = all(name)
    t.equal(values.length, 1, name)
    return values[0] ?? ''
  }

  const copied = all('COPY', 0).filter((copy) => !copy.startsWith('--from'))
  const sources = copied.flatMap((copy) => copy.split(' ').slice(0, -1))
  for (const source of sources) t.ok(existsSync(join(ROOT, source)), `${source} is there to be copied`)
  const kept = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n')
  const excluded = sources.filter((source) => !kept.includes(`!${source.replace(/^\.\//, '').split('/')[0]}`))
  t.same(excluded, [], 'nothing that is copied is kept out')
  const inImage = all('COPY').map((copy) => copy.split(' ').at(-1))
  for (const file of PACKAGE.files.filter((file) => !file.startsWith('!') && !file.endsWith('.md'))) {
    t.ok(inImage.includes(`./${file}`), `${file} of the package is in the image`)
  }
  t.ok(
    all('RUN', 0).some((text) => text.startsWith('npm ci --omit=dev')),
    'without what only developers need',
  )

  const words = [...JSON.parse(one('ENTRYPOINT')), ...JSON.parse(one('CMD'))] as string[]
  t.same(words.slice(0, 2), ['node', join(one('WORKDIR'), PACKAGE.bin.pilotlight)])
  const values = served(t, words.slice(2), variables(all('ENV')))
  t.equal(values['data'], one('VOLUME'))
  t.ok(
    all('RUN').some((text) => text.endsWith(`-m 0700 ${values['data']}`)),
    'the volume begins with a folder of the user',
  )
  t.equal(one('USER'), 'node')
  t.equal(one('EXPOSE'), `${values['udpPort']}/udp ${values['httpPort']}/tcp`)
  t.equal(one('STOPSIGNAL'), 'SIGTERM')

  const health = /CMD (\[.*\])$/.exec(one('HEALTHCHECK'))?.[1] ?? '[]'
  const [, , script = ''] = JSON.parse(health) as string[]
  t.match(script, `?? ${values['httpPort']}}/healthz`)
  const { app } = await fixture()
  t.equal((await app.inject('/healthz')).statusCode, 200)
  const address = await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const check = (port: string) =>
    run(process.execPath, ['-e', script], { env: { PILOTLIGHT_HTTP_PORT: port } }).then(
      () => 'healthy',
      ({ code }) => code,
    )
  t.equal(await check(new URL(address).port), 'healthy')
  t.equal(await check('9'), 1, 'nobody listens on the port of "discard"')
})

t.test('deploy/pilotlight.service', async (t) => {
  const text = readFileSync(UNIT, 'utf8')
  const settings = text.split('\n').flatMap((line) => {
    const [, name, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? []
    return name === undefined ? [] : [[name, value ?? ''] as const]
  })
  const all = (name: string) => settings.flatMap(([other, value]) => (other === name ? [value] : []))
  const [start = ''] = all('ExecStart')
  const [node, program = '', ...words] = start.split(' ')
  t.equal(node, '/usr/bin/node')
  t.ok(program.endsWith(PACKAGE.bin.pilotlight.slice(1)), program)
  const values = served(t, words, variables(all('Environment')))
  t.equal(values['data'], `/var/lib/${all('StateDirectory')}`, 'what can be written is where it writes')
  const wanted = { ProtectSystem: 'strict', NoNewPrivileges: 'yes', CapabilityBoundingSet: '', KillSignal: 'SIGTERM' }
  t.match(Object.fromEntries(settings), { ...wanted, User: 'pilotlight', Restart: 'on-failure' })
  t.notMatch(all('User'), ['root'])
})

t.test('systemd understands the unit', async (t) => {
  const isThere = await run('systemd-analyze', ['--version']).then(
    () => true,
    () => false,
  )
  if (!isThere) return t.comment('skipped: no systemd-analyze here')
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'pilotlight.service')
  writeFileSync(file, readFileSync(UNIT, 'utf8').replace('/usr/bin/node', process.execPath))
  const { stderr } = await run('systemd-analyze', ['verify', '--man=no', file])
  // It looks at other units of the machine too.
  t.same(
    stderr.split('\n').filter((line) => line.includes('pilotlight')),
    [],
  )
})
