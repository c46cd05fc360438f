/** The channel over WebSocket at the sidecar, on real sockets; a fake main thread behind it. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { ChannelPipe, readChannelBatch } from '../../src/sidecar/channel/channel-pipe.js'
import { listen } from '../../src/sidecar/listen.js'
import type { FromSidecar } from '../../src/sidecar/message.js'
import { type SidecarOptions, sidecarSettings } from '../../src/sidecar/options.js'
import { fixture } from './fake-main.js'

const LOCAL: SidecarOptions = { hosts: ['127.0.0.1'], port: 0, connectionCheckMs: 20 }
const PROTOCOL = 'pilotlight.1'

type Datagram = [connection: number, bytes: number[]]

/** Datagrams of a batch. */
function datagramsOf(message: FromSidecar): Datagram[] {
  const datagrams: Datagram[] = []
  if (message.kind === 'datagrams')
    readChannelBatch(message.batch, (number, bytes) => datagrams.push([number, [...bytes]]))
  return datagrams
}

function batchOf(connection: number, ...datagrams: Uint8Array[]): Uint8Array {
  let batch: Uint8Array = new Uint8Array()
  let flush = (): void => {}
  const pipe = new ChannelPipe(
    (whole) => (batch = whole),
    (run) => (flush = run),
  )
  for (const datagram of datagrams) pipe.push(connection, datagram)
  flush()
  return batch
}

async function start(t: Test, options: SidecarOptions = {}) {
  const all = { ...LOCAL, ...options }
  const made = await fixture(all)
  const listeners = await listen(sidecarSettings(all), made.app.routing)
  t.teardown(async () => {
    made.link.close()
    made.channels.stop()
    await listeners.close(0)
  })
  const port = listeners.addresses[0]?.port ?? 0
  const url = `ws://127.0.0.1:${port}/v1/channel`
  /** The status of a refusal, or the open socket. */
  const open = async (protocols: string[] = [PROTOCOL], headers: Record<string, string> = {}) => {
    const socket = new WebSocket(url, protocols, { headers })
    t.teardown(() => socket.terminate())
    return new Promise<WebSocket>((resolve, reject) => {
      socket.on('open', () => resolve(socket))
      socket.on('error', () => {})
      socket.on('unexpected-response', (_request, response) => {
        response.resume()
        reject(Object.assign(new Error('refused'), { code: String(response.statusCode) }))
      })
    })
  }
  const closed = async (socket: WebSocket): Promise<number> => (await once(socket, 'close'))[0]
  /** Takes datagrams as the main thread does: says that they were taken. */
  const datagrams = async (): Promise<Datagram[]> => {
    const message = await made.main.next('datagrams')
    const found = datagramsOf(message)
    made.channels.take({ kind: 'datagrams-taken', count: found.length })
    return found
  }
  return { ...made, listeners, port, url, open, closed, datagrams }
}

/** A raw connection that sends text and collects what comes. */
async function raw(t: Test, port: number, text: string): Promise<{ socket: Socket; whole: Promise<string> }> {
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  let answer = ''
  socket.on('data', (bytes: Buffer) => (answer += bytes))
  const whole = once(socket, 'close').then(() => answer)
  socket.write(text)
  return { socket, whole }
}

const UPGRADE = [
  'GET /v1/channel HTTP/1.1',
  'Host: x',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
].join('\r\n')

t.test(
  '[R-8.3-1] an upgrade with the subprotocol opens a channel without compression; Origin plays no part',
  async (t) => {
    const { open, channels } = await start(t)
    const socket = await open([PROTOCOL, 'other'], { origin: 'https://elsewhere.example' })
    t.equal(socket.protocol, PROTOCOL)
    t.equal(socket.extensions, '')
    t.equal(channels.counts.open, 1)
  },
)

t.test('[R-8.3-1] without the subprotocol, the upgrade or a ready server it is refused by HTTP', async (t) => {
  const { open, url, link, port, channels } = await start(t)
  await t.rejects(open([]), { code: '400' })
  await t.rejects(open(['other']), { code: '400' })
  const plain = await fetch(url.replace('ws:', 'http:'))
  t.equal(plain.status, 426)
  t.equal(plain.headers.get('upgrade'), 'websocket')
  t.match(await plain.json(), { code: 'upgrade-required' })
  const other = await raw(t, port, `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`)
  t.match(await other.whole, /^HTTP\/1.1 200 OK\r\n[\s\S]*"status":"ok"/, 'another upgrade is ignored')
  const wrong = await raw(t, port, `${UPGRADE.replace('websocket', 'h2c')}\r\n\r\n`)
  t.match(await wrong.whole, /^HTTP\/1.1 426 /)
  const body = await raw(t, port, `${UPGRADE.replace('GET', 'POST')}\r\nContent-Length: 5\r\n\r\nhello`)
  t.match(await body.whole, /^HTTP\/1.1 400 /)
  const noKey = UPGRADE.split('\r\n').slice(0, -1).join('\r\n')
  const keyless = await raw(t, port, `${noKey}\r\nSec-WebSocket-Protocol: ${PROTOCOL}\r\n\r\n`)
  t.match(await keyless.whole, /^HTTP\/1.1 400 /, 'no WebSocket by RFC 6455')
  link.handle({ kind: 'ready', state: 'stopping' })
  await t.rejects(open(), { code: '503' })
  t.equal(channels.counts.opened, 0)
})

