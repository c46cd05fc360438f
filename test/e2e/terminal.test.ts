import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AppService } from '../../src/appservice/index.js'
import { parseQlog } from '../tools/records.js'
import { folderOf, HANGS_MS, json, nextLook, PersonWatch, serverIn, Talk, talk } from './command.js'
import { CLI, type ServerProcess } from './process.js'

interface House {
  folder: string
  server: ServerProcess
  file: string
  app: string
  service: AppService
}

/** A person with a device file, and an application that they have not allowed yet. */
async function house(t: Test): Promise<House> {
  const folder = folderOf(t)
  const logs = join(folder, 'logs')
  const server = await serverIn(t, join(folder, 'server'), ['--qlog', logs, '--keylog', join(folder, 'server.keys')])
  const data = ['--data', server.folder]
  const [{ code }, { app, apiKey }] = await Promise.all([
    json(t, ['account', 'add', 'Ada', ...data]),
    json(t, ['app', 'add', 'chat', ...data]),
  ])
  const file = join(folder, 'ada.json')
  await json(t, ['device', 'enrol', '--url', server.url, '--code', code!, '--file', file])
  return { folder, server, file, app: app!, service: new AppService({ url: server.url, apiKey: apiKey! }) }
}

const { stdout = '' } = spawnSync('script', ['--version'], { encoding: 'utf8' })
const noTerminal = stdout.includes('util-linux') ? false : 'needs `script` of util-linux to make a terminal'

/** `device run` on a terminal of its own, between two looks at the terminal's settings. */
function phoneOnTerminal(t: Test, file: string): Talk {
  const run = `node '${CLI}' device run --file '${file}' --away-after 0`
  const line = `stty cols 200; echo "was $(stty -g)"; ${run}; echo "left $?"; echo "is $(stty -g)"`
  return new Talk(t, 'script', ['-qec', line, '/dev/null'], { SHELL: '/bin/sh', TERM: 'xterm' })
}

/** The terminal is as it was, and the phone ended well. */
async function leaves(t: Test, phone: Talk, was: string): Promise<void> {
  await phone.sees(/sent \d+ datagrams, \d+ bytes; received \d+, \d+ bytes\r\n/)
  t.equal((await phone.sees(/left (\d+)\r\n/))[1], '0')
  t.equal((await phone.sees(/is (\S+)\r\n/))[1], was, 'the terminal is restored')
  t.equal(await phone.ended, 0)
}

t.test('device run', { timeout: HANGS_MS }, async (t) => {
  const one = await house(t)
  await t.test('on a terminal: keys', { skip: noTerminal }, (t) => onTerminal(t, one))
  await t.test('without a terminal: the same as words, one line each', (t) => onPipes(t, one))
})

