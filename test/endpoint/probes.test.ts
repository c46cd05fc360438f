import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import type { Transmit } from '../../src/endpoint/message.js'
import { graceMs } from '../../src/frame/silence.js'
import { Flag } from '../../src/packet/constants.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const B = addressOf(2)
const C = addressOf(3)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const

const remotes = (sent: readonly Transmit[]): string[] => sent.map(({ remote }) => hex(remote))
const bytesOf = (sent: readonly Transmit[]): number => sent.reduce((sum, { bytes }) => sum + bytes.length, 0)

/** A device whose steady state is reached: one-byte packet numbers both ways. */
function steady(pair: Pair): TestDevice {
  const device = pair.join()
  device.exchange([PING], A)
  return device
}

t.test('[R-9.4-3] a probe is answered to where it came from: at once, or after its delay to the ms', async (t) => {
  const pair = new Pair(crypto)
  const device = steady(pair)
  const atOnce = device.probe(0)
  const number = device.sender.number
  const sent = pair.deliver(atOnce, B)
  t.same(remotes(sent), [hex(B)])
  t.equal((sent[0]!.bytes[0] as number) & Flag.probe, Flag.probe)
  t.same(device.openAll(sent), [{ kind: 'pong', residue: number % 48 }])
  const delayed = device.probe(1800)
  const later = device.sender.number
  t.same(pair.deliver(delayed, B), [])
  device.exchange([{ ...PING, silenceClass: 14 }], A)
  t.same(pair.advance(1_799_999), [])
  const answer = pair.advance(1)
  t.same(remotes(answer), [hex(B)])
  t.same(device.openAll(answer), [{ kind: 'pong', residue: later % 48 }])
  t.ok(bytesOf(answer) <= delayed.length)
  t.equal(pair.endpoint.metrics().probesAnswered, 2)
  pair.advance(1000)
  t.equal(pair.endpoint.metrics().probesHeld, 0, 'nothing is left of it')
})

t.test('[R-9.4-2] a probe counts as heard, and changes neither address nor path nor numbers', async (t) => {
  const pair = new Pair(crypto)
  const device = steady(pair)
  const view = pair.slab.view().at(device.slot)
  pair.advance(60_000 + graceMs(60) - 1000)
  const confirmed = view.confirmedNumber
  pair.deliver(device.probe(0), B)
  t.same(pair.takeEvents(), [], 'it was in contact and is')
  pair.advance(60_000 + graceMs(60) - 1)
  t.same(pair.takeEvents(), [], 'heard: the silence began anew')
  pair.advance(1)
  t.match(pair.takeEvents(), [{ kind: 'lost' }])
  t.equal(pair.endpoint.metrics().challengesSent, 0, 'no challenge')
  t.equal(view.confirmedNumber, confirmed)
  t.ok(view.isProven(A))
  const untilMonotonicMs = pair.now.monotonicMs + 1000
  const state = { kind: 'state', id: 4000, version: 1, flags: 0 } as const
  const sent = pair.command({ kind: 'send', device: device.handle, frames: [state], untilMonotonicMs })
  t.same(remotes(sent), [hex(A)], 'all else goes where it went')
})

t.test('[R-9.4-2] a probe does not confirm a handshake, and brings no reset', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const [message2] = pair.deliver(device.message1(), A)
  device.readMessage2(message2!.bytes)
  t.same(pair.deliver(device.probe(0), A), [])
  t.equal(pair.dropped('no-session'), 1)
  t.equal(pair.endpoint.metrics().sessions, 0)
})

t.test('[R-9.4-1] PROBE holds one PROBE frame, which stands nowhere else; grease is ignored', async (t) => {
  const wrong = (frames: Parameters<TestDevice['seal']>[0], probe: boolean): void => {
    const pair = new Pair(crypto)
    const device = steady(pair)
    const sent = pair.deliver(device.seal(frames, { ask: false, probe }), A)
    t.same(device.openAll(sent), [{ kind: 'close', code: 1 }])
    t.equal(pair.endpoint.metrics().sessions, 0)
  }
  const probe = { kind: 'probe', delayS: 0 } as const
  wrong([PING], true)
  wrong([], true)
  wrong([probe, probe], true)
  wrong([probe, { kind: 'ack', id: 300 }], true)
  wrong([probe], false)
  wrong([PING, probe], false)
  const pair = new Pair(crypto)
  const device = steady(pair)
  const greased = Uint8Array.of(0x82, 0x0d, 0x00, 0x82, 0x18, 0xc8, 0x41, 0x00)
  t.equal(pair.deliver(device.sealBytes(greased, { ask: false, probe: true }), B).length, 1)
})

