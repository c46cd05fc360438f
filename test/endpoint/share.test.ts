/** Endpoints that divide the slots of one server. */
import t from 'tap'
import { slotOf } from '../../src/endpoint/device-handle.js'
import type { HandOver, Transmit } from '../../src/endpoint/message.js'
import { CidCodec } from '../../src/packet/connection-id.js'
import { RESET_RATE } from '../../src/packet/constants.js'
import { Offset, RECORD_BYTES } from '../../src/session/record.js'
import { SessionSlab } from '../../src/session/slab.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, MemoryStore, Pair, START_WALL_MS, type TestDevice, WORKER } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const

/** So many endpoints on one store, with the sessions that it has. @param start which start of the server this is */
function endpointsOf(count: number, store = new MemoryStore(), start = 0): Pair[] {
  return Array.from({ length: count }, (_, index) => {
    const bootSeconds = START_WALL_MS / 1000 + start
    const options = { share: { index, of: count } }
    const pair = new Pair(crypto, { seed: `${start} ${index}`, store, bootSeconds, options })
    for (const row of store.rows.values()) {
      if (pair.endpoint.serves(row.device)) pair.endpoint.loadSession(row.device, row.session, row.rotation)
    }
    return pair
  })
}

/** Message 1 at one endpoint, message 2 and the first packet at another. */
function joined(device: TestDevice, at: Pair, owner: Pair): void {
  t.same(at.deliver(device.message1(), A), [], 'no answer from an endpoint that has not the slot')
  const handOver = at.endpoint.pollHandOver() as HandOver
  owner.endpoint.handleHandOver(handOver, owner.now)
  const [message2] = owner.drain()
  t.same(message2?.remote, A)
  t.equal(device.readMessage2((message2 as Transmit).bytes)?.kind, 'acceptance')
  device.openAll(owner.deliver(device.seal([PING]), A))
}

t.test('a slot has one endpoint; the others take nothing of it, and hand its message 1 on', async (t) => {
  const [first, second] = endpointsOf(2) as [Pair, Pair]
  const device = first.enrol(7)
  t.same(
    [first, second].map(({ endpoint }) => endpoint.serves(device.handle)),
    [false, true],
  )
  joined(device, first, second)
  t.equal(first.endpoint.metrics().handshakes, 0)
  t.equal(second.endpoint.metrics().handshakes, 1)
  t.match(second.takeEvents(), [{ kind: 'contact', device: device.handle }])
  t.equal(first.endpoint.pollHandOver(), null)

  const packet = device.ping()
  t.same(first.deliver(packet, A), [])
  t.equal(first.dropped('cid'), 1)
  t.equal(first.endpoint.metrics().recordBytes, first.slab.allocatedBytes)
  t.equal(second.deliver(packet, A).length, 1)
  for (const endpoint of [first.endpoint]) {
    t.throws(() => endpoint.loadSession(device.handle, null, 0), { code: 'PL_BAD_OPTION' })
    const remove = { kind: 'remove', device: device.handle, code: 2 } as const
    t.throws(() => endpoint.handleCommand(remove, first.now), { code: 'PL_BAD_OPTION' })
  }
})

t.test(
  'what is handed over is read anew: a replay, a changed one and one for the wrong endpoint do nothing',
  async (t) => {
    const [first, second] = endpointsOf(2) as [Pair, Pair]
    const device = first.enrol(7)
    first.deliver(device.message1(), A)
    const handOver = first.endpoint.pollHandOver() as HandOver
    const bad = { ...handOver, message: handOver.message.with(50, handOver.message[50]! ^ 1) }
    second.endpoint.handleHandOver(bad, second.now)
    t.same(second.drain(), [])
    second.endpoint.handleHandOver(handOver, second.now)
    t.equal(second.drain().length, 1)
    second.endpoint.handleHandOver(handOver, second.now)
    t.same(second.drain(), [])
    t.equal(second.dropped('stamp'), 1)
    first.endpoint.handleHandOver(handOver, first.now)
    t.same(first.drain(), [])
    t.equal(first.endpoint.pollHandOver(), null, 'never on and on')
    t.equal(first.dropped('unknown-device'), 1)
  },
)

