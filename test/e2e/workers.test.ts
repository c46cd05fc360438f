/** `serve --workers`: several threads of the channel are one server to everybody. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { AppService } from '../../src/appservice/index.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { type Device, MemoryStorage, type Ring } from '../../src/client/index.js'
import { connect, enrol } from '../../src/client/node/index.js'
import { ROOT } from '../support/root.js'
import { pilotlight, pilotlightFails, ServerProcess } from './process.js'

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function started(t: Test, workers: number): Promise<ServerProcess> {
  const server = new ServerProcess(join(folderOf(t), 'server'), {}, ['--workers', `${workers}`])
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  return server
}

/** Ends it and starts it again on its ports, with so many workers. */
async function restart(server: ServerProcess, signal: 'SIGTERM' | 'SIGKILL', workers: number): Promise<void> {
  const code = await server.end(signal)
  if (signal === 'SIGTERM' && code !== 0) throw new Error(`the server ended with ${code}`)
  server.more = ['--workers', `${workers}`]
  await server.start()
}

/** The values of a metric, by its worker; without workers there is one. */
async function byWorker(server: ServerProcess, name: string): Promise<number[]> {
  const pattern = new RegExp(`^${name}(?:\\{(?:[^}]*,)?worker="(\\d+)"\\})? (\\d+)$`, 'gm')
  const values: number[] = []
  for (const [, worker = '0', value] of (await server.metrics()).matchAll(pattern))
    values[Number(worker)] = Number(value)
  return values
}

interface Phone {
  device: Device
  deviceId: string
  /** settles when the person’s list is here, or changed */
  listed: Promise<void>
}

/** A device that enrolled by a code. @param scheme of the endpoints that it may use. */
async function phoneAt(t: Test, server: ServerProcess, code: string, scheme = ''): Promise<Phone> {
  const credentials = await enrol({ url: server.url, code, name: 'phone' })
  const endpoints = credentials.endpoints.filter((text) => text.startsWith(scheme))
  const device = await connect({ credentials: { ...credentials, endpoints }, storage: new MemoryStorage() })
  t.teardown(() => device.close())
  const listed = new Promise<void>((resolve) => device.on('list-changed', () => resolve()))
  await device.whenOnline()
  return { device, deviceId: credentials.deviceId, listed }
}

/** A person with one device. */
async function personAt(
  t: Test,
  server: ServerProcess,
  name: string,
  scheme = '',
): Promise<Phone & { account: string }> {
  const { account, code } = await pilotlight('account', 'add', name, '--data', server.folder)
  return { account: account!, ...(await phoneAt(t, server, code!, scheme)) }
}

const nextRing = (device: Device): Promise<Ring> => new Promise((resolve) => device.on('ring', resolve))

