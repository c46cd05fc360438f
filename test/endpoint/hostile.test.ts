import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Transmit } from '../../src/endpoint/message.js'
import { Offset } from '../../src/session/record.js'
import { testCrypto } from '../support/crypto.js'
import { flipped } from '../support/hostile-bytes.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const EVIL = addressOf(66)
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const

/** Bytes of a slot's record, without its count of failed opens. */
function recordOf(pair: Pair, slot: number): string {
  const bytes = pair.slab.view().at(slot).snapshot()
  bytes.fill(0, Offset.failedOpens, Offset.failedOpens + 2)
  return hex(bytes)
}

/** Hands in a hostile datagram and checks that nothing has changed but counters. */
function expectNoEffect(pair: Pair, device: TestDevice, bytes: Uint8Array, remote: Uint8Array): Transmit[] {
  const before = recordOf(pair, device.slot)
  const requests = pair.store.requests.length
  const nextMs = pair.endpoint.nextTimeout()
  const dropped = total(pair)
  const sent = pair.deliver(bytes, remote)
  const after = recordOf(pair, device.slot)
  const isUnchanged =
    after === before &&
    pair.store.requests.length === requests &&
    pair.endpoint.nextTimeout() === nextMs &&
    pair.takeEvents().length === 0 &&
    total(pair) === dropped + 1
  if (!isUnchanged) t.fail(`effect of ${hex(bytes)}`)
  if (sent.some((one) => one.bytes[0] !== 5)) t.fail(`answer to ${hex(bytes)}`)
  return sent
}

function total(pair: Pair): number {
  return Object.values(pair.endpoint.metrics().dropped).reduce((sum, count) => sum + count, 0)
}

t.test('the record that is watched is the one that is used', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const before = recordOf(pair, device.slot)
  pair.deliver(device.ping(), A)
  t.not(recordOf(pair, device.slot), before)
})

t.test('[R-3-4] random datagrams change no state', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const random = new SeededRandom('noise')
  for (let i = 0; i < 4000; i++) {
    const bytes = random.fill(new Uint8Array(random.int(i % 10 === 0 ? 1300 : 140)))
    if (bytes.length > 0 && i % 2 === 0) bytes[0]! |= 0x80
    if (bytes.length > 0 && i % 5 === 0) bytes[0]! = 1 + random.int(5)
    if (bytes.length > 6 && i % 3 === 0) device.view.read(Offset.cid, bytes.subarray(1, 6))
    expectNoEffect(pair, device, bytes, EVIL)
  }
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
})

t.test('[R-3-4] truncated and bit-flipped packets change no state', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  device.exchange([PING], A)
  for (const good of [device.ping(), device.ping({ retry: true }), device.seal([{ kind: 'close', code: 0 }])]) {
    for (let length = 0; length < good.length; length++) expectNoEffect(pair, device, good.slice(0, length), A)
    for (let bit = 0; bit < good.length * 8; bit++) expectNoEffect(pair, device, flipped(good, bit), A)
  }
  t.pass('no effect')
})

t.test('[R-3-4] truncated and bit-flipped messages 1 change no state', async (t) => {
  const pair = new Pair(crypto, { options: { handshakesPerAddress: { perSecond: 10_000, burst: 10_000 } } })
  const device = pair.join()
  const good = device.message1()
  for (let length = 0; length < good.length; length++) expectNoEffect(pair, device, good.slice(0, length), A)
  for (let bit = 0; bit < good.length * 8; bit++) expectNoEffect(pair, device, flipped(good, bit), A)
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
})

t.test('[R-5.5-1] replayed packets change no state, from wherever they come', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const recorded: Uint8Array[] = []
  for (let i = 0; i < 100; i++) {
    const datagram = device.ping({ state: i % 2 === 0 ? 'idle' : 'active', ask: i % 3 === 0 })
    recorded.push(datagram)
    device.openAll(pair.deliver(datagram, A))
  }
  pair.takeEvents()
  for (const datagram of recorded) {
    expectNoEffect(pair, device, datagram, A)
    expectNoEffect(pair, device, datagram, EVIL)
  }
  t.equal(pair.dropped('replay'), 200)
})

t.test('what the server sent, reflected to it, changes no state', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  for (let i = 0; i < 50; i++) {
    for (const { bytes } of pair.deliver(device.ping(), A)) {
      device.open(bytes)
      expectNoEffect(pair, device, bytes, A)
      expectNoEffect(pair, device, bytes, EVIL)
    }
  }
  t.pass('no effect')
})

t.test('packets of one device on the connection ID of another change no state', async (t) => {
  const pair = new Pair(crypto)
  const one = pair.join(addressOf(1))
  const two = pair.join(addressOf(2))
  const cid = one.view.read(Offset.cid, new Uint8Array(5))
  for (let i = 0; i < 20; i++) {
    const datagram = two.ping({ retry: i % 2 === 0 })
    datagram.set(cid, 1)
    expectNoEffect(pair, one, datagram, addressOf(2))
  }
  t.equal(pair.dropped('tag') + pair.dropped('number'), 20)
})

t.test('a replayed message 1 has no effect on the session that it once began', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const message1 = device.message1()
  const [message2] = pair.deliver(message1, A)
  device.readMessage2(message2!.bytes)
  const first = device.ping()
  device.openAll(pair.deliver(first, A))
  device.ack(A)
  pair.takeEvents()
  const before = recordOf(pair, device.slot)
  t.equal(pair.deliver(message1, EVIL)[0]?.bytes.length, 67, 'a refusal')
  expectNoEffect(pair, device, first, EVIL)
  t.equal(recordOf(pair, device.slot), before)
  t.equal(pair.endpoint.metrics().handshakesPending, 0)
  t.equal(device.exchange([PING], A)[0]?.kind, 'pong')
})

t.test("any order, loss and doubling of a device's packets keeps both ends in agreement", async (t) => {
  for (let seed = 0; seed < 15; seed++) {
    const random = new SeededRandom(`storm ${seed}`)
    const pair = new Pair(crypto, { seed: `storm ${seed}` })
    const device = pair.join()
    const up: Uint8Array[] = []
    const down: Uint8Array[] = []
    for (let step = 0; step < 200; step++) {
      const retry = device.asked.length > 0
      if (random.int(3) === 0) up.push(device.ping({ retry, ask: random.int(2) === 0 }))
      if (random.int(40) === 0) device.reboot(undefined, step + 1)
      if (random.int(3) === 0 && up.length > 0) {
        const datagram = up.splice(random.int(up.length), 1)[0]!
        for (let copies = random.int(3); copies > 0; copies--) {
          for (const { bytes } of pair.deliver(datagram, A)) down.push(bytes)
        }
      }
      if (random.int(3) === 0 && down.length > 0) device.open(down.splice(random.int(down.length), 1)[0]!)
      for (const { bytes } of pair.advance(random.int(300))) down.push(bytes)
    }
    const frames = device.exchange([PING], A, { retry: true })
    t.ok(
      frames.some(({ kind }) => kind === 'pong'),
      `seed ${seed}: the next retry is answered and opened`,
    )
  }
})