async function onTerminal(t: Test, { file, app, service }: House): Promise<void> {
  const phone = phoneOnTerminal(t, file)
  const was = (await phone.sees(/was (\S+)\r\n/))[1]!
  await phone.sees(/\? shows the keys\./)
  await phone.sees(/online, after a handshake of 120 \+ 67 bytes/)
  await phone.sees(/\[online \| active \| available \| sent /)
  let puid = ''
  /** Types, and waits for a line and for the status line below it. */
  const key = async (keys: string, line: string, status = /\[online/) => {
    phone.type(keys)
    await phone.sees(new RegExp(line.replaceAll(/[[\]+?.()]/g, '\\$&')))
    await phone.sees(status)
    t.pass(`${JSON.stringify(keys)}: ${line}`)
  }
  const isOffline = async (t: Test) => t.equal((await service.presence(puid)).state, 'offline', 'at once')

  await t.test('applications are allowed', async () => {
    await key('l', 'nobody sees you')
    await key('+nonsense\r', 'error: "nonsense" is no application. It looks like app_0123456789abcdef.')
    await key('+app_0123456789abcdef\r', 'error: there is no application app_0123456789abcdef')
    phone.type(`+x\u007f${app.slice(0, 8)}`)
    await phone.sees(new RegExp(`application to allow: ${app.slice(0, 8)}$`))
    phone.type(`\u001b[D${app.slice(8)}\r`) // the arrow is no Escape, and no key
    puid = (await phone.sees(new RegExp(`${app} knows you as (p_\\S+)\\r\\n`)))[1]!
    await key('l', `${app}  sees you`)
    phone.type('+app_\u001b') // Escape: never mind
    await key('l', `${app}  sees you`)
  })

  let ada = new PersonWatch(t, service, puid)

  await t.test('how the person is', async () => {
    await key('i', 'you are idle and available', /\[online \| idle \| available/)
    await key('a', 'you are active and available', /\[online \| active \| available/)
    await key('x', 'you are active and invisible', /\[online \| active \| invisible/)
    await ada.until('offline')
    await key('u', 'you are active and unavailable', /\[online \| active \| unavailable/)
    await ada.until('unavailable')
    await key('v', 'you are active and available', /\[online \| active \| available/)
    await ada.until('online')
    await key('s', ': online, active, available')
    await key('c', 'new socket, as after a change of network')
    await key('i', 'you are idle and available', /\[online \| idle \| available/)
  })

  await t.test('rings, on the new socket', async (t) => {
    const ring = (title: string, deadlineSeconds = 60) =>
      service.ring({ to: puid, title, body: 'now?', deadlineSeconds })
    await key('y', 'error: nothing rings')
    await key('m', 'no missed rings')
    const first = await ring('Ben calls')
    await phone.sees(new RegExp(`RING "Ben calls" now\\? from ${app}, \\d+ s: y accepts, n dismisses`))
    await phone.sees(/1 ringing: y accepts, n dismisses\]/)
    await key('y', 'the ring ended: accepted')
    t.equal((await first.outcome()).state, 'accepted')
    const second = await ring('Ben\u001b[2J again')
    await phone.sees(/RING "Ben \[2J again"/)
    await key('n', 'the ring ended: dismissed')
    t.equal((await second.outcome()).state, 'dismissed')
    const third = await ring('Ben once more', 5)
    await phone.sees(/RING "Ben once more"/)
    t.equal((await third.outcome()).state, 'missed')
    await phone.sees(/missed "Ben once more" from/)
    await key('m', `"Ben once more" from ${app}`)
  })

  await t.test('help, and keys that are none', async () => {
    phone.type('Z\u001b[A\t\r\u001bOP?')
    await phone.sees(/ {2}a {2}active {7}you use this device\r\n/)
    await phone.sees(/ {2}q {2}quit {9}leave: you are offline at once\r\n/)
  })

  await t.test('an application is denied, and allowed again', async () => {
    await key(`-${app}\r`, 'your list is at version')
    await key('l', `${app}  does not see you`)
    await ada.until('offline')
    await key(`+${app}\r`, 'knows you as p_')
    await ada.until('online')
  })

  await t.test('another pseudonym; a consent is taken back, silently and told', async () => {
    const another = async (keys: string) => {
      phone.type(keys)
      const next = (await phone.sees(new RegExp(`${app} knows you as (p_\\S+)\\r\\n`)))[1]!
      t.not(next, puid)
      await ada.until('offline')
      puid = next
      ada = new PersonWatch(t, service, puid)
      await ada.until('online')
    }
    await another(`p${app}\r`)
    await key(`f${app}\r`, `${app} has no consent any more`)
    await key('l', 'nobody sees you')
    await key(`f${app}\r`, `error: ${app} is not in your list. Type l to see it.`)
    await ada.until('offline')
    t.equal((await service.presence(puid)).cause, 'contact-lost')
    await another(`+${app}\r`)
    await key(`r${app}\r`, `${app} has no consent any more, and is told so`)
    await key('l', `${app}  has no consent any more, and was told so`)
    await key(`p${app}\r`, `error: ${app} has no consent of yours`)
    await ada.until('offline')
    t.equal((await service.presence(puid)).cause, 'revoked')
    await another(`+${app}\r`)
  })

  await t.test('q leaves at once', async (t) => {
    phone.type('q')
    await leaves(t, phone, was)
    await isOffline(t)
  })

  await t.test('so does Ctrl-C, also while something is typed', async (t) => {
    const again = phoneOnTerminal(t, file)
    const was = (await again.sees(/was (\S+)\r\n/))[1]!
    await again.sees(/online, in the session that was/)
    await ada.until('online')
    again.type('+app')
    await again.sees(/application to allow: app$/)
    again.type('\u0003')
    await leaves(t, again, was)
    await isOffline(t)
  })

  await t.test('so does a window that is closed', async (t) => {
    const again = phoneOnTerminal(t, file)
    await again.sees(/online, in the session that was/)
    await ada.until('online')
    const ended = once(connect(`${file}.sock`), 'close')
    again.kill('SIGKILL')
    await ada.until('offline')
    await ended
    t.equal((await service.presence(puid)).cause, 'device', 'it said good-bye')
  })
}

async function onPipes(t: Test, one: House): Promise<void> {
  const { folder, file, app, service } = one
  const phone = talk(t, ['device', 'run', '--file', file])
  await phone.sees(/online, /)
  phone.type(`idle\n\n  allow ${app}  \n`)
  await phone.sees(/\d\d:\d\d:\d\d {2}you are idle and available\n/)
  const puid = (await phone.sees(/knows you as (p_\S+)\n/))[1]!
  phone.type('frobnicate\nidle now\nallow\ninvisible\n')
  await phone.sees(/error: unknown word "frobnicate"\. Type \? for help\.\n/)
  await phone.sees(/error: idle takes nothing more\. Type \? for help\.\n/)
  await phone.sees(/error: allow needs APP\. Type \? for help\.\n/)
  await phone.sees(/you are idle and invisible\n/)
  phone.type('help\navailable\nactive\n')
  await phone.sees(/ {2}\? {2}help {9}show this\n/)
  await phone.sees(/you are active/)
  await new PersonWatch(t, service, puid).until('online')
  phone.hangUp()
  t.equal(await phone.ended, 0, 'the end of its words ends it')
  t.match(await phone.rest(), /sent \d+ datagrams/)
  t.equal(phone.stderr, '')
  t.equal((await service.presence(puid)).state, 'offline')

  const keys = join(folder, 'device.keys')
  const logged = ['--qlog', join(folder, 'logs'), '--keylog', keys]
  const lines = talk(t, ['device', 'run', '--file', file, '--json', ...logged])
  t.same(await lines.event('online'), { event: 'online', handshakeBytes: null })
  lines.type('apps\nnope\nstatus\nquit\n')
  t.match(await lines.event('apps'), { apps: [{ app, visible: true }] })
  await lines.sees(/online/)
  t.equal(await lines.ended, 0)
  for (const line of (await lines.rest()).trim().split('\n').slice(1)) t.type(JSON.parse(line).event, 'string')
  t.match(lines.stderr, /the keys of the channel are written to .*device\.keys/, 'keys are written loudly')
  await logsAgree(t, one)
}

/** What the second phone and its server logged for researchers. */
async function logsAgree(t: Test, { folder, server, file, app }: House): Promise<void> {
  const files = () => readdirSync(join(folder, 'logs')).sort()
  t.match(files(), [/^pilotlight-client-.*\.sqlog$/, /^pilotlight-server-.*\.sqlog$/])
  const [client = '', ours = ''] = files().map((name) => join(folder, 'logs', name))
  const { events } = parseQlog(readFileSync(client, 'utf8'))
  t.same(events.at(-1)?.data, { contact: 'stopped', confirmed: true }, 'the log is whole to the end')
  t.ok(events.some(({ name }) => name === 'pilotlight:session_started'))
  const keysOf = (path: string) => readFileSync(path, 'utf8').match(/[0-9a-f]{64}$/gm) ?? []
  const keys = keysOf(join(folder, 'device.keys'))
  const areTold = () => {
    const known = new Set(keysOf(join(folder, 'server.keys')))
    return keys.every((key) => known.has(key))
  }
  while (!areTold()) await nextLook() // the server writes behind
  t.ok(keys.length >= 2, 'both ends have the same keys')
  const secrets = [...keys, app.replace('app_', ''), JSON.parse(readFileSync(file, 'utf8')).psk]
  for (const log of [client, ours]) {
    const text = readFileSync(log, 'utf8')
    for (const secret of secrets) t.notOk(text.includes(secret), 'no secret is in a qlog')
    t.notMatch(text, /p_[A-Za-z0-9_-]{20}/, 'no pseudonym')
    t.equal(statSync(log).mode & 0o777, 0o600)
  }
  const states = readFileSync(ours, 'utf8').match(/(?<="name":"pilotlight:ring_updated".*"state":")\w+/g)
  for (const state of ['delivered', 'accepted', 'dismissed']) t.ok(states?.includes(state), `a ring was ${state}`)
  const metrics = await server.metrics()
  for (const name of ['qlog', 'key_log']) t.ok(metrics.includes(`\npilotlight_${name} 1\n`), name)
}
