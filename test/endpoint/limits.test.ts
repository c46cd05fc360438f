import t from 'tap'
import { addressFrom } from '../../src/base/address.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { Admission } from '../../src/endpoint/admission.js'
import { TokenBucket } from '../../src/endpoint/token-bucket.js'
import { Offset } from '../../src/session/record.js'
import { testCrypto } from '../support/crypto.js'
import { flipped } from '../support/hostile-bytes.js'
import { addressOf, Pair } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)
const B = addressOf(2)
const WIDE = { perSecond: 100_000, burst: 100_000 }

t.test('a token bucket gives its burst at once, then its rate', async (t) => {
  const bucket = new TokenBucket(10, 3)
  t.same([bucket.take(0), bucket.take(0), bucket.take(0), bucket.take(0)], [true, true, true, false])
  t.equal(bucket.take(99), false)
  t.equal(bucket.take(100), true)
  t.equal(bucket.take(100), false)
  t.same([bucket.take(9000), bucket.take(9000), bucket.take(9000), bucket.take(9000)], [true, true, true, false])
})

t.test(
  'an address may begin 5 handshakes at once and 20 a second, then it needs a cookie; its port does not matter',
  async (t) => {
    const pair = new Pair(crypto)
    const device = pair.enrol()
    const lengths = Array.from({ length: 8 }, (_, i) => pair.deliver(device.message1(), A.with(17, i))[0]?.bytes.length)
    t.same(lengths, [67, 67, 67, 67, 67, 45, 45, 45])
    t.equal(pair.dropped('cookie'), 3)
    t.equal(pair.deliver(device.message1(), B)[0]?.bytes.length, 67, 'another address is another matter')
    pair.advance(50)
    t.equal(pair.deliver(device.message1(), A)[0]?.bytes.length, 67)
    t.equal(pair.deliver(device.message1(), A)[0]?.bytes.length, 45)
  },
)

t.test('who shows a cookie has a bucket of its own, and no more than that', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  for (let i = 0; i < 5; i++) pair.deliver(device.message1(), A)
  const cookie = device.openCookie(pair.deliver(device.message1(), A)[0]!.bytes)
  for (let i = 0; i < 5; i++) t.equal(pair.deliver(device.message1({ cookie }), A)[0]?.bytes.length, 67)
  t.same(pair.deliver(device.message1({ cookie }), A), [])
  t.equal(pair.dropped('limit'), 1)
  pair.advance(50)
  t.equal(pair.deliver(device.message1({ cookie }), A)[0]?.bytes.length, 67)
})

t.test('IPv6 addresses count by their /64, IPv4 addresses whole', async (t) => {
  const admission = new Admission(crypto, new SeededRandom('a'), { perSecond: 1, burst: 1 }, 1000)
  t.equal(admission.admits(addressFrom('2001:db8:0:1::1', 1), false, 0), true)
  t.equal(admission.admits(addressFrom('2001:db8:0:1:ffff::2', 2), false, 0), false)
  t.equal(admission.admits(addressFrom('2001:db8:0:2::1', 1), false, 0), true)
  t.equal(admission.admits(addressFrom('192.0.2.1', 1), false, 0), true)
  t.equal(admission.admits(addressFrom('192.0.2.2', 1), false, 0), true)
  t.equal(admission.admits(addressFrom('192.0.2.1', 9), false, 0), false)
  t.equal(admission.admits(addressFrom('192.0.2.1', 9), false, 1000), true)
})

t.test(
  'the table of addresses is of fixed size: a flood of addresses costs no memory and blocks few others',
  async (t) => {
    const admission = new Admission(crypto, new SeededRandom('b'), { perSecond: 20, burst: 5 }, 1000)
    for (let i = 0; i < 3000; i++) admission.admits(addressFrom(`10.0.${i >> 8}.${i & 255}`, 1), false, 0)
    let admitted = 0
    for (let i = 0; i < 100; i++) if (admission.admits(addressFrom(`10.9.9.${i}`, 1), false, 0)) admitted++
    t.ok(admitted > 90, `${admitted} of 100`)
  },
)

/** Counts X25519. */
function counting(count: { shared: number }): Crypto {
  return {
    ...crypto,
    sharedSecret(secretKey, publicKey) {
      count.shared++
      return crypto.sharedSecret(secretKey, publicKey)
    },
  }
}

