import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { CidCodec } from '../../src/packet/connection-id.js'
import { Flag } from '../../src/packet/constants.js'
import { resetToken } from '../../src/packet/reset.js'
import { Offset } from '../../src/session/record.js'
import { testCrypto } from '../support/crypto.js'
import { flipped } from '../support/hostile-bytes.js'
import { addressOf, bootValue, Pair, type TestDevice, WORKER } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const B = addressOf(2)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const

function cidOf(pair: Pair, slot: number, rotation: number): Uint8Array {
  const cid = new Uint8Array(5)
  new CidCodec(pair.options.cidKey).write(cid, 0, WORKER, slot, rotation)
  return cid
}
function tokenOf(pair: Pair, slot: number, rotation: number): Uint8Array {
  return resetToken(crypto, pair.options.resetKey, WORKER, slot, rotation)
}
function use(device: TestDevice, rotation: number): void {
  device.view.write(Offset.cid, cidOf(device.pair, device.slot, rotation))
}

t.test('the handshake gives rotation r + 2, NEW_CID the next one, each with its token', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  pair.store.rows.get(device.handle)!.rotation = 1022
  const [message2] = pair.deliver(device.message1(), A)
  t.same(device.readMessage2(message2!.bytes), {
    kind: 'acceptance',
    cid: cidOf(pair, device.slot, 0),
    token: tokenOf(pair, device.slot, 0),
  })
  const frames = device.exchange([PING], A)
  t.match(frames[1], { kind: 'new-cid', cid: cidOf(pair, device.slot, 1), token: tokenOf(pair, device.slot, 1) })
  t.equal(pair.store.rows.get(device.handle)?.rotation, 0)
})

t.test('[R-6-4] current, spare and previous are taken; the spare becomes current and is committed first', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.store.holds = true
  device.moveToSpare()
  const sent = pair.deliver(device.ping(), A)
  const frames = device.openAll(sent)
  t.same(
    frames.map(({ kind }) => kind),
    ['pong'],
    'the PONG waits for nothing',
  )
  t.match(pair.store.held, [{ kind: 'commit-session', stampMs: 0, rotation: 3 }])
  const { stampMs } = pair.store.rows.get(device.handle)!
  const next = device.openAll(pair.release())
  t.match(next, [{ kind: 'new-cid', cid: cidOf(pair, device.slot, 4), token: tokenOf(pair, device.slot, 4) }])
  t.equal(pair.store.rows.get(device.handle)?.rotation, 3)
  t.equal(pair.store.rows.get(device.handle)?.stampMs, stampMs, 'the stamp stays')
  use(device, 2)
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong', 'a late packet on the previous one')
  t.equal(pair.store.held.length, 0, 'nothing moves')
  use(device, 3)
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
})

t.test('[R-6-4] a packet that does not open moves nothing', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.moveToSpare()
  t.same(pair.deliver(flipped(device.ping(), 200), A), [])
  t.equal(pair.store.rows.get(device.handle)?.rotation, 2)
})

t.test('[R-6-4] a commit that failed is tried again with the next packet; until then no spare goes out', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.moveToSpare()
  pair.store.failsCommits = true
  t.same(
    device.exchange([PING], A).map(({ kind }) => kind),
    ['pong'],
  )
  t.equal(pair.endpoint.metrics().commitsFailed, 1)
  pair.store.failsCommits = false
  t.same(
    device.exchange([PING], A).map(({ kind }) => kind),
    ['pong', 'new-cid'],
  )
  t.equal(pair.store.rows.get(device.handle)?.rotation, 3)
})

t.test('[R-6-1] the spare is offered until it was acked, and not again', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const [message2] = pair.deliver(device.message1(), A)
  device.readMessage2(message2!.bytes)
  device.exchange([PING], A)
  pair.advance(1000)
  const repeat = device.exchange([PING], A)
  t.same(
    repeat.map(({ kind }) => kind),
    ['pong'],
    'repeated by the clock a moment ago',
  )
  pair.advance(40_000)
  t.same(
    device.exchange([PING], A).map(({ kind }) => kind),
    ['pong', 'new-cid'],
    'the radio is up',
  )
  device.ack(A)
  pair.advance(40_000)
  t.same(
    device.exchange([PING], A).map(({ kind }) => kind),
    ['pong'],
  )
})

t.test('[R-6-1] after a restart a spare that was acked is not offered again, one that was not is', async (t) => {
  for (const acked of [true, false]) {
    const pair = new Pair(crypto)
    const device = pair.enrol()
    const [message2] = pair.deliver(device.message1(), A)
    device.readMessage2(message2!.bytes)
    device.exchange([PING], A)
    if (acked) device.ack(A)
    for (let i = 0; i < 70; i++) pair.deliver(device.ping({ ask: false }), A)
    device.toAck.length = 0
    const next = pair.restart()
    const challenge = device.openAll(next.deliver(device.ping(), A))
    device.openAll(next.deliver(device.ping({ ask: false }), A))
    const [frame] = challenge.filter(({ kind }) => kind === 'challenge')
    const response = device.seal([
      PING,
      { kind: 'response', challenge: (frame as { challenge: Uint8Array }).challenge },
    ])
    const kinds = device.openAll(next.deliver(response, A)).map(({ kind }) => kind)
    t.equal(kinds.includes('new-cid'), !acked)
  }
})

