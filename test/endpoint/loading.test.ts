/** Sessions that are loaded while devices are heard already. */
import t from 'tap'
import { generationOf, partOf, SLOTS_PER_PART, slotOf } from '../../src/endpoint/device-handle.js'
import { Loading } from '../../src/endpoint/loading.js'
import type { HandOver, Transmit } from '../../src/endpoint/message.js'
import type { DeviceFrame, ServerFrame } from '../../src/frame/frame.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, type MemoryStore, Pair, type PairOptions, START_WALL_MS, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const
const PARTS = 4
const kinds = (frames: readonly ServerFrame[]): string[] => frames.map(({ kind }) => kind)

/** Another start of a server, which has loaded nothing yet. */
function restarted(pair: Pair, options: PairOptions['options'] = {}): Pair {
  const slotsToLoad = PARTS * SLOTS_PER_PART
  const bootSeconds = pair.now.wallMs / 1000 + 5
  const next = new Pair(crypto, { seed: 'next', store: pair.store, bootSeconds, options: { slotsToLoad, ...options } })
  next.now.wallMs = pair.now.wallMs + 5000
  return next
}

/** Loads a part as it is in the store. @returns what goes out. */
function load(pair: Pair, part: number, store: MemoryStore = pair.store): Transmit[] {
  for (const { device, session, rotation } of store.rows.values()) {
    const isOurs = partOf(device) === part && pair.endpoint.serves(device)
    if (isOurs) pair.endpoint.loadSession(device, session, rotation)
  }
  pair.endpoint.handleLoaded(part, pair.now)
  return pair.drain()
}

/** A device in a slot, in contact. */
function joinAt(pair: Pair, slot: number): TestDevice {
  const device = pair.enrol(slot)
  device.handshake(A)
  pair.takeEvents()
  return device
}

function responseTo(frames: readonly ServerFrame[]): DeviceFrame {
  const { challenge } = frames.find(({ kind }) => kind === 'challenge') as Extract<ServerFrame, { kind: 'challenge' }>
  return { kind: 'response', challenge }
}

const wanted = (pair: Pair): number[] => {
  const parts: number[] = []
  for (let part = pair.endpoint.pollWanted(); part !== null; part = pair.endpoint.pollWanted()) parts.push(part)
  return parts
}

t.test('a packet waits for its session: no reset, no handshake, nothing lost', async (t) => {
  const pair = new Pair(crypto)
  const [near, far] = [joinAt(pair, 3), joinAt(pair, 3 * SLOTS_PER_PART + 1)]
  const next = restarted(pair)
  t.same(next.deliver(far.seal([PING], { ask: true }), A), [])
  t.same(next.deliver(far.seal([{ ...PING, state: 'idle' }], { ask: true }), A), [])
  t.same(wanted(next), [partOf(far.handle)], 'asked for once')
  t.match(next.endpoint.metrics(), { loadsWaiting: 2, sessions: 0, resetsSent: 0 })
  t.same(load(next, partOf(near.handle)), [])
  t.equal(next.endpoint.metrics().loadsWaiting, 2, 'another part does not help')
  const sent = load(next, partOf(far.handle))
  const frames = far.openAll(sent)
  t.same(kinds(frames), ['pong', 'challenge'])
  t.same(sent[0]?.remote, A)
  const answered = next.deliver(far.seal([PING, responseTo(frames)]), A)
  t.equal(kinds(far.openAll(answered))[0], 'pong')
  t.same(next.takeEvents()[0], { kind: 'contact', device: far.handle, state: 'active', fresh: true })
  t.match(next.endpoint.metrics(), { loadsWaiting: 0, sessions: 2, resetsSent: 0, handshakes: 0, sessionsConfirmed: 1 })
  t.same(wanted(next), [])
  t.same(kinds(near.openAll(next.deliver(near.seal([PING], { ask: true }), A))), ['pong', 'challenge'])
})

t.test('whose connection ID is dead is not known before either', async (t) => {
  const pair = new Pair(crypto)
  const device = joinAt(pair, 7)
  const old = device.ping()
  device.handshake(A)
  const next = restarted(pair)
  t.same(next.deliver(old, A), [])
  t.equal(next.endpoint.metrics().resetsSent, 0)
  const [reset] = load(next, partOf(device.handle))
  t.equal(reset?.bytes.length, 13, 'it is of a handshake before')
  t.equal(next.dropped('dead-cid'), 1)
})

t.test('slots above those of the store need no load', async (t) => {
  const pair = new Pair(crypto)
  const next = restarted(pair)
  const fresh = next.enrol(PARTS * SLOTS_PER_PART)
  next.command({ kind: 'add', device: fresh.handle, rotation: 0 })
  fresh.handshake(A)
  t.equal(next.endpoint.metrics().handshakes, 1)
  t.same(wanted(next), [])
})

t.test('what waits is bounded, and who found no room is served when it tries again', async (t) => {
  const pair = new Pair(crypto)
  const device = joinAt(pair, 0)
  const next = restarted(pair)
  for (let i = 0; i < 300; i++) next.deliver(device.seal([PING], { ask: true }), A)
  t.equal(next.endpoint.metrics().loadsWaiting, 256)
  t.equal(next.dropped('limit'), 300 - 256)
  t.same(wanted(next), [partOf(device.handle)])
  const frames = device.openAll(load(next, partOf(device.handle)))
  t.same(kinds(frames), ['pong', 'challenge'], 'one answer a second')
  t.equal(next.endpoint.metrics().loadsWaiting, 0)
  next.deliver(device.seal([PING, responseTo(frames)]), A)
  t.match(next.takeEvents(), [{ kind: 'contact', device: device.handle }])
})

