/** The channel over WebSocket, end to end: a real server, real sockets, a network that blocks UDP. wire-spec §8.3 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { AppService } from '../../src/appservice/index.js'
import {
  type Device,
  MemoryStorage,
  type PathKind,
  PathsTransport,
  type Ring,
  type Transport,
  WebSocketTransport,
} from '../../src/client/index.js'
import type { Network } from '../../src/client/learning/network.js'
import { connect, DgramTransport, enrol, nodeWebSocket, systemHost } from '../../src/client/node/index.js'
import { pilotlight, ServerProcess } from './process.js'
import { UdpRelay } from './relay.js'

const TRIAL_MS = 11 * 60_000
const HOME: Network = { id: 'home', kind: 'wifi' }
/** The timers of the transport run so much faster: seven seconds of patience are a third of one. */
const HASTE = 20

async function started(t: Test): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const server = new ServerProcess(join(folder, 'server'))
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  return server
}

interface Phone {
  device: Device
  relay: UdpRelay
  paths: PathsTransport
  endpoints: string[]
  /** settles when datagrams go by this path, and one came since */
  on(kind: PathKind): Promise<void>
  /** the transport's clock goes forward */
  pass(ms: number): void
}

/** A device behind the relay. */
async function phoneAt(t: Test, server: ServerProcess): Promise<Phone> {
  const { code } = await pilotlight('account', 'add', 'Ada', '--data', server.folder)
  const credentials = await enrol({ url: server.url, code: code!, name: 'Phone' })
  const relay = new UdpRelay(server.udpPort)
  const endpoints = [await relay.open(), ...credentials.endpoints.filter((text) => text.startsWith('ws'))]
  const host = systemHost()
  let aheadMs = 0
  const clock = {
    ...host,
    now: () => ({ wallMs: host.now().wallMs, monotonicMs: host.now().monotonicMs + aheadMs }),
    setTimer: (ms: number, run: () => void) => host.setTimer(ms / HASTE, run),
  }
  const paths = new PathsTransport({
    udp: new DgramTransport({ endpoints }),
    tcp: new WebSocketTransport({
      endpoints,
      webSocket: nodeWebSocket,
      host: { ...host, setTimer: (ms, run) => host.setTimer(ms / 4, run) },
    }),
    host: clock,
  })
  let waiting: { kind: PathKind; settle(): void }[] = []
  const transport: Transport = {
    get kind() {
      return paths.kind
    },
    listen: (listener) =>
      paths.listen({
        ...listener,
        onDatagram: (datagram) => {
          listener.onDatagram(datagram)
          for (const { kind, settle } of waiting) if (kind === paths.kind) settle()
          waiting = waiting.filter(({ kind }) => kind !== paths.kind)
        },
        onWay: () => listener.onWay(),
        onMoved: () => listener.onMoved(),
        onBroken: () => listener.onBroken?.(),
      }),
    openProbe: (onDatagram) => paths.openProbe?.(onDatagram) ?? null,
    prefer: (kind, isUdpBlocked) => paths.prefer(kind, isUdpBlocked),
    send: (datagram) => paths.send(datagram),
    rebind: (why) => paths.rebind(why),
    close: () => paths.close(),
  }
  const device = await connect({ credentials: { ...credentials, endpoints }, storage: new MemoryStorage(), transport })
  t.teardown(async () => {
    relay.isBlocked = false
    await device.close()
    relay.close()
  })
  await device.whenOnline()
  const on = (kind: PathKind) => new Promise<void>((settle) => waiting.push({ kind, settle }))
  const pass = (ms: number): void => {
    aheadMs += ms
  }
  return { device, relay, paths, endpoints: credentials.endpoints, on, pass }
}

async function serviceOf(server: ServerProcess, device: Device): Promise<{ service: AppService; puid: string }> {
  const { app, apiKey } = await pilotlight('app', 'add', 'chat', '--data', server.folder)
  return { puid: await device.allow(app!), service: new AppService({ url: server.url, apiKey: apiKey! }) }
}

const nextRing = (device: Device) =>
  new Promise<Ring>((resolve) => {
    const end = device.on('ring', (ring) => {
      end()
      resolve(ring)
    })
  })

/** A value of /metrics; 0 if it is not there. */
function value(text: string, name: string): number {
  return Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\d+)`, 'm').exec(text)?.[1] ?? 0)
}

t.test('UDP to WebSocket and back, twice: no handshake, and a ring of the meantime comes', async (t) => {
  const server = await started(t)
  const { device, relay, paths, endpoints, on, pass } = await phoneAt(t, server)
  t.same(endpoints, [`udp://127.0.0.1:${server.udpPort}`, `${server.url.replace('http', 'ws')}/v1/channel`])
  const { service, puid } = await serviceOf(server, device)
  t.equal(paths.kind, 'udp')

  relay.isBlocked = true
  const rings = nextRing(device)
  const ring = await service.ring({ to: puid, title: 'Ben calls', deadlineSeconds: 120 })
  device.idle()
  const shown = await rings
  t.equal(paths.kind, 'tcp')
  t.equal(await shown.accept(), 'accepted')
  t.equal((await ring.outcome()).state, 'accepted')
  t.match(await service.presence(puid), { state: 'online' }, 'nobody was offline')

  relay.isBlocked = false
  pass(TRIAL_MS)
  const back = on('udp')
  device.active()
  await back
  t.equal(paths.kind, 'udp')

  relay.isBlocked = true
  const again = on('tcp')
  device.idle()
  await again
  relay.isBlocked = false
  const changed = on('udp')
  device.networkChanged()
  await changed
  const last = nextRing(device)
  await service.ring({ to: puid, title: 'Ben calls again', deadlineSeconds: 120 })
  t.match(await last, { title: 'Ben calls again' })
  const metrics = await server.metrics()
  t.equal(value(metrics, 'pilotlight_handshakes_total'), 1, 'handshakes')
  t.ok(value(metrics, 'pilotlight_websocket_messages_total{direction="in"}') > 0)
})

