import t from 'tap'
import { checkedConfig } from '../../src/endpoint/config.js'
import { deviceHandle } from '../../src/endpoint/device-handle.js'
import { Endpoint } from '../../src/endpoint/endpoint.js'
import type { ServerFrame } from '../../src/frame/frame.js'
import { Offset } from '../../src/session/record.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, Pair, WORKER } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const
const outcome = (id: number): ServerFrame => ({ kind: 'outcome', id, ring: new Uint8Array(16), what: 0 })

t.test('send: all frames in one packet, to the proven address', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const frames: ServerFrame[] = [outcome(300), { kind: 'puid', app: new Uint8Array(8), rotation: 1, puid: 'x' }]
  const sent = pair.command({ kind: 'send', device: device.handle, frames, untilMonotonicMs: Infinity })
  t.equal(sent.length, 1)
  t.same(sent[0]!.remote, A)
  t.same(device.openAll(sent), frames)
})

t.test('send to nobody: reliable frames are unacked, others are silence', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const frames: ServerFrame[] = [outcome(300), { kind: 'retry-after', seconds: 3 }]
  const command = { kind: 'send', device: device.handle, frames, untilMonotonicMs: Infinity } as const
  t.same(pair.command(command), [])
  t.same(pair.takeEvents(), [{ kind: 'unacked', device: device.handle, id: 300 }])
  device.handshake(A)
  pair.takeEvents()
  const stale = deviceHandle(WORKER, device.slot, 2)
  t.same(pair.command({ ...command, device: stale }), [])
  t.same(pair.takeEvents(), [{ kind: 'unacked', device: stale, id: 300 }])
})

t.test('what the hub must not send is its mistake', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const send = (frames: ServerFrame[], handle = device.handle): void => {
    pair.command({ kind: 'send', device: handle, frames, untilMonotonicMs: 0 })
  }
  t.throws(() => send([{ kind: 'close', code: 0 }]), { code: 'PL_BAD_OPTION' })
  t.throws(() => send([{ kind: 'pong', residue: 0 }]), { code: 'PL_BAD_OPTION' })
  t.throws(() => send([outcome(300)], deviceHandle(WORKER + 1, 0, 0)), { code: 'PL_BAD_OPTION' })
  t.throws(() => send([outcome(300)], deviceHandle(WORKER, 20_000, 0)), { code: 'PL_BAD_OPTION' })
  const part = new Uint8Array(1024)
  const big: ServerFrame = { kind: 'list-part', version: 1, index: 0, count: 2, part }
  t.throws(() => send([big, { ...big, part: new Uint8Array(200) }]), { code: 'PL_BAD_OPTION' })
  t.throws(() => pair.endpoint.loadSession(deviceHandle(WORKER + 1, 0, 0), null, 0), { code: 'PL_BAD_OPTION' })
  t.equal(pair.endpoint.metrics().sessions, 1)
})

t.test('remove: CLOSE with the code once, the session erased, the handle dead, the rotation on', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.command({ kind: 'send', device: device.handle, frames: [outcome(300)], untilMonotonicMs: Infinity })
  const late = device.ping()
  const sent = pair.command({ kind: 'remove', device: device.handle, code: 3 })
  t.same(device.openAll(sent), [{ kind: 'close', code: 3 }])
  t.same(sent[0]!.remote, A)
  t.match(pair.store.requests.at(-1), { kind: 'erase-session', device: device.handle, rotation: 6 })
  t.equal(pair.endpoint.metrics().sessions, 0)
  pair.takeEvents()
  t.same(pair.advance(100_000), [])
  t.equal(pair.deliver(late, A)[0]?.bytes.length, 13)
  t.same(pair.takeEvents(), [])
  pair.command({ kind: 'send', device: device.handle, frames: [outcome(301)], untilMonotonicMs: Infinity })
  t.same(pair.takeEvents(), [{ kind: 'unacked', device: device.handle, id: 301 }])
  t.same(pair.command({ kind: 'remove', device: device.handle, code: 3 }), [])
})

