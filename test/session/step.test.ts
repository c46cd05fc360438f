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
import { bootValue } from '../support/pair.js'
import { crypto, End, linked, ROOT } from './linked.js'

const NEXT = new Uint8Array(32).fill(0x99)
const ONE = Uint8Array.of(4)

/** The device steps to NEXT; the server has promised it. */
function stepped(): { server: End; device: End } {
  const ends = linked()
  changeRoot(ends.device.view, ends.device.context, NEXT, ends.device.boot)
  return ends
}

/** The server opens a packet of the other phase under NEXT. */
function openNext(server: End, datagram: Uint8Array, root = NEXT) {
  server.open(datagram.slice()) // fills the header; dropped
  return server.receiver.openNext(server.view, root, server.header, datagram)
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
    t.same([view.epoch, view.phase, view.failedOpens, view.high, view.confirmedNumber], [1, 1, 0, -1, -1])
    t.notOk(view.has(SessionFlag.stepPromised))
  }
  t.notOk(server.view.has(SessionFlag.hasLastKey), 'a server keeps no old key')
  t.throws(() => changeRoot(server.view, server.context, NEXT.subarray(1), zero), /bug/)
})

t.test('the epoch is counted modulo 256', async (t) => {
  const { server } = linked()
  for (let i = 1; i <= 257; i++) {
    changeRoot(server.view, server.context, NEXT, new Uint8Array(12))
    t.equal(server.view.phase, i % 2)
  }
  t.equal(server.view.epoch, 1)
})

t.test('a device whose D is its boot value needs no BOOT after a step', async (t) => {
  const { device } = linked()
  takeDeviceBoot(device.view, device.context)
  device.view.lower(SessionFlag.bootPending)
  changeRoot(device.view, device.context, NEXT, device.boot)
  t.notOk(device.view.has(SessionFlag.bootPending))
  t.equal(device.seal()[0]! & (Flag.phase | Flag.boot | Flag.long), Flag.phase | Flag.long)
})

t.test('[R-5.6-4] the first packet under the promised root gives it to the session', async (t) => {
  const { device, server } = stepped()
  server.view.failedOpens = 3
  const datagram = device.seal({ plaintext: ONE, ask: true })
  t.equal(server.open(datagram), 'phase', 'not by the present root')
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
  const answer = server.seal({ plaintext: ONE, answers: true })
  t.equal(answer[0]! & Flag.phase, Flag.phase)
  t.same(device.open(answer), ONE)
})

t.test('[R-5.6-4] what does not open under the promised root changes the count of failed opens only', async (t) => {
  const { device, server } = stepped()
  const datagram = device.seal({ plaintext: ONE })
  const before = server.view.snapshot()
  t.equal(openNext(server, datagram, ROOT), 'tag')
  t.equal(server.view.failedOpens, 1)
  server.view.failedOpens = 0
  t.same(server.view.snapshot(), before)
  // A boot value that is not newer than the D that is held.
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

t.test('[R-5.6-5] the device takes packets of the old phase until one of the new came', async (t) => {
  const { device, server } = linked()
  const [early, late] = [server.seal({ plaintext: ONE }), server.seal({ plaintext: ONE })]
  changeRoot(device.view, device.context, NEXT, device.boot)
  t.same(device.open(early), ONE)
  t.same([device.receiver.byLastKey, device.receiver.byLastPhase], [true, true])
  t.equal(device.open(early), 'replay')
  const forged = late.slice()
  forged[forged.length - 1]! ^= 1
  t.equal(device.open(forged), 'tag')
  t.equal(device.view.failedOpens, 1)
  t.ok(device.view.has(SessionFlag.bootPending), 'the server was not heard under the new root')
  openNext(server, device.seal({ ask: true }))
  t.same(device.open(server.seal({ plaintext: ONE })), ONE)
  t.same([device.receiver.byLastKey, device.receiver.byLastPhase], [false, false])
  t.equal(device.open(late), 'phase')
  t.notOk(device.view.has(SessionFlag.hasLastKey) || device.view.has(SessionFlag.lastPhase))
})

t.test(
  '[R-5.6-5] a packet of the old phase is opened by the old key only, one of the new by the new only',
  async (t) => {
    const { device, server } = linked()
    const old = server.seal({ plaintext: ONE })
    changeRoot(device.view, device.context, NEXT, device.boot)
    const turned = old.slice()
    turned[0]! ^= Flag.phase
    t.equal(device.open(turned), 'tag')
    t.equal(device.view.failedOpens, 1)
    dropLastKey(device.view)
    t.equal(device.open(old), 'phase')
  },
)

t.test('old-phase packets with BOOT: by the S that is held, no other', async (t) => {
  const { device, server } = linked()
  server.view.raise(SessionFlag.bootPending)
  const first = server.seal({ plaintext: ONE })
  t.same(device.open(first), ONE)
  const second = server.seal({ plaintext: ONE })
  server.restart(5000)
  const third = server.seal({ plaintext: ONE })
  changeRoot(device.view, device.context, NEXT, device.boot)
  t.same(device.open(second), ONE)
  t.equal(device.open(third), 'phase')
})

t.test('a change of D after a step is no change of phase', async (t) => {
  const { device, server } = stepped()
  openNext(server, device.seal({ ask: true }))
  t.same(device.open(server.seal({ plaintext: ONE })), ONE)
  const old = server.seal({ plaintext: ONE })
  device.boot = bootValue(9000, device.random)
  takeDeviceBoot(device.view, device.context)
  t.notOk(device.view.has(SessionFlag.lastPhase))
  t.equal(device.open(old) === ONE, false)
  t.equal(device.receiver.byLastPhase, false)
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
  t.equal(phone.seal()[0]! & Flag.phase, Flag.phase)
})
