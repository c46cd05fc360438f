import t from 'tap'
import { concat, hex } from '../../src/base/bytes.js'
import { Flag } from '../../src/packet/constants.js'
import { FAILED_OPENS_MAX } from '../../src/session/receiver.js'
import { Offset } from '../../src/session/record.js'
import { saveSession } from '../../src/session/saved.js'
import { testCrypto } from '../support/crypto.js'
import { flipped } from '../support/hostile-bytes.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const

t.test('[R-3-1] other kinds, directions and lengths are dropped without an answer', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const message1 = device.message1()
  const wrong: [Uint8Array, 'kind' | 'length'][] = [
    [new Uint8Array(0), 'length'],
    [new Uint8Array(120), 'kind'],
    [new Uint8Array(67).fill(3), 'kind'],
    [new Uint8Array(45).fill(4), 'kind'],
    [new Uint8Array(13).fill(5), 'kind'],
    [new Uint8Array(100).fill(0x7f), 'kind'],
    [message1.subarray(0, 119), 'length'],
    [concat(message1, Uint8Array.of(0)), 'length'],
    [message1.with(0, 2), 'length'],
    [new Uint8Array(22).fill(0x80), 'length'],
    [new Uint8Array(1201).fill(0x80), 'length'],
  ]
  for (const [bytes, reason] of wrong) {
    const before = pair.dropped(reason)
    t.same(pair.deliver(bytes, A), [], hex(bytes.subarray(0, 4)))
    t.equal(pair.dropped(reason), before + 1)
  }
  t.equal(pair.endpoint.metrics().packetsIn.unknown, wrong.length)
})

t.test('[R-3-4] each dropped datagram is counted by its reason', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const ping = device.ping()
  pair.deliver(ping, A)
  pair.deliver(ping, A)
  pair.deliver(flipped(device.ping(), 180), A)
  pair.deliver(new Uint8Array(3), A)
  const { dropped, failedOpens } = pair.endpoint.metrics()
  t.same([dropped.replay, dropped.tag, dropped.kind, failedOpens], [1, 1, 1, 1])
  t.equal(
    Object.values(dropped).reduce((sum, count) => sum + count, 0),
    3,
  )
})

t.test('[R-5.1-1] a packet with PROBE and ASK or BOOT is dropped', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const ping = device.ping() // it asks
  ping[0]! |= Flag.probe
  t.same(pair.deliver(ping, A), [])
  t.equal(pair.dropped('reserved-bit'), 1)
  const probe = device.seal([{ kind: 'probe', delayS: 0 }], { ask: false })
  probe[0]! |= Flag.probe | Flag.boot
  t.same(pair.deliver(probe, A), [])
  t.equal(pair.dropped('reserved-bit'), 2)
})

t.test('[R-5.1-3] the steady state is 24 B and 19 B', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.exchange([PING], A)
  for (let i = 0; i < 200; i++) {
    pair.advance(30_000)
    const ping = device.ping()
    t.equal(ping.length, 24)
    const [pong, ...more] = pair.deliver(ping, A)
    t.equal(pong?.bytes.length, 19)
    t.same(more, [])
    t.same(device.open(pong!.bytes), [{ kind: 'pong', residue: device.sender.number % 48 }])
  }
  t.same(pair.takeEvents(), [], 'nothing changed, so the hub hears nothing')
})

t.test('[R-5.2-2] after 2^36 failed opens under one root the session is closed with code 4', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const row = pair.store.rows.get(device.handle)!
  const bytes = row.session!.slice()
  bytes.set([0x00, 0x0f, 0xff, 0xff, 0xff, 0xfe], 66) // failed opens: 2^36 - 2
  row.session = bytes
  const next = pair.restart()
  const bad = flipped(device.ping(), 190)
  t.same(next.deliver(bad, A), [])
  t.equal(next.endpoint.metrics().sessions, 1)
  const sent = next.deliver(bad, A)
  t.same(device.openAll(sent), [{ kind: 'close', code: 4 }])
  t.same(next.takeEvents(), [{ kind: 'ended', device: device.handle }])
  t.equal(next.endpoint.metrics().sessions, 0)
  t.equal(next.store.rows.get(device.handle)?.session, null)
  t.equal(FAILED_OPENS_MAX, 0x1000000000)
})

