import t from 'tap'
import { equalBytes, hex } from '../../src/base/bytes.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { pingByte } from '../../src/frame/one-byte.js'
import { HandshakeState } from '../../src/noise/handshake-state.js'
import { parsePattern } from '../../src/noise/pattern.js'
import {
  HANDSHAKE_PROLOGUE,
  HANDSHAKE_PROTOCOL,
  mac1Key,
  noiseOfMessage1,
  parseMessage1Payload,
  writeMessage1,
  writeMessage1Payload,
} from '../../src/packet/handshake.js'
import { Offset } from '../../src/session/record.js'
import { SAVED_SESSION_BYTES } from '../../src/session/saved.js'
import { testCrypto } from '../support/crypto.js'
import { flipped } from '../support/hostile-bytes.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const B = addressOf(2)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const

/** Message 1 and message 2, accepted; the first packet is yet to be sent. */
function begin(pair: Pair, device: TestDevice): void {
  const [message2] = pair.deliver(device.message1(), A)
  t.equal(message2 && device.readMessage2(message2.bytes)?.kind, 'acceptance')
}

t.test('a handshake is message 1, message 2, and a packet that asks', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const message1 = device.message1()
  t.equal(message1.length, 120)
  const [message2, ...more] = pair.deliver(message1, A)
  t.equal(message2?.bytes.length, 67)
  t.same(message2?.remote, A)
  t.same(more, [])
  t.equal(device.readMessage2(message2!.bytes)?.kind, 'acceptance')
  const first = device.seal([PING])
  t.equal(first.length, 27, 'one byte of frames, four of packet number')
  const frames = device.openAll(pair.deliver(first, A))
  t.same(
    frames.map((frame) => frame.kind),
    ['pong', 'new-cid'],
  )
  t.same(pair.takeEvents(), [{ kind: 'contact', device: device.handle, state: 'active', fresh: true }])
  const { handshakes, sessions, handshakesPending, packetsIn, packetsOut } = pair.endpoint.metrics()
  t.same([handshakes, sessions, handshakesPending], [1, 1, 0])
  t.same(packetsIn, { 'message-1': 1, 'message-1-cookie': 0, channel: 1, unknown: 0 })
  t.same(packetsOut, { 'message-2': 1, cookie: 0, reset: 0, channel: 2 })
})

t.test('[R-4.1-1] a message 1 whose mac1 differs is dropped before anything else', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const message1 = device.message1()
  for (const bit of [0, 8, 300, 104 * 8 - 1, 104 * 8, 119 * 8 + 7]) {
    if (bit >= 8) t.same(pair.deliver(flipped(message1, bit), A), [])
  }
  t.equal(pair.dropped('mac1'), 5)
  t.equal(pair.store.requests.length, 0, 'the store is not asked')
  t.equal(pair.endpoint.metrics().lookupsPending, 0)
  t.equal(pair.deliver(message1, A).length, 1, 'the good one is answered')
})

t.test('[R-4.1-1] the next or last static key is tried too', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const [message2] = pair.deliver(device.message1({ key: 1 }), A)
  t.equal(device.readMessage2(message2!.bytes)?.kind, 'acceptance')
})

t.test('a message 1 whose Noise part does not verify is dropped', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const noise = noiseOfMessage1(device.message1()).slice()
  noise[40]! ^= 1
  const key = mac1Key(crypto, pair.staticKeys[0]!.publicKey)
  t.same(pair.deliver(writeMessage1(crypto, key, noise, null), A), [])
  t.equal(pair.dropped('noise'), 1)
  t.equal(pair.store.requests.length, 0)
})

t.test('a message 1 without a PING byte in it is dropped', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  t.same(pair.deliver(device.message1({ ping: 0x18 }), A), [])
  t.equal(pair.dropped('malformed'), 1)
})