t.test('refusals need no other endpoint', async (t) => {
  const [first] = endpointsOf(2) as [Pair, Pair]
  const device = first.enrol(7)
  const ahead = first.deliver(device.message1({ stampMs: first.now.wallMs + 3_600_000 }), A)
  t.equal(device.readMessage2(ahead[0]!.bytes)?.kind, 'refusal')
  first.store.rows.delete(device.handle)
  t.equal(first.deliver(device.message1(), A).length, 1, 'unknown')
  t.equal(first.endpoint.pollHandOver(), null)
})

t.test('sessions and their connection IDs outlive any change of the number of endpoints', async (t) => {
  const store = new MemoryStore()
  let pairs = endpointsOf(2, store)
  const devices = [0, 1, 2, 3, 4].map((slot) => pairs[0]!.enrol(slot))
  for (const device of devices) {
    const owner = pairs[device.slot % 2]!
    const [message2] = owner.deliver(device.message1(), A)
    device.readMessage2(message2!.bytes)
    device.openAll(owner.deliver(device.seal([PING]), A))
  }
  for (const [nth, count] of [3, 1, 64, 2].entries()) {
    pairs = endpointsOf(count, store, nth + 1)
    t.equal(
      pairs.reduce((sum, { endpoint }) => sum + endpoint.metrics().sessions, 0),
      5,
    )
    for (const device of devices) {
      const owner = pairs[device.slot % count]!
      const frames = device.openAll(owner.deliver(device.ping(), A))
      const challenge = frames.find((frame) => frame.kind === 'challenge')
      t.ok(challenge, `slot ${device.slot} of ${count}`)
      const response = { kind: 'response', challenge: challenge!.challenge.slice() } as const
      device.openAll(owner.deliver(device.seal([PING, response]), A))
      t.match(owner.takeEvents(), [{ kind: 'contact', device: device.handle, fresh: true }])
    }
  }
})

t.test('the timers of a share fire for its own slots', async (t) => {
  const pair = endpointsOf(64)[63]!
  const devices = [63, 127, 63 + 64 * 200].map((slot) => pair.enrol(slot))
  for (const device of devices) device.handshake(A)
  pair.takeEvents()
  pair.advance(4 * 3_600_000)
  const lost = pair.takeEvents().flatMap((event) => (event.kind === 'lost' ? [slotOf(event.device)] : []))
  t.same(
    lost.sort((a, b) => a - b),
    [63, 127, 63 + 64 * 200],
  )
})

t.test('records of a share lie together', async (t) => {
  const all = 1 << 24
  const slab = new SessionSlab('server', all, 64)
  const view = slab.view()
  const slots = Array.from({ length: 4096 }, (_, nth) => nth * 64 + 5)
  for (const slot of slots) view.at(slot).customSilenceS = slot % 1800
  t.equal(slab.allocatedBytes, 4096 * RECORD_BYTES.server)
  t.ok(slots.every((slot) => view.at(slot).customSilenceS === slot % 1800))
  t.equal(slab.has(4096 * 64 + 5), false)
  view.at(all - 64 + 5)
  t.equal(slab.has(all - 64 + 5), true)
  t.equal(slab.has(all + 5), false)
})

t.test('[R-6.1-1] the limit of resets is that of the whole server', async (t) => {
  const pairs = endpointsOf(4)
  let resets = 0
  for (const [slot, pair] of pairs.entries()) {
    const device = pair.enrol(slot)
    device.handshake(A)
    const cid = new Uint8Array(5)
    new CidCodec(pair.options.cidKey).write(cid, 0, WORKER, slot, 77)
    device.view.write(Offset.cid, cid)
    for (let nth = 0; nth < 2 * RESET_RATE; nth++) resets += pair.deliver(device.ping({ ask: false }), A).length
  }
  t.equal(resets, RESET_RATE)
})

t.test('a share that cannot be is refused', async (t) => {
  for (const share of [
    { index: 0, of: 0 },
    { index: 2, of: 2 },
    { index: -1, of: 2 },
    { index: 0, of: 65 },
    { index: 0.5, of: 2 },
  ]) {
    t.throws(() => new Pair(crypto, { options: { share } }), { code: 'PL_BAD_OPTION' })
  }
})
