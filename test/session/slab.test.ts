import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { Offset, RECORD_BYTES, SessionFlag } from '../../src/session/record.js'
import { SessionSlab } from '../../src/session/slab.js'
import type { SessionView } from '../../src/session/view.js'

/** Every number field, where it lies, and a value that fills it. */
const NUMBERS = [
  ['sendNumber', Offset.sendNumber, 8, 2 ** 48],
  ['high', Offset.high, 8, 77],
  ['bitmapLow', Offset.window, 4, 0xffffffff],
  ['bitmapHigh', Offset.window + 4, 4, 0x80000001],
  ['failedOpens', Offset.failedOpens, 2, 0xfffe],
  ['silentFromMs', Offset.silentFrom, 6, 2 ** 45 - 1 / 8],
  ['rotation', Offset.rotation, 2, 1023],
  ['generation', Offset.generation, 2, 65535],
  ['customSilenceS', Offset.customSilence, 2, 1800],
  ['stepSecond', Offset.stepSecond, 2, 65535],
  ['flags', Offset.flags, 2, 0xffff],
  ['ping', Offset.ping, 1, 47],
  ['epoch', Offset.epoch, 1, 255],
  ['announcedKey', Offset.announcedKey, 4, 0xdeadbeef],
] as const
const DEVICE_NUMBERS = [
  ['lastHigh', Offset.lastHigh, 8, 5],
  ['lastBitmapLow', Offset.lastWindow, 4, 6],
  ['lastBitmapHigh', Offset.lastWindow + 4, 4, 7],
] as const

t.test('a record has 176 B at a server, 272 B at a device', async (t) => {
  t.same(RECORD_BYTES, { server: 176, device: 272 })
  const slab = new SessionSlab('server', 10)
  slab.view().at(0)
  t.equal(slab.allocatedBytes, 10 * 176)
  t.equal(slab.recordBytes, 176)
  t.equal(new SessionSlab('device', 1).view().at(0).snapshot().length, 272)
})

t.test('each field keeps its value and touches its own bytes only', async (t) => {
  const view = new SessionSlab('device', 3).view().at(1)
  for (const [name, offset, bytes, value] of [...NUMBERS, ...DEVICE_NUMBERS]) {
    view.wipe(0, 272)
    view[name] = value
    t.equal(view[name], value, name)
    const touched = [...view.snapshot().entries()].filter(([, byte]) => byte !== 0).map(([at]) => at)
    t.ok(
      touched.every((at) => at >= offset && at < offset + bytes),
      `${name} at ${offset}`,
    )
  }
  t.ok(
    view
      .at(0)
      .snapshot()
      .every((byte) => byte === 0),
  )
  t.ok(
    view
      .at(2)
      .snapshot()
      .every((byte) => byte === 0),
  )
})

t.test('fields do not overlap', async (t) => {
  const fields: [number, number][] = [
    [Offset.root, 32],
    [Offset.receiveKey, 32],
    [Offset.sendKey, 32],
    [Offset.deviceBoot, 12],
    [Offset.serverBoot, 12],
    [Offset.address, 18],
    [Offset.confirmedBehind, 1],
    [Offset.answerBehind, 1],
    [Offset.cid, 5],
    [Offset.token, 12],
    [Offset.spareCid, 5],
    [Offset.spareToken, 12],
    [Offset.lastReceiveKey, 32],
    ...[...NUMBERS, ...DEVICE_NUMBERS].map(([, offset, bytes]): [number, number] => [offset, bytes]),
  ]
  fields.sort((a, b) => a[0] - b[0])
  let end = 0
  for (const [offset, bytes] of fields) {
    t.ok(offset >= end, `field at ${offset}`)
    end = offset + bytes
  }
  t.equal(end, RECORD_BYTES.device)
})

t.test('memory comes by segments of 4096 slots, and only for slots that are written', async (t) => {
  const slab = new SessionSlab('server', 1 << 24)
  t.equal(slab.allocatedBytes, 0)
  const view = slab.view()
  t.equal(slab.allocatedBytes, 4096 * 176)
  t.equal(slab.has(4095), true)
  t.equal(slab.has(4096), false)
  t.equal(slab.has(1 << 24), false)
  view.at((1 << 24) - 1).ping = 3
  t.equal(slab.allocatedBytes, 2 * 4096 * 176)
  t.equal(slab.has((1 << 24) - 1), true)
  t.equal(view.at((1 << 24) - 1).ping, 3)
  t.throws(() => view.at(1 << 24), /bug: slot in range/)
  t.throws(() => new SessionSlab('server', 0), /bug/)
  t.throws(() => new SessionSlab('server', (1 << 24) + 1), /bug/)
  const small = new SessionSlab('server', 5000)
  small.view().at(4999)
  t.equal(small.has(4999), true)
  t.equal(small.has(5000), false, 'beyond the last slot, though its segment is there')
})

