import assert from 'node:assert/strict'
import fc from 'fast-check'
import sodium from 'libsodium-wrappers'
import t from 'tap'
import { SipHash } from '../../src/packet/sip-hash.js'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

await sodium.ready

t.test("the vector of SipHash's authors for 4 bytes: b7 87 71 27 e0 94 27 cf", async (t) => {
  const hash = new SipHash(Uint8Array.from({ length: 16 }, (_, i) => i))
  t.equal(hash.low(0x03_02_01_00) >>> 0, 0x27_71_87_b7)
})

t.test("the same as libsodium's", async () => {
  fc.assert(
    fc.property(bytes(16), bytes(4), (key, message) => {
      const word = Buffer.from(message).readInt32LE()
      const expected = Buffer.from(sodium.crypto_shorthash(message, key)).readInt32LE()
      assert.equal(new SipHash(key).low(word), expected)
    }),
    { numRuns: 3000 },
  )
})

t.test('a key of another length is refused', async (t) => {
  t.throws(() => new SipHash(new Uint8Array(15)), /bug/)
})
