import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import t from 'tap'
import { addressFrom } from '../../src/base/address.js'
import { udpDrops } from '../../src/io/udp-drops.js'
import { bufferWarnings, openUdpSockets } from '../../src/io/udp-socket.js'

/** Every system gives that much. */
const BUFFERS = { receive: 64 * 1024, send: 64 * 1024 }

t.test('IPv4 and IPv6 on one port, answers to the sender', async (t) => {
  const sockets = await openUdpSockets({
    hosts: ['127.0.0.1', '::1'],
    port: 0,
    bufferBytes: BUFFERS,
    onDatagram: (bytes, remote) => sockets.send(bytes, remote),
  })
  t.teardown(() => sockets.close())
  t.same(sockets.addresses, [`127.0.0.1:${sockets.port}`, `[::1]:${sockets.port}`])
  t.same(sockets.bufferBytes, BUFFERS, 'what was asked')
  for (const [type, host] of [
    ['udp4', '127.0.0.1'],
    ['udp6', '::1'],
  ] as const) {
    const peer = createSocket(type)
    t.teardown(() => peer.close())
    peer.send('hello', sockets.port, host)
    const [answer] = (await once(peer, 'message')) as [Buffer]
    t.equal(answer.toString(), 'hello', type)
  }
  t.match(sockets.counts, { datagramsIn: 2, bytesIn: 10, datagramsOut: 2, bytesOut: 10, sendErrors: 0 })
})

t.test('what is sent may be overwritten at once', async (t) => {
  const peer = createSocket('udp4')
  t.teardown(() => peer.close())
  peer.bind(0, '127.0.0.1')
  await once(peer, 'listening')
  const sockets = await openUdpSockets({ hosts: ['127.0.0.1'], port: 0, bufferBytes: BUFFERS, onDatagram: () => {} })
  t.teardown(() => sockets.close())
  const remote = addressFrom('127.0.0.1', peer.address().port)
  const bytes = Uint8Array.of(1, 2, 3)
  const arrived = once(peer, 'message')
  sockets.send(bytes, remote)
  bytes.fill(9)
  remote.fill(9)
  const [got] = (await arrived) as [Buffer]
  t.same([...got], [1, 2, 3])
})

t.test('sends that fail are counted, never thrown', async (t) => {
  const sockets = await openUdpSockets({ hosts: ['127.0.0.1'], port: 0, bufferBytes: BUFFERS, onDatagram: () => {} })
  t.teardown(() => sockets.close())
  const six = addressFrom('::1', 9)
  const noPort = addressFrom('127.0.0.1', 0)
  const tooLarge = addressFrom('127.0.0.1', sockets.port)
  sockets.send(new Uint8Array(1), six)
  t.equal(sockets.counts.sendErrors, 1, 'no socket of the family')
  sockets.send(new Uint8Array(1), noPort)
  sockets.send(new Uint8Array(70_000), tooLarge)
  await new Promise(setImmediate)
  t.equal(sockets.counts.sendErrors, 3)
  for (let nth = 0; nth < 5; nth++) sockets.send(new Uint8Array(70_000), tooLarge)
  await new Promise(setImmediate)
  t.equal(sockets.counts.sendErrors, 8, 'after one error each send is looked at')
})

t.test('without errors one send of 16 is looked at', async (t) => {
  const sockets = await openUdpSockets({ hosts: ['127.0.0.1'], port: 0, bufferBytes: BUFFERS, onDatagram: () => {} })
  t.teardown(() => sockets.close())
  const here = addressFrom('127.0.0.1', sockets.port)
  for (let nth = 0; nth < 16; nth++) sockets.send(new Uint8Array(1), here)
  sockets.send(new Uint8Array(70_000), here)
  await new Promise(setImmediate)
  t.equal(sockets.counts.sendErrors, 1, 'the 17th')
})