t.test('a segment goes when none of its records is needed, and comes back empty', async (t) => {
  const segment = 4096 * 176
  const slab = new SessionSlab('server', 20_000)
  const view = slab.view()
  for (const slot of [4096, 8191, 8192, 12_288]) {
    view.at(slot).ping = 9
    slab.hold(slot)
  }
  t.equal(slab.allocatedBytes, 4 * segment)
  slab.release(4096)
  slab.release(8192)
  t.equal(slab.allocatedBytes, 4 * segment, 'the last that is empty stays')
  slab.release(8191)
  t.equal(slab.allocatedBytes, 3 * segment)
  t.equal(slab.has(8192), false)
  t.equal(view.at(8191).ping, 9, 'not yet given back')
  slab.hold(8191)
  slab.release(12_288)
  t.equal(view.at(8191).ping, 9, 'in use again')
  slab.release(8191)
  t.equal(slab.has(12_288), false)
  view.at(8192).high = 1
  t.equal(view.ping, 0)
  t.equal(slab.allocatedBytes, 3 * segment)
})

t.test('with a stride too', async (t) => {
  const slab = new SessionSlab('server', 1 << 20, 4)
  const view = slab.view()
  for (const slot of [4 * 4096 + 1, 8 * 4096 + 1]) {
    view.at(slot).ping = 1
    slab.hold(slot)
  }
  for (const slot of [4 * 4096 + 1, 8 * 4096 + 1]) slab.release(slot)
  t.equal(slab.has(4 * 4096 + 1), false)
  t.equal(slab.has(8 * 4096 + 1), true)
})

t.test('records agree with a naive model', async (t) => {
  const random = new SeededRandom('slab')
  const slab = new SessionSlab('server', 9000)
  const view = slab.view()
  const other = slab.view()
  const model = new Map<string, number>()
  for (let i = 0; i < 5000; i++) {
    const slot = [0, 1, 4095, 4096, 8191, 8192, 8999][random.int(7)]!
    const [name, , bytes] = NUMBERS[random.int(NUMBERS.length)]!
    const value = random.int(bytes === 8 ? 2 ** 48 : bytes === 6 ? 2 ** 45 : 2 ** (bytes * 8 - 1))
    view.at(slot)[name] = value
    model.set(`${slot} ${name}`, value)
    t.equal(view.slot, slot)
  }
  for (const [key, value] of model) {
    const [slot, name] = key.split(' ') as [string, (typeof NUMBERS)[number][0]]
    if (other.at(Number(slot))[name] !== value) t.fail(key)
  }
})

t.test('bytes go in and out, and are compared', async (t) => {
  const view = new SessionSlab('server', 2).view().at(1)
  const boot = Uint8Array.from({ length: 12 }, (_, i) => i + 1)
  view.write(Offset.deviceBoot, boot)
  t.same(view.read(Offset.deviceBoot, new Uint8Array(12)), boot)
  t.equal(view.matches(Offset.deviceBoot, boot), true)
  boot[11] = 0
  t.equal(view.matches(Offset.deviceBoot, boot), false)
  boot[11] = 12
  boot[0] = 0
  t.equal(view.matches(Offset.deviceBoot, boot), false)
  view.copy(Offset.deviceBoot, Offset.root, 12)
  t.same(view.read(Offset.root, new Uint8Array(12)), view.read(Offset.deviceBoot, new Uint8Array(12)))
  t.ok(
    view
      .snapshot()
      .subarray(132)
      .every((byte) => byte === 0),
  )
  view.wipe(Offset.deviceBoot, 12)
  view.wipe(Offset.root, 12)
  t.ok(view.snapshot().every((byte) => byte === 0))
  t.equal(view.role, 'server')
})

t.test('the proven address is 18 B, port included', async (t) => {
  const view = new SessionSlab('server', 1).view()
  const address = Uint8Array.from({ length: 18 }, (_, i) => i)
  view.write(Offset.address, address)
  t.equal(view.isProven(address), true)
  t.equal(view.isProven(address.subarray(0, 16)), false)
  const otherPort = address.slice()
  otherPort[17] = 99
  t.equal(view.isProven(otherPort), false)
})

t.test('flags', async (t) => {
  const view = new SessionSlab('server', 1).view()
  view.raise(SessionFlag.inUse | SessionFlag.confirmed)
  t.equal(view.inUse && view.confirmed, true)
  view.lower(SessionFlag.inUse)
  t.equal(view.inUse, false)
  t.equal(view.has(SessionFlag.confirmed), true)
  view.mark(SessionFlag.spareKnown, true)
  view.mark(SessionFlag.confirmed, false)
  t.equal(view.flags, SessionFlag.spareKnown)
  const bits = Object.values(SessionFlag)
  t.equal(
    bits.reduce((sum, bit) => sum | bit, 0),
    0xffff,
    '16 bits',
  )
  const shared = bits.filter((bit, at) => bits.indexOf(bit) !== at)
  t.same(shared, [SessionFlag.hasSpare], 'one bit each, but for one that the two roles share')
})

function fill(view: SessionView): void {
  view.write(0, new Uint8Array(RECORD_BYTES[view.role]).fill(0xab))
}