t.test('[R-4.1-2] a stamp that grows is taken, whatever the clock says', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const stampMs = pair.now.wallMs - 40 * 86_400_000
  for (const stamp of [stampMs, stampMs + 1]) {
    const [message2] = pair.deliver(device.message1({ stampMs: stamp }), A)
    t.equal(device.readMessage2(message2!.bytes)?.kind, 'acceptance')
    device.exchange([PING], A)
    t.equal(pair.store.rows.get(device.handle)?.stampMs, stamp)
  }
})

t.test('[R-4.1-3] a stamp more than 300,000 ms ahead is refused with the clock, and not stored', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const [ahead] = pair.deliver(device.message1({ stampMs: pair.now.wallMs + 300_001 }), A)
  t.same(device.readMessage2(ahead!.bytes), { kind: 'refusal', code: 1, value: pair.now.wallMs })
  t.equal(pair.store.rows.get(device.handle)?.stampMs, 0)
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
  t.equal(pair.endpoint.metrics().refused[1], 1)
  const [onTheEdge] = pair.deliver(device.message1({ stampMs: pair.now.wallMs + 300_000 }), A)
  t.equal(device.readMessage2(onTheEdge!.bytes)?.kind, 'acceptance')
})

t.test('[R-4.1-4] a stamp not above the committed one is refused with it', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const { lastStampMs } = device
  for (const stampMs of [lastStampMs, lastStampMs - 1]) {
    const [refusal] = pair.deliver(device.message1({ stampMs }), A)
    t.same(device.readMessage2(refusal!.bytes), { kind: 'refusal', code: 2, value: lastStampMs })
  }
  t.equal(pair.endpoint.metrics().refused[2], 2)
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
})

t.test('[R-4.1-5] until the first packet under the new keys the old session goes on', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const record = pair.store.rows.get(device.handle)?.session
  const [message2] = pair.deliver(device.message1(), B)
  t.same(pair.store.rows.get(device.handle)?.session, record, 'nothing is committed')
  t.same(pair.takeEvents(), [], 'message 1 brings no presence')
  const frames = device.exchange([PING], A)
  t.equal(frames[0]?.kind, 'pong', 'the old session is answered')
  t.equal(device.readMessage2(message2!.bytes)?.kind, 'acceptance')
  const first = device.exchange([PING], B)
  t.equal(first[0]?.kind, 'pong', 'then the new one is')
  t.match(pair.takeEvents(), [{ kind: 'contact', fresh: true }])
})

t.test(
  '[R-4.1-5] a replay of message 1 does not disturb the handshake that waits, a newer one replaces it',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.enrol()
    const message1 = device.message1()
    const [message2] = pair.deliver(message1, A)
    t.same(pair.deliver(message1, B), [], 'the replay is dropped')
    t.equal(pair.dropped('stamp'), 1)
    device.readMessage2(message2!.bytes)
    const firstOfOld = device.ping()
    const [newer] = pair.deliver(device.message1(), A)
    t.equal(pair.endpoint.metrics().handshakesPending, 1, 'one for each device')
    t.same(pair.deliver(firstOfOld, A), [], 'keys of the one that was replaced open nothing')
    t.equal(pair.dropped('tag'), 1)
    device.readMessage2(newer!.bytes)
    t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
  },
)

t.test('[R-4.1-6] a message 1 that is repeated byte by byte after its session began is refused', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const message1 = device.message1()
  const [message2] = pair.deliver(message1, A)
  device.readMessage2(message2!.bytes)
  device.exchange([PING], A)
  const before = pair.store.rows.get(device.handle)
  const [refusal, ...more] = pair.deliver(message1, B)
  t.same(more, [])
  t.equal(refusal?.bytes.length, 67)
  t.same(pair.store.rows.get(device.handle), before)
  t.equal(pair.endpoint.metrics().refused[2], 1)
})

t.test('[R-4.2-1] the session is confirmed by a packet with PING that asks, also by its retry', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  begin(pair, device)
  const lost = device.ping()
  t.equal(lost.length, 27)
  const frames = device.exchange([PING], A, { retry: true })
  t.equal(frames[0]?.kind, 'pong')
  t.ok(pair.store.rows.get(device.handle)?.session)
  t.same(pair.deliver(lost, A), [], 'the first one comes late: its key is gone')
})

