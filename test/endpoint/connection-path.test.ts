/** Sessions on WebSockets, as the endpoint sees them: addresses that can close. wire-spec §8.3 */
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { connectionAddress } from '../../src/base/connection-address.js'
import type { Transmit } from '../../src/endpoint/message.js'
import type { ServerFrame } from '../../src/frame/frame.js'
import { WEBSOCKET_LEFT_MS } from '../../src/packet/constants.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
const UDP = addressOf(1)
const TAG = new Uint8Array(6).fill(9)
const WS = connectionAddress(TAG, 1)
const WS_2 = connectionAddress(TAG, 2)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const
const RING = {
  kind: 'notify',
  id: 4000,
  ring: new Uint8Array(16),
  app: new Uint8Array(8),
  rotation: 7,
  deadlineMs: 1,
  title: 'Ben calls',
  body: '',
  url: '',
  payload: new Uint8Array(),
} as const

const kinds = (frames: readonly ServerFrame[]): string[] => frames.map(({ kind }) => kind)
const remotes = (sent: readonly Transmit[]): string[] => sent.map(({ remote }) => hex(remote))

function ring(pair: Pair, device: TestDevice, id = 4000): Transmit[] {
  const untilMonotonicMs = pair.now.monotonicMs + 60_000
  return pair.command({ kind: 'send', device: device.handle, frames: [{ ...RING, id }], untilMonotonicMs })
}

/** Moves the session to an address, by a ping and the response to its challenge. */
function move(device: TestDevice, remote: Uint8Array): ServerFrame[] {
  const frames = device.exchange([PING], remote)
  return [...frames, ...device.respond(frames, remote)]
}

function close(pair: Pair, remote: Uint8Array): Transmit[] {
  pair.endpoint.handlePathClosed(remote)
  return pair.drain()
}

t.test('[R-8.3-3] a session moves to a WebSocket and back by proof of the path, without a handshake', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join(UDP)
  t.same(kinds(move(device, WS)).slice(0, 3), ['pong', 'challenge', 'pong'])
  t.same(remotes(ring(pair, device, 4000)), [hex(WS)])
  t.same(kinds(move(device, UDP)).slice(0, 2), ['pong', 'challenge'])
  t.same(remotes(ring(pair, device, 4001)), [hex(UDP)])
  t.equal(pair.endpoint.metrics().handshakes, 1)
})

t.test('[R-8.3-3] each connection is an address: another one of the same client is not proven', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join(WS)
  t.same(remotes(ring(pair, device)), [hex(WS)])
  t.same(kinds(device.exchange([PING], WS_2)), ['pong', 'challenge'])
})

t.test(
  '[R-8.3-5] a connection closes: nothing is sent, presence stays, a ring waits and goes with the proof',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join(WS)
    const sent = ring(pair, device, 4000)
    t.equal(sent.length, 1, 'this one is lost with the connection')
    t.same(close(pair, WS), [])
    t.equal(pair.endpoint.metrics().pathsClosed, 1)
    t.same(ring(pair, device, 4001), [])
    t.same(pair.advance(20_000), [], 'no repeat goes anywhere')
    t.same(pair.takeEvents(), [], 'the device is there until its silence runs out')
    const challenged = device.exchange([PING], WS_2)
    t.same(kinds(challenged), ['pong', 'challenge'], 'still not proven')
    const frames = device.respond(challenged, WS_2)
    t.same(kinds(frames).sort(), ['notify', 'notify', 'pong'])
  },
)

t.test('[R-8.3-5] what was sent on a connection just before it closed goes again at once on the next', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join(WS)
  ring(pair, device)
  pair.advance(100)
  close(pair, WS)
  t.ok(kinds(move(device, UDP)).includes('notify'))
})

t.test(
  '[R-8.3-5] a device whose connection closed is lost when its silence runs out, and its ring ends with its reason',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join(WS)
    close(pair, WS)
    ring(pair, device)
    pair.advance(120_000)
    const events = pair.takeEvents().map(({ kind }) => kind)
    t.same(events.sort(), ['lost', 'unacked'])
  },
)