t.test('a cleared session keeps its owner and rotation, nothing else', async (t) => {
  const view = new SessionSlab('server', 1).view()
  fill(view)
  view.generation = 9
  view.rotation = 10
  view.flags = 0x7ff
  view.clearSession()
  t.equal(view.generation, 9)
  t.equal(view.rotation, 10)
  t.equal(view.flags, SessionFlag.owned | SessionFlag.dead)
  t.same([view.confirmedNumber, view.answerNumber, view.high], [-1, -1, -1])
  t.ok(view.read(0, new Uint8Array(104)).every((byte) => byte === 0))
  t.ok(view.read(Offset.window, new Uint8Array(Offset.flags - Offset.window)).every((byte) => byte === 0))
  t.equal(view.failedOpens + view.silentFromMs + view.customSilenceS + view.ping, 0)
  t.equal(view.announcedKey, 0)
  const device = new SessionSlab('device', 1).view()
  fill(device)
  device.clearSession()
  t.equal(device.lastHigh, -1)
  t.ok(device.read(Offset.lastReceiveKey, new Uint8Array(32)).every((byte) => byte === 0))
})

t.test('a session that moves takes all but the owner along', async (t) => {
  const from = new SessionSlab('server', 3).view().at(2)
  fill(from)
  from.generation = 1
  from.rotation = 7
  from.flags = SessionFlag.inUse | SessionFlag.confirmed | SessionFlag.dead
  const to = new SessionSlab('server', 3).view().at(1)
  to.generation = 2
  to.rotation = 3
  to.flags = SessionFlag.owned | SessionFlag.inContact
  to.takeSession(from)
  t.equal(to.generation, 2)
  t.equal(to.rotation, 7)
  t.equal(to.flags, SessionFlag.owned | SessionFlag.inUse | SessionFlag.confirmed)
  t.same(to.snapshot().subarray(0, Offset.flags), from.snapshot().subarray(0, Offset.flags))
  t.equal(to.ping, 0xab)
})

t.test('what is done to one record touches no other, and what reaches beyond it is our bug', async (t) => {
  for (const role of ['server', 'device'] as const) {
    const view = new SessionSlab(role, 3).view()
    for (const slot of [0, 1, 2]) fill(view.at(slot))
    const full = view.at(0).snapshot()
    view.at(1).clearSession()
    t.same(view.at(0).snapshot(), full, `${role}: cleared, the record before`)
    t.same(view.at(2).snapshot(), full, `${role}: cleared, the record behind`)
    const other = new SessionSlab(role, 1).view()
    view.at(1).takeSession(other)
    t.same(view.at(2).snapshot(), full, `${role}: taken`)
    const bytes = RECORD_BYTES[role]
    t.doesNotThrow(() => view.at(1).write(bytes - 2, new Uint8Array(2)))
    t.throws(() => view.at(1).write(bytes - 1, new Uint8Array(2)), /bug: bytes within the record/)
    t.throws(() => view.at(1).wipe(bytes, 1), /bug/)
    t.throws(() => view.at(1).copy(0, bytes - 7, 8), /bug/)
    t.throws(() => view.at(1).copy(bytes - 7, 0, 8), /bug/)
    t.same(view.at(2).snapshot(), full)
  }
  const server = new SessionSlab('server', 2).view()
  for (const [name] of DEVICE_NUMBERS) {
    t.throws(() => {
      server[name] = 1
    }, /bug: bytes within the record/)
  }
})

t.test('time is kept in eighths of a ms, rounded up', async (t) => {
  const view = new SessionSlab('server', 1).view()
  view.silentFromMs = 2 ** 33 + 0.26
  t.equal(view.silentFromMs, 2 ** 33 + 0.375)
})

t.test('numbers of ours are kept by their distance from the next one', async (t) => {
  const view = new SessionSlab('server', 1).view()
  view.sendNumber = 1000
  for (const name of ['confirmedNumber', 'answerNumber'] as const) {
    t.equal(view[name], -1)
    view[name] = 990
    view.sendNumber = 1245
    t.equal(view[name], 990, 'as far as 255')
    view.sendNumber = 1246
    t.equal(view[name], -1)
    view[name] = 991
    t.equal(view[name], 991)
    view.sendNumber = 900
    t.equal(view[name], -1, 'what was not sent yet is not confirmed')
    view[name] = 899
    view[name] = -1
    t.equal(view[name], -1)
    view.sendNumber = 1000
  }
})

t.test('a count of failed opens beyond a record stands beside the slab, and goes with its session', async (t) => {
  const slab = new SessionSlab('server', 3)
  const view = slab.view().at(1)
  for (const count of [0xfffe, 0xffff, 2 ** 36]) {
    view.failedOpens = count
    t.equal(view.failedOpens, count)
    t.equal(slab.view().at(2).failedOpens, 0)
  }
  t.equal(slab.manyFailed.size, 1)
  view.failedOpens++
  const other = new SessionSlab('server', 1)
  other.view().takeSession(view)
  t.equal(other.view().failedOpens, 2 ** 36 + 1)
  view.clearSession()
  t.same([view.failedOpens, slab.manyFailed.size], [0, 0])
  const moved = other.view()
  moved.takeSession(view)
  t.same([moved.failedOpens, other.manyFailed.size], [0, 0])
})
