import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import {
  expandNumber,
  isShortAllowed,
  NO_NUMBER,
  NUMBER_MAX,
  randomStart,
  skipNumber,
} from '../../src/packet/packet-number.js'

/** wire-spec §5.4 word for word, over BigInt: looks for the one number in the interval that ends in these bits. */
function naiveExpand(low: bigint, bits: 8n | 32n, high: bigint): bigint | null {
  const span = 1n << bits
  const floor = bits === 8n ? high - 128n : high - 65536n // exclusive
  let number = (floor & ~(span - 1n)) | low
  while (number <= floor) number += span
  assert.ok(number > floor && number <= floor + span)
  return number < 0n || number >= 1n << 48n ? null : number
}

const number48 = fc.oneof(
  fc.maxSafeNat().map((n) => n % 2 ** 48),
  fc.nat(300),
  fc.nat(70_000),
  fc.nat(70_000).map((n) => NUMBER_MAX - n),
  fc.nat(70_000).map((n) => 2 ** 32 - 35_000 + n),
)

t.test('[R-5.4-4] expansion is that of the spec, over BigInt', async () => {
  fc.assert(
    fc.property(number48, fc.nat(2 ** 32 - 1), (high, low) => {
      for (const [bits, numberBytes] of [
        [8n, 1],
        [32n, 4],
      ] as const) {
        const cut = numberBytes === 1 ? low % 256 : low
        const expected = naiveExpand(BigInt(cut), bits, BigInt(high))
        assert.equal(expandNumber(cut, numberBytes, high), expected === null ? NO_NUMBER : Number(expected))
      }
    }),
    { numRuns: 3000 },
  )
})

t.test('a sender that keeps the rules is always understood', async () => {
  fc.assert(
    fc.property(number48, fc.nat(63), fc.nat(2 ** 31), (confirmed, ahead, jump) => {
      const next = confirmed + ahead
      if (next <= NUMBER_MAX) {
        assert.ok(isShortAllowed(next, confirmed))
        assert.equal(expandNumber(next % 256, 1, confirmed), next)
      }
      const far = confirmed + jump
      if (far <= NUMBER_MAX) assert.equal(expandNumber(far % 2 ** 32, 4, confirmed), far)
    }),
  )
})

t.test('before the first number', async (t) => {
  t.equal(expandNumber(0xffff_ffff, 4, NO_NUMBER), 0xffff_ffff)
  t.equal(expandNumber(0, 4, NO_NUMBER), 0)
  t.equal(expandNumber(7, 1, NO_NUMBER), NO_NUMBER)
})

t.test('edges of the intervals', async (t) => {
  const high = 1000
  t.equal(expandNumber((high + 128) & 255, 1, high), high + 128)
  t.equal(expandNumber((high + 129) & 255, 1, high), high - 127)
  t.equal(expandNumber(250, 1, 10), NO_NUMBER, 'below zero')
  t.equal(expandNumber(0, 1, NUMBER_MAX), NO_NUMBER, 'above 48 bits')
  const big = 2 ** 40
  t.equal(expandNumber((big - 65535) % 2 ** 32, 4, big), big - 65535)
  t.equal(expandNumber((big - 65536) % 2 ** 32, 4, big), big - 65536 + 2 ** 32)
})

t.test('[R-5.4-2] one byte within 63 of the confirmed number', async (t) => {
  t.ok(isShortAllowed(163, 100))
  t.notOk(isShortAllowed(164, 100))
  t.notOk(isShortAllowed(5, NO_NUMBER))
})

t.test('[R-5.4-1] [R-5.4-5] start and skip stay in their ranges and reach both ends', async (t) => {
  const zero = new Uint8Array(4)
  const ones = new Uint8Array(4).fill(255)
  t.equal(randomStart(zero), 0)
  t.equal(randomStart(ones), 2 ** 32 - 1)
  t.equal(skipNumber(5, zero), 5 + 2 ** 16)
  t.equal(skipNumber(5, ones), 5 + 2 ** 32 - 2 ** 17)
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.nat(2 ** 30), fc.nat(65535), (random, high, lost) => {
      const number = skipNumber(high + 1 + lost, random)
      const skip = number - high - 1 - lost
      assert.ok(Number.isInteger(skip) && skip >= 2 ** 16 && skip <= 2 ** 32 - 2 ** 17)
      // After a skip four bytes are enough, even if up to 2^16 packets before it were lost.
      assert.equal(expandNumber(number % 2 ** 32, 4, high), number)
    }),
  )
})