t.test('a paused socket reads nothing more', async (t) => {
  const seen: number[] = []
  const sockets = await openUdpSockets({
    hosts: ['127.0.0.1'],
    port: 0,
    bufferBytes: BUFFERS,
    onDatagram: (bytes) => seen.push(bytes.length),
  })
  t.teardown(() => sockets.close())
  const peer = createSocket('udp4')
  t.teardown(() => peer.close())
  sockets.pause()
  peer.send('x', sockets.port, '127.0.0.1')
  while (sockets.counts.datagramsIn === 0) await new Promise(setImmediate)
  t.same(seen, [])
})

t.test('what cannot be bound is an error with a stable code', async (t) => {
  const open = (hosts: string[], port: number) =>
    openUdpSockets({ hosts, port, bufferBytes: BUFFERS, onDatagram: () => {} })
  const first = await open(['127.0.0.1'], 0)
  t.teardown(() => first.close())
  await t.rejects(open(['127.0.0.1'], first.port), {
    code: 'PL_PORT_TAKEN',
    message: `UDP 127.0.0.1:${first.port} is in use by another process`,
  })
  await t.rejects(open(['::1', '127.0.0.1'], first.port), { code: 'PL_PORT_TAKEN' })
  await t.rejects(open(['192.0.2.1'], 0), { code: 'PL_ADDRESS_UNAVAILABLE' })
  await t.rejects(open(['example.invalid'], 0), { code: 'PL_ADDRESS_UNAVAILABLE' })
  const other = await open(['192.0.2.1', '127.0.0.1'], 0)
  t.same(other.addresses, [`127.0.0.1:${other.port}`], 'an address that this machine lacks is left out')
  await other.close()
})

t.test('where the kernel gives less than was asked, that is told', async (t) => {
  const asked = { receive: 2 ** 30 - 1024, send: 2 ** 30 - 1024 }
  const sockets = await openUdpSockets({ hosts: ['127.0.0.1'], port: 0, bufferBytes: asked, onDatagram: () => {} })
  t.teardown(() => sockets.close())
  const { receive, send } = sockets.bufferBytes
  t.ok(receive > 0 && receive < asked.receive, `${receive}`)
  t.ok(send > 0 && send < asked.send, `${send}`)
  t.match(bufferWarnings(asked, sockets.bufferBytes), [
    { asked: asked.receive, given: receive, text: /UDP receive buffer.* net\.core\.rmem_max / },
    { asked: asked.send, given: send, text: /UDP send buffer.* net\.core\.wmem_max / },
  ])
  t.match(bufferWarnings({ ...asked, send }, { receive, send }), { length: 1 })
  t.same(bufferWarnings(BUFFERS, BUFFERS), [])
})

t.test('what a full buffer loses is counted by the kernel', { skip: process.platform !== 'linux' }, async (t) => {
  const bufferBytes = { receive: 8192, send: 64 * 1024 }
  const sockets = await openUdpSockets({ hosts: ['127.0.0.1', '::1'], port: 0, bufferBytes, onDatagram: () => {} })
  t.teardown(() => sockets.close())
  t.equal(await udpDrops(sockets.port), 0)
  for (const [host, sent] of [['127.0.0.1', 100] as const, ['::1', 200] as const]) {
    const before = (await udpDrops(sockets.port)) ?? 0
    const { datagramsIn } = sockets.counts
    // Nobody reads before this turn of the event loop is over.
    for (let i = 0; i < sent; i++) sockets.send(new Uint8Array(1000), addressFrom(host, sockets.port))
    const lost = ((await udpDrops(sockets.port)) ?? 0) - before
    t.ok(lost > 0 && lost < sent, `${lost} of ${sent}`)
    while (sockets.counts.datagramsIn < datagramsIn + sent - lost) await new Promise(setImmediate)
    t.equal(sockets.counts.datagramsIn, datagramsIn + sent - lost, 'all others came')
  }
  t.equal(await udpDrops(sockets.port, ['/proc/none']), null, 'nobody counts')
  t.equal(await udpDrops(0), null, 'no such socket')
})