t.test('[R-4.2-2] the session is committed before the first packet is answered', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  begin(pair, device)
  pair.store.holds = true
  t.same(pair.deliver(device.ping(), A), [], 'no answer yet')
  t.same(pair.takeEvents(), [], 'no presence yet')
  const [commit] = pair.store.held
  t.match(commit, { kind: 'commit-session', device: device.handle, stampMs: device.lastStampMs, rotation: 2 })
  t.equal(commit?.kind === 'commit-session' && commit.session.length, SAVED_SESSION_BYTES)
  t.same(pair.deliver(device.ping({ retry: true }), A), [], 'a repeat meanwhile is not answered')
  t.equal(pair.dropped('no-session'), 1)
  pair.store.holds = false
  const frames = device.openAll(pair.release())
  t.equal(frames[0]?.kind, 'pong')
  t.match(pair.takeEvents(), [{ kind: 'contact', fresh: true }])
})

t.test('[R-4.2-2] the old session ends with the commit, its frames wait on under the new keys', async (t) => {
  const outcome = { kind: 'outcome', id: 4000, ring: new Uint8Array(16), what: 0 } as const
  const isOutcome = ({ kind }: { kind: string }): boolean => kind === 'outcome'
  for (const waitMs of [1000, 10]) {
    const pair = new Pair(crypto)
    const device = pair.join()
    pair.command({ kind: 'send', device: device.handle, frames: [outcome], untilMonotonicMs: Infinity })
    pair.advance(20_000)
    const stale = device.ping()
    begin(pair, device)
    t.notOk(device.exchange([PING], A).some(isOutcome), 'the hub may take it back first')
    const later = device.openAll(pair.advance(waitMs))
    const frames = waitMs === 1000 ? later : device.exchange([PING], A)
    t.ok(frames.some(isOutcome), 'after a second, or with the next packet')
    t.equal(pair.deliver(stale, A)[0]?.bytes[0], 5, 'the old one is over')
    t.equal(pair.endpoint.metrics().sessions, 1)
  }
})

t.test('a commit that fails drops the handshake and keeps the old session', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const saved = device.view.snapshot()
  const { session } = pair.store.rows.get(device.handle)!
  begin(pair, device)
  pair.store.failsCommits = true
  t.same(pair.deliver(device.ping(), A), [])
  t.equal(pair.endpoint.metrics().commitsFailed, 1)
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
  t.equal(pair.endpoint.metrics().sessions, 1)
  t.equal(pair.store.rows.get(device.handle)?.session?.length, session?.length)
  pair.store.failsCommits = false
  device.slab.segmentOf(0).bytes.set(saved)
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong', 'the old session still speaks')
})

t.test('what the old session does while the new one is committed does not overtake it', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const old = device.view.snapshot()
  begin(pair, device)
  const fresh = device.ping()
  const mine = device.view.snapshot()
  pair.store.holds = true
  pair.deliver(fresh, A)
  device.slab.segmentOf(0).bytes.set(old)
  const before = pair.store.requests.length
  for (let i = 0; i < 70; i++) pair.deliver(device.ping({ ask: false }), A)
  pair.deliver(device.seal([{ kind: 'close', code: 0 }]), A)
  t.equal(pair.store.requests.length, before, 'no save, no erase')
  t.match(pair.takeEvents().at(-1), { kind: 'ended' })
  pair.store.holds = false
  device.slab.segmentOf(0).bytes.set(mine)
  t.equal(device.openAll(pair.release())[0]?.kind, 'pong')
  t.ok(pair.store.rows.get(device.handle)?.session)
})

t.test('after a failed commit the store hears what was kept back', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const old = device.view.snapshot()
  begin(pair, device)
  pair.store.holds = true
  pair.store.failsCommits = true
  pair.deliver(device.ping(), A)
  device.slab.segmentOf(0).bytes.set(old)
  pair.deliver(device.seal([{ kind: 'close', code: 0 }]), A)
  pair.release()
  t.equal(pair.store.requests.at(-1)?.kind, 'erase-session')
  t.equal(pair.store.rows.get(device.handle)?.session, null)
})

