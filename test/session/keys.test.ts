import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { deriveKey } from '../../src/crypto/hkdf.js'
import {
  bootSeconds,
  changeDeviceBoot,
  changeRoot,
  changeServerBoot,
  deriveBoth,
  deriveD2s,
  dropLastKey,
  receiveKeyFor,
  serverBootOf,
  startKeys,
  takeDeviceBoot,
} from '../../src/session/keys.js'
import type { KeyCause, SessionObserver } from '../../src/session/observer.js'
import { Offset, SessionFlag } from '../../src/session/record.js'
import { saveSession } from '../../src/session/saved.js'
import type { SessionView } from '../../src/session/view.js'
import { bootValue } from '../support/pair.js'
import { crypto, End, linked, ROOT } from './linked.js'

const ZERO = new Uint8Array(12)

function keysOf(view: SessionView): [string, string] {
  const key = new Uint8Array(32)
  return [hex(view.read(Offset.receiveKey, key)), hex(view.read(Offset.sendKey, key))]
}
const d2s = (d: Uint8Array): string => hex(deriveKey(crypto, ROOT, 'pilotlight d2s', d))
const s2d = (s: Uint8Array, d: Uint8Array): string => hex(deriveKey(crypto, ROOT, 'pilotlight s2d', s, d))

t.test('a new session has the keys of §5.2 with D and S of zeros', async (t) => {
  const { server, device } = linked()
  t.same(keysOf(server.view), [d2s(ZERO), s2d(ZERO, ZERO)])
  t.same(keysOf(device.view), [s2d(ZERO, ZERO), d2s(ZERO)])
  for (const { view } of [server, device]) {
    t.same(view.read(Offset.root, new Uint8Array(32)), ROOT)
    t.equal(view.inUse && view.confirmed, true)
    t.same([view.high, view.confirmedNumber, view.answerNumber], [-1, -1, -1])
  }
})

t.test('starting wipes the session that was there, and keeps owner and rotation', async (t) => {
  const { server } = linked()
  server.view.rotation = 12
  server.view.generation = 3
  server.view.raise(SessionFlag.owned | SessionFlag.spareKnown | SessionFlag.inContact)
  server.view.write(Offset.deviceBoot, server.boot)
  startKeys(server.view, server.context, ROOT)
  t.same(server.view.read(Offset.deviceBoot, new Uint8Array(12)), ZERO)
  t.same([server.view.rotation, server.view.generation], [12, 3])
  const flags = SessionFlag.owned | SessionFlag.inUse | SessionFlag.confirmed | SessionFlag.unsent
  t.equal(server.view.flags, flags)
  t.throws(() => startKeys(server.view, server.context, new Uint8Array(31)), /bug/)
})

t.test('[R-5.3-4] when D changes both keys change, and the numbers of both directions start anew', async (t) => {
  const D = bootValue(3000, new End('device', 1).random)
  for (const end of Object.values(linked())) {
    const { view } = end
    view.high = 7
    view.bitmapLow = 1
    view.bitmapHigh = 1
    view.sendNumber = 2 ** 40
    view.confirmedNumber = 2 ** 40 - 6
    view.answerNumber = 2 ** 40 - 5
    view.raise(SessionFlag.skipPending)
    changeDeviceBoot(view, end.context, D)
    const [receive, send] = end.role === 'server' ? [d2s(D), s2d(ZERO, D)] : [s2d(ZERO, D), d2s(D)]
    t.same(keysOf(view), [receive, send])
    t.same(view.read(Offset.deviceBoot, new Uint8Array(12)), D)
    t.same([view.high, view.bitmapLow, view.bitmapHigh], [-1, 0, 0])
    t.same([view.confirmedNumber, view.answerNumber], [-1, -1])
    t.ok(view.sendNumber >= 0 && view.sendNumber < 2 ** 32)
    t.equal(view.has(SessionFlag.skipPending), false, 'a new key needs no skip')
  }
  const { server } = linked()
  t.throws(() => changeDeviceBoot(server.view, server.context, new Uint8Array(11)), /bug/)
})

t.test('when S changes the s2d key changes, and d2s goes on', async (t) => {
  const { server, device } = linked()
  const S = server.boot
  server.view.high = 7
  server.view.confirmedNumber = server.view.sendNumber - 9
  const lastSend = server.view.sendNumber
  changeServerBoot(server.view, server.context, S)
  t.same(keysOf(server.view), [d2s(ZERO), s2d(S, ZERO)])
  t.same(serverBootOf(server.view, server.context), S)
  t.equal(server.view.high, 7)
  t.equal(server.view.confirmedNumber, -1)
  t.not(server.view.sendNumber, lastSend)
  device.view.high = 7
  const { sendNumber } = device.view
  device.view.confirmedNumber = sendNumber - 9
  changeServerBoot(device.view, device.context, S)
  t.same(keysOf(device.view), [s2d(S, ZERO), d2s(ZERO)])
  t.equal(device.view.high, -1)
  t.same([device.view.confirmedNumber, device.view.sendNumber], [sendNumber - 9, sendNumber])
  t.same(device.view.read(Offset.serverBoot, new Uint8Array(12)), S)
  t.throws(() => changeServerBoot(server.view, server.context, new Uint8Array(12)), /bug/, 'no other than its own')
  t.throws(() => changeServerBoot(device.view, device.context, new Uint8Array(13)), /bug/)
})

t.test('[R-5.4-1] first numbers are random, below 2^32', async (t) => {
  const end = new End('server', 1)
  const starts = new Set<number>()
  for (let i = 0; i < 200; i++) {
    startKeys(end.view, end.context, ROOT)
    t.ok(end.view.sendNumber < 2 ** 32)
    starts.add(end.view.sendNumber)
  }
  t.equal(starts.size, 200)
  t.ok(Math.max(...starts) > 2 ** 31)
})