t.test('[R-5.3-2] a repeated ask heals whatever was lost', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.seal([PING])
  const frames = device.exchange([PING], A, { retry: true })
  t.equal(frames[0]?.kind, 'pong')
  t.ok(device.view.matches(Offset.deviceBoot, device.boot))
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
  const ping = device.ping()
  t.equal(ping[0]! & Flag.boot, 0, 'no BOOT any more')
})

t.test('[R-5.3-3] a new D is taken, told to the hub as a start of the device, and stored', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const saves = pair.store.count('save-session')
  device.reboot()
  const frames = device.exchange([PING], A)
  t.equal(frames[0]?.kind, 'pong')
  t.match(pair.takeEvents(), [{ kind: 'contact', state: 'active', fresh: true }])
  t.equal(pair.store.count('save-session'), saves + 1)
  t.same(pair.store.rows.get(device.handle)?.session?.subarray(36, 48), device.boot)
  device.exchange([PING], A)
  t.same(pair.takeEvents(), [])
})

t.test(
  '[R-5.3-3] a device that starts with an old copy of its store goes on; two copies never share a key',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    const old = saveSession(device.view)
    for (let i = 0; i < 20; i++) device.exchange([PING], A)
    device.reboot(old)
    t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
    const mine = hex(device.view.read(Offset.sendKey, new Uint8Array(32)))
    device.reboot(old, 20)
    t.not(hex(device.view.read(Offset.sendKey, new Uint8Array(32))), mine)
    t.equal(device.exchange([PING], A)[0]?.kind, 'pong', 'the later one is heard')
    device.reboot(old, 10)
    t.same(pair.deliver(device.ping(), A), [])
    t.equal(pair.dropped('boot-old'), 1)
  },
)

t.test('[R-5.3-5] after a packet with BOOT the server answers with BOOT until one comes without', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.reboot()
  const [answer] = pair.deliver(device.ping(), A)
  t.equal(answer!.bytes[0]! & Flag.boot, Flag.boot)
  t.equal(hex(answer!.bytes.subarray(1, 13)), hex(pair.options.boot))
  const [again] = pair.deliver(device.ping({ retry: true }), A)
  t.equal(again!.bytes[0]! & Flag.boot, Flag.boot)
  device.open(again!.bytes)
  const [pong] = pair.deliver(device.ping(), A)
  t.equal(pong!.bytes[0]! & Flag.boot, 0)
  t.equal(typeof device.open(pong!.bytes), 'object')
})

t.test('[R-5.4-1] [R-5.4-2] the server is LONG until an answer of it was confirmed', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const [message2] = pair.deliver(device.message1(), A)
  device.readMessage2(message2!.bytes)
  const first = pair.deliver(device.ping(), A)
  t.ok(first.length >= 2)
  for (const { bytes } of first) t.equal(bytes[0]! & Flag.long, Flag.long)
  device.openAll(first)
  const [pong] = pair.deliver(device.ping(), A)
  t.equal(pong!.bytes[0]! & Flag.long, 0)
})

t.test('[R-5.4-3] a late ask does not confirm what the device has not opened', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.exchange([PING], A, { retry: true }) // D is the boot value from here on
  device.exchange([PING], A)
  const late = device.ping() // overtaken by its own repeat
  const answers = pair.deliver(device.ping({ retry: true }), A)
  t.equal(answers.length, 1)
  const [lateAnswer] = pair.deliver(late, A)
  t.equal(lateAnswer!.bytes[0]! & Flag.boot, Flag.boot, 'still with BOOT and so LONG')
  t.equal(typeof device.open(lateAnswer!.bytes), 'object')
})

t.test('[R-5.4-4] a packet far ahead is taken, one 64 behind is not', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const old = device.ping()
  for (let i = 0; i < 64; i++) device.seal([PING])
  t.equal(pair.deliver(device.ping(), A).length, 1)
  t.same(pair.deliver(old, A), [])
  t.equal(pair.dropped('replay'), 1)
})

