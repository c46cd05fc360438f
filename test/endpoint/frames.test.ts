import t from 'tap'
import { concat, hex } from '../../src/base/bytes.js'
import type { DeviceFrame, ServerFrame } from '../../src/frame/frame.js'
import { encodeFrames } from '../../src/frame/frame-codec.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const B = addressOf(2)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const
const kinds = (frames: readonly ServerFrame[]): string[] => frames.map(({ kind }) => kind)

const notify = (id: number): ServerFrame => ({
  kind: 'notify',
  id,
  ring: new Uint8Array(16).fill(1),
  app: new Uint8Array(8).fill(2),
  rotation: 7,
  deadlineMs: 9,
  title: 'Call',
  body: '',
  url: '',
  payload: new Uint8Array(0),
})
const outcome = (id: number): ServerFrame => ({ kind: 'outcome', id, ring: new Uint8Array(16), what: 0 })

function send(pair: Pair, device: TestDevice, frames: ServerFrame[], forMs = 600_000): ReturnType<Pair['command']> {
  return pair.command({ kind: 'send', device: device.handle, frames, untilMonotonicMs: pair.now.monotonicMs + forMs })
}

t.test('[R-7.2-1] each asking packet is answered by one PONG, as the first frame; others are not', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  for (let i = 0; i < 60; i++) {
    const frames = device.exchange([PING], A)
    t.same(frames, [{ kind: 'pong', residue: device.sender.number % 48 }])
    t.same(device.exchange([PING], A, { ask: false }), [])
  }
})

t.test('[R-7-1] [R-7-2] an authentic packet that breaks the frame rules closes the session with code 1', async (t) => {
  const ping = encodeFrames([PING], 'd2s')
  const wrong: Record<string, Uint8Array> = {
    false: Uint8Array.of(0xf4),
    map: Uint8Array.of(0xa0),
    'a longer head than needed': Uint8Array.of(0x18, 0x04),
    'cut off': Uint8Array.of(0x82, 0x02),
    'two PINGs': concat(ping, ping),
    'PING not first': Uint8Array.of(0x19, 0x01, 0x2c, 0x04),
    'a frame of the other direction': Uint8Array.of(0x83, 0x15, 0x01, 0x00),
    'a short RESPONSE': Uint8Array.of(0x82, 0x02, 0x41, 0x00),
    'something after padding': Uint8Array.of(0x04, 0xf6, 0x04),
    'an ACK out of range': Uint8Array.of(0x18, 0xff),
  }
  for (const [name, plaintext] of Object.entries(wrong)) {
    const pair = new Pair(crypto)
    const device = pair.join()
    const frames = device.openAll(pair.deliver(device.sealBytes(plaintext), A))
    t.same(frames, [{ kind: 'close', code: 1 }], name)
    t.same(pair.takeEvents(), [{ kind: 'ended', device: device.handle }])
    t.equal(pair.store.rows.get(device.handle)?.session, null)
    t.equal(pair.endpoint.metrics().sessions, 0)
    t.equal(pair.deliver(device.ping(), A)[0]?.bytes[0], 5, 'then it is unknown')
    pair.advance(2000)
    t.equal(pair.endpoint.nextTimeout(), Infinity)
    device.handshake(A)
    t.equal(pair.endpoint.metrics().sessions, 1)
  }
})

t.test('[R-7-2] CLOSE goes to the proven address, not to where the packet came from', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const [close] = pair.deliver(device.sealBytes(Uint8Array.of(0xf4)), B)
  t.same(close?.remote, A)
})

t.test('[R-7-3] [R-7-4] [R-7-5] unknown types, more items and padding are ignored', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const unknown = Uint8Array.of(0x04, 0x82, 0x18, 0xc8, 0x41, 0x00, 0x83, 0x05, 0x07, 0x09, 0xf6, 0xf6)
  t.same(kinds(device.openAll(pair.deliver(device.sealBytes(unknown), A))), ['pong', 'clock'])
  t.same(pair.takeEvents(), [{ kind: 'frame', device: device.handle, frame: { kind: 'sync', version: 7 } }])
})