t.test('[R-8.3-2] datagrams go both ways, each one binary message', async (t) => {
  const { open, datagrams, channels, main } = await start(t)
  const socket = await open()
  const opened = main.next('channel-open')
  const came = datagrams()
  socket.send(new Uint8Array([1, 2, 3]))
  socket.send(new Uint8Array(1200).fill(7))
  t.match(await opened, { connection: 1, client: '127.0.0.1' })
  const all = await came
  if (all.length < 2) all.push(...(await datagrams()))
  t.same(
    all.map(([number, bytes]) => [number, bytes.length]),
    [
      [1, 3],
      [1, 1200],
    ],
  )
  const answer = once(socket, 'message')
  channels.take({ kind: 'datagrams', batch: batchOf(1, new Uint8Array([0x80, 9])) })
  const [message, isBinary] = await answer
  t.same([...(message as Buffer)], [0x80, 9])
  t.equal(isBinary, true)
  t.match(main.sent.at(-1), { kind: 'datagrams-taken', count: 1 })
  const gone = main.next('channel-closed')
  socket.close()
  t.match(await gone, { connection: 1 })
  channels.take({ kind: 'datagrams', batch: batchOf(1, new Uint8Array([0x80])) })
  t.equal(channels.counts.dropped.closed, 1, 'a datagram for a connection that is gone')
  t.match(channels.counts, { open: 0, opened: 1, messagesIn: 2, messagesOut: 1 })
})

t.test('[R-8.3-2] text is closed with 1003, a larger message with 1009; neither reaches the main thread', async (t) => {
  const { open, closed, main } = await start(t)
  const text = await open()
  const codes = [closed(text)]
  text.send('hello')
  text.send(new Uint8Array(10))
  const large = await open()
  codes.push(closed(large))
  large.send(new Uint8Array(1201))
  const fragments = await open()
  codes.push(closed(fragments))
  for (let i = 0; i < 13; i++) fragments.send(new Uint8Array(100), { fin: false })
  t.same(await Promise.all(codes), [1003, 1009, 1009])
  t.same(main.sent, [])
})

t.test('a message without bytes is dropped, and endless fragments end the connection', async (t) => {
  const { open, closed, datagrams, channels } = await start(t)
  const socket = await open()
  const came = datagrams()
  socket.send(new Uint8Array())
  socket.send(new Uint8Array([5]))
  t.same(await came, [[1, [5]]])
  t.equal(channels.counts.dropped.length, 1)
  const ended = closed(socket)
  for (let i = 0; i < 100; i++) socket.send(new Uint8Array(), { fin: false })
  t.equal(await ended, 1008)
})

t.test(
  '[R-8.3-4] a connection without a channel packet of the server is closed after its time, others live on',
  async (t) => {
    const { open, closed, clock, channels, datagrams } = await start(t, { channelProofMs: 40, channelIdleMs: 4000 })
    const garbage = await open()
    const proven = await open()
    const ends = [closed(garbage), closed(proven)]
    const came = datagrams()
    garbage.send(new Uint8Array(24))
    proven.send(new Uint8Array(24))
    await came
    channels.take({ kind: 'datagrams', batch: batchOf(1, new Uint8Array(67).fill(3)) }) // an answer to a stranger
    channels.take({ kind: 'datagrams', batch: batchOf(2, new Uint8Array(19).fill(0x80)) })
    clock.ms += 40
    t.equal(await ends[0], 4001)
    t.equal(channels.counts.silent, 1)
    t.equal(proven.readyState, WebSocket.OPEN)
    clock.ms += 4000
    t.equal(await ends[1], 4001, 'silent for longer than a device may be')
  },
)

t.test('a silent connection counts once, however often it is looked at before its client answers', async (t) => {
  const { open, closed, clock, channels, port } = await start(t, { channelProofMs: 40 })
  const mute = await raw(t, port, `${UPGRADE}\r\nSec-WebSocket-Protocol: ${PROTOCOL}\r\n\r\n`)
  await once(mute.socket, 'data')
  clock.ms += 40
  await once(mute.socket, 'data') // our close, which it does not answer
  const next = await open()
  const ended = closed(next)
  clock.ms += 40
  await ended
  t.equal(channels.counts.silent, 2)
})

t.test('[R-8.3-14] a connection whose session moved away is closed by 4002, others live on', async (t) => {
  const { open, closed, channels } = await start(t)
  const [moved, other] = [await open(), await open()]
  const end = closed(moved)
  channels.take({ kind: 'channel-left', connection: 1 })
  channels.take({ kind: 'channel-left', connection: 77 }) // it has just closed
  t.equal(await end, 4002)
  t.equal(channels.counts.left, 1)
  t.equal(other.readyState, WebSocket.OPEN)
})

