import t from 'tap'
import { concat, hex } from '../../src/base/bytes.js'
import { deriveKey } from '../../src/crypto/hkdf.js'
import { Flag } from '../../src/packet/constants.js'
import { changeRoot, dropLastKey, takeDeviceBoot } from '../../src/session/keys.js'
import { Offset, SessionFlag } from '../../src/session/record.js'
import {
  loadSession,
  PROMISE_BYTES,
  readStepTimes,
  savedPromise,
  saveSession,
  writeStepTimes,
} from '../../src/session/saved.js'
import { confirmNumber } from '../../src/session/sender.js'
import { flipped } from '../support/hostile-bytes.js'
import { bootValue } from '../support/pair.js'
import { crypto, End, linked, ROOT } from './linked.js'

const NEXT = new Uint8Array(32).fill(0x99)
const ONE = Uint8Array.of(4)

/** With a wrong tag. */
const forged = (datagram: Uint8Array): Uint8Array => flipped(datagram, datagram.length * 8 - 1)

/** The device steps to NEXT; the server has promised it. */
function stepped(): { server: End; device: End } {
  const ends = linked()
  changeRoot(ends.device.view, ends.device.context, NEXT, ends.device.boot)
  return ends
}

/** The server opens a packet by its present root, else under NEXT. */
function openNext(server: End, datagram: Uint8Array, root = NEXT) {
  const opened = server.open(datagram)
  if (typeof opened !== 'string') return opened
  return server.receiver.openNext(server.view, root, server.header, datagram, opened)
}

t.test('a step changes both keys, the numbers of both directions, the epoch; and wipes the old root', async (t) => {
  const { device, server } = linked()
  device.seal({ ask: true })
  server.view.failedOpens = 7
  server.view.raise(SessionFlag.stepPromised)
  server.view.high = 9
  changeRoot(server.view, server.context, NEXT, new Uint8Array(12))
  changeRoot(device.view, device.context, NEXT, device.boot)
  const zero = new Uint8Array(12)
  const key = new Uint8Array(32)
  t.equal(hex(server.view.read(Offset.receiveKey, key)), hex(deriveKey(crypto, NEXT, 'pilotlight d2s', zero)))
  t.equal(
    hex(device.view.read(Offset.sendKey, key)),
    hex(deriveKey(crypto, NEXT, 'pilotlight d2s', device.boot)),
    '[R-5.6-5] D is the boot value',
  )
  t.ok(device.view.has(SessionFlag.bootPending))
  for (const { view } of [device, server]) {
    t.same(view.read(Offset.root, key), NEXT)
    t.equal(hex(view.snapshot()).includes(hex(ROOT)), false)
    t.same([view.epoch, view.failedOpens, view.high, view.confirmedNumber], [1, 0, -1, -1])
    t.notOk(view.has(SessionFlag.stepPromised))
  }
  t.notOk(server.view.has(SessionFlag.hasLastKey), 'a server keeps no old key')
  t.throws(() => changeRoot(server.view, server.context, NEXT.subarray(1), zero), /bug/)
})

t.test('the epoch is counted modulo 256', async (t) => {
  const { server } = linked()
  for (let i = 1; i <= 257; i++) {
    changeRoot(server.view, server.context, NEXT, new Uint8Array(12))
    t.equal(server.view.epoch, i % 256)
  }
  t.equal(server.view.epoch, 1)
})

t.test('a device whose D is its boot value needs no BOOT after a step', async (t) => {
  const { device } = linked()
  takeDeviceBoot(device.view, device.context)
  device.view.lower(SessionFlag.bootPending)
  changeRoot(device.view, device.context, NEXT, device.boot)
  t.notOk(device.view.has(SessionFlag.bootPending))
  t.equal(device.seal()[0]! & (Flag.boot | Flag.long), Flag.long)
})

t.test('[R-5.6-4] the first packet under the promised root gives it to the session', async (t) => {
  const { device, server } = stepped()
  server.view.failedOpens = 3
  const datagram = device.seal({ plaintext: ONE, ask: true })
  t.equal(server.open(datagram), 'tag', 'not by the present root')
  t.same(openNext(server, datagram), ONE)
  t.equal(server.receiver.number, device.sender.number)
  t.equal(server.receiver.isNewest, true)
  t.same([server.receiver.hadBoot, server.receiver.tookBoot], [true, true])
  t.equal(server.view.epoch, 1)
  t.same([server.view.high, server.view.bitmapLow], [device.sender.number, 0xffffffff], 'all below counts as seen')
  t.ok(server.view.matches(Offset.deviceBoot, device.boot))
  t.equal(server.open(datagram), 'replay')
  t.equal(typeof server.open(device.seal({ plaintext: ONE })), 'object')
  t.equal(server.receiver.hadBoot, true)
  t.same(device.open(server.seal({ plaintext: ONE, answers: true })), ONE)
})

