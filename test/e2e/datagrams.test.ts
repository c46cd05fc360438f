/** Bad input over real UDP, against a real server: what strangers send, and devices whose keys or clocks are wrong. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AppService } from '../../src/appservice/index.js'
import { connect as connectOver, MemoryStorage } from '../../src/client/index.js'
import { connect, DgramTransport, enrol, systemHost } from '../../src/client/node/index.js'
import { Flag } from '../../src/packet/constants.js'
import { flipped } from '../support/hostile-bytes.js'
import { folderOf, HANGS_MS, nextLook, serverIn } from './command.js'
import { pilotlight, type ServerProcess } from './process.js'
import { UdpRelay } from './relay.js'

/** Datagrams in a row: more would overflow the socket's buffer. */
const ROW = 100

/** Dropped datagrams by reason. */
async function droppedAt(server: ServerProcess): Promise<Map<string, number>> {
  const rows = (await server.metrics()).matchAll(/^pilotlight_datagrams_dropped_total\{reason="([^"]+)"\} (\d+)/gm)
  return new Map([...rows].map(([, reason, count]) => [reason as string, Number(count)]))
}

const sum = (counts: Map<string, number>): number => [...counts.values()].reduce((total, count) => total + count, 0)

/** Sends datagrams from a socket of its own; settles when all were dropped. What they changed, by reason; and all answers. */
async function sendBad(t: Test, server: ServerProcess, all: readonly Uint8Array[]) {
  const socket = createSocket('udp4')
  t.teardown(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  const answers: Uint8Array[] = []
  socket.on('message', (answer) => answers.push(answer))
  socket.connect(server.udpPort, '127.0.0.1')
  await once(socket, 'connect')
  const before = await droppedAt(server)
  let after = before
  for (let first = 0; first < all.length; first += ROW) {
    const row = all.slice(first, first + ROW)
    for (const bytes of row) socket.send(bytes)
    while (sum(after) < sum(before) + first + row.length) {
      await nextLook()
      after = await droppedAt(server)
    }
  }
  const byReason = new Map([...after].map(([reason, count]) => [reason, count - (before.get(reason) ?? 0)]))
  return { answers, byReason, dropped: sum(byReason) }
}

async function enrolled(server: ServerProcess) {
  const { code } = await pilotlight('account', 'add', 'Ada', '--data', server.folder)
  return enrol({ url: server.url, code: code!, name: 'Phone' })
}

/** A server, and a device that is online behind a relay that keeps what passes. */
async function relayed(t: Test) {
  const server = await serverIn(t, join(folderOf(t), 'server'))
  const relay = new UdpRelay(server.udpPort)
  t.teardown(() => relay.close())
  const transport = new DgramTransport({ endpoints: [await relay.open()] })
  const credentials = await enrolled(server)
  const device = await connect({ credentials, storage: new MemoryStorage(), transport })
  t.teardown(() => device.close())
  await device.whenOnline()
  return { server, relay, device }
}

t.test(
  'truncated, flipped, replayed and reflected datagrams: counted, not answered, without effect',
  { timeout: HANGS_MS },
  async (t) => {
    const { server, relay, device } = await relayed(t)
    const { app, apiKey } = await pilotlight('app', 'add', 'chat', '--data', server.folder)
    const puid = await device.allow(app!)
    const service = new AppService({ url: server.url, apiKey: apiKey! })
    const presence = await service.presence(puid)
    t.match(presence, { state: 'online' })
    const handshakes = async () => /^pilotlight_handshakes_total\S* (\d+)/m.exec(await server.metrics())?.[1]
    t.equal(await handshakes(), '1')

    const [up, down] = [relay.up.slice(), relay.down.slice()]
    const message1 = up.find(([kind]) => kind === 1) as Uint8Array
    const packet = up.filter(([first = 0]) => first >= 0x80).sort((a, b) => a.length - b.length)[0] as Uint8Array
    const cut = [message1, packet].flatMap((good) => Array.from(good.slice(1), (_, i) => good.slice(0, i + 1)))
    const bits = [message1, packet].flatMap((good) =>
      Array.from({ length: good.length * 8 }, (_, bit) => flipped(good, bit)),
    )

    const truncated = await sendBad(t, server, cut)
    t.equal(truncated.dropped, cut.length, 'truncated: each is counted')
    t.ok((truncated.byReason.get('length') ?? 0) >= message1.length - 1, 'message 1 as too short')
    t.same(truncated.answers, [])
    const flips = await sendBad(t, server, bits)
    t.equal(flips.dropped, bits.length, 'flipped: each is counted')
    t.ok((flips.byReason.get('mac1') ?? 0) > 900, 'message 1')
    // The window is asked before the tag: a number that was seen is a replay, whatever else was changed.
    t.ok((flips.byReason.get('replay') ?? 0) + (flips.byReason.get('tag') ?? 0) > 100, 'a packet')
    t.ok(
      flips.answers.every(({ length }) => length === 13),
      'a reset at most',
    )
    const packets = up.filter(([first = 0]) => first >= 0x80)
    const replayed = await sendBad(t, server, [...packets, ...packets])
    t.equal(replayed.dropped, packets.length * 2, 'replayed: each is counted')
    // A boot value ends the key of what was sent before it.
    const newest = packets.slice(
      Math.max(
        0,
        packets.findLastIndex(([first = 0]) => (first & Flag.boot) !== 0),
      ),
    )
    t.ok((replayed.byReason.get('replay') ?? 0) >= newest.length * 2, 'as such')
    t.same(replayed.answers, [])
    const reflected = await sendBad(t, server, down)
    t.equal(reflected.dropped, down.length, 'reflected: each is counted')
    t.ok(
      reflected.answers.every(({ length }) => length === 13),
      'a reset at most',
    )

    t.equal(await handshakes(), '1')
    t.same({ ...(await service.presence(puid)), asOf: '' }, { ...presence, asOf: '' }, 'nobody moved, no version grew')
    const answered = new Promise<void>((resolve) =>
      device.on('ring', (shown) => resolve(shown.accept().then(() => {}))),
    )
    const ring = await service.ring({ to: puid, title: 'Ben calls', deadlineSeconds: 120 })
    await answered
    t.match(await ring.outcome(), { state: 'accepted' }, 'the session goes on')
  },
)

t.test('a replayed message 1 gets a shorter answer, and begins nothing', { timeout: HANGS_MS }, async (t) => {
  const { server, relay } = await relayed(t)
  const message1 = relay.up.find(([kind]) => kind === 1) as Uint8Array
  const socket = createSocket('udp4')
  t.teardown(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  socket.connect(server.udpPort, '127.0.0.1')
  await once(socket, 'connect')
  socket.send(message1)
  const [answer] = (await once(socket, 'message')) as [Uint8Array]
  t.ok(answer.length <= 0.6 * message1.length, `${answer.length} B after ${message1.length} B`)
  const metrics = await server.metrics()
  t.match(metrics, /^pilotlight_handshakes_total\S* 1\n/m)
})

t.test('wrong keys and clocks: the device says what is wrong', { timeout: HANGS_MS }, async (t) => {
  const server = await serverIn(t, join(folderOf(t), 'server'))
  const credentials = await enrolled(server)
  const udp = () => new DgramTransport({ endpoints: credentials.endpoints.filter((one) => one.startsWith('udp')) })

  await t.test('a clock that is an hour ahead: told by how much, and the device goes on', async (t) => {
    const host = systemHost()
    const ahead = { ...host, now: () => ({ ...host.now(), wallMs: host.now().wallMs + 3_600_000 }) }
    const device = await connectOver({ credentials, storage: new MemoryStorage(), transport: udp(), host: ahead })
    const refused = new Promise((resolve) => device.on('refused', resolve))
    t.match(await refused, {
      code: 1,
      willRetry: true,
      error: { code: 'PL_CLOCK_AHEAD', message: /ahead of the server/ },
    })
    await device.whenOnline()
    await device.close()
  })

  await t.test('another server key: silence, and what that may mean', async (t) => {
    const host = systemHost()
    // This device lives thirty times as fast: it gives up in half a second.
    const hurried = {
      ...host,
      now: () => ({ ...host.now(), monotonicMs: host.now().monotonicMs * 30 }),
      setTimer: (ms: number, run: () => void) => host.setTimer(ms / 30, run),
    }
    const serverKeys = [new Uint8Array(32).fill(9)]
    const storage = new MemoryStorage()
    const options = { credentials: { ...credentials, serverKeys }, storage, transport: udp(), host: hurried }
    const device = await connectOver(options)
    t.teardown(() => device.close())
    await t.rejects(device.whenOnline(), { code: 'PL_NO_HANDSHAKE', message: /server key is not the one/ })
    t.ok(((await droppedAt(server)).get('mac1') ?? 0) > 0, 'the server counts it')
  })

  await t.test('a device that was removed while it was away: refused, and it stops', async (t) => {
    const storage = new MemoryStorage()
    const before = await connect({ credentials, storage, transport: udp() })
    await before.whenOnline()
    await before.close()
    await pilotlight('device', 'remove', credentials.deviceId, '--data', server.folder)
    const device = await connect({ credentials, storage, transport: udp() })
    t.teardown(() => device.close())
    const end = new Promise((resolve) => {
      device.on('refused', resolve)
      device.on('closed', (event) => !event.willRetry && resolve(event))
    })
    t.match(await end, {
      willRetry: false,
      error: { code: /PL_DEVICE_UNKNOWN|PL_DEVICE_REMOVED/, message: /Enrol again/ },
    })
  })
})
