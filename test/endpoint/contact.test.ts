import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { SILENCE_CLASS_S } from '../../src/packet/constants.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const STATES = ['active', 'idle', 'gone'] as const

t.test('[R-7.1-2] a device is lost at silence plus 10 s plus 1/16 of the silence, exactly', async (t) => {
  for (const [silenceClass, seconds] of SILENCE_CLASS_S.entries()) {
    const pair = new Pair(crypto)
    const device = pair.join()
    device.exchange([{ kind: 'ping', state: 'active', silenceClass }], A)
    const ms = seconds * 1000 + 10_000 + (seconds * 1000) / 16
    pair.advance(Math.ceil(ms) - 1)
    t.same(pair.takeEvents(), [], `class ${silenceClass}`)
    pair.advance(1)
    t.same(pair.takeEvents(), [{ kind: 'lost', device: device.handle }])
    pair.advance(10_000_000)
    t.same(pair.takeEvents(), [], 'once')
  }
})

t.test('[R-7.1-1] any packet renews the promise; a device that comes back makes one event', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.exchange([{ kind: 'ping', state: 'idle', silenceClass: 0 }], A)
  pair.takeEvents()
  pair.advance(20_000)
  device.exchange([], A)
  pair.advance(25_937)
  t.same(pair.takeEvents(), [])
  pair.advance(1)
  t.same(pair.takeEvents(), [{ kind: 'lost', device: device.handle }])
  device.exchange([], A, { ask: false })
  t.same(pair.takeEvents(), [{ kind: 'contact', device: device.handle, state: 'idle', fresh: false }])
  device.exchange([], A)
  t.same(pair.takeEvents(), [])
})

t.test('a state that changes is an event, a silence that changes is none', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  for (const silenceClass of [0, 5, 14]) device.exchange([{ kind: 'ping', state: 'active', silenceClass }], A)
  t.same(pair.takeEvents(), [])
  device.exchange([{ kind: 'ping', state: 'idle', silenceClass: 14 }], A)
  t.same(pair.takeEvents(), [{ kind: 'contact', device: device.handle, state: 'idle', fresh: false }])
})

t.test('[R-7.1-4] a device that is gone is told at once and never lost; its session stays', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.exchange([{ kind: 'ping', state: 'gone', silenceClass: 0 }], A)
  t.same(pair.takeEvents(), [{ kind: 'contact', device: device.handle, state: 'gone', fresh: false }])
  pair.advance(2000)
  t.equal(pair.endpoint.nextTimeout(), Infinity)
  pair.advance(86_400_000)
  t.same(pair.takeEvents(), [])
  t.equal(pair.endpoint.metrics().sessions, 1)
  device.exchange([{ kind: 'ping', state: 'active', silenceClass: 0 }], A)
  t.same(pair.takeEvents(), [{ kind: 'contact', device: device.handle, state: 'active', fresh: false }])
})

/** Milliseconds until the device is lost, without hearing from it. */
function msToLoss(pair: Pair, device: TestDevice): number {
  const startMs = pair.now.monotonicMs
  for (;;) {
    const dueMs = pair.endpoint.nextTimeout()
    if (dueMs === Infinity) return Infinity
    pair.advance(dueMs - pair.now.monotonicMs)
    const lost = pair.takeEvents().some((event) => event.kind === 'lost' && event.device === device.handle)
    if (lost) return pair.now.monotonicMs - startMs
  }
}

t.test('class 15 means what SILENCE said, at most 1800 s, and is stored', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const ping = { kind: 'ping', state: 'active', silenceClass: 15 } as const
  const saves = pair.store.count('save-session')
  device.exchange([ping, { kind: 'silence', seconds: 160 }], A)
  t.equal(pair.store.count('save-session'), saves + 1)
  t.equal(msToLoss(pair, device), 160_000 + 10_000 + 10_000)
  device.exchange([ping, { kind: 'silence', seconds: 160 }], A)
  t.equal(pair.store.count('save-session'), saves + 1, 'no change, no write')
  device.exchange([ping], A)
  t.equal(msToLoss(pair, device), 180_000, 'it holds')
  device.exchange([ping, { kind: 'silence', seconds: 9_000_000 }], A)
  t.equal(msToLoss(pair, device), 1_800_000 + 10_000 + 112_500)
  device.exchange([ping, { kind: 'silence', seconds: 0 }], A)
  t.equal(msToLoss(pair, device), 11_062.5, '1 s at least')
})

