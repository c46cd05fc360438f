import t from 'tap'
import { addressFrom } from '../../src/base/address.js'
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { CookieJar, cookieKey, openCookieReply, sealCookieReply } from '../../src/packet/cookie.js'
import { mac1Key, mac1Of, writeMessage1 } from '../../src/packet/handshake.js'
import { flipped, withHostileBytes } from '../support/hostile-bytes.js'

const crypto = nobleCrypto
const SERVER_KEY = new Uint8Array(32).fill(5)
const NOISE = new Uint8Array(103).fill(7)
const HERE = addressFrom('192.0.2.1', 1000)
const MESSAGE = writeMessage1(crypto, mac1Key(crypto, SERVER_KEY), NOISE, null)

t.test('[R-3-3] [R-4.4-1] [R-4.4-2] the whole exchange: message 1, cookie, message 1 with mac2', async (t) => {
  const jar = new CookieJar(crypto, new SeededRandom('jar'), 0)
  const key = cookieKey(crypto, SERVER_KEY)
  const reply = sealCookieReply(crypto, key, new Uint8Array(12).fill(1), mac1Of(MESSAGE), jar.make(HERE, 10))
  t.equal(reply.length, 45)
  t.ok(reply.length <= 0.6 * MESSAGE.length)
  const cookie = openCookieReply(crypto, key, mac1Of(MESSAGE), reply) as Uint8Array
  t.equal(cookie.length, 16)
  const again = writeMessage1(crypto, mac1Key(crypto, SERVER_KEY), NOISE, cookie)
  t.equal(again.length, 136)
  t.ok(jar.isMac2Valid(again, HERE, 20))
  t.notOk(jar.isMac2Valid(again, addressFrom('192.0.2.1', 1001), 20), 'another port')
  t.notOk(jar.isMac2Valid(again, addressFrom('192.0.2.2', 1000), 20), 'another address')
  for (let bit = 0; bit < again.length * 8; bit += 5) {
    if (jar.isMac2Valid(flipped(again, bit), HERE, 20)) t.fail(`bit ${bit}`)
  }
  t.notOk(jar.isMac2Valid(MESSAGE, HERE, 20), 'no mac2 at all')
})

t.test('a cookie is good for 120 s at least and 240 s at most', async (t) => {
  const message = (jar: CookieJar, nowMs: number) =>
    writeMessage1(crypto, mac1Key(crypto, SERVER_KEY), NOISE, jar.make(HERE, nowMs))
  for (const givenMs of [0, 119_999]) {
    const jar = new CookieJar(crypto, new SeededRandom('jar'), 0)
    const given = message(jar, givenMs)
    t.ok(jar.isMac2Valid(given, HERE, givenMs + 120_000), 'the last secret is still good')
    t.notOk(jar.isMac2Valid(given, HERE, givenMs + 240_001))
  }
  const idle = new CookieJar(crypto, new SeededRandom('jar'), 0)
  const old = message(idle, 0)
  t.notOk(idle.isMac2Valid(old, HERE, 1e9), 'not after a long quiet time, either')
  const jar = new CookieJar(crypto, new SeededRandom('jar'), 0)
  t.not(hex(jar.make(HERE, 0)), hex(jar.make(HERE, 120_000)))
})

t.test('[R-4.4-1] a cookie opens only with the mac1 that it answers', async (t) => {
  const key = cookieKey(crypto, SERVER_KEY)
  const mac1 = mac1Of(MESSAGE)
  const reply = sealCookieReply(crypto, key, new Uint8Array(12), mac1, new Uint8Array(16).fill(4))
  t.equal(openCookieReply(crypto, key, flipped(mac1, 3), reply), null)
  t.equal(openCookieReply(crypto, cookieKey(crypto, NOISE.subarray(0, 32)), mac1, reply), null)
  withHostileBytes(reply, (bytes) => {
    if (openCookieReply(crypto, key, mac1, bytes) !== null && hex(bytes) !== hex(reply)) t.fail(hex(bytes))
  })
})