t.test('one person on two workers: presence, rings, kill -9, other counts', async (t) => {
  const server = await started(t, 2)
  const { app, apiKey } = await pilotlight('app', 'add', 'chat', '--data', server.folder)
  const service = new AppService({ url: server.url, apiKey: apiKey! })
  // Slots in the order of enrolment: 0 and 1 are Ada's, 2 is Ben's.
  const ada = await personAt(t, server, 'Ada')
  const puid = await ada.device.allow(app!)
  ada.device.on('key-offer', ({ request }) => ada.device.confirmKeyOffer(request))
  const { code } = await pilotlight('account', 'code', ada.account, '--data', server.folder)
  const tablet = await phoneAt(t, server, code!)
  await tablet.listed
  t.equal(await tablet.device.puid(app!), puid, 'the list came from the other worker\u2019s device')
  const ben = await personAt(t, server, 'Ben')
  const benPuid = await ben.device.allow(app!)
  t.same(await byWorker(server, 'pilotlight_sessions'), [2, 1])
  const [first = 0, second = 0] = await byWorker(server, 'pilotlight_handshakes_total')
  t.same([first, second], [2, 1], 'whichever worker got message 1, the one that has the slot answered')

  /** A ring to Ada rings on both devices; the tablet accepts, and the phone stops. */
  const ringed = async (title: string): Promise<void> => {
    const [onPhone, onTablet] = [nextRing(ada.device), nextRing(tablet.device)]
    const ring = await service.ring({ to: puid, title, deadlineSeconds: 60 })
    const shown = await onPhone
    t.match(shown, { title })
    t.equal(await (await onTablet).accept(), 'accepted')
    t.equal(await shown.ended, 'answered-elsewhere')
    t.equal((await ring.outcome()).state, 'accepted')
  }
  /** All are heard again and nobody handshook. */
  const went = async (counts: number[]): Promise<void> => {
    for (const { device } of [ada, tablet, ben]) device.idle()
    for (const { device } of [ada, tablet, ben]) device.active()
    await ringed(`with ${counts.length} workers`)
    const toBen = nextRing(ben.device)
    await service.ring({ to: benPuid, title: 'Ada calls', deadlineSeconds: 60 })
    t.equal(await (await toBen).accept(), 'accepted')
    for (const one of [puid, benPuid]) t.match(await service.presence(one), { state: 'online' })
    t.same(await byWorker(server, 'pilotlight_sessions'), counts)
    t.same(
      await byWorker(server, 'pilotlight_handshakes_total'),
      counts.map(() => 0),
    )
  }
  await ringed('Ben calls')
  await restart(server, 'SIGKILL', 3)
  await went([1, 1, 1])
  await restart(server, 'SIGTERM', 1)
  await went([3])
  await restart(server, 'SIGKILL', 4)
  await went([1, 1, 1, 0])

  const closed = new Promise<{ code: number }>((resolve) => tablet.device.on('closed', resolve))
  await pilotlight('device', 'remove', tablet.deviceId, '--data', server.folder)
  t.match(await closed, { code: 2, willRetry: false })
})

t.test('a device that has only WebSocket, on any worker, also after kill -9', async (t) => {
  const server = await started(t, 2)
  const { app, apiKey } = await pilotlight('app', 'add', 'chat', '--data', server.folder)
  const service = new AppService({ url: server.url, apiKey: apiKey! })
  const persons = [await personAt(t, server, 'Ada', 'ws'), await personAt(t, server, 'Ben', 'ws')]
  const puids = await Promise.all(persons.map(({ device }) => device.allow(app!)))
  const ringed = async (): Promise<void> => {
    for (const [index, { device }] of persons.entries()) {
      const next = nextRing(device)
      const ring = await service.ring({ to: puids[index]!, title: 'Cy calls', deadlineSeconds: 60 })
      t.equal(await (await next).accept(), 'accepted')
      t.equal((await ring.outcome()).state, 'accepted')
    }
  }
  await ringed()
  t.same(await byWorker(server, 'pilotlight_handshakes_total'), [1, 1])
  await restart(server, 'SIGKILL', 3)
  await ringed()
  t.same(await byWorker(server, 'pilotlight_sessions'), [1, 1, 0])
  t.same(await byWorker(server, 'pilotlight_handshakes_total'), [0, 0, 0])
})

t.test('with several addresses of a family, answers leave from the one that was asked', async (t) => {
  const server = new ServerProcess(join(folderOf(t), 'server'), {}, ['--host', '127.0.0.2', '--workers', '2'])
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  for (const host of ['127.0.0.1', '127.0.0.2', '127.0.0.2']) {
    const { code } = await pilotlight('account', 'add', 'Ada', '--data', server.folder)
    const credentials = await enrol({ url: server.url, code: code!, name: 'phone' })
    const endpoints = [`udp://${host}:${server.udpPort}`]
    const device = await connect({ credentials: { ...credentials, endpoints }, storage: new MemoryStorage() })
    await device.whenOnline()
    await device.close()
  }
  t.same(await byWorker(server, 'pilotlight_handshakes_total'), [2, 1])
})