t.test('[R-5.6-4] what does not open under the promised root changes the count of failed opens only', async (t) => {
  const { device, server } = stepped()
  const datagram = device.seal({ plaintext: ONE })
  const before = server.view.snapshot()
  t.equal(openNext(server, datagram, ROOT), 'tag')
  t.equal(server.view.failedOpens, 1)
  server.view.failedOpens = 0
  t.same(server.view.snapshot(), before)
  // A boot value that is not newer than the D that is held: neither root is tried.
  server.view.write(Offset.deviceBoot, bootValue(2000, server.random))
  t.equal(openNext(server, datagram), 'boot-old')
  server.view.write(Offset.deviceBoot, bootValue(3000, server.random))
  t.equal(openNext(server, datagram), 'boot-old')
  // One byte of number under a key that opened none.
  device.view.lower(SessionFlag.bootPending)
  confirmNumber(device.view, device.sender.number)
  t.equal(openNext(server, device.seal({ plaintext: ONE })), 'number')
  t.equal(server.view.failedOpens, 0)
})

t.test('[R-5.6-10] a promise changes nothing for packets of the present root', async (t) => {
  const { device, server } = linked()
  const [first, second] = [device.seal({ ask: true }), device.seal({ ask: true })]
  t.same(openNext(server, first), ONE)
  t.same(openNext(server, second), ONE)
  t.equal(server.view.epoch, 0)
  t.same([server.view.failedOpens, server.view.high], [0, device.sender.number])
})

t.test('[R-5.6-10] the next root is tried whatever the present one says of the number', async (t) => {
  for (const numberOf of [(high: number) => high, (high: number) => high - 70_000]) {
    const { device, server } = linked()
    device.view.sendNumber = 2 ** 31
    server.open(device.seal({ ask: true }))
    changeRoot(device.view, device.context, NEXT, new Uint8Array(12))
    device.view.lower(SessionFlag.bootPending)
    device.view.sendNumber = numberOf(server.view.high)
    const { high } = server.view
    const datagram = device.seal({ plaintext: ONE })
    t.equal(server.open(datagram), device.sender.number === high ? 'replay' : 'tag')
    t.same(openNext(server, datagram), ONE)
    t.equal(server.view.high, device.sender.number, 'by its own 32 bits, not by the h of the other key')
    t.equal(server.view.failedOpens, 0)
  }
})

t.test('[R-5.6-10] a packet that neither root opens is counted once', async (t) => {
  const { device, server } = linked()
  const good = device.seal({ ask: true })
  server.open(good)
  confirmNumber(device.view, device.sender.number)
  const short = device.seal({ ask: true })
  const forgeries: [Uint8Array, string, string][] = [
    [forged(device.seal({ ask: true, retry: true })), 'tag', 'both by a D of its own'],
    [forged(short), 'tag', 'the present one only: one byte of number'],
    [forged(good), 'replay', 'the next one only: the number was seen'],
  ]
  for (const [index, [datagram, reason, which]] of forgeries.entries()) {
    const before = server.view.snapshot()
    t.equal(openNext(server, datagram), reason, which)
    t.equal(server.view.failedOpens, index + 1, which)
    server.view.failedOpens--
    t.same(server.view.snapshot(), before, which)
    server.view.failedOpens++
  }
  t.same(openNext(server, short), ONE)
})

t.test('[R-5.6-5] the device takes packets of the old root until one of the new came', async (t) => {
  const { device, server } = linked()
  const [early, late] = [server.seal({ plaintext: ONE }), server.seal({ plaintext: ONE })]
  changeRoot(device.view, device.context, NEXT, device.boot)
  t.same(device.open(early), ONE)
  t.same([device.receiver.byLastKey, device.receiver.byLastRoot], [true, true])
  t.equal(device.view.failedOpens, 0, 'that the new root did not open it is no failure')
  t.equal(device.open(early), 'replay')
  t.equal(device.view.failedOpens, 1, 'tried under the new one')
  const before = device.view.snapshot()
  t.equal(device.open(forged(late)), 'tag')
  t.equal(device.view.failedOpens, 2, 'once')
  device.view.failedOpens = 1
  t.same(device.view.snapshot(), before)
  t.ok(device.view.has(SessionFlag.bootPending), 'the server was not heard under the new root')
  openNext(server, device.seal({ ask: true }))
  t.same(device.open(server.seal({ plaintext: ONE })), ONE)
  t.same([device.receiver.byLastKey, device.receiver.byLastRoot], [false, false])
  t.equal(device.open(late), 'tag')
  t.notOk(device.view.has(SessionFlag.hasLastKey) || device.view.has(SessionFlag.lastRoot))
})

