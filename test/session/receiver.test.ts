import t from 'tap'
import { equalBytes, hex, writeU32 } from '../../src/base/bytes.js'
import type { SeededRandom } from '../../src/base/seeded-random.js'
import { deriveD2s, deriveReceiveKey, startKeys, takeDeviceBoot } from '../../src/session/keys.js'
import { confirmSession, FAILED_OPENS_MAX } from '../../src/session/receiver.js'
import { Offset, SessionFlag } from '../../src/session/record.js'
import { loadSession, saveSession } from '../../src/session/saved.js'
import { confirmNumber } from '../../src/session/sender.js'
import type { SessionView } from '../../src/session/view.js'
import { flipped } from '../support/hostile-bytes.js'
import { BOOT, End, LONG, linked, ROOT } from './linked.js'

const ONE = Uint8Array.of(4)

/** The record but for its count of failed opens. */
function withoutCount(view: SessionView): string {
  const bytes = view.snapshot()
  bytes.fill(0, Offset.failedOpens, Offset.failedOpens + 2)
  return hex(bytes)
}

function bootAt(seconds: number, random: SeededRandom): Uint8Array {
  const boot = random.fill(new Uint8Array(12))
  writeU32(boot, 0, seconds)
  return boot
}

t.test('both directions open what the other end sealed', async (t) => {
  const { server, device } = linked()
  t.same(server.open(device.seal({ ask: true })), ONE)
  t.equal(server.receiver.number, device.sender.number)
  t.same([server.receiver.isNewest, server.receiver.hadBoot, server.receiver.tookBoot], [true, false, false])
  t.same(device.open(server.seal({ answers: true })), ONE)
  t.equal(device.receiver.number, server.sender.number)
  t.equal(device.receiver.byLastKey, false)
})

t.test('[R-5.2-1] whatever is flipped, cut or foreign changes the count of failed opens only', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  confirmNumber(device.view, device.sender.number)
  const good = device.seal({ ask: true })
  const before = withoutCount(server.view)
  for (let bit = 0; bit < good.length * 8; bit++) {
    const result = server.open(flipped(good, bit))
    // Two flips stay in the connection ID or choose it; it is in the associated data all the same.
    t.type(result, 'string', `bit ${bit}`)
  }
  for (let length = 0; length < good.length; length++) t.type(server.open(good.slice(0, length)), 'string')
  t.equal(withoutCount(server.view), before)
  t.ok(server.view.failedOpens > 100)
  t.same(server.open(good), ONE, 'the good one still opens')
})

t.test('[R-5.2-1] a tag that does not verify is counted, in both directions, whatever the boot value', async (t) => {
  const { server, device } = linked()
  const ping = flipped(device.seal(), 26 * 8)
  t.equal(server.open(ping), 'tag')
  t.equal(server.view.failedOpens, 1)
  const boot = flipped(device.seal({ ask: true, retry: true }), 38 * 8)
  t.equal(server.open(boot), 'tag')
  t.equal(server.view.failedOpens, 2)
  t.ok(server.view.matches(Offset.deviceBoot, new Uint8Array(12)), 'D is not taken')
  t.equal(FAILED_OPENS_MAX, 2 ** 36)
})

t.test('[R-5.5-1] a replayed packet is dropped, and so is one 64 below h', async (t) => {
  const { server, device } = linked()
  const packets = Array.from({ length: 70 }, () => device.seal())
  t.same(server.open(packets[69]!), ONE)
  const before = server.view.snapshot()
  t.equal(server.open(packets[69]!), 'replay')
  t.equal(server.open(packets[5]!), 'replay', 'h - 64')
  t.same(server.view.snapshot(), before, 'not even a count in the record')
  t.same(server.open(packets[6]!), ONE, 'h - 63')
  t.equal(server.receiver.isNewest, false)
  t.equal(server.open(packets[6]!), 'replay')
  t.same(server.open(packets[40]!), ONE)
  t.equal(server.view.high, device.sender.number)
})