t.test('the key for a boot value in a header changes nothing', async (t) => {
  const { server, device } = linked()
  const boot = bootValue(5000, server.random)
  const before = [server.view.snapshot(), device.view.snapshot()]
  t.equal(hex(receiveKeyFor(server.view, server.context, boot)), d2s(boot))
  t.equal(hex(receiveKeyFor(device.view, device.context, boot)), s2d(boot, ZERO))
  t.same([server.view.snapshot(), device.view.snapshot()], before)
})

t.test('a server that starts derives the d2s key only, a derivation of both gives both', async (t) => {
  const { server, device } = linked()
  server.view.wipe(Offset.receiveKey, 64)
  deriveD2s(server.view, server.context)
  t.same(keysOf(server.view), [d2s(ZERO), '00'.repeat(32)])
  deriveBoth(server.view, server.context)
  t.same(keysOf(server.view), [d2s(ZERO), s2d(ZERO, ZERO)])
  device.view.wipe(Offset.receiveKey, 64)
  deriveD2s(device.view, device.context)
  t.same(keysOf(device.view), ['00'.repeat(32), d2s(ZERO)])
})

t.test('a device that takes its boot value keeps the last s2d key until it is dropped', async (t) => {
  const { device } = linked()
  device.view.high = 70
  device.view.bitmapLow = 0x11
  device.view.bitmapHigh = 0x22
  takeDeviceBoot(device.view, device.context)
  t.same(keysOf(device.view), [s2d(ZERO, device.boot), d2s(device.boot)])
  t.equal(hex(device.view.read(Offset.lastReceiveKey, new Uint8Array(32))), s2d(ZERO, ZERO))
  t.same([device.view.lastHigh, device.view.lastBitmapLow, device.view.lastBitmapHigh], [70, 0x11, 0x22])
  t.equal(device.view.has(SessionFlag.hasLastKey) && device.view.has(SessionFlag.bootPending), true)
  const before = device.view.snapshot()
  takeDeviceBoot(device.view, device.context)
  t.same(device.view.snapshot(), before, 'the second time nothing happens')
  dropLastKey(device.view)
  t.equal(device.view.has(SessionFlag.hasLastKey), false)
  t.equal(device.view.lastHigh, -1)
  t.ok(device.view.read(Offset.lastReceiveKey, new Uint8Array(32)).every((byte) => byte === 0))
  const { server } = linked()
  t.throws(() => takeDeviceBoot(server.view, server.context), /bug/)
})

t.test('seconds of a boot value are its first four bytes, big-endian, without a sign', async (t) => {
  t.equal(bootSeconds(Uint8Array.of(0xff, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9)), 0xff000001)
})

/** Remembers every key that goes through it, and every one that comes out. */
function watching(seen: Uint8Array[]): Crypto {
  return {
    ...crypto,
    name: 'watching',
    mac(key, message, outputBytes) {
      const out = crypto.mac(key, message, outputBytes)
      seen.push(key, out)
      return out
    },
    seal(key, nonce, aad, plaintext) {
      seen.push(key)
      return crypto.seal(key, nonce, aad, plaintext)
    },
    open(key, nonce, aad, ciphertext) {
      seen.push(key)
      return crypto.open(key, nonce, aad, ciphertext)
    },
  }
}

t.test('copies of keys are wiped after use', async (t) => {
  const seen: Uint8Array[] = []
  const { server, device } = linked()
  const context = { ...server.context, crypto: watching(seen) }
  const deviceContext = { ...device.context, crypto: watching(seen) }
  const mine: Uint8Array[] = []
  startKeys(server.view, context, ROOT)
  startKeys(device.view, deviceContext, ROOT)
  takeDeviceBoot(device.view, deviceContext)
  changeServerBoot(server.view, context, server.boot)
  mine.push(receiveKeyFor(server.view, context, server.boot))
  t.ok(seen.length >= 14)
  for (const key of seen) if (!mine.includes(key)) t.ok(key.every((byte) => byte === 0))
  seen.length = 0
  const { Sender } = await import('../../src/session/sender.js')
  const { Receiver } = await import('../../src/session/receiver.js')
  device.sender = new Sender(deviceContext)
  server.receiver = new Receiver(context)
  const datagram = device.seal({ ask: true, retry: true })
  t.ok(server.open(datagram) instanceof Uint8Array, 'by a key of its own')
  t.ok(server.open(device.seal()) instanceof Uint8Array, 'by the key in the record')
  t.ok(seen.length >= 6)
  for (const key of seen) t.ok(key.every((byte) => byte === 0))
  t.ok(saveSession(server.view).length > 0)
})

t.test('an observer is told of each change, when the record has the new keys', async (t) => {
  const { server } = linked()
  const told: [boolean, KeyCause, string][] = []
  const observer: SessionObserver = {
    onPacket: () => t.fail('no packet was sealed or opened'),
    onKeys: (view, cause) => told.push([view === server.view, cause, keysOf(server.view).join()]),
  }
  const context = { ...server.context, observer }
  const after: string[] = []
  const D = bootValue(3000, server.random)
  for (const change of [
    () => changeDeviceBoot(server.view, context, D),
    () => changeServerBoot(server.view, context, server.boot),
    () => changeRoot(server.view, context, new Uint8Array(32).fill(5), D),
  ]) {
    change()
    after.push(keysOf(server.view).join())
  }
  t.same(
    told,
    ['device-boot', 'server-boot', 'step'].map((cause, nth) => [true, cause, after[nth]]),
  )
})