t.test('[R-4.4-1] [R-4.4-2] under load a message 1 is answered by a cookie and costs no X25519', async (t) => {
  const count = { shared: 0 }
  const pair = new Pair(counting(count), {
    options: { handshakesPerSecondBeforeCookie: 3, handshakesPerAddress: WIDE },
  })
  const device = pair.enrol()
  for (let i = 0; i < 3; i++) t.equal(pair.deliver(device.message1(), A)[0]?.bytes.length, 67)
  const message1 = device.message1()
  count.shared = 0
  const [reply, ...more] = pair.deliver(message1, A)
  t.same(more, [])
  t.equal(reply?.bytes.length, 45)
  t.equal(count.shared, 0)
  t.equal(pair.dropped('cookie'), 1)
  t.equal(pair.endpoint.metrics().cookiesSent, 1)
  const cookie = device.openCookie(reply!.bytes)
  t.equal(cookie?.length, 16)
  const withCookie = device.message1({ cookie })
  t.equal(withCookie.length, 136)
  t.equal(pair.deliver(withCookie, B)[0]?.bytes.length, 45, 'a cookie is of one address')
  t.equal(pair.deliver(flipped(withCookie, 130 * 8), A)[0]?.bytes.length, 45, 'mac2 must verify')
  const [message2] = pair.deliver(withCookie, A)
  t.equal(message2?.bytes.length, 67)
  t.equal(device.readMessage2(message2!.bytes)?.kind, 'acceptance')
})

t.test('a cookie of the last secret is taken, one before it is not', async (t) => {
  const pair = new Pair(crypto, { options: { handshakesPerSecondBeforeCookie: 0, handshakesPerAddress: WIDE } })
  const device = pair.enrol()
  const cookie = device.openCookie(pair.deliver(device.message1(), A)[0]!.bytes)
  pair.advance(119_000)
  t.equal(pair.deliver(device.message1({ cookie }), A)[0]?.bytes.length, 67)
  pair.advance(2000)
  t.equal(pair.deliver(device.message1({ cookie }), A)[0]?.bytes.length, 67)
  pair.advance(121_000)
  t.equal(pair.deliver(device.message1({ cookie }), A)[0]?.bytes.length, 45)
})

t.test('a cookie asked by the next static key is sealed under that key', async (t) => {
  const pair = new Pair(crypto, { options: { handshakesPerSecondBeforeCookie: 0 } })
  const device = pair.enrol()
  const [reply] = pair.deliver(device.message1({ key: 1 }), A)
  t.equal(device.openCookie(reply!.bytes, 0), null)
  t.equal(device.openCookie(reply!.bytes, 1)?.length, 16)
})

t.test('load is over a second after the last one that was too many', async (t) => {
  const admission = new Admission(crypto, new SeededRandom('c'), WIDE, 2)
  t.same(
    [0, 0, 0].map((ms) => admission.isLoaded(ms)),
    [false, false, true],
  )
  t.equal(admission.isLoaded(999), true)
  t.equal(admission.isLoaded(1998), true, 'one second after the last')
  t.equal(admission.isLoaded(1999), false)
})

t.test('without load a mac2 that does not verify does not matter', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const [message2] = pair.deliver(device.message1({ cookie: new Uint8Array(16) }), A)
  t.equal(message2?.bytes.length, 67)
  t.equal(pair.endpoint.metrics().packetsIn['message-1-cookie'], 1)
})

t.test('[R-3-3] no answer to what was not authenticated is above 0.6 of it', async (t) => {
  const seen: Record<string, number> = {}
  const check = (trigger: Uint8Array, sent: readonly { bytes: Uint8Array }[], name: string): void => {
    t.ok(sent.length <= 1, name)
    for (const { bytes } of sent) {
      t.ok(bytes.length <= 0.6 * trigger.length, `${name}: ${bytes.length} for ${trigger.length}`)
      seen[name] = bytes.length
    }
  }
  const pair = new Pair(crypto, { options: { handshakesPerAddress: WIDE } })
  const device = pair.join()
  const message1 = device.message1()
  check(message1, pair.deliver(message1, A), 'acceptance')
  const ahead = device.message1({ stampMs: pair.now.wallMs + 900_000 })
  check(ahead, pair.deliver(ahead, A), 'refusal')
  const stranger = pair.enrol()
  pair.store.rows.delete(stranger.handle)
  const unknown = stranger.message1()
  check(unknown, pair.deliver(unknown, A), 'unknown device')
  const busy = new Pair(crypto, { options: { handshakesPerSecondBeforeCookie: 0 } })
  const other = busy.enrol()
  check(message1, busy.deliver(message1, A), 'cookie')
  const withCookie = other.message1({ cookie: new Uint8Array(16) })
  check(withCookie, busy.deliver(withCookie, A), 'cookie again')
  device.view.write(Offset.cid, Uint8Array.of(9, 9, 9, 9, 9))
  for (let i = 0; i < 400; i++) {
    device.view.write(Offset.cid, pair.random.fill(new Uint8Array(5)))
    const stray = device.seal([])
    check(stray, pair.deliver(stray, A), 'reset')
  }
  t.match(seen, { acceptance: 67, refusal: 67, 'unknown device': 67, cookie: 45, 'cookie again': 45 })
})

t.test('[R-6.1-1] a datagram below 22 B is never answered', async (t) => {
  const pair = new Pair(crypto)
  const random = new SeededRandom('short')
  for (let i = 0; i < 5000; i++) {
    const bytes = random.fill(new Uint8Array(random.int(23)))
    if (bytes.length > 0) bytes[0]! |= 0x80
    t.equal(pair.deliver(bytes, A).length, 0)
  }
})