t.test('[R-7.1-2] a promise is treated as `silenceMaxS` at most, class 15 without SILENCE too', async (t) => {
  const pair = new Pair(crypto, { options: { silenceMaxS: 32, graceBaseMs: 500 } })
  const device = pair.join()
  for (const silenceClass of [3, 14, 15]) {
    device.exchange([{ kind: 'ping', state: 'active', silenceClass }], A)
    t.equal(msToLoss(pair, device), 32_000 + 500 + 2000)
  }
  device.exchange([{ kind: 'ping', state: 'active', silenceClass: 1 }], A)
  t.equal(msToLoss(pair, device), 20_000 + 500 + 1250)
})

t.test('RETRY_AFTER lets the promise grow by as much, at most 3600 s', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const ping = { kind: 'ping', state: 'active', silenceClass: 0 } as const
  const send = (seconds: number): void => {
    const frames = [{ kind: 'retry-after', seconds } as const]
    pair.command({ kind: 'send', device: device.handle, frames, untilMonotonicMs: 0 })
  }
  device.exchange([ping], A)
  send(100)
  t.equal(msToLoss(pair, device), 100_000 + 15_000 + 10_937.5)
  device.exchange([ping], A)
  send(100_000)
  t.equal(msToLoss(pair, device), 3_600_000 + 15_000 + 10_937.5)
})

t.test('contact agrees with a naive model of many devices', async (t) => {
  const pair = new Pair(crypto, { seed: 'many' })
  const random = new SeededRandom('contact model')
  const devices = Array.from({ length: 20 }, (_, i) => pair.join(addressOf(i)))
  for (const [i, device] of devices.entries()) {
    device.exchange([{ kind: 'ping', state: 'active', silenceClass: 0 }], addressOf(i))
  }
  pair.takeEvents()
  /** state, whether in contact, when lost */
  const model = devices.map(() => ({ state: 'active', inContact: true, lostAtMs: pair.now.monotonicMs + 25_937.5 }))
  for (let step = 0; step < 1500; step++) {
    const expected: unknown[] = []
    const endMs = pair.now.monotonicMs + random.int(4000)
    const losses = [...model.entries()].filter(([, one]) => one.inContact && one.lostAtMs <= endMs)
    losses.sort(([, a], [, b]) => a.lostAtMs - b.lostAtMs)
    for (const [i, one] of losses) {
      one.inContact = false
      one.lostAtMs = Infinity
      expected.push({ kind: 'lost', device: devices[i]!.handle })
    }
    pair.advance(endMs - pair.now.monotonicMs)
    const i = random.int(devices.length)
    const one = model[i]!
    const state = STATES[random.int(3)]!
    const silenceClass = random.int(4)
    const silenceMs = SILENCE_CLASS_S[silenceClass]! * 1000
    devices[i]!.exchange([{ kind: 'ping', state, silenceClass }], addressOf(i), { ask: random.int(2) === 0 })
    if (!one.inContact || one.state !== state) {
      expected.push({ kind: 'contact', device: devices[i]!.handle, state, fresh: false })
    }
    one.state = state
    one.inContact = true
    one.lostAtMs = state === 'gone' ? Infinity : pair.now.monotonicMs + silenceMs + 10_000 + silenceMs / 16
    const events = pair.takeEvents()
    const byText = (list: unknown[]): string[] => list.map((event) => JSON.stringify(event)).sort()
    if (JSON.stringify(byText(events)) !== JSON.stringify(byText(expected))) t.same(events, expected, `step ${step}`)
  }
  t.pass('1500 steps')
})
