import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import type { Transmit } from '../../src/endpoint/message.js'
import type { ServerFrame } from '../../src/frame/frame.js'
import { CidCodec } from '../../src/packet/connection-id.js'
import { testCrypto } from '../support/crypto.js'
import { flipped } from '../support/hostile-bytes.js'
import { addressOf, Pair } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const B = addressOf(2)
const C = addressOf(3)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const

const kinds = (frames: readonly ServerFrame[]): string[] => frames.map(({ kind }) => kind)
const remotes = (sent: readonly Transmit[]): string[] => sent.map(({ remote }) => hex(remote))
const bytesOf = (sent: readonly Transmit[]): number => sent.reduce((sum, { bytes }) => sum + bytes.length, 0)

t.test(
  '[R-8.1-1] a packet from another address counts, and is answered by PONG and CHALLENGE in one packet',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.join()
    const sent = pair.deliver(device.ping({ state: 'idle' }), B)
    t.same(remotes(sent), [hex(B)])
    t.same(kinds(device.openAll(sent)), ['pong', 'challenge'])
    t.match(pair.takeEvents(), [{ kind: 'contact', state: 'idle', fresh: false }], 'presence counts')
    const alone = pair.deliver(device.ping({ ask: false }), C)
    t.same(alone, [], 'one CHALLENGE a second')
    t.equal(pair.endpoint.metrics().challengesSent, 1)
  },
)

t.test('[R-8.1-1] a packet that does not ask is answered by CHALLENGE alone', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const sent = pair.deliver(device.ping({ ask: false }), B)
  t.same(kinds(device.openAll(sent)), ['challenge'])
})

t.test('[R-8.1-2] the RESPONSE is answered on the address that it proves', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const frames = device.exchange([PING], B)
  t.same(kinds(device.respond(frames, B)), ['pong'])
  t.same(pair.deliver(device.ping(), B).length, 1)
  t.equal(pair.endpoint.metrics().challengesSent, 1, 'no other CHALLENGE')
})

t.test('[R-8.1-3] what was sent to the last address a moment ago goes to the proven one at once', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  state(pair, device.handle, 4000)
  const frames = device.exchange([PING], B)
  const { challenge } = frames.find((frame) => frame.kind === 'challenge')!
  const sent = pair.deliver(device.seal([PING, { kind: 'response', challenge }]), B)
  t.ok(device.openAll(sent).some((frame) => frame.kind === 'state' && frame.id === 4000))
  t.ok(remotes(sent).every((remote) => remote === hex(B)))
})

t.test('[R-8.1-3] a RESPONSE with other bytes, or from elsewhere, proves nothing', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const frames = device.exchange([PING], B)
  const challenge = frames.find((frame) => frame.kind === 'challenge')!.challenge
  device.exchange([PING, { kind: 'response', challenge: new Uint8Array(8) }], B)
  t.equal(pair.dropped('challenge'), 1)
  device.exchange([PING, { kind: 'response', challenge }], A)
  t.equal(pair.dropped('challenge'), 2)
  t.same(remotes(state(pair, device.handle, 4000)), [hex(A)], 'the old address is the proven one')
  device.exchange([PING, { kind: 'response', challenge }], B)
  t.same(remotes(state(pair, device.handle, 4001)), [hex(B)])
})

/** Something that only goes to the proven address. */
function state(pair: Pair, device: number, id: number): Transmit[] {
  const frame = { kind: 'state', id, version: 0, flags: 0 } as const
  return pair.command({ kind: 'send', device, frames: [frame], untilMonotonicMs: pair.now.monotonicMs + 60_000 })
}

t.test('[R-7.3-3] reliable frames go to the proven address only', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  state(pair, device.handle, 4000)
  pair.advance(1500)
  const sent = pair.deliver(device.ping(), B)
  t.same(kinds(device.openAll(sent)), ['pong', 'challenge'])
  const later = pair.advance(3000)
  t.ok(later.length > 0)
  t.ok(later.every(({ remote }) => hex(remote) === hex(A)))
})