t.test('[R-9.4-4] a later delay takes the place of one that waits; beyond 1800 s there is no answer', async (t) => {
  const pair = new Pair(crypto)
  const device = steady(pair)
  device.exchange([{ ...PING, silenceClass: 14 }], A)
  pair.deliver(device.probe(100), B)
  pair.advance(1000)
  pair.deliver(device.probe(300), C)
  const number = device.sender.number
  t.same(pair.advance(299_999), [])
  const sent = pair.advance(1)
  t.same(remotes(sent), [hex(C)])
  t.same(device.openAll(sent), [{ kind: 'pong', residue: number % 48 }])
  pair.deliver(device.probe(1801), B)
  t.equal(pair.dropped('limit'), 1)
  t.equal(pair.endpoint.metrics().probesHeld, 0)
})

t.test('[R-9.4-4] the flood of a device that we know: bounded in time, memory and bytes', async (t) => {
  const pair = new Pair(crypto, { options: { probesMax: 3 } })
  const devices = Array.from({ length: 6 }, (_, i) => pair.join(addressOf(i + 1)))
  let bytesIn = 0
  let answers = 0
  let bytesOut = 0
  for (let i = 0; i < 3000; i++) {
    const probe = (devices[i % 6] as TestDevice).probe([0, 5, 1800, 9000][(i >> 2) % 4] as number)
    bytesIn += probe.length
    const sent = [...pair.deliver(probe, addressOf(50 + (i % 100))), ...pair.advance(10)]
    answers += sent.length
    bytesOut += bytesOf(sent)
    t.ok(bytesOut <= bytesIn, 'never more out than in')
    t.ok(sent.every(({ bytes }) => bytes.length <= 22))
    t.ok(pair.endpoint.metrics().probesHeld <= 3)
  }
  t.ok(answers > 10 && answers <= 2 * 3 * 31, `${answers} answers in 30 s, at most two a second of each that fits`)
  t.ok(pair.dropped('limit') > 2000)
  t.equal(pair.endpoint.metrics().sessions, 6, 'and nobody is thrown out')
})

t.test('[R-9.4-4] a full table takes in others when its entries end', async (t) => {
  const pair = new Pair(crypto, { options: { probesMax: 1 } })
  const [first, second] = [pair.join(A), pair.join(B)]
  pair.deliver(first.probe(3), addressOf(10))
  t.same(pair.deliver(second.probe(0), addressOf(11)), [])
  t.equal(pair.dropped('limit'), 1)
  t.equal(pair.advance(3000).length, 1)
  t.equal(pair.deliver(second.probe(0), addressOf(11)).length, 1)
})

t.test('[R-9.4-5] unconfirmed sessions answer no probe; the answer that waits ends with its session', async (t) => {
  const first = new Pair(crypto)
  const device = steady(first)
  device.exchange([{ ...PING, silenceClass: 14 }], A)
  first.deliver(device.probe(100), B)
  const pair = first.restart()
  t.same(pair.advance(200_000), [], 'the process that knew of it is gone')
  t.same(pair.deliver(device.probe(0), B), [])
  t.equal(pair.dropped('unconfirmed'), 1)
  t.equal(pair.endpoint.metrics().challengesSent, 0)

  const third = new Pair(crypto)
  const phone = steady(third)
  phone.exchange([{ ...PING, silenceClass: 14 }], A)
  third.deliver(phone.probe(100), B)
  phone.handshake(A)
  t.equal(third.endpoint.metrics().probesHeld, 0, 'another session took its place')
  third.deliver(phone.probe(100), B)
  third.deliver(phone.seal([{ kind: 'close', code: 0 }], { ask: false }), A)
  t.equal(third.endpoint.metrics().probesHeld, 0)
  t.same(third.advance(200_000), [])
})

t.test('a probe that came before is a replay, and its answer is not sent twice', async (t) => {
  const pair = new Pair(crypto)
  const device = steady(pair)
  const probe = device.probe(0)
  t.equal(pair.deliver(probe, B).length, 1)
  pair.advance(2000)
  t.same(pair.deliver(probe, C), [])
  t.equal(pair.dropped('replay'), 1)
})