t.test('remove: CLOSE reaches a device that was not heard since a restart', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const next = pair.restart()
  t.same(device.openAll(next.command({ kind: 'remove', device: device.handle, code: 2 })), [{ kind: 'close', code: 2 }])
})

t.test('remove while the first packet is being committed: the store forgets what it then commits', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const [message2] = pair.deliver(device.message1(), A)
  device.readMessage2(message2!.bytes)
  pair.store.holds = true
  pair.deliver(device.ping(), A)
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  t.same(pair.release(), [])
  t.equal(pair.store.requests.at(-1)?.kind, 'erase-session')
  t.equal(pair.store.rows.get(device.handle)?.session, null)
  t.equal(pair.endpoint.metrics().sessions, 0)
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
  t.same(pair.takeEvents(), [])
})

t.test('remove drops a handshake that waits', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const [message2] = pair.deliver(device.message1(), A)
  device.readMessage2(message2!.bytes)
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
  t.equal(pair.deliver(device.ping(), A)[0]?.bytes.length, 13)
})

t.test('a slot gets another owner: its connection IDs are all new, and the old handle stays dead', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  pair.store.rows.delete(device.handle)
  const heir = pair.enrol(device.slot, 2)
  pair.command({ kind: 'add', device: heir.handle, rotation: 0 })
  pair.advance(1000)
  heir.handshake(A)
  t.equal(pair.store.rows.get(heir.handle)?.rotation, 8, 'not that of a store that lags behind')
  t.match(pair.takeEvents()[0], { kind: 'contact', device: heir.handle })
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  t.equal(pair.endpoint.metrics().sessions, 1, 'a late command of the old owner does nothing')
  pair.command({ kind: 'add', device: device.handle, rotation: 0 })
  t.equal(heir.exchange([PING], A)[0]?.kind, 'pong')
})

t.test('a device that was removed before it was ever heard of stays out', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  t.equal(pair.store.requests.length, 0, 'there is nothing to erase')
  t.same(pair.deliver(device.message1(), A), [])
  t.equal(pair.dropped('unknown-device'), 1)
})

t.test('add: a device that the store does not name with its rotation has the one of the command', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  pair.command({ kind: 'add', device: device.handle, rotation: 100 })
  device.handshake(A)
  t.equal(pair.store.rows.get(device.handle)?.rotation, 102)
  pair.command({ kind: 'add', device: device.handle, rotation: 0 })
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong', 'said twice it changes nothing')
})

t.test('a handle of a newer owner than ours waits for `add` and `remove`', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const heir = pair.enrol(device.slot, 2)
  t.same(pair.deliver(heir.message1(), addressOf(2)), [])
  t.equal(pair.dropped('unknown-device'), 1)
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
})

t.test('records of devices that were removed are given back', async (t) => {
  const pair = new Pair(crypto)
  const segment = pair.slab.allocatedBytes
  const far = pair.enrol(9000)
  const { handle } = far
  pair.command({ kind: 'add', device: handle, rotation: 0 })
  far.handshake(A)
  const others = [4096, 4097, 12_288].map((slot) => deviceHandle(WORKER, slot, 1))
  for (const device of others) pair.command({ kind: 'add', device, rotation: 0 })
  t.equal(pair.endpoint.metrics().recordBytes, 4 * segment)
  const late = far.ping()
  pair.command({ kind: 'send', device: handle, frames: [outcome(300)], untilMonotonicMs: Infinity })
  for (const device of [handle, ...others]) pair.command({ kind: 'remove', device, code: 2 })
  t.equal(pair.endpoint.metrics().recordBytes, 2 * segment, 'the first, which nobody was in, and the last')
  t.same(pair.deliver(late, A), [], 'its slot has no record any more')
  t.same(pair.advance(100_000), [], 'and nothing of it is left to be done')
  t.same(pair.command({ kind: 'cancel', device: handle, id: 300 }), [])
  t.equal(pair.endpoint.silenceS(handle), 0)
  t.equal(pair.endpoint.metrics().recordBytes, 2 * segment, 'looking allocates nothing')
  pair.store.rows.delete(handle)
  const heir = pair.enrol(9000, 2)
  pair.command({ kind: 'add', device: heir.handle, rotation: 6 })
  heir.handshake(A)
  t.equal(pair.store.rows.get(heir.handle)?.rotation, 8, 'from that of the store')
})