t.test('[R-5.6-5] [R-5.6-10] each key of the device has its own numbers', async (t) => {
  const { device, server } = linked()
  const opened: Uint8Array[] = []
  for (let i = 0; i < 5; i++) opened.push(server.seal({ plaintext: ONE }))
  for (const datagram of opened) t.same(device.open(datagram), ONE)
  confirmNumber(server.view, server.sender.number)
  const short = server.seal({ plaintext: ONE })
  t.equal(short[0]! & Flag.long, 0)
  changeRoot(device.view, device.context, NEXT, device.boot)
  t.same(device.open(short), ONE, 'one byte: by the h of the old key')
  t.equal(device.view.high, -1, 'the new one has opened none')
  t.equal(device.open(opened[0]!), 'replay')
  t.equal(device.open(short), 'replay')
})

t.test('[R-5.6-5] a key that is wiped opens nothing', async (t) => {
  const { device, server } = linked()
  const old = server.seal({ plaintext: ONE })
  changeRoot(device.view, device.context, NEXT, device.boot)
  dropLastKey(device.view)
  t.equal(device.open(old), 'tag')
  t.equal(device.view.failedOpens, 1)
})

t.test('packets of the old root with BOOT: by the S that is held, no other', async (t) => {
  const { device, server } = linked()
  server.view.raise(SessionFlag.bootPending)
  const first = server.seal({ plaintext: ONE })
  t.same(device.open(first), ONE)
  const second = server.seal({ plaintext: ONE })
  server.restart(5000)
  const third = server.seal({ plaintext: ONE })
  changeRoot(device.view, device.context, NEXT, device.boot)
  t.same(device.open(second), ONE)
  t.equal(device.open(third), 'tag')
  server.restart(500)
  const { failedOpens } = device.view
  t.equal(device.open(server.seal({ plaintext: ONE })), 'boot-old')
  t.equal(device.view.failedOpens, failedOpens, 'tried by neither key')
})

t.test('a change of D after a step is no change of root', async (t) => {
  const { device, server } = stepped()
  openNext(server, device.seal({ ask: true }))
  t.same(device.open(server.seal({ plaintext: ONE })), ONE)
  const old = server.seal({ plaintext: ONE })
  device.boot = bootValue(9000, device.random)
  takeDeviceBoot(device.view, device.context)
  t.notOk(device.view.has(SessionFlag.lastRoot))
  t.same(device.open(old), ONE)
  t.same([device.receiver.byLastKey, device.receiver.byLastRoot], [true, false])
})

t.test('a change of D before any packet under the new root: what is kept is the key of that root', async (t) => {
  const { device } = stepped()
  t.ok(device.view.has(SessionFlag.lastRoot))
  device.boot = bootValue(9000, device.random)
  takeDeviceBoot(device.view, device.context)
  t.notOk(device.view.has(SessionFlag.lastRoot))
})

t.test('saved: epoch, promises and times, and back', async (t) => {
  const { device, server } = stepped()
  openNext(server, device.seal({ ask: true }))
  server.view.epoch = 201
  const plain = saveSession(server.view)
  t.same(plain.subarray(96), concat(Uint8Array.of(201), new Uint8Array(15)))
  const next = new End('server', 9000)
  const load = (saved: Uint8Array): boolean => loadSession(next.view, next.context, saved)
  t.ok(load(plain))
  t.equal(next.view.epoch, 201)
  t.notOk(next.view.has(SessionFlag.stepPromised))
  t.equal(savedPromise(plain), null)

  server.view.raise(SessionFlag.stepPromised)
  const symmetric = saveSession(server.view)
  t.equal(symmetric.length, 112)
  t.equal(symmetric[97], 1)
  t.ok(load(symmetric) && next.view.has(SessionFlag.stepPromised))
  t.equal(savedPromise(symmetric), null)
  server.view.lower(SessionFlag.stepPromised)

  const [deviceKey, serverKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const keyed = saveSession(server.view, { root: NEXT, deviceKey, serverKey })
  t.equal(keyed.length, 112 + PROMISE_BYTES)
  t.equal(keyed[97], 2)
  t.same(keyed.subarray(112), concat(NEXT, deviceKey, serverKey))
  t.same(savedPromise(keyed), { root: NEXT, deviceKey, serverKey })
  t.ok(load(keyed))
  t.notOk(next.view.has(SessionFlag.stepPromised))
  for (const wrong of [keyed.subarray(0, 112), concat(plain, new Uint8Array(96)), concat(keyed, ONE)]) {
    t.equal(load(wrong), false)
  }

  const saved = saveSession(device.view)
  const times = { keyMs: 1_800_000_000_001, stepMs: 1_800_000_360_002 }
  writeStepTimes(saved, times)
  t.same(readStepTimes(saved), times)
  t.equal(savedPromise(saved), null)
  const phone = new End('device', 9000)
  t.ok(loadSession(phone.view, phone.context, saved))
  t.equal(phone.view.epoch, 1)
})