t.test('[R-5.4-5] the number of the first packet after a change of ID skips', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.exchange([PING], A)
  const last = device.receiver.number
  device.moveToSpare()
  const [pong] = pair.deliver(device.ping(), A)
  t.equal(pong!.bytes[0]! & Flag.long, Flag.long)
  device.open(pong!.bytes)
  const skip = device.receiver.number - last
  t.ok(skip >= 2 ** 16 && skip <= 2 ** 32 - 2 ** 17 + 1, `${skip}`)
  device.exchange([PING], A)
  t.ok(device.receiver.number - last - skip <= 3, 'once')
})

t.test('[R-5.4-5] a packet that brings the spare and a new boot value: keys are new, and nothing skips', async (t) => {
  for (let seed = 1; seed <= 24; seed++) {
    const pair = new Pair(crypto, { seed: `move ${seed}` })
    const device = pair.join()
    device.exchange([PING], A, { retry: true }) // the server has sent its boot value: S stays
    device.exchange([PING], A)
    device.moveToSpare()
    device.boot.set(bootValue(pair.now.wallMs / 1000 + 1, device.random))
    const frames = device.exchange([PING], B, { retry: true })
    t.same(
      frames.map(({ kind }) => kind),
      ['pong', 'challenge'],
      `seed ${seed}: the first answer opens`,
    )
    t.ok(device.receiver.number < 2 ** 32)
  }
})

t.test('[R-6.1-1] a dead rotation of a slot with an owner is answered by a reset with its token', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  for (const rotation of [0, 4, 5, 500, 1023]) {
    use(device, rotation)
    const [reset, ...more] = pair.deliver(device.ping({ ask: false }), B)
    t.same(more, [])
    t.equal(hex(reset!.bytes), `05${hex(tokenOf(pair, device.slot, rotation))}`, `rotation ${rotation}`)
    t.same(reset!.remote, B)
  }
  t.equal(pair.endpoint.metrics().resetsSent, 5)
  t.equal(pair.dropped('dead-cid'), 5)
})

t.test('[R-6.1-1] no reset for a current, spare or previous ID, whatever the packet', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  for (const rotation of [1, 2, 3]) {
    use(device, rotation)
    t.same(pair.deliver(flipped(device.ping(), 190), A), [], `rotation ${rotation}`)
  }
  t.equal(pair.endpoint.metrics().resetsSent, 0)
})

t.test('[R-6.1-1] no reset for the ID of a handshake that waits, one when it is over', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const [message2] = pair.deliver(device.message1(), A)
  device.readMessage2(message2!.bytes)
  t.same(pair.deliver(flipped(device.ping(), 200), A), [])
  t.equal(pair.dropped('tag'), 1)
  pair.advance(120_000)
  t.equal(pair.deliver(device.ping(), A)[0]?.bytes.length, 13)
})

t.test('a slot without a session answers by resets, and so does one whose owner was removed', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  use(device, 2)
  const stray = device.ping()
  pair.command({ kind: 'remove', device: device.handle, code: 2 })
  const [reset] = pair.deliver(stray, A)
  t.equal(hex(reset!.bytes), `05${hex(tokenOf(pair, device.slot, 2))}`)
  device.view.write(Offset.cid, cidOf(pair, 19_999, 7))
  t.equal(pair.deliver(device.ping(), A).length, 0, 'of a slot that nobody owned')
  device.view.write(Offset.cid, cidOf(pair, 20_000, 7))
  t.equal(pair.deliver(device.ping(), A).length, 0, 'of a slot out of range')
})

t.test('[R-6.1-1] at most 100 resets a second in all', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  use(device, 77)
  let resets = 0
  for (let i = 0; i < 300; i++) resets += pair.deliver(device.ping(), A).length
  t.equal(resets, 100)
  pair.advance(500)
  resets = 0
  for (let i = 0; i < 300; i++) resets += pair.deliver(device.ping(), A).length
  t.equal(resets, 50)
})

t.test('moving the old session while a handshake waits disturbs neither', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const [message2] = pair.deliver(device.message1(), A)
  device.moveToSpare()
  const frames = device.exchange([PING], A)
  t.match(frames[1], { kind: 'new-cid', cid: cidOf(pair, device.slot, 4) }, 'the same ID that message 2 gave')
  device.moveToSpare()
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong', 'the handshake is tried first, then the session')
  device.readMessage2(message2!.bytes)
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
  t.equal(pair.store.rows.get(device.handle)?.rotation, 4)
})

t.test('a handshake whose ID the old session has left behind is dropped: rotations never go back', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  pair.deliver(device.message1(), A)
  for (let move = 0; move < 3; move++) {
    t.equal(pair.endpoint.metrics().handshakesPending, 1)
    device.moveToSpare()
    device.exchange([PING], A)
  }
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
  t.equal(pair.store.rows.get(device.handle)?.rotation, 5)
})
