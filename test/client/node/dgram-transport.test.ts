import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { DgramTransport } from '../../../src/client/node/dgram-transport.js'
import { interleaved, parseEndpoint, resolveEndpoints } from '../../../src/client/node/endpoint-addresses.js'

/** A UDP socket on loopback; answers by echo if asked to. */
async function socketOf(
  t: { teardown: (end: () => void) => void },
  isEcho: boolean,
  address = '127.0.0.1',
): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
  socket.bind(0, address)
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  if (isEcho) socket.on('message', (bytes, { port, address: from }) => socket.send(bytes, port, from))
  return socket
}

function portOf(socket: Socket): number {
  return (socket.address() as AddressInfo).port
}

/** Timers that fire when told to. */
class ManualTimers {
  readonly waiting = new Set<() => void>()
  readonly setTimer = (_: number, run: () => void): (() => void) => {
    this.waiting.add(run)
    return () => this.waiting.delete(run)
  }
  fire(): void {
    for (const run of [...this.waiting]) {
      this.waiting.delete(run)
      run()
    }
  }
}

/** A transport that collects what it tells; `onWay` sends the next number. */
function transportOf(
  t: { teardown: (end: () => void) => void },
  endpoints: string[],
  more: Partial<ConstructorParameters<typeof DgramTransport>[0]> = {},
): { transport: DgramTransport; received: number[]; ways: () => number; next: () => Promise<number> } {
  const transport = new DgramTransport({ endpoints, ...more })
  const received: number[] = []
  const waiting: ((n: number) => void)[] = []
  let ways = 0
  transport.listen({
    onDatagram: (bytes) => {
      received.push(bytes[0] as number)
      waiting.shift()?.(bytes[0] as number)
    },
    onMoved: () => {},
    onWay: () => {
      ways++
      transport.send(new Uint8Array([100 + ways]))
    },
  })
  t.teardown(() => transport.close())
  return { transport, received, ways: () => ways, next: () => new Promise((resolve) => waiting.push(resolve)) }
}

t.test('endpoints: names, IPv4, IPv6; other schemes are left out', async (t) => {
  t.same(parseEndpoint('udp://example.org:7350'), { host: 'example.org', port: 7350 })
  t.same(parseEndpoint('udp://[2001:db8::1]:7350'), { host: '2001:db8::1', port: 7350 })
  t.equal(parseEndpoint('wss://example.org/v1/channel'), null)
  for (const wrong of ['udp://example.org', 'udp:', 'udp://:7350']) {
    t.throws(() => parseEndpoint(wrong), { code: 'PL_BAD_CREDENTIALS' })
  }
  t.throws(() => new DgramTransport({ endpoints: ['wss://x'] }), { code: 'PL_BAD_CREDENTIALS' })
})

t.test('[R-12.1-1] families take turns, IPv6 first; a name that does not resolve is left out', async (t) => {
  const address = (ip: string): { ip: string; port: number; family: 4 | 6 } => ({
    ip,
    port: 1,
    family: ip.includes(':') ? 6 : 4,
  })
  const order = (ips: string[]): string[] => interleaved(ips.map(address)).map(({ ip }) => ip)
  t.same(order(['1.1.1.1', '2.2.2.2', '::1', '::2', '::3']), ['::1', '1.1.1.1', '::2', '2.2.2.2', '::3'])
  t.same(order(['1.1.1.1', '2.2.2.2']), ['1.1.1.1', '2.2.2.2'])
  const resolve = async (host: string): Promise<{ address: string; family: number }[]> => {
    if (host === 'gone') throw new Error('ENOTFOUND')
    return [
      { address: '9.9.9.9', family: 4 },
      { address: '2001:db8::9', family: 6 },
    ]
  }
  const found = await resolveEndpoints(
    [
      { host: 'gone', port: 1 },
      { host: 'here', port: 2 },
      { host: '::1', port: 3 },
    ],
    resolve,
  )
  t.same(
    found.map(({ ip, port }) => `${ip} ${port}`),
    ['2001:db8::9 2', '9.9.9.9 2', '::1 3'],
  )
})