t.test('[R-5.5-1] a forged number does not move the window', async (t) => {
  const { server, device } = linked()
  const first = device.seal()
  device.view.sendNumber += 1000
  const far = flipped(device.seal(), 200)
  t.equal(server.open(far), 'tag')
  t.same(server.open(first), ONE)
})

t.test('a packet reflected to its sender does not open', async (t) => {
  const { server, device } = linked()
  const ping = device.seal()
  t.type(device.open(ping), 'string')
  t.type(server.open(server.seal()), 'string')
})

t.test('[R-5.4-4] one byte before the first packet is dropped', async (t) => {
  const { server, device } = linked()
  confirmNumber(device.view, device.view.sendNumber - 1)
  t.equal(server.open(device.seal()), 'number')
  t.equal(server.view.failedOpens, 0, 'not even tried')
})

t.test('[R-5.3-3] a server takes a D with greater seconds when the tag verified', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  const retry = device.seal({ ask: true, retry: true })
  t.same(server.open(retry), ONE)
  t.same([server.receiver.hadBoot, server.receiver.tookBoot, server.receiver.isNewest], [true, true, true])
  t.same(server.view.read(Offset.deviceBoot, new Uint8Array(12)), device.boot)
  t.same(server.open(device.seal()), ONE, 'the same D, by the key that is held')
  t.equal(server.receiver.tookBoot, false)
  t.equal(server.receiver.hadBoot, true)
})

t.test('[R-5.3-3] a D with fewer or equal seconds is dropped untried, but for D itself', async (t) => {
  const { server, device } = linked()
  server.open(device.seal({ ask: true, retry: true }))
  for (const seconds of [1999, 2000]) {
    const clone = new End('device', seconds, 'clone')
    startKeys(clone.view, clone.context, ROOT)
    const before = server.view.snapshot()
    t.equal(server.open(clone.seal({ ask: true, retry: true })), 'boot-old', `${seconds} s`)
    t.same(server.view.snapshot(), before)
  }
  const later = new End('device', 2001, 'clone')
  startKeys(later.view, later.context, ROOT)
  t.same(server.open(later.seal({ ask: true, retry: true })), ONE)
})

t.test('[R-5.3-4] everything below the packet that brought D counts as seen', async (t) => {
  const { server, device } = linked()
  takeDeviceBoot(device.view, device.context)
  const early = device.seal()
  const late = device.seal()
  t.same(server.open(late), ONE)
  t.equal(server.view.high, device.sender.number)
  t.equal(server.open(early), 'replay')
  t.equal(server.open(late), 'replay')
  t.same(server.open(device.seal()), ONE)
})

t.test('[R-5.3-4] a packet under the old d2s key opens no more', async (t) => {
  const { server, device } = linked()
  const old = device.seal()
  server.open(device.seal({ ask: true, retry: true }))
  t.not(typeof server.open(old), 'object')
})

t.test('a packet that brings a new D carries its number in four bytes', async (t) => {
  const { server, device } = linked()
  takeDeviceBoot(device.view, device.context)
  const datagram = device.seal()
  const short = new Uint8Array(datagram.length - 3)
  short.set(datagram.subarray(0, 18))
  short[0] = datagram[0]! & ~0x40
  t.equal(server.open(short), 'number')
  t.equal(server.view.failedOpens, 0)
})

t.test('[R-5.3-5] BOOT is pending from a packet with BOOT until one without', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  t.equal(server.view.has(SessionFlag.bootPending), false)
  const older = device.seal()
  server.open(device.seal({ ask: true, retry: true }))
  t.equal(server.view.has(SessionFlag.bootPending), true)
  t.type(server.open(older), 'string')
  server.open(device.seal())
  t.equal(server.view.has(SessionFlag.bootPending), true, 'it still carries BOOT')
  device.view.lower(SessionFlag.bootPending)
  const late = device.seal()
  server.open(device.seal({ ask: true, retry: true }))
  server.open(late)
  t.equal(server.view.has(SessionFlag.bootPending), true, 'a late one does not count')
  server.open(device.seal())
  t.equal(server.view.has(SessionFlag.bootPending), false)
})