t.test('[R-4.2-3] nothing but the keys of the handshake makes a packet its first one', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  begin(pair, device)
  const first = device.ping()
  for (let bit = 0; bit < first.length * 8; bit += 5) pair.deliver(flipped(first, bit), B)
  t.equal(pair.store.count('commit-session'), 0)
  t.equal(device.openAll(pair.deliver(first, A))[0]?.kind, 'pong', 'the good one still does')
  const saved = pair.store.rows.get(device.handle)!.session!
  t.ok(equalBytes(saved.subarray(72, 90), A), 'proven is the address of the first packet')
})

t.test('[R-4.3-1] an unknown device is told so under a psk of zeros', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  pair.store.rows.clear()
  const [refusal] = pair.deliver(device.message1(), A)
  t.equal(device.readMessage2(refusal!.bytes), null, 'not under its own')
  t.same(device.readMessage2(refusal!.bytes, true), { kind: 'refusal', code: 3, value: 0 })
  t.equal(pair.endpoint.metrics().refused[3], 1)
})

t.test('[R-4.3-2] a removed device is refused with code 3', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.store.rows.delete(device.handle)
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  const [refusal] = pair.deliver(device.message1(), A)
  t.same(device.readMessage2(refusal!.bytes, true), { kind: 'refusal', code: 3, value: 0 })
})

t.test('a device that was removed while it was looked up gets no handshake', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.store.holds = true
  pair.deliver(device.message1(), A)
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  t.same(pair.release(), [])
  t.equal(pair.dropped('unknown-device'), 1)
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
})

t.test('with no room for one more handshake a message 1 stays unanswered, before any public-key work', async (t) => {
  let agreements = 0
  const counting: Crypto = {
    ...crypto,
    sharedSecret(...keys) {
      agreements++
      return crypto.sharedSecret(...keys)
    },
  }
  const pair = new Pair(counting, { options: { pendingHandshakesMax: 1 } })
  const [one, two] = [pair.enrol(), pair.enrol()]
  begin(pair, one)
  const message1 = two.message1()
  agreements = 0
  t.same(pair.deliver(message1, B), [])
  t.equal(agreements, 0)
  t.equal(pair.dropped('limit'), 1)
  one.exchange([PING], A)
  const [message2] = pair.deliver(two.message1(), B)
  t.equal(two.readMessage2(message2!.bytes)?.kind, 'acceptance')
})

t.test('[R-4.1-5] without room a handshake that was silent for a round of asking gives way', async (t) => {
  const pair = new Pair(crypto, { options: { pendingHandshakesMax: 2 } })
  const [silent, committing, three, four] = [pair.enrol(), pair.enrol(), pair.enrol(), pair.enrol()]
  begin(pair, committing)
  pair.store.holds = true
  committing.exchange([PING], A)
  pair.store.holds = false
  begin(pair, silent)
  pair.advance(14_999)
  t.same(pair.deliver(three.message1(), B), [])
  pair.advance(1)
  begin(pair, three)
  t.match(pair.endpoint.metrics(), { handshakesPending: 2, handshakesExpired: 1 })
  t.equal(pair.deliver(silent.ping(), A)[0]?.bytes.length, 13, 'its connection ID is dead')
  t.same(pair.deliver(four.message1(), B), [], 'what is being committed stays, and the other is young')
  pair.release()
  t.equal(pair.endpoint.metrics().handshakes, 1)
  three.exchange([PING], B)
  t.equal(pair.endpoint.metrics().handshakes, 2)
})