t.test('one address: there and back', async (t) => {
  const server = await socketOf(t, true)
  const { transport, next } = transportOf(t, [`udp://127.0.0.1:${portOf(server)}`])
  transport.send(new Uint8Array([1]))
  t.equal(await next(), 1)
  t.match(transport.remote, { ip: '127.0.0.1', port: portOf(server) })
  transport.send(new Uint8Array([2]))
  t.equal(await next(), 2)
})

t.test('[R-3-5] a datagram from another port than the server is dropped', async (t) => {
  const server = await socketOf(t, false)
  const stranger = await socketOf(t, false)
  const { transport, received, next } = transportOf(t, [`udp://127.0.0.1:${portOf(server)}`])
  const asked = once(server, 'message') as Promise<[Uint8Array, { port: number; address: string }]>
  transport.send(new Uint8Array([1]))
  const [, from] = await asked
  const answer = next()
  await new Promise((resolve) => stranger.send(new Uint8Array([66]), from.port, from.address, resolve))
  server.send(new Uint8Array([2]), from.port, from.address)
  t.equal(await answer, 2)
  t.same(received, [2])
})

t.test(
  '[R-12.1-1] the first address is silent: the next is tried after the delay, with a new datagram, and wins',
  async (t) => {
    const silent = await socketOf(t, false)
    const server = await socketOf(t, true)
    const timers = new ManualTimers()
    const endpoints = [`udp://127.0.0.1:${portOf(silent)}`, `udp://127.0.0.1:${portOf(server)}`]
    const { transport, next, ways } = transportOf(t, endpoints, { setTimer: timers.setTimer })
    transport.send(new Uint8Array([1]))
    const [first] = (await once(silent, 'message')) as [Uint8Array]
    t.same([...first], [1])
    t.equal(timers.waiting.size, 1)
    timers.fire()
    t.equal(await next(), 101)
    t.equal(ways(), 1)
    t.match(transport.remote, { port: portOf(server) })
    t.equal(timers.waiting.size, 0)
    transport.send(new Uint8Array([2]))
    t.equal(await next(), 2, 'the race is over')
  },
)

t.test('the first address answers late: it wins all the same', async (t) => {
  const slow = await socketOf(t, false)
  const silent = await socketOf(t, false)
  const timers = new ManualTimers()
  const endpoints = [`udp://127.0.0.1:${portOf(slow)}`, `udp://127.0.0.1:${portOf(silent)}`]
  const { transport, received } = transportOf(t, endpoints, { setTimer: timers.setTimer })
  transport.send(new Uint8Array([1]))
  const [, from] = (await once(slow, 'message')) as [Uint8Array, { port: number; address: string }]
  timers.fire()
  await once(silent, 'message')
  slow.send(new Uint8Array([7]), from.port, from.address)
  while (transport.remote === null) await new Promise((resolve) => setImmediate(resolve))
  t.match(transport.remote, { port: portOf(slow) })
  t.same(received, [7])
})

t.test('[R-12.1-1] all addresses were silent: each gets its turn, and the one that comes up late wins', async (t) => {
  const late = await socketOf(t, false)
  const silent = await socketOf(t, false)
  const timers = new ManualTimers()
  const endpoints = [`udp://127.0.0.1:${portOf(late)}`, `udp://127.0.0.1:${portOf(silent)}`]
  const { transport, next } = transportOf(t, endpoints, { setTimer: timers.setTimer })
  transport.send(new Uint8Array([1]))
  await once(late, 'message')
  timers.fire()
  await once(silent, 'message')
  timers.fire()
  late.on('message', (bytes, { port, address }) => late.send(bytes, port, address))
  const answer = next()
  for (const n of [2, 3]) transport.send(new Uint8Array([n]))
  t.ok([2, 3].includes(await answer))
  t.match(transport.remote, { port: portOf(late) })
})

t.test('[R-3-5] a port that refuses (ICMP): the next address at once, no crash', async (t) => {
  const closed = await socketOf({ teardown: () => {} }, false)
  const port = portOf(closed)
  closed.close()
  const server = await socketOf(t, true)
  const timers = new ManualTimers()
  const endpoints = [`udp://127.0.0.1:${port}`, `udp://127.0.0.1:${portOf(server)}`]
  const { transport, next } = transportOf(t, endpoints, { setTimer: timers.setTimer })
  transport.send(new Uint8Array([1]))
  t.equal(await next(), 101)
})