t.test('a worker that breaks takes the server along, and the next start has its sessions', async (t) => {
  const file = join(folderOf(t), 'break')
  const preload = pathToFileURL(join(ROOT, 'test/e2e/break-worker.mjs')).href
  const env = { NODE_OPTIONS: `--import=${preload}`, BREAK_WORKER: file }
  const server = new ServerProcess(join(folderOf(t), 'server'), env, ['--workers', '2'], 'info')
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  const persons = [await personAt(t, server, 'Ada'), await personAt(t, server, 'Ben')]
  t.same(await byWorker(server, 'pilotlight_sessions'), [1, 1])
  writeFileSync(file, '')
  t.equal(await server.ended(), 1)
  t.match(server.log, /broken by the test/)
  rmSync(file)
  await server.start()
  const { app } = await pilotlight('app', 'add', 'chat', '--data', server.folder)
  for (const { device } of persons) t.ok(await device.allow(app!))
  t.same(await byWorker(server, 'pilotlight_handshakes_total'), [0, 0])
  t.match(await server.metrics(), /^pilotlight_worker_dropped_total\{worker="1"\} 0$/m)
  t.match(await server.metrics(), /^pilotlight_worker_loop_delay_seconds_count\{worker="1"\} [1-9]/m)
})

t.test('garbage is counted by the workers and gets no answer', async (t) => {
  const server = await started(t, 2)
  const random = new SeededRandom('garbage')
  const socket = createSocket('udp4')
  t.teardown(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  const answers: number[] = []
  socket.on('message', (answer) => answers.push(answer.length))
  socket.connect(server.udpPort, '127.0.0.1')
  await once(socket, 'connect')
  const sent = 300
  for (let i = 0; i < sent; i++) socket.send(random.fill(new Uint8Array(1 + random.int(1300))))
  socket.send(new Uint8Array(60_000))
  const message1 = random.fill(new Uint8Array(120))
  message1[0] = 1
  socket.send(message1)
  const dropped = (text: string, reason: string): number[] =>
    [
      ...text.matchAll(
        new RegExp(`^pilotlight_datagrams_dropped_total\\{reason="${reason}",worker="\\d"\\} (\\d+)`, 'gm'),
      ),
    ].map(([, count]) => Number(count))
  const sum = (counts: number[]): number => counts.reduce((total, count) => total + count, 0)
  let text = ''
  for (let tries = 0; tries < 500 && sum(dropped(text, 'mac1')) === 0; tries++) text = await server.metrics()
  t.equal(sum(dropped(text, 'mac1')), 1)
  t.ok(sum(dropped(text, 'kind')) > 50)
  for (const one of dropped(text, 'cid')) t.ok(one > 20, 'connection IDs of nobody come to both')
  t.same(answers, [])
})

t.test('what cannot be is refused in words', async (t) => {
  const folder = join(folderOf(t), 'server')
  const serve = ['serve', '--data', folder, '--host', '127.0.0.1', '--udp-port', '0', '--http-port', '0']
  for (const count of ['0', '65', 'two', '-1', '1.5', '']) {
    const { code, stderr } = await pilotlightFails(...serve, `--workers=${count}`)
    t.equal(code, 2, count)
    t.match(stderr, /--workers must be a whole number from 1 to 64/)
  }
  for (const log of [
    ['--qlog', folder],
    ['--keylog', join(folder, 'keys')],
  ]) {
    const { code, stderr } = await pilotlightFails(...serve, '--workers', '2', ...log)
    t.match({ code, stderr }, { code: 1, stderr: /PL_BAD_ARGUMENT.*one worker/ })
  }
  const server = await started(t, 2)
  for (const workers of ['1', '2']) {
    const other = ['--host', '127.0.0.1', '--http-port', '0', '--udp-port', `${server.udpPort}`, '--workers', workers]
    const taken = await pilotlightFails('serve', '--data', join(folderOf(t), 'other'), ...other)
    t.match(taken, { code: 1, stderr: /PL_PORT_TAKEN/ }, `${workers} cannot join the port of another server`)
  }
})