t.test('[R-7.5-1] SYNC is answered by CLOCK beside the PONG', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.advance(1234)
  const sync = device.seal([
    { kind: 'ping', state: 'active', silenceClass: 2 },
    { kind: 'sync', version: 7 },
  ])
  const frames = device.openAll(pair.deliver(sync, A))
  t.same(kinds(frames), ['pong', 'clock'])
  t.match(frames[1], { clockMs: Math.floor(pair.now.wallMs) })
})

t.test('[R-7-6] packets with a ring are padded, others are not', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  t.equal(send(pair, device, [notify(300)])[0]?.bytes.length, 128)
  const small = send(pair, device, [outcome(301)])[0]?.bytes.length ?? 0
  t.ok(small < 60)
})

t.test('application frames become events, with byte strings of their own', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const frames: DeviceFrame[] = [
    { kind: 'thresholds', awayAfterS: 300, offlineAfterS: 0 },
    { kind: 'sync', version: 1 },
    { kind: 'visibility', version: 1, index: 0, count: 1, part: new Uint8Array(3).fill(1) },
    { kind: 'list', base: 0, version: 1, index: 0, count: 1, part: new Uint8Array(3).fill(2) },
    { kind: 'want-list', index: 0 },
    { kind: 'key-request', nonce: new Uint8Array(16).fill(3) },
    { kind: 'key-sealed', request: 1, sealed: new Uint8Array(80).fill(4) },
    { kind: 'puid-request', app: new Uint8Array(8).fill(5), rotation: 0 },
    { kind: 'verdict', id: 300, what: 0, deviceClass: 1, reply: new Uint8Array(2).fill(6) },
  ]
  device.exchange([PING, ...frames], A)
  const events = pair.takeEvents()
  t.same(
    events,
    frames.map((frame) => ({ kind: 'frame', device: device.handle, frame })),
  )
  for (const event of events) {
    if (event.kind !== 'frame') continue
    for (const value of Object.values(event.frame)) {
      if (value instanceof Uint8Array) t.equal(value.buffer.byteLength, value.length, 'a copy')
    }
  }
})

t.test(
  '[R-7.3-1] reliable frames are repeated 1, 2, 4 and every 8 s, in new packets, until they are acked',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    const startMs = pair.now.monotonicMs
    const times = [0]
    const packets = new Set(send(pair, device, [outcome(300)]).map(({ bytes }) => hex(bytes)))
    while (pair.now.monotonicMs < startMs + 40_000) {
      for (const { bytes } of pair.advance(100)) {
        times.push(pair.now.monotonicMs - startMs)
        packets.add(hex(bytes))
        t.same(kinds(device.open(bytes) as ServerFrame[]), ['outcome'])
      }
    }
    t.same(times, [0, 1000, 3000, 7000, 15_000, 23_000, 31_000, 39_000])
    t.equal(packets.size, times.length)
    device.exchange([PING, { kind: 'ack', id: 300 }], A)
    t.same(pair.takeEvents(), [{ kind: 'acked', device: device.handle, id: 300 }])
    t.same(pair.advance(30_000), [])
  },
)

t.test('a frame that is not acked is given up at its time, or taken back', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  send(pair, device, [outcome(300)], 5000)
  send(pair, device, [outcome(301)], 50_000)
  pair.command({ kind: 'cancel', device: device.handle, id: 301 })
  pair.advance(4999)
  t.same(pair.takeEvents(), [])
  pair.advance(1)
  t.same(pair.takeEvents(), [{ kind: 'unacked', device: device.handle, id: 300 }])
  t.same(pair.advance(20_000), [])
  send(pair, device, [outcome(302)], 0)
  t.same(pair.takeEvents(), [{ kind: 'unacked', device: device.handle, id: 302 }], 'too late from the start')
})

t.test('what waits is repeated when the device is heard, at most once a second', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  send(pair, device, [outcome(300)])
  pair.advance(7000)
  t.same(kinds(device.exchange([PING], A)), ['pong'])
  pair.advance(999)
  t.same(kinds(device.exchange([PING], A)), ['pong'])
  pair.advance(1)
  t.same(kinds(device.exchange([PING], A)), ['pong', 'outcome'])
  t.same(kinds(device.exchange([PING, { kind: 'ack', id: 300 }], A)), ['pong'])
})