t.test('[R-3-5] a server that goes away and comes back on its port is found again', async (t) => {
  const server = await socketOf({ teardown: () => {} }, true)
  const port = portOf(server)
  const { transport, next } = transportOf(t, [`udp://127.0.0.1:${port}`])
  transport.send(new Uint8Array([1]))
  t.equal(await next(), 1)
  server.close()
  await once(server, 'close')
  for (let i = 0; i < 5; i++) {
    transport.send(new Uint8Array([9]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  const again = createSocket('udp4')
  again.on('message', (bytes, { port: from, address }) => again.send(bytes, from, address))
  again.bind(port, '127.0.0.1')
  await once(again, 'listening')
  t.teardown(() => again.close())
  const answer = next()
  let isAnswered = false
  void answer.then(() => {
    isAnswered = true
  })
  while (!isAnswered) {
    transport.send(new Uint8Array([3]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.equal(await answer, 3)
})

t.test('[R-12.1-1] rebind: another local port, the last winner first', async (t) => {
  const silent = await socketOf(t, false)
  const server = await socketOf(t, true)
  const ports: number[] = []
  server.on('message', (_, { port }) => ports.push(port))
  const timers = new ManualTimers()
  const endpoints = [`udp://127.0.0.1:${portOf(silent)}`, `udp://127.0.0.1:${portOf(server)}`]
  const { transport, next, ways } = transportOf(t, endpoints, { setTimer: timers.setTimer })
  transport.send(new Uint8Array([1]))
  await once(silent, 'message')
  timers.fire()
  await next()
  transport.rebind()
  t.equal(transport.remote, null)
  transport.send(new Uint8Array([2]))
  t.equal(await next(), 2)
  t.equal(ways(), 1, 'no race was needed')
  t.not(ports[0], ports[1])
})

t.test('no name resolves, sending to nowhere, sending after close: nothing is thrown', async (t) => {
  let asked = 0
  const resolve = async (): Promise<never> => {
    asked++
    throw new Error('ENOTFOUND')
  }
  const { transport } = transportOf(t, ['udp://nowhere.invalid:1'], { resolve })
  for (let i = 0; i < 3; i++) {
    transport.send(new Uint8Array([1]))
    await new Promise((settled) => setImmediate(settled))
  }
  t.equal(asked, 3, 'each send tries again')
  transport.close()
  transport.send(new Uint8Array([1]))
  transport.close()
  const unreachable = transportOf(t, ['udp://[2001:db8::1]:9', 'udp://[2001:db8::2]:9'])
  unreachable.transport.send(new Uint8Array([1]))
  for (let i = 0; i < 20; i++) await new Promise((settled) => setImmediate(settled))
  unreachable.transport.send(new Uint8Array([1]))
  unreachable.transport.rebind()
  t.pass('alive')
})

t.test('the second socket: a port of its own, to the address that answers', async (t) => {
  const server = await socketOf(t, false)
  const ports: number[] = []
  server.on('message', (bytes, { port, address }) => {
    ports.push(port)
    server.send(bytes, port, address)
  })
  const { transport, next } = transportOf(t, [`udp://127.0.0.1:${portOf(server)}`])
  t.equal(
    transport.openProbe(() => {}),
    null,
    'no address has answered yet',
  )
  t.equal(transport.family, null)
  transport.send(new Uint8Array([1]))
  await next()
  t.equal(transport.family, 'ipv4')
  const heard = new Promise<number>((resolve) => {
    const probe = transport.openProbe((bytes) => resolve(bytes[0] as number))
    t.teardown(() => probe?.close())
    probe?.send(new Uint8Array([7]))
  })
  t.equal(await heard, 7)
  t.equal(new Set(ports).size, 2)
  const closed = transport.openProbe(() => t.fail('it was closed'))
  closed?.send(new Uint8Array([8]))
  closed?.close()
  closed?.send(new Uint8Array([9]))
})