t.test('a session that moved away does not mind the end of its connection', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join(WS)
  move(device, UDP)
  close(pair, WS)
  t.same(remotes(ring(pair, device)), [hex(UDP)])
  t.equal(pair.endpoint.metrics().pathsClosed, 0)
})

t.test('several sessions on one connection all learn of its end; an ended one is nobody', async (t) => {
  const pair = new Pair(crypto)
  const [first, second, third] = [pair.join(WS), pair.join(WS), pair.join(WS)]
  third.exchange([{ kind: 'close', code: 0 }], WS)
  close(pair, WS)
  t.equal(pair.endpoint.metrics().pathsClosed, 2)
  t.same([...ring(pair, first), ...ring(pair, second)], [])
  close(pair, WS)
  t.equal(pair.endpoint.metrics().pathsClosed, 2, 'told twice')
})

t.test('a second handshake on another connection forgets the first one', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join(WS)
  device.handshake(WS_2)
  close(pair, WS)
  t.equal(pair.endpoint.metrics().pathsClosed, 0)
  close(pair, WS_2)
  t.equal(pair.endpoint.metrics().pathsClosed, 1)
})

/** Connections that the server closes until then. */
function left(pair: Pair, ms: number): string[] {
  pair.advance(ms)
  const closed: string[] = []
  for (let remote = pair.endpoint.pollClose(); remote !== null; remote = pair.endpoint.pollClose())
    closed.push(hex(remote))
  return closed
}

t.test('[R-8.3-14] a connection that its session has left is closed, not before the new path is proven', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join(WS)
  const challenged = device.exchange([PING], UDP)
  t.same(left(pair, 30_000), [], 'UDP is not proven')
  device.exchange([PING], WS)
  t.same(remotes(ring(pair, device, 4000)), [hex(WS)])
  t.equal(challenged.at(-1)?.kind, 'challenge')
  move(device, UDP)
  t.same(left(pair, WEBSOCKET_LEFT_MS - 1), [], 'late datagrams may still come by it')
  t.same(left(pair, 1), [hex(WS)])
  t.same(left(pair, 60_000), [], 'once')

  move(device, WS)
  move(device, WS_2)
  t.same(left(pair, WEBSOCKET_LEFT_MS), [hex(WS)], 'also for another connection')
  move(device, UDP)
  move(device, WS_2)
  t.same(left(pair, 60_000), [], 'it came back')
  const other = pair.join(UDP)
  move(other, WS_2)
  move(device, UDP)
  t.same(left(pair, 60_000), [], 'somebody is still on it')
  move(other, UDP)
  close(pair, WS_2)
  t.same(left(pair, 60_000), [], 'it closed by itself')
})

t.test('[R-8.3-14] a new session by another path leaves the connection of the last one', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join(WS)
  device.handshake(UDP)
  t.equal(pair.endpoint.metrics().handshakes, 2)
  t.same(left(pair, WEBSOCKET_LEFT_MS), [hex(WS)])
})

t.test('[R-8.3-6] after a restart no session is on a WebSocket, and one of the same number is not it', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join(WS)
  device.exchange([PING], WS)
  const next = pair.restart()
  t.notOk(next.slab.view().at(device.slot).hasPath)
  const frames = device.openAll(next.deliver(device.ping({ retry: true }), WS))
  t.same(kinds(frames), ['pong', 'challenge'])
  t.equal(next.endpoint.metrics().handshakes, 0)
})

t.test('[R-8.3-7] message 1 counts by client, however many connections it opens', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const lengths = Array.from(
    { length: 7 },
    (_, i) => pair.deliver(device.message1(), connectionAddress(TAG, i))[0]?.bytes.length,
  )
  t.same(lengths, [67, 67, 67, 67, 67, 45, 45])
  const other = connectionAddress(TAG.with(0, 1), 100)
  t.equal(pair.deliver(device.message1(), other)[0]?.bytes.length, 67)
})