t.test('[R-8.1-1] a RESPONSE that takes longer than a second still counts', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const first = device.exchange([PING], B)
  pair.advance(1000)
  const second = device.exchange([PING], B, { retry: true })
  t.same(kinds(second), ['pong', 'challenge'])
  pair.advance(600)
  t.same(kinds(device.respond(first, B)), ['pong'], 'the answer to the first one')
  t.same(remotes(state(pair, device.handle, 4000)), [hex(B)])
})

t.test('[R-8.1-4] at most one CHALLENGE a second; one that had to wait goes when its second is over', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const challengedMs: number[] = []
  const look = (sent: readonly Transmit[]): void => {
    for (const frame of device.openAll(sent)) if (frame.kind === 'challenge') challengedMs.push(pair.now.monotonicMs)
  }
  for (let i = 0; i < 100; i++) {
    look(pair.deliver(device.ping(), i % 2 === 0 ? B : C))
    for (let ms = 0; ms < 61; ms++) look(pair.advance(1))
  }
  t.ok(challengedMs.length >= 5)
  for (const [i, ms] of challengedMs.entries()) if (i > 0) t.ok(ms - challengedMs[i - 1]! >= 1000)
  const fresh = new Pair(crypto)
  const phone = fresh.join()
  phone.exchange([PING], B)
  t.same(kinds(phone.exchange([PING], C)), ['pong'], 'wi-fi and back in one second')
  t.equal(fresh.endpoint.nextTimeout(), fresh.now.monotonicMs + 1000)
  const late = fresh.advance(1000)
  t.same(remotes(late), [hex(C)])
  t.same(kinds(phone.openAll(late)), ['challenge'])
})

t.test('[R-8.1-4] at most twice the bytes that came from an unproven address, whatever comes', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.exchange([PING], A, { retry: true })
  let bytesIn = 0
  let bytesOut = 0
  for (let i = 0; i < 300; i++) {
    const ask = i % 3 !== 0
    const datagram = device.seal(i % 5 === 0 ? [] : [PING], { ask, retry: ask && i % 7 === 0 })
    bytesIn += datagram.length
    const sent = [...pair.deliver(datagram, B), ...pair.advance(i % 11 === 0 ? 1100 : 40)]
    bytesOut += bytesOf(sent)
    t.ok(bytesOut <= 2 * bytesIn, `${bytesOut} for ${bytesIn}`)
    for (const frame of device.openAll(sent)) t.ok(frame.kind === 'pong' || frame.kind === 'challenge')
  }
  t.ok(bytesOut > 0)
})

t.test('a proof that came to nothing is forgotten after 10 s', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const frames = device.exchange([{ ...PING, silenceClass: 14 }], B)
  pair.advance(10_000)
  t.ok(pair.endpoint.nextTimeout() > pair.now.monotonicMs + 60_000, 'nothing is left to do')
  device.respond(frames, B)
  t.equal(pair.dropped('challenge'), 1, 'too late')
})

t.test('forged packets do not move the address, the window or anything else', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const ping = device.ping()
  for (let bit = 0; bit < ping.length * 8; bit++) {
    const sent = pair.deliver(flipped(ping, bit), C)
    t.ok(
      sent.every(({ bytes }) => bytes.length === 13),
      'at most a reset',
    )
  }
  t.equal(pair.endpoint.metrics().challengesSent, 0)
  t.same(pair.takeEvents(), [])
  t.same(remotes(pair.deliver(ping, A)), [hex(A)])
})

t.test('after a change of network the next spare waits for the proof', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.moveToSpare()
  const frames = device.exchange([PING], B)
  t.same(kinds(frames), ['pong', 'challenge'])
  const after = device.respond(frames, B)
  t.same(kinds(after), ['pong', 'new-cid'])
  const cid = new Uint8Array(5)
  new CidCodec(pair.options.cidKey).write(cid, 0, 5, device.slot, 4)
  t.match(after[1], { cid })
})
