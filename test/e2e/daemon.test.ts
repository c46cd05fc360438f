import { copyFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { AppService } from '../../src/appservice/index.js'
import { folderOf, HANGS_MS, json, PersonWatch, PhoneSocket, rawLines, refused, serverIn, talk } from './command.js'

t.test('device run --daemon: one channel for all programs of a machine', { timeout: HANGS_MS }, async (t) => {
  const folder = folderOf(t)
  const server = await serverIn(t, join(folder, 'server'))
  const data = ['--data', server.folder]
  const [{ code, account }, { app, apiKey }] = await Promise.all([
    json(t, ['account', 'add', 'Ada', ...data]),
    json(t, ['app', 'add', 'chat', ...data]),
  ])
  const file = join(folder, 'ada.json')
  const enrolled = await json(t, ['device', 'enrol', '--url', server.url, '--code', code!, '--file', file])
  const http = ['--url', server.url, '--api-key', apiKey!]
  const service = new AppService({ url: server.url, apiKey: apiKey! })
  const socket = `${file}.sock`
  const rung = join(folder, 'rung')
  // A command that reads the ring both ways, and then fails.
  const onRing = `cat > ${rung}.json; printf '%s' "$PILOTLIGHT_RING_TITLE" > ${rung}.title; exit 3`
  const run = ['device', 'run', '--file', file, '--daemon']
  const daemon = talk(t, [...run, '--json', '--on-ring', onRing])
  await daemon.event('online')
  let puid = ''

  await t.test('subscribers hear what the phone does', async (t) => {
    t.equal(statSync(socket).mode & 0o777, 0o600, 'for its owner only')
    const [first, second] = [await PhoneSocket.open(t, socket), await PhoneSocket.open(t, socket)]
    await first.call('subscribe')
    await second.call('subscribe')
    t.match(await first.call('status'), { event: 'status', device: enrolled['deviceId'], online: true, ringing: [] })
    const allowed = await first.call<Record<string, string>>('allow', { app: app! })
    puid = allowed['puid']!
    t.same(allowed, { app, puid })
    for (const one of [first, second]) t.same(await one.event('puid'), { event: 'puid', app, puid })
    t.match(await first.call('apps'), { apps: [{ app, visible: true, blocked: false }] })
    await first.call('state', { state: 'idle' })
    for (const one of [first, second]) t.match(await one.event('state'), { state: 'idle', choice: 'available' })
    await second.call('choice', { choice: 'invisible' })
    t.match(await first.event('state'), { state: 'idle', choice: 'invisible' })
    const ada = new PersonWatch(t, service, puid)
    await ada.until('offline')
    await first.call('choice', { choice: 'available' })
    await first.call('state', { state: 'active' })
    await ada.until('online')
    t.same(await first.call('missed'), { event: 'missed-rings', missed: [] })
    await first.call('network')
    await second.event('network')
    second.close()
    await first.call('state', { state: 'active' })
    await first.event('state')
  })

  await t.test('a ring arrives as an event, runs the command, is accepted through the socket', async (t) => {
    const phone = await PhoneSocket.open(t, socket)
    await phone.call('subscribe')
    const words = [
      'ring',
      puid,
      ...http,
      '--title',
      '$(x) "Ben"',
      '--body',
      'now?',
      '--action-url',
      'https://x.example/7',
    ]
    const outcome = json(t, [...words, '--wait'])
    const ring = await phone.event('ring')
    t.match(ring, { app, title: '$(x) "Ben"', body: 'now?', url: 'https://x.example/7', payload: '' })
    t.match(await phone.event('on-ring-failed'), {
      ring: ring['ring'],
      message: '--on-ring: the command ended with code 3',
    })
    t.match(JSON.parse(readFileSync(`${rung}.json`, 'utf8')), {
      ring: ring['ring'],
      app,
      title: '$(x) "Ben"',
      body: 'now?',
    })
    t.equal(readFileSync(`${rung}.title`, 'utf8'), '$(x) "Ben"')
    t.same((await phone.call('status'))['ringing'], [ring['ring']], 'a failing command answers nothing')
    t.same(await phone.call('accept', { ring: ring['ring'] }), { outcome: 'accepted' })
    t.match(await phone.event('ring-ended'), { ring: ring['ring'], outcome: 'accepted' })
    t.match(await outcome, { state: 'accepted' })
    t.match(await daemon.event('on-ring-failed'), { ring: ring['ring'] }, 'its own output says so too')

    const second = await service.ring({ to: puid, title: 'Ben again', deadlineSeconds: 60 })
    await phone.event('ring')
    t.same(await phone.call('dismiss'), { outcome: 'dismissed' }, 'without a name: the last one')
    t.equal((await second.outcome()).state, 'dismissed')
    const third = await service.ring({ to: puid, title: 'Ben gives up', deadlineSeconds: 60 })
    await phone.event('ring')
    await third.withdraw()
    t.match(await phone.event('ring-ended'), { outcome: 'withdrawn' })
  })

  await t.test('wrong lines are answered by errors', async (t) => {
    const lines = [
      'no JSON',
      '[1, 2]',
      'null',
      '{"id":1,"method":"nope"}',
      '{"id":2,"method":"toString"}',
      '{"id":3,"method":"state","params":{"state":"asleep"}}',
      '{"id":4,"method":"choice","params":7}',
      '{"id":5,"method":"accept"}',
      '{"id":6,"method":"dismiss","params":{"ring":"00"}}',
      '{"id":7,"method":"allow","params":{"app":7}}',
      '{"id":8,"method":"allow","params":{"app":"app_0123456789abcdef"}}',
      '{"id":9,"method":"confirm"}',
      '{"id":10,"method":"confirm","params":{"request":"x"}}',
      '{"id":11,"method":"quit"}',
    ]
    const answers = await rawLines(t, socket, lines)
    const codeOf = (id?: number) =>
      answers.filter((answer) => answer['id'] === id).map(({ error }) => (error as { code: string }).code)
    t.same(codeOf(), Array(3).fill('PL_UNKNOWN_METHOD'))
    for (const id of [1, 2, 11]) t.same(codeOf(id), ['PL_UNKNOWN_METHOD'], lines[id + 2]!)
    for (const id of [3, 4, 5, 6, 7, 9]) t.same(codeOf(id), ['PL_BAD_LINE'], lines[id + 2]!)
    t.same(codeOf(8), ['PL_UNKNOWN_APP'])
    t.same(codeOf(10), ['PL_OFFER_UNKNOWN'])
    for (const { error } of answers) t.notMatch((error as { message: string }).message, /\n/)

    const endless = connect(socket)
    await new Promise<void>((resolve) => {
      endless.on('error', () => {}).once('close', () => resolve())
      endless.write('x'.repeat(1 << 20))
    })
    const phone = await PhoneSocket.open(t, socket)
    t.match(await phone.call('status'), { online: true }, 'an endless line ends its connection, not the phone')
  })

  await t.test('device allow speaks with the daemon', async (t) => {
    t.same(await json(t, ['device', 'allow', app!, '--file', file]), { app, puid })
    t.match(await daemon.event('puid'), { app, puid })
  })

  await t.test('a second process on the device or on the socket is refused in words', async (t) => {
    const others = ['a.json', 'b.json', 'c.json'].map((name) => join(folder, name))
    for (const other of others) copyFileSync(file, other) // never gets to the server
    const foreign = join(folder, 'foreign')
    writeFileSync(foreign, 'mine')
    const elsewhere = ['--socket', join(folder, 'elsewhere')]
    await Promise.all([
      refused(t, run, { code: 'PL_DEVICE_BUSY', message: /another process runs this device/ }),
      refused(t, [...run, ...elsewhere, '--json'], { code: 'PL_DEVICE_BUSY' }),
    ])
    const taken = [
      { path: socket, code: 'PL_SOCKET_TAKEN', message: /another process listens/ },
      { path: foreign, code: 'PL_DEVICE_FILE', message: /is no socket/ },
      { path: join(foreign, 'x'), code: 'PL_DEVICE_FILE', message: /cannot be used \(ENOTDIR\)/ },
    ]
    await Promise.all(
      taken.map(({ path, ...refusal }, index) =>
        refused(t, ['device', 'run', '--file', others[index]!, '--daemon', '--socket', path], refusal),
      ),
    )
    t.equal(readFileSync(foreign, 'utf8'), 'mine', 'what is there stays')
    for (const other of others) t.notOk(existsSync(`${other}.sock`), 'the first socket is taken away again')
  })

  await t.test('killed, it goes on in its session; told to end, it leaves', async (t) => {
    daemon.kill('SIGKILL')
    await daemon.ended
    t.ok(existsSync(socket), 'what a killed process leaves behind')
    const elsewhere = join(folder, 'elsewhere')
    const next = talk(t, [...run, '--socket', elsewhere])
    await next.sees(/online, in the session that was\n/)
    const phone = await PhoneSocket.open(t, elsewhere)
    t.match(await phone.call('status'), { online: true })
    next.kill('SIGTERM')
    t.equal(await next.ended, 0)
    t.match(await next.rest(), /sent \d+ datagrams, \d+ bytes; received \d+, \d+ bytes\n$/)
    t.equal((await service.presence(puid)).state, 'offline', 'at once')
    for (const one of [socket, elsewhere]) t.notOk(existsSync(one), 'its sockets are gone')
  })

  await t.test('a removed account ends it, with an error', async (t) => {
    const last = talk(t, [...run, '--json'])
    await last.event('online')
    t.same(await json(t, ['account', 'remove', account!, ...data]), { account, devices: 1 })
    t.match(await last.event('closed'), { code: 'PL_ACCOUNT_REMOVED', willRetry: false })
    t.equal(await last.ended, 1)
    t.equal(JSON.parse(last.stderr).error.code, 'PL_ACCOUNT_REMOVED')
    t.notOk(existsSync(socket))
  })
})