t.test('kill -9 while on WebSocket: the device is back by itself, without a handshake', async (t) => {
  const server = await started(t)
  const { device, relay, paths, on } = await phoneAt(t, server)
  const { service, puid } = await serviceOf(server, device)
  relay.isBlocked = true
  const moved = on('tcp')
  device.idle()
  await moved
  await server.end('SIGKILL')
  await server.start()
  const rings = nextRing(device)
  await service.ring({ to: puid, title: 'Ben calls', deadlineSeconds: 120 })
  t.match(await rings, { title: 'Ben calls' })
  t.equal(paths.kind, 'tcp')
  const metrics = await server.metrics()
  t.equal(value(metrics, 'pilotlight_handshakes_total'), 0)
  t.equal(value(metrics, 'pilotlight_sessions_confirmed_total'), 1)
})

t.test(
  '[R-8.3-13] UDP blocked, open, blocked, open, and kill -9 in between: the device finds its way, without a handshake',
  async (t) => {
    const server = await started(t)
    const { device, relay, paths, on, pass } = await phoneAt(t, server)
    const { service, puid } = await serviceOf(server, device)
    const ringed = async (title: string): Promise<void> => {
      const rings = nextRing(device)
      const ring = await service.ring({ to: puid, title, deadlineSeconds: 60 })
      const shown = await rings
      t.equal(shown.title, title)
      t.equal(await shown.accept(), 'accepted')
      t.equal((await ring.outcome()).state, 'accepted')
    }
    const home = on('udp')
    device.networkChanged(HOME)
    await home

    relay.isBlocked = true
    const away = on('tcp')
    device.idle()
    await away
    await ringed('over WebSocket')

    t.equal(value(await server.metrics(), 'pilotlight_handshakes_total'), 1)
    await server.end('SIGKILL')
    await server.start()
    await ringed('after kill -9')
    t.equal(paths.kind, 'tcp')

    // The train has UDP; at home it is blocked, which is known: the connection opens beside the first packet.
    relay.isBlocked = false
    const train = on('udp')
    device.networkChanged({ id: 'train', kind: 'cellular' })
    await train
    relay.isBlocked = true
    const back = on('tcp')
    device.networkChanged(HOME)
    await back

    relay.isBlocked = false
    pass(TRIAL_MS)
    const open = on('udp')
    device.active()
    await open
    await ringed('over UDP again')
    t.equal(paths.kind, 'udp')
    await server.end('SIGKILL')
    await server.start()
    device.active()
    device.idle()
    await ringed('after the second kill -9')
    t.equal(value(await server.metrics(), 'pilotlight_handshakes_total'), 0)
  },
)

t.test('a device that has only WebSocket', async (t) => {
  const server = await started(t)
  const { code } = await pilotlight('account', 'add', 'Ada', '--data', server.folder)
  const credentials = await enrol({ url: server.url, code: code!, name: 'Browser' })
  const endpoints = credentials.endpoints.filter((text) => text.startsWith('ws'))
  const device = await connect({ credentials: { ...credentials, endpoints }, storage: new MemoryStorage() })
  await device.whenOnline()
  await device.close()
  t.equal(value(await server.metrics(), 'pilotlight_handshakes_total'), 1)
})

t.test('a flood of connections and garbage: bounded, counted, and a device on UDP does not notice', async (t) => {
  const server = await started(t)
  const { device, on } = await phoneAt(t, server)
  const url = `${server.url.replace('http', 'ws')}/v1/channel`
  const open = () =>
    new Promise<WebSocket | null>((resolve) => {
      const socket = new WebSocket(url, 'pilotlight.1')
      t.teardown(() => socket.terminate())
      socket.on('open', () => resolve(socket))
      socket.on('error', () => resolve(null))
    })
  const sockets = (await Promise.all(Array.from({ length: 300 }, open))).filter((socket) => socket !== null)
  t.equal(sockets.length, 256)
  const answers: number[] = []
  for (const socket of sockets) {
    socket.on('message', (bytes: Buffer) => answers.push(bytes.length))
    for (let i = 0; i < 20; i++) socket.send(new Uint8Array(24).fill(0x80 + i))
  }
  for (let i = 0; i < 20; i++) {
    const pong = on('udp')
    if (i % 2 === 0) device.idle()
    else device.active()
    await pong
  }
  const [first, second] = sockets as [WebSocket, WebSocket]
  const codes = [once(first, 'close'), once(second, 'close')]
  first.send('text')
  second.send(new Uint8Array(1201))
  t.same(
    (await Promise.all(codes)).map(([code]) => code),
    [1003, 1009],
  )
  const metrics = await server.metrics()
  t.equal(value(metrics, 'pilotlight_websocket_connections_total{event="opened"}'), 256)
  t.equal(value(metrics, 'pilotlight_handshakes_total'), 1)
  for (const bytes of answers) t.equal(bytes, 13, 'a reset at most')
})