t.test('[R-5.4-6] a session whose numbers are used up ends with code 4, under the last number', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const view = pair.slab.view().at(device.slot)
  view.sendNumber = 2 ** 48 - 3
  device.view.high = -1
  const [pong, ...none] = pair.deliver(device.ping(), A)
  t.same(none, [])
  t.equal(typeof openAt(device, pong!.bytes, 2 ** 48 - 3), 'object')
  const [last, close, ...more] = pair.deliver(device.ping(), A)
  t.same(more, [])
  t.match(device.open(last!.bytes), [{ kind: 'pong' }])
  t.same(device.open(close!.bytes), [{ kind: 'close', code: 4 }])
  t.equal(device.receiver.number, 2 ** 48 - 1)
  t.same(pair.takeEvents(), [{ kind: 'ended', device: device.handle }])
  t.equal(pair.endpoint.metrics().sessions, 0)
})

/** Opens a packet far from h, whose number only the test knows. */
function openAt(device: TestDevice, bytes: Uint8Array, number: number): unknown {
  device.view.high = number - 1
  device.view.bitmapLow = 0
  return device.open(bytes)
}

t.test('[R-7.5-1] SYNC is answered by CLOCK beside the PONG', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.advance(1234.5)
  const sent = pair.deliver(device.seal([PING, { kind: 'sync', version: 0 }]), A)
  t.equal(sent.length, 1)
  t.match(device.openAll(sent), [{ kind: 'pong' }, { kind: 'clock', clockMs: Math.floor(pair.now.wallMs) }])
  t.match(pair.takeEvents(), [{ kind: 'frame', frame: { kind: 'sync' } }], "STATE is the hub's")
  const elsewhere = pair.deliver(device.seal([PING, { kind: 'sync', version: 0 }]), addressOf(2))
  t.same(
    device.openAll(elsewhere).map(({ kind }) => kind),
    ['pong', 'challenge'],
    'not to an address that is not proven',
  )
})

t.test('[R-5.5-1] a replayed packet is dropped and counted, and moves nothing', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const ping = device.ping({ state: 'idle' })
  pair.deliver(ping, A)
  pair.takeEvents()
  device.exchange([PING], A)
  pair.takeEvents()
  t.same(pair.deliver(ping, addressOf(9)), [])
  t.same(pair.takeEvents(), [])
  t.equal(pair.dropped('replay'), 1)
  t.equal(pair.endpoint.metrics().challengesSent, 0)
})

t.test('[R-8.2-4] h is stored at least every 64 packets', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  let unsaved = 0
  let saves = pair.store.count('save-session')
  for (let i = 0; i < 400; i++) {
    pair.deliver(device.ping({ ask: false }), A)
    unsaved = pair.store.count('save-session') > saves ? 0 : unsaved + 1
    saves = pair.store.count('save-session')
    t.ok(unsaved < 64)
  }
  t.ok(saves <= 9, `${saves} saves in 400 packets`)
})

t.test('a packet of a session of nobody, worker or slot that is not ours is silence', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const other = new Pair(crypto, { options: { worker: 6 } })
  t.same(other.deliver(device.ping(), A), [])
  const fewer = new Pair(crypto, { options: { slots: 1 } })
  device.view.write(Offset.cid, cidOf(pair, 1, 0))
  t.same(fewer.deliver(device.ping(), A), [])
  t.equal(other.dropped('cid'), 1)
  t.equal(fewer.dropped('cid'), 1)
  t.equal(pair.endpoint.metrics().recordBytes, 4096 * 176)
})

/** A connection ID as the server makes it: taken from a handshake of that slot. */
function cidOf(pair: Pair, slot: number, generation: number): Uint8Array {
  const device = pair.enrol(slot, generation)
  const [message2] = pair.deliver(device.message1(), A)
  device.readMessage2(message2!.bytes)
  return device.view.read(Offset.cid, new Uint8Array(5))
}