t.test('what a stranger sends waits as well, and changes nothing', async (t) => {
  const pair = new Pair(crypto)
  const device = joinAt(pair, 0)
  const next = restarted(pair)
  const forged = device.ping()
  forged[forged.length - 1]! ^= 1
  next.deliver(forged, addressOf(9))
  t.same(load(next, partOf(device.handle)), [])
  t.equal(next.dropped('tag'), 1)
  t.same(kinds(device.openAll(next.deliver(device.seal([PING], { ask: true }), A))), ['pong', 'challenge'])
})

t.test(
  'a handshake waits too: the stored session stands beside it, and does not come back over the new one',
  async (t) => {
    const pair = new Pair(crypto)
    const device = joinAt(pair, 5)
    const store = pair.store.clone()
    const next = restarted(pair)
    t.same(next.deliver(device.message1(), A), [], 'found by the store, and not yet answered')
    t.same(wanted(next), [partOf(device.handle)])
    t.match(next.endpoint.metrics(), { lookupsPending: 0, handshakesPending: 0, loadsWaiting: 1 })
    // As it was read before: that is all the same.
    const [message2] = load(next, partOf(device.handle), store)
    t.equal(device.readMessage2(message2!.bytes)?.kind, 'acceptance')
    t.equal(next.endpoint.metrics().sessions, 1)
    t.same(kinds(device.openAll(next.deliver(device.seal([PING], { ask: true }), A)))[0], 'pong')
    t.match(next.endpoint.metrics(), { sessions: 1, handshakes: 1 })
    const row = store.rows.get(device.handle)!
    t.equal(next.endpoint.loadSession(device.handle, row.session, row.rotation), false)
    t.same(kinds(device.openAll(next.deliver(device.seal([PING], { ask: true }), A)))[0], 'pong')
  },
)

t.test('two messages 1 of a device that wait are one handshake', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol(5)
  const next = restarted(pair)
  next.deliver(device.message1(), A)
  next.deliver(device.lastMessage1, A)
  const sent = load(next, partOf(device.handle))
  t.equal(sent.length, 1)
  t.equal(device.readMessage2(sent[0]!.bytes)?.kind, 'acceptance')
  t.equal(next.dropped('stamp'), 1)
})

t.test('a message 1 that was handed over waits where its slot is', async (t) => {
  const pair = new Pair(crypto)
  const device = joinAt(pair, 5)
  const [first, second] = [0, 1].map((index) => restarted(pair, { share: { index, of: 2 } })) as [Pair, Pair]
  t.same(first.deliver(device.message1(), A), [])
  second.endpoint.handleHandOver(first.endpoint.pollHandOver() as HandOver, second.now)
  t.same(second.drain(), [])
  t.same([wanted(first), wanted(second)], [[], [partOf(device.handle)]])
  t.same(load(first, partOf(device.handle)), [])
  const [message2] = load(second, partOf(device.handle))
  t.equal(device.readMessage2(message2!.bytes)?.kind, 'acceptance')
})

t.test('inputs are handled in their order, each once, by part', async (t) => {
  const loading = new Loading({ all: 5, part: 3 })
  t.equal(loading.has(1), true, 'nothing is expected')
  loading.expect([1, 2, 3])
  t.same([loading.parts, loading.has(1), loading.has(4)], [3, false, true])
  const seen: string[] = []
  const wait = (part: number, name: string) => loading.wait(part, ({ wallMs }) => seen.push(`${name} ${wallMs}`))
  t.same([wait(2, 'a'), wait(1, 'b'), wait(2, 'c'), wait(2, 'd'), wait(2, 'e')], [true, true, true, true, false])
  t.same([wait(1, 'f'), wait(1, 'g'), wait(3, 'h')], [true, false, false])
  t.same([loading.pollWanted(), loading.pollWanted(), loading.pollWanted(), loading.pollWanted()], [2, 1, 3, null])
  loading.handleLoaded(2, { monotonicMs: 0, wallMs: 7 })
  t.same(seen, ['a 7', 'c 7', 'd 7'])
  t.equal(loading.waiting, 2)
  loading.handleLoaded(3, { monotonicMs: 0, wallMs: 8 })
  loading.handleLoaded(1, { monotonicMs: 0, wallMs: 9 })
  t.same(seen.slice(3), ['b 9', 'f 9'])
  t.same([loading.parts, loading.waiting], [0, 0])
})

t.test('parts are some slots of a worker', async (t) => {
  const pair = new Pair(crypto)
  const [one, other] = [pair.enrol(SLOTS_PER_PART - 1, 9), pair.enrol(SLOTS_PER_PART, 9)]
  t.equal(partOf(other.handle), partOf(one.handle) + 1)
  t.same([slotOf(one.handle), generationOf(one.handle)], [SLOTS_PER_PART - 1, 9])
  t.throws(() => restarted(pair, { slotsToLoad: 20_001 }), { code: 'PL_BAD_OPTION' })
  t.ok(START_WALL_MS > 0)
})