t.test('[R-7.3-2] an ACK of what was not sent counts for nothing', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  send(pair, device, [outcome(300)])
  device.exchange([PING, { kind: 'ack', id: 301 }, { kind: 'ack', id: 65_535 }], A)
  t.same(pair.takeEvents(), [])
  device.exchange([PING, { kind: 'ack', id: 300 }, { kind: 'ack', id: 300 }], A)
  t.same(pair.takeEvents(), [{ kind: 'acked', device: device.handle, id: 300 }], 'once')
})

t.test('[R-7.3-3] at most eight wait: the ninth is refused', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const frames = Array.from({ length: 9 }, (_, i) => outcome(300 + i))
  const [packet] = send(pair, device, frames)
  t.equal((device.open(packet!.bytes) as ServerFrame[]).length, 8)
  t.same(pair.takeEvents(), [{ kind: 'unacked', device: device.handle, id: 308 }])
  send(pair, device, [outcome(300)])
  t.same(pair.takeEvents(), [{ kind: 'unacked', device: device.handle, id: 300 }], 'an id in use')
})

t.test('with eight waiting the next spare is owed, not lost', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  send(
    pair,
    device,
    Array.from({ length: 8 }, (_, i) => outcome(300 + i)),
  )
  device.moveToSpare()
  t.notOk(kinds(device.exchange([PING], A)).includes('new-cid'))
  t.ok(kinds(device.exchange([PING, { kind: 'ack', id: 300 }], A)).includes('new-cid'))
})

t.test("a device out of reach is not sent the endpoint's own frames; they are offered when it is heard", async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.moveToSpare()
  device.exchange([{ ...PING, silenceClass: 0 }], A)
  const sent = pair.advance(600_000)
  t.equal(sent.length, 4, 'repeats at 1, 3, 7 and 15 s')
  t.same(kinds(device.exchange([PING], A)), ['pong', 'new-cid'])
})

t.test('CLOSE of the device ends the session without an answer', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  send(pair, device, [outcome(300)])
  t.same(device.exchange([PING, { kind: 'close', code: 0 }, { kind: 'sync', version: 1 }], A), [])
  t.same(pair.takeEvents(), [
    { kind: 'unacked', device: device.handle, id: 300 },
    { kind: 'ended', device: device.handle },
  ])
  t.equal(pair.store.requests.at(-1)?.kind, 'erase-session')
  t.equal(pair.store.rows.get(device.handle)?.rotation, 2)
  t.same(pair.advance(100_000), [])
  t.equal(pair.endpoint.metrics().sessionsEnded, 1)
})

t.test(
  'the next server key is announced to each session once, on its next packet, and again after a handshake',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    const key = new Uint8Array(32).fill(0xaa)
    pair.endpoint.announceServerKey(key)
    t.same(pair.drain(), [], 'nobody is woken')
    const frames = device.exchange([PING], A)
    t.match(frames[1], { kind: 'server-key', key })
    device.ack(A)
    pair.advance(30_000)
    t.same(kinds(device.exchange([PING], A)), ['pong'])
    for (let i = 0; i < 64; i++) pair.deliver(device.ping({ ask: false }), A)
    const next = pair.restart()
    next.endpoint.announceServerKey(key)
    const answer = device.openAll(next.deliver(device.ping(), A))
    const challenge = answer.find((frame) => frame.kind === 'challenge')!.challenge
    t.same(kinds(device.openAll(next.deliver(device.seal([PING, { kind: 'response', challenge }]), A))), ['pong'])
    next.endpoint.announceServerKey(new Uint8Array(32).fill(0xbb))
    t.same(kinds(device.openAll(next.deliver(device.ping(), A))), ['pong', 'server-key'])
    t.throws(() => pair.endpoint.announceServerKey(new Uint8Array(31)), { code: 'PL_BAD_OPTION' })
  },
)

t.test('a key of zeros is announced like any other', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.endpoint.announceServerKey(new Uint8Array(32))
  t.same(kinds(device.exchange([PING], A)), ['pong', 'server-key'])
  device.ack(A)
  t.same(kinds(device.exchange([PING], A)), ['pong'])
})
