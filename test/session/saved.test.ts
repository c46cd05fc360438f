import t from 'tap'
import { concat, hex, writeU48 } from '../../src/base/bytes.js'
import { deriveReceiveKey, receiveKeyFor } from '../../src/session/keys.js'
import { Offset, SessionFlag } from '../../src/session/record.js'
import { loadSession, SAVED_SESSION_BYTES, saveSession } from '../../src/session/saved.js'
import { addressOf, bootValue } from '../support/pair.js'
import { End, linked, ROOT } from './linked.js'

t.test('a saved session has 112 B and the layout that is documented', async (t) => {
  const { server } = linked()
  const { view } = server
  const D = bootValue(7, server.random)
  view.write(Offset.deviceBoot, D)
  view.high = 0x010203040506
  view.failedOpens = 0x0a0b
  view.write(Offset.address, addressOf(9))
  view.customSilenceS = 0x0708
  view.announcedKey = 0x11223344
  view.raise(SessionFlag.spareKnown)
  const expected = concat(
    Uint8Array.of(1, 0, 0, 1),
    ROOT,
    D,
    new Uint8Array(12),
    Uint8Array.of(1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0x0a, 0x0b),
    addressOf(9),
    Uint8Array.of(7, 8, 0x11, 0x22, 0x33, 0x44),
    new Uint8Array(16),
  )
  t.equal(SAVED_SESSION_BYTES, 112)
  t.equal(hex(saveSession(view)), hex(expected))
})

t.test('what was saved by a server is loaded, unconfirmed, with everything up to h seen', async (t) => {
  const { server } = linked()
  const { view } = server
  view.write(Offset.deviceBoot, bootValue(7, server.random))
  view.high = 1000
  view.bitmapLow = 1
  view.failedOpens = 5
  view.write(Offset.address, addressOf(9))
  view.customSilenceS = 77
  view.announcedKey = 99
  view.raise(SessionFlag.spareKnown | SessionFlag.inContact)
  view.silentFromMs = 5
  const next = new End('server', 3000)
  next.view.rotation = 4
  next.view.raise(SessionFlag.owned)
  t.equal(loadSession(next.view, next.context, saveSession(view)), true)
  t.equal(next.view.flags, SessionFlag.owned | SessionFlag.inUse | SessionFlag.spareKnown | SessionFlag.keyPending)
  t.same([next.view.high, next.view.bitmapLow, next.view.bitmapHigh], [1000, 0xffffffff, 0xffffffff])
  t.same([next.view.failedOpens, next.view.customSilenceS, next.view.announcedKey], [5, 77, 99])
  t.equal(next.view.rotation, 4)
  t.equal(next.view.isProven(addressOf(9)), true)
  t.same(saveSession(next.view), saveSession(view))
  const key = new Uint8Array(32)
  t.equal(hex(next.view.read(Offset.receiveKey, key)), '00'.repeat(32), 'no key before a packet comes')
  deriveReceiveKey(next.view, next.context)
  const boot = view.read(Offset.deviceBoot, new Uint8Array(12))
  t.same(next.view.read(Offset.receiveKey, key), receiveKeyFor(view, server.context, boot))
  t.same([next.view.has(SessionFlag.keyPending), next.view.high], [false, 1000])
  t.equal(hex(next.view.read(Offset.sendKey, key)), '00'.repeat(32), 'no s2d key before S is ours')
})

t.test('a session that opened nothing yet is loaded so', async (t) => {
  const { server } = linked()
  const next = new End('server', 3000)
  t.equal(loadSession(next.view, next.context, saveSession(server.view)), true)
  t.same([next.view.high, next.view.bitmapLow, next.view.bitmapHigh], [-1, 0, 0])
  t.equal(next.view.has(SessionFlag.spareKnown), false)
})

t.test('[R-5.3-1] a device that loads a session uses its new boot value as D', async (t) => {
  const { device } = linked()
  const { view } = device
  view.write(Offset.serverBoot, bootValue(6, device.random))
  const ids = Uint8Array.from({ length: 34 }, (_, i) => i + 1)
  view.write(Offset.cid, ids)
  view.raise(SessionFlag.hasSpare)
  const saved = saveSession(view)
  t.equal(saved.length, 112)
  t.same(saved.subarray(0, 4), Uint8Array.of(1, 1, 0, 1))
  t.same(saved.subarray(60, 94), ids)
  const next = new End('device', 9000)
  t.equal(loadSession(next.view, next.context, saved), true)
  t.same(next.view.read(Offset.deviceBoot, new Uint8Array(12)), next.boot)
  t.same(next.view.read(Offset.serverBoot, new Uint8Array(12)), view.read(Offset.serverBoot, new Uint8Array(12)))
  t.same(next.view.read(Offset.cid, new Uint8Array(34)), ids)
  t.equal(next.view.flags, SessionFlag.inUse | SessionFlag.bootPending | SessionFlag.hasSpare | SessionFlag.unsent)
  t.equal(next.view.has(SessionFlag.hasLastKey), false, 'nothing of the last process is taken')
  view.lower(SessionFlag.hasSpare)
  loadSession(next.view, next.context, saveSession(view))
  t.equal(next.view.has(SessionFlag.hasSpare), false)
})

t.test('what the record held before is wiped', async (t) => {
  const { server } = linked()
  const saved = saveSession(server.view)
  const next = new End('server', 3000)
  next.view.write(0, new Uint8Array(176).fill(0x55))
  next.view.flags = SessionFlag.confirmed | SessionFlag.inContact | SessionFlag.bootPending
  loadSession(next.view, next.context, saved)
  t.same([next.view.silentFromMs, next.view.ping, next.view.high], [0, 0, -1])
  t.equal(next.view.flags, SessionFlag.inUse | SessionFlag.keyPending)
})

t.test('bytes of another version, role or length are refused and change nothing', async (t) => {
  const { server, device } = linked()
  const saved = saveSession(server.view)
  const before = server.view.snapshot()
  const other = (at: number, byte: number): Uint8Array => {
    const copy = saved.slice()
    copy[at] = byte
    return copy
  }
  for (const wrong of [other(0, 2), other(0, 0), other(1, 1), saved.subarray(1), concat(saved, Uint8Array.of(0))]) {
    t.equal(loadSession(server.view, server.context, wrong), false)
  }
  t.equal(loadSession(device.view, device.context, saved), false)
  t.same(server.view.snapshot(), before)
})

t.test('the highest h is not "none"', async (t) => {
  const { server } = linked()
  server.view.high = 2 ** 48 - 2
  const saved = saveSession(server.view)
  const h = new Uint8Array(6)
  writeU48(h, 0, 2 ** 48 - 2)
  t.same(saved.subarray(60, 66), h)
  t.equal(loadSession(server.view, server.context, saved), true)
  t.equal(server.view.high, 2 ** 48 - 2)
})