t.test('[R-5.3-6] a device takes an S with greater seconds, and its window starts anew', async (t) => {
  const { server, device } = linked()
  device.open(server.seal())
  const old = server.seal()
  server.view.raise(SessionFlag.bootPending)
  const first = server.seal()
  const second = server.seal()
  t.same(device.open(second), ONE)
  t.equal(device.receiver.tookBoot, true)
  t.same(device.view.read(Offset.serverBoot, new Uint8Array(12)), server.boot)
  t.same(device.open(first), ONE, 'below it is not seen')
  t.equal(device.receiver.tookBoot, false)
  t.equal(device.receiver.isNewest, false)
  t.equal(device.open(first), 'replay')
  t.type(device.open(old), 'string')
  server.view.lower(SessionFlag.bootPending)
  t.same(device.open(server.seal()), ONE)
})

t.test('[R-5.3-6] an S with fewer or equal seconds is dropped', async (t) => {
  const { server, device } = linked()
  server.view.raise(SessionFlag.bootPending)
  device.open(server.seal())
  for (const [seconds, expected] of [
    [999, 'boot-old'],
    [1000, 'boot-old'],
    [1001, ONE],
  ] as const) {
    const clone = new End('server', seconds, `clone ${seconds}`)
    startKeys(clone.view, clone.context, ROOT)
    clone.view.raise(SessionFlag.bootPending)
    t.same(device.open(clone.seal()), expected, `${seconds} s`)
  }
})

t.test('[R-5.3-1] a device goes on with BOOT until it opened a packet under its D', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  const underOld = server.seal()
  const retry = device.seal({ ask: true, retry: true })
  t.same(device.open(underOld), ONE)
  t.equal(device.view.has(SessionFlag.bootPending), true, 'the answer was under the old D')
  server.open(retry)
  t.same(device.open(server.seal()), ONE)
  t.equal(device.view.has(SessionFlag.bootPending), false)
  t.equal(device.seal()[0]! & BOOT, 0)
})

t.test('[R-5.4-2] after a packet with BOOT the next packet of a device is LONG', async (t) => {
  const { server, device } = linked()
  confirmNumber(device.view, device.view.sendNumber - 1)
  device.open(server.seal())
  t.equal(device.seal()[0]! & LONG, 0)
  server.view.raise(SessionFlag.bootPending)
  device.open(server.seal())
  t.equal(device.seal()[0]! & LONG, LONG)
  t.equal(device.seal()[0]! & LONG, 0, 'one is enough')
  device.open(server.seal())
  t.equal(device.seal()[0]! & LONG, LONG, 'also when S is no news')
})

t.test('[R-5.3-2] packets under the last s2d key are taken until the first under the new one, each once', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  device.open(server.seal())
  const [one, two, three] = [server.seal(), server.seal(), server.seal()]
  const retry = device.seal({ ask: true, retry: true })
  t.same(device.open(two), ONE)
  t.equal(device.receiver.byLastKey, true)
  t.type(device.open(two), 'string', 'a replay')
  t.same(device.open(one), ONE)
  t.type(device.open(one), 'string')
  t.equal(device.view.failedOpens, 2, 'each replay was tried by the new key')
  for (let i = 0; i < 40; i++) server.seal()
  const far = server.seal()
  t.same(device.open(far), ONE)
  t.equal(device.open(two), 'replay', '41 below, in the upper half of the last window')
  t.same(device.open(three), ONE)
  t.equal(device.open(three), 'replay')
  server.open(retry)
  t.same(device.open(server.seal()), ONE)
  t.equal(device.receiver.byLastKey, false)
  t.equal(device.view.has(SessionFlag.hasLastKey), false)
  t.type(device.open(far), 'string', 'too late')
})

t.test('[R-5.3-2] [R-5.6-10] the last s2d key also opens packets with BOOT, by the S that is held', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  server.view.raise(SessionFlag.bootPending)
  t.same(device.open(server.seal()), ONE)
  const underOld = server.seal()
  t.equal(underOld[0]! & BOOT, BOOT)
  device.seal({ ask: true, retry: true })
  t.same(device.open(underOld), ONE)
  t.same([device.receiver.byLastKey, device.receiver.tookBoot], [true, false])
  t.equal(device.view.has(SessionFlag.bootPending), true)
})

