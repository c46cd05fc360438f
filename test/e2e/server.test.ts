import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { AppService } from '../../src/appservice/index.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { type Device, MemoryStorage, type Ring, type Transport } from '../../src/client/index.js'
import { connect, DgramTransport, enrol } from '../../src/client/node/index.js'
import { ROOT } from '../support/root.js'
import { confined } from './confined.js'
import { CLI, pilotlight, pilotlightFails, ServerProcess } from './process.js'

/** A short path: sockets have names of at most about 100 characters. */
function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function started(t: Test, env: NodeJS.ProcessEnv = {}): Promise<ServerProcess> {
  const server = new ServerProcess(join(folderOf(t), 'server'), env)
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  return server
}

interface Phone {
  device: Device
  deviceId: string
  account: string
  /** settles when `count` more datagrams came */
  received(count: number): Promise<void>
}

async function phoneAt(t: Test, server: ServerProcess, name: string): Promise<Phone> {
  const { account, code } = await pilotlight('account', 'add', name, '--data', server.folder)
  const credentials = await enrol({ url: server.url, code: code!, name })
  let left = 0
  let settle = (): void => {}
  const way = new DgramTransport({ endpoints: credentials.endpoints })
  const transport: Transport = {
    kind: 'udp',
    listen: (listener) =>
      way.listen({
        onWay: () => listener.onWay(),
        onMoved: () => listener.onMoved(),
        onDatagram: (datagram) => {
          listener.onDatagram(datagram)
          left--
          if (left === 0) settle()
        },
      }),
    send: (datagram) => way.send(datagram),
    rebind: () => way.rebind(),
    close: () => way.close(),
  }
  const device = await connect({ credentials, storage: new MemoryStorage(), transport })
  t.teardown(() => device.close())
  await device.whenOnline()
  const received = (count: number): Promise<void> =>
    new Promise((resolve) => {
      left = count
      settle = resolve
    })
  return { device, deviceId: credentials.deviceId, account: account!, received }
}

t.test('a removed device is told at once, and stays out', async (t) => {
  const server = await started(t)
  const phone = await phoneAt(t, server, 'Ada')
  const closed = new Promise<{ code: number }>((resolve) => phone.device.on('closed', resolve))
  await pilotlight('device', 'remove', phone.deviceId, '--data', server.folder)
  t.match(await closed, { code: 2, willRetry: false })
})

t.test('kill -9: the session goes on without a handshake, the ring too', async (t) => {
  const server = await started(t)
  const { device } = await phoneAt(t, server, 'Ada')
  device.active()
  const { app, apiKey } = await pilotlight('app', 'add', 'chat', '--data', server.folder)
  const puid = await device.allow(app!)
  const service = new AppService({ url: server.url, apiKey: apiKey! })
  const shown = new Promise<Ring>((resolve) => device.on('ring', resolve))
  const ring = await service.ring({ to: puid, title: 'Ben calls', deadlineSeconds: 120 })
  const rings = await shown
  await server.end('SIGKILL')
  await server.start()
  void rings.accept()
  t.equal((await ring.outcome()).state, 'accepted')
  t.match(await server.metrics(), /pilotlight_handshakes_total\S* 0\n/)
  t.match(await service.presence(puid), { state: 'online', cause: 'restart' })
})

t.test('a second server on the folder or on a port is refused in words', async (t) => {
  const server = await started(t)
  const same = await pilotlightFails('serve', '--data', server.folder, '--udp-port', '0', '--http-port', '0')
  t.equal(same.code, 1)
  t.match(same.stderr, /PL_STORE_BUSY|PL_SERVER_RUNNING/)
  const other = ['serve', '--data', join(folderOf(t), 'other'), '--host', '127.0.0.1', '--http-port', '0']
  const port = await pilotlightFails(...other, '--udp-port', `${server.udpPort}`)
  t.match(port, { code: 1, stderr: /PL_PORT_TAKEN/ })
  t.notMatch(port.stderr, /\n\s+at /, 'no stack trace')
})

t.test('garbage gets no answer or a shorter one, and is counted by reason', async (t) => {
  const server = await started(t)
  const random = new SeededRandom('garbage')
  const socket = createSocket('udp4')
  t.teardown(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  const answers: number[] = []
  socket.on('message', (answer) => answers.push(answer.length))
  socket.connect(server.udpPort, '127.0.0.1')
  await once(socket, 'connect')
  for (let i = 0; i < 300; i++) socket.send(random.fill(new Uint8Array(1 + random.int(1300))))
  const message1 = random.fill(new Uint8Array(120))
  message1[0] = 1
  socket.send(message1)
  // A datagram may be lost on loopback too: most of them must be counted, each reason that we made at least once.
  const dropped = (text: string, reason: string): number =>
    Number(new RegExp(`^pilotlight_datagrams_dropped_total\\{reason="${reason}"\\} (\\d+)`, 'm').exec(text)?.[1] ?? 0)
  let text = ''
  for (let tries = 0; tries < 500 && dropped(text, 'mac1') === 0; tries++) text = await server.metrics()
  t.equal(dropped(text, 'mac1'), 1)
  t.ok(dropped(text, 'kind') > 50)
  t.ok(dropped(text, 'dead-cid') + dropped(text, 'cid') > 50)
  t.same(answers, [], 'nobody learns that a server runs here')
})

t.test('100 pings get 100 pongs while the HTTP thread stands still', async (t) => {
  const file = join(folderOf(t), 'block')
  const preload = pathToFileURL(join(ROOT, 'test/e2e/block-sidecar.mjs'))
  const server = await started(t, { NODE_OPTIONS: `--import=${preload}`, BLOCK_SIDECAR: file })
  const { device, received } = await phoneAt(t, server, 'Ada')
  device.active()
  const watcher = watch(join(file, '..'))
  t.teardown(() => watcher.close())
  writeFileSync(file, '')
  while (!existsSync(`${file}.stands`)) await once(watcher, 'change')
  let wasAnswered = false
  const health = fetch(`${server.url}/healthz`).then(({ status }) => {
    wasAnswered = true
    return status
  })
  const before = device.counters().received.all.datagrams
  for (let i = 0; i < 100; i++) {
    const pong = received(1)
    if (i % 2 === 0) device.idle()
    else device.active()
    await pong
  }
  t.ok(device.counters().received.all.datagrams - before >= 100)
  t.notOk(wasAnswered, 'HTTP waits')
  rmSync(file)
  t.equal(await health, 200)
})

t.test('a planned stop ends in order, and the folder can be used by the commands', async (t) => {
  const folder = folderOf(t)
  const wrapper = confined(folder, CLI)
  t.comment(wrapper.length > 0 ? 'without rights, where only its folder can be written' : 'not confined')
  const server = new ServerProcess(join(folder, 'server'), {}, [], 'error', wrapper)
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  await pilotlight('account', 'add', 'Ada', '--data', server.folder)
  t.equal(await server.end('SIGTERM'), 0)
  const accounts = await pilotlight('account', 'list', '--data', server.folder)
  t.match(JSON.stringify(accounts), /Ada/)
  const backup = join(folderOf(t), 'backup')
  await pilotlight('backup', backup, '--data', server.folder)
  const copy = join(folderOf(t), 'copy')
  await pilotlight('restore', backup, '--data', copy)
  t.match(JSON.stringify(await pilotlight('account', 'list', '--data', copy)), /Ada/)
})