t.test('look-ups that began with the last room and find none are told to wait', async (t) => {
  const pair = new Pair(crypto, { options: { pendingHandshakesMax: 1 } })
  const [silent, two, three] = [pair.enrol(), pair.enrol(), pair.enrol()]
  begin(pair, silent)
  pair.advance(15_000)
  pair.store.holds = true
  pair.deliver(two.message1(), A)
  pair.deliver(three.message1(), B)
  const [message2, busy] = pair.release()
  t.equal(two.readMessage2(message2!.bytes)?.kind, 'acceptance')
  t.same(three.readMessage2(busy!.bytes), { kind: 'refusal', code: 4, value: 5 })
  t.equal(pair.endpoint.metrics().refused[4], 1)
})

t.test('a handshake waits 120 s for its first packet', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  begin(pair, device)
  t.equal(pair.endpoint.nextTimeout(), pair.now.monotonicMs + 120_000)
  pair.advance(119_999)
  t.equal(pair.endpoint.metrics().handshakesPending, 1)
  pair.advance(1)
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
  t.equal(pair.endpoint.metrics().handshakesExpired, 1)
  const [reset] = pair.deliver(device.ping(), A)
  t.equal(reset?.bytes.length, 13, 'its connection ID is dead')
})

t.test('256 look-ups wait for the store, no more, and each for 10 s', async (t) => {
  const pair = new Pair(crypto, {
    options: { handshakesPerAddress: { perSecond: 1000, burst: 1000 }, handshakesPerSecondBeforeCookie: 1000 },
  })
  const device = pair.enrol()
  pair.store.holds = true
  for (let i = 0; i < 260; i++) pair.deliver(device.message1(), A)
  t.equal(pair.endpoint.metrics().lookupsPending, 256)
  t.equal(pair.dropped('limit'), 4)
  pair.advance(9999)
  t.equal(pair.endpoint.metrics().lookupsPending, 256)
  pair.advance(1)
  t.equal(pair.endpoint.metrics().lookupsPending, 0)
  t.same(pair.release(), [], 'a late reply is ignored')
})

t.test('a first packet that breaks the frame rules closes the new session only', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const old = device.view.snapshot()
  begin(pair, device)
  const frames = device.openAll(pair.deliver(device.sealBytes(Uint8Array.of(0xf4)), B))
  t.same(frames, [{ kind: 'close', code: 1 }])
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
  device.slab.segmentOf(0).bytes.set(old)
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
})

t.test('presence in message 1 counts when the first packet has no PING', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const [message2] = pair.deliver(device.message1({ ping: pingByte('idle', 0) }), A)
  device.readMessage2(message2!.bytes)
  device.exchange([], A)
  t.match(pair.takeEvents(), [{ kind: 'contact', state: 'idle', fresh: true }])
  t.equal(pair.endpoint.nextTimeout(), pair.now.monotonicMs + 1000, 'repeat of NEW_CID')
  pair.advance(15_000 + 10_000 + 937)
  t.same(pair.takeEvents(), [])
  pair.advance(1)
  t.match(pair.takeEvents(), [{ kind: 'lost' }])
})

t.test('identity is hidden: what travels holds no static key', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const message1 = device.message1()
  t.notOk(hex(message1).includes(hex(device.keys.publicKey)))
  const responder = new HandshakeState(crypto, {
    pattern: parsePattern(HANDSHAKE_PROTOCOL),
    initiator: false,
    prologue: HANDSHAKE_PROLOGUE,
    s: pair.staticKeys[0]!,
  })
  const payload = parseMessage1Payload(responder.readMessage(noiseOfMessage1(message1))!)
  t.same(payload, { stampMs: device.lastStampMs, pingByte: pingByte('active', 4) })
  t.equal(hex(writeMessage1Payload(1, 2)).length, 14)
  t.same(responder.remoteStatic, device.keys.publicKey)
})

t.test('the old connection ID and its spare die with the handshake, the new pair lives', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const oldCid = device.view.read(Offset.cid, new Uint8Array(5))
  begin(pair, device)
  device.exchange([PING], A)
  device.ack(A)
  const cid = device.view.read(Offset.cid, new Uint8Array(5))
  t.not(hex(cid), hex(oldCid))
  device.view.write(Offset.cid, oldCid)
  const [reset] = pair.deliver(device.ping(), A)
  t.equal(reset?.bytes[0], 5)
})