t.test('[R-8.3-7] connections count by client, behind trusted proxies as they say, and in all', async (t) => {
  const { open, channels } = await start(t, { channelsPerAddress: 2, channelsMax: 5, trustedProxies: ['127.0.0.1'] })
  const from = (ip: string) => open([PROTOCOL], { 'x-forwarded-for': ip })
  const first = await from('2001:db8:0:1::1')
  await from('2001:db8:0:1::2')
  await t.rejects(from('2001:db8:0:1:ffff::3'), { code: '429' })
  await from('2001:db8:0:2::1')
  await from('192.0.2.1')
  await from('192.0.2.2')
  await t.rejects(from('192.0.2.3'), { code: '503' })
  t.equal(channels.counts.open, 5)
  const ended = once(first, 'close')
  first.close()
  await ended
  t.equal((await from('2001:db8:0:1::9')).readyState, WebSocket.OPEN)
})

t.test('a flood of connections from one address opens as many as it may, the others get 429', async (t) => {
  const { open, channels } = await start(t, { channelsPerAddress: 20 })
  const results = await Promise.allSettled(Array.from({ length: 100 }, () => open()))
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 20)
  t.equal(channels.counts.open, 20)
})

t.test('half an upgrade is answered after the time for heads, and costs no channel', async (t) => {
  const { port, channels } = await start(t, { headersTimeoutMs: 60, requestTimeoutMs: 60 })
  const half = await raw(t, port, UPGRADE.slice(0, 60))
  t.match(await half.whole, /^HTTP\/1.1 408 /)
  t.equal(channels.counts.opened, 0)
})

t.test('who sends faster than the rate loses datagrams, not the connection', async (t) => {
  const { open, channels, main } = await start(t)
  const socket = await open()
  const ended = main.next('channel-closed')
  for (let i = 0; i < 400; i++) socket.send(new Uint8Array(24))
  socket.close()
  await ended
  t.equal(channels.counts.messagesIn, 256)
  t.equal(channels.counts.dropped.rate, 144)
})

t.test('a main thread that is behind: what it has not taken is bounded, more is dropped', async (t) => {
  const posted: Uint8Array[] = []
  const runs: (() => void)[] = []
  const pipe = new ChannelPipe(
    (batch) => posted.push(batch),
    (run) => runs.push(run),
  )
  const datagram = new Uint8Array(1200)
  let pushed = 0
  while (pipe.push(1, datagram)) pushed++
  t.equal(pushed, 2048)
  for (const run of runs) run()
  let count = 0
  for (const batch of posted) {
    t.ok(batch.length <= 65_536)
    count += readChannelBatch(batch, () => {})
  }
  t.equal(count, pushed)
  t.equal(pipe.push(1, datagram), false)
  pipe.taken(2)
  t.same([pipe.push(2 ** 40, datagram), pipe.push(1, datagram), pipe.push(1, datagram)], [true, true, false])
})

t.test(
  '[R-8.3-3] a client that does not read: datagrams are dropped, what waits is bounded, pings are not answered',
  async (t) => {
    const { port, channels, main } = await start(t, { channelBufferBytes: 65_536 })
    const slow = await raw(t, port, `${UPGRADE}\r\nSec-WebSocket-Protocol: ${PROTOCOL}\r\n\r\n`)
    slow.socket.pause()
    const opened = main.next('channel-open')
    slow.socket.write(Buffer.from([0x82, 0x81, 0, 0, 0, 0, 9])) // one masked message of one byte
    await opened
    const datagram = new Uint8Array(1200).fill(0x80)
    let sent = 0
    while (channels.counts.dropped.backpressure === 0 && sent < 20_000) {
      channels.take({ kind: 'datagrams', batch: batchOf(1, ...Array<Uint8Array>(40).fill(datagram)) })
      sent += 40
      if (sent % 400 === 0) await new Promise(setImmediate)
    }
    t.ok(channels.counts.dropped.backpressure > 0)
    const given = channels.counts.messagesOut
    channels.take({ kind: 'datagrams', batch: batchOf(1, datagram) })
    t.equal(channels.counts.messagesOut, given, 'nothing more is queued')
  },
)

t.test('a stop closes channels with 1001', async (t) => {
  const { open, closed, channels, listeners } = await start(t)
  const socket = await open()
  const ended = closed(socket)
  channels.stop()
  await listeners.close(5000)
  t.equal(await ended, 1001)
})

t.test('/metrics counts connections, messages and drops', async (t) => {
  const { open, datagrams, port } = await start(t)
  const socket = await open()
  const came = datagrams()
  socket.send(new Uint8Array(24))
  await came
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  t.match(text, 'pilotlight_websocket_connections 1')
  t.match(text, 'pilotlight_websocket_connections_total{event="opened"} 1')
  t.match(text, 'pilotlight_websocket_messages_total{direction="in"} 1')
  t.match(text, 'pilotlight_websocket_dropped_total{reason="backpressure"} 0')
})
