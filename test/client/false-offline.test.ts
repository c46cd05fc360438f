import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { Asking } from '../../src/client/asking.js'
import { Keepalive } from '../../src/client/keepalive.js'
import { falseOfflinesPerDeviceYear } from '../../src/client/learning/false-offline.js'
import { SilencePromise } from '../../src/client/silence-promise.js'
import { graceMs, silenceSeconds } from '../../src/frame/silence.js'
import { testCrypto } from '../support/crypto.js'
import { Rig } from './rig.js'

const crypto = await testCrypto()
const YEAR_MS = 31_557_600_000

/** Times a year that a server takes the device for lost, by the device's own Keepalive and Asking. */
function simulated(loss: number, intervalS: number, asksEvery: number, pings: number): number {
  const random = new SeededRandom(`offline ${loss} ${intervalS} ${asksEvery}`)
  const keepalive = new Keepalive(random, () => intervalS, asksEvery)
  const asking = new Asking()
  const promise = new SilencePromise(true)
  const isLost = (): boolean => random.int(1_000_000) < loss * 1_000_000
  let now = 0
  let lostAtMs = Infinity
  let offlines = 0
  const hear = (neededS: number): void => {
    if (now > lostAtMs) offlines++
    // Exact promises, as once SILENCE was confirmed.
    if (promise.frameFor(neededS) !== null) promise.handleConfirmed()
    lostAtMs = now + silenceSeconds(promise.classOf(neededS, true), neededS) * 1000 + graceMs(neededS)
  }
  asking.put('ping', null)
  for (let number = 0; number < pings; number++) {
    if (asking.isWanted(now)) {
      const neededS = keepalive.neededS(true)
      asking.handleSent(number, asking.waiting(now), now)
      keepalive.handleAsked(now)
      if (!isLost()) {
        hear(neededS)
        asking.handlePong(number % 48, false, true)
      }
    }
    now = Math.min(keepalive.nextTimeout(), asking.nextTimeout())
    asking.handleTimeout(now)
    if (!keepalive.isDue(now)) continue
    keepalive.stop()
    if (keepalive.asks || asking.isUnanswered) asking.put('ping', null)
    else {
      const neededS = keepalive.neededS(false)
      keepalive.handleTold(now)
      if (!isLost()) hear(neededS)
    }
  }
  return (offlines / now) * YEAR_MS
}

t.test('the model agrees with Keepalive and Asking over many pings, where loss makes it frequent', async (t) => {
  for (const [loss, intervalS, asksEvery] of [
    [0.3, 15, 1],
    [0.3, 60, 1],
    [0.3, 60, 3],
  ] as const) {
    const model = falseOfflinesPerDeviceYear(loss, intervalS, asksEvery)
    const found = simulated(loss, intervalS, asksEvery, 200_000)
    t.ok(found > model * 0.6 && found < model * 1.15, `${loss} ${intervalS} ${asksEvery}: ${found} of ${model}`)
  }
})

t.test('[R-7.1-3] the first ping of every mapping asks, and then every third', async (t) => {
  const rig = Rig.online(crypto, { asksEvery: 3, keepaliveS: 30 })
  const asked: boolean[] = []
  const promised: (number | undefined)[] = []
  for (let ping = 0; ping < 9; ping++) {
    for (let ms = 0; ms < 30_000; ms += 500) {
      rig.advance(500)
      for (const packet of rig.takePackets()) {
        asked.push(packet.ask)
        promised.push(packet.ping?.silenceClass)
        if (packet.ask) rig.deliver(rig.server.answer(packet))
      }
    }
  }
  t.same(asked.slice(0, 6), [false, false, true, false, false, true])
  t.same(promised.slice(0, 3), [4, 4, 5], 'two intervals, two, three')
  rig.do((machine, now) => machine.networkChanged(now))
  t.ok(rig.takePacket().ask)
  t.throws(() => new Rig(crypto, { asksEvery: 5 }), { code: 'PL_BAD_OPTION' })
  t.throws(() => new Rig(crypto, { asksEvery: 1.5 }), { code: 'PL_BAD_OPTION' })
})

t.test('[R-7.1-5] class 15 comes with SILENCE until that was answered, and never without it', async (t) => {
  const rig = Rig.online(crypto, { keepaliveS: null })
  const first = rig.take()
  t.equal(first.length, 0)
  const packets: ReturnType<Rig['takePackets']> = []
  for (let ms = 0; ms < 120_000; ms += 500) {
    rig.advance(500)
    for (const packet of rig.takePackets()) {
      packets.push(packet)
      if (packet.ask) rig.deliver(rig.server.answer(packet))
    }
  }
  t.ok(packets.every(({ ping }) => ping?.silenceClass === 15))
  t.ok(
    packets.every(({ frames }) => frames.length === 1),
    'the first packet of the session told it',
  )
  rig.advance(28_000)
  const [lost] = rig.takePackets()
  t.equal(lost?.ping?.silenceClass, 15)
})

t.test('a promise is exact only where the server surely knows it', async (t) => {
  const promise = new SilencePromise(true)
  t.same(promise.frameFor(100), { kind: 'silence', seconds: 100 })
  t.equal(promise.classOf(100, false), 6, 'SILENCE is not in this packet: 120 s')
  t.equal(promise.classOf(100, true), 15)
  t.equal(promise.frameFor(100), null, 'it waits')
  promise.handleConfirmed()
  t.equal(promise.classOf(100, false), 15)
  t.same(promise.frameFor(200), { kind: 'silence', seconds: 200 })
  t.equal(promise.classOf(100, false), 6, 'the server may have either')
  t.same(promise.frameFor(100), { kind: 'silence', seconds: 100 })
  promise.forget()
  t.equal(promise.classOf(100, true), 6)
  t.equal(promise.frameFor(118), null, '120 s wastes little')
  t.equal(new SilencePromise(false).frameFor(100), null)
})