t.test('what is said of a packet is said of that packet only', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  const late = device.seal()
  server.open(device.seal())
  server.open(late)
  t.equal(server.receiver.isNewest, false)
  const underOld = server.seal()
  server.open(device.seal({ ask: true, retry: true }))
  t.equal(server.receiver.isNewest, true, 'the first under a new key is the newest')
  device.open(underOld)
  t.equal(device.receiver.byLastKey, true)
  device.open(server.seal())
  t.equal(device.receiver.byLastKey, false)
  t.equal(device.receiver.tookBoot, true)
  device.open(server.seal())
  t.equal(device.receiver.tookBoot, false)
  t.equal(device.receiver.hadBoot, true)
})

t.test('a forgery while the last key is taken is counted once', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  const forged = flipped(server.seal(), 170)
  device.seal({ ask: true, retry: true })
  t.type(device.open(forged), 'string')
  t.equal(device.view.failedOpens, 1)
  t.equal(device.receiver.byLastKey, false)
})

t.test('[R-8.2-1] on an unconfirmed session a number is not recorded, and h stays', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  const saved = saveSession(server.view)
  const replay = device.seal()
  const next = new End('server', 3000)
  loadSession(next.view, next.context, saved)
  deriveReceiveKey(next.view, next.context)
  const before = next.view.snapshot()
  t.same(next.open(replay), ONE)
  t.same(next.open(replay), ONE)
  t.same(next.view.snapshot(), before)
})

t.test('[R-8.2-2] what confirms a session becomes h, everything below counts as seen', async (t) => {
  const { server, device } = linked()
  server.open(device.seal())
  const next = new End('server', 3000)
  loadSession(next.view, next.context, saveSession(server.view))
  const early = device.seal()
  const response = device.seal()
  next.open(response)
  next.view.answerNumber = next.view.sendNumber - 55
  confirmSession(next.view, next.receiver.number)
  t.equal(next.view.confirmed, true)
  t.equal(next.view.high, device.sender.number)
  t.equal(next.view.answerNumber, -1)
  t.equal(next.open(early), 'replay')
  t.equal(next.open(response), 'replay')
  t.same(next.open(device.seal()), ONE)
  t.equal(next.open(device.seal().fill(0, 5)), 'tag')
})

t.test('[R-8.2-2] a packet that brings D and confirms keeps its place in the window', async (t) => {
  const { server, device } = linked()
  server.view.lower(SessionFlag.confirmed)
  const retry = device.seal({ ask: true, retry: true })
  server.open(retry)
  const window = [server.view.high, server.view.bitmapLow, server.view.bitmapHigh]
  confirmSession(server.view, server.receiver.number)
  t.same([server.view.high, server.view.bitmapLow, server.view.bitmapHigh], window)
  t.equal(server.open(retry), 'replay')
})

t.test('[R-5.4-4] numbers around the edges of the window expand to what was sent', async (t) => {
  const { server, device } = linked()
  device.view.sendNumber = 2 ** 32 - 100
  server.open(device.seal())
  confirmNumber(device.view, device.sender.number)
  for (let i = 0; i < 300; i++) {
    const datagram = device.seal()
    t.same(server.open(datagram), ONE)
    t.equal(server.receiver.number, device.sender.number)
    if (i % 60 === 0) confirmNumber(device.view, device.sender.number)
  }
  t.ok(device.sender.number > 2 ** 32)
})

t.test('the d2s key of a record is that of its D', async (t) => {
  const { server, device } = linked()
  const D = bootAt(5000, server.random)
  server.view.write(Offset.deviceBoot, D)
  deriveD2s(server.view, server.context)
  t.equal(server.open(device.seal()), 'tag')
  t.ok(equalBytes(server.view.read(Offset.deviceBoot, new Uint8Array(12)), D))
})