t.test('a removal after which the store still finds the device, and nobody knows it any more', async (t) => {
  const pair = new Pair(crypto)
  const [gone, other] = [pair.enrol(4096), pair.enrol(8192)]
  for (const { handle } of [gone, other]) pair.command({ kind: 'add', device: handle, rotation: 0 })
  pair.store.holds = true
  pair.deliver(gone.message1(), A)
  const [late] = pair.store.held.splice(0)
  t.equal(late?.kind, 'find-device')
  for (const { handle } of [gone, other]) pair.command({ kind: 'remove', device: handle, code: 2 })
  pair.endpoint.handleStored(pair.store.answer(late!)!, pair.now)
  const [message2] = pair.drain()
  gone.readMessage2(message2!.bytes)
  pair.store.rows.delete(gone.handle)
  pair.store.holds = false
  t.same(pair.deliver(gone.ping(), A), [], 'the store does not commit')
  t.equal(pair.endpoint.metrics().commitsFailed, 1)
  const heir = pair.enrol(4096, 2)
  pair.command({ kind: 'add', device: heir.handle, rotation: 4 })
  pair.command({ kind: 'remove', device: gone.handle, code: 2 })
  pair.advance(1000)
  heir.handshake(A)
  t.equal(pair.store.rows.get(heir.handle)?.rotation, 6)
  t.match(pair.takeEvents(), [{ kind: 'contact', device: heir.handle }])
})

t.test('a slot is loaded once', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const { session, rotation } = pair.store.rows.get(device.handle)!
  t.equal(pair.endpoint.loadSession(device.handle, session, rotation), false, 'a live session stays')
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
})

t.test('a commit or look-up that nobody waits for is ignored', async (t) => {
  const pair = new Pair(crypto)
  pair.endpoint.handleStored({ kind: 'committed', request: 99, ok: true }, pair.now)
  pair.endpoint.handleStored({ kind: 'found', request: 99, device: null }, pair.now)
  t.same(pair.drain(), [])
})

t.test('a move whose session is gone when the store has committed it', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.moveToSpare()
  pair.store.holds = true
  device.exchange([PING], A)
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  t.same(pair.release(), [])
  t.equal(pair.endpoint.metrics().sessions, 0)
})

t.test('options out of range are refused', async (t) => {
  const { options } = new Pair(crypto)
  const wrong: Partial<typeof options>[] = [
    { worker: 64 },
    { worker: -1 },
    { slots: 0 },
    { slots: 2 ** 24 + 1 },
    { staticKeys: [] },
    { boot: new Uint8Array(11) },
    { cidKey: new Uint8Array(31) },
    { resetKey: new Uint8Array(33) },
    { silenceMaxS: 0 },
    { silenceMaxS: 1801 },
    { graceBaseMs: -1 },
    { graceBaseMs: 0.5 },
    { handshakesPerAddress: { perSecond: 0, burst: 1 } },
    { handshakesPerAddress: { perSecond: 1, burst: 0 } },
    { handshakesPerSecondBeforeCookie: -1 },
    { pendingHandshakesMax: 0 },
    { pendingHandshakesMax: 65_537 },
  ]
  for (const part of wrong) {
    t.throws(() => checkedConfig({ ...options, ...part }), { code: 'PL_BAD_OPTION' }, Object.keys(part)[0] ?? '')
  }
  const now = { monotonicMs: 0, wallMs: 0 }
  t.throws(() => new Endpoint(crypto, new Pair(crypto).random, { ...options, slots: 0 }, now), {
    code: 'PL_BAD_OPTION',
  })
  const config = checkedConfig({ ...options })
  t.match(config, {
    silenceMaxS: 1800,
    graceBaseMs: 10_000,
    handshakesPerAddress: { perSecond: 20, burst: 5 },
    handshakesPerSecondBeforeCookie: 200,
    pendingHandshakesMax: 4096,
  })
  t.equal(Offset.cid, 188)
})
