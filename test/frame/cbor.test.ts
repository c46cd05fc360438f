import assert from 'node:assert/strict'
import { Decoder } from 'cbor-x/decode'
import fc from 'fast-check'
import t from 'tap'
import { fromHex, hex } from '../../src/base/bytes.js'
import { type CborItem, checkedLength, readSequence, writeSequence } from '../../src/frame/cbor.js'
import { withHostileBytes } from '../support/hostile-bytes.js'
import { MALFORMED_SEQUENCES } from '../support/malformed-frames.js'

const LIMITS = { frames: 64, items: 256, depth: 4 }
const read = (text: string) => readSequence(fromHex(text), LIMITS)

const { item } = fc.letrec<{ item: CborItem }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', withCrossShrink: true, maxDepth: 3 },
    fc.oneof(
      fc.integer({ min: -30, max: 30 }),
      fc.maxSafeInteger(),
      fc.constantFrom(
        23,
        24,
        255,
        256,
        65535,
        65536,
        2 ** 32 - 1,
        2 ** 32,
        2 ** 53 - 1,
        -24,
        -25,
        -256,
        -257,
        -(2 ** 32),
        -(2 ** 32) - 1,
        -(2 ** 53) + 1,
      ),
    ),
    fc.uint8Array({ maxLength: 70 }),
    fc.string({ unit: 'grapheme', maxLength: 70 }).filter((text) => !text.startsWith('\ufeff')),
    fc.array(tie('item'), { maxLength: 5 }),
  ),
}))
const items = fc.array(item, { maxLength: 6 }).filter((list) => checkedLength(writeSequence(list), LIMITS) >= 0)

/** Written from RFC 8949 §3 alone, over BigInt. */
function naiveWrite(value: CborItem): string {
  const head = (major: number, argument: bigint): string => {
    const short = (bits: number) => ((major << 5) | bits).toString(16).padStart(2, '0')
    if (argument < 24n) return short(Number(argument))
    const size = argument < 0x100n ? 0 : argument < 0x10000n ? 1 : argument < 0x100000000n ? 2 : 3
    return short(24 + size) + argument.toString(16).padStart(2 << size, '0')
  }
  if (typeof value === 'number') return value >= 0 ? head(0, BigInt(value)) : head(1, -1n - BigInt(value))
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    return head(3, BigInt(bytes.length)) + bytes.toString('hex')
  }
  if (value instanceof Uint8Array) return head(2, BigInt(value.length)) + hex(value)
  return head(4, BigInt((value as CborItem[]).length)) + (value as CborItem[]).map(naiveWrite).join('')
}

t.test('what is written is RFC 8949 in shortest form, and is read back', async () => {
  fc.assert(
    fc.property(items, (list) => {
      const bytes = writeSequence(list)
      assert.equal(hex(bytes), list.map(naiveWrite).join(''))
      assert.deepEqual(readSequence(bytes, LIMITS), list)
      const padded = Uint8Array.from([...bytes, 0xf6, 0xf6, 0xf6])
      assert.deepEqual(readSequence(padded, LIMITS), list)
    }),
    { numRuns: 1000 },
  )
})

t.test('whatever is taken, a plain cbor-x reads the same; written again it is the same bytes', async () => {
  const oracle = new Decoder({ useRecords: false, mapsAsObjects: false })
  const plain = (value: unknown): unknown =>
    typeof value === 'bigint' ? Number(value) : Array.isArray(value) ? value.map(plain) : value
  const hexDigits = fc.array(
    fc.constantFrom(
      '00',
      '17',
      '18',
      '19',
      '1a',
      '1b',
      '20',
      '38',
      '40',
      '41',
      '58',
      '60',
      '61',
      '80',
      '81',
      '82',
      '98',
      'a0',
      'c0',
      'f4',
      'f5',
      'f6',
      'f7',
      'f9',
      'fb',
      'ff',
      '5f',
      '7f',
      '9f',
      'ff',
      '01',
      '0a',
    ),
    { maxLength: 12 },
  )
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    hexDigits.map((parts) => fromHex(parts.join(''))),
  )
  let taken = 0
  fc.assert(
    fc.property(bytes, (given) => {
      const list = readSequence(given, LIMITS)
      if (list === null) return
      taken++
      const length = checkedLength(given, LIMITS)
      assert.equal(hex(writeSequence(list)), hex(given.subarray(0, length)))
      const expected = length === 0 ? [] : (oracle.decodeMultiple(given.slice(0, length)) as unknown[])
      assert.deepEqual(list, expected.map(plain))
    }),
    { numRuns: 20_000 },
  )
  assert.ok(taken > 2000, `${taken}`)
})

t.test('[R-7-1] [R-7-5] the malformed list', async (t) => {
  for (const [reason, text] of Object.entries(MALFORMED_SEQUENCES)) {
    t.equal(read(text), null, reason)
    t.equal(read(`01${text}`), null, `${reason}, as the second frame`)
    if (!text.includes('f6')) t.equal(read(`8201${text}`), null, `${reason}, in an array`)
  }
})

t.test('the edges that are taken', async (t) => {
  t.strictSame(read(''), [])
  t.strictSame(read('f6f6f6'), [])
  t.strictSame(read('1b001fffffffffffff'), [2 ** 53 - 1])
  t.strictSame(read('3b001ffffffffffffe'), [-(2 ** 53) + 1], 'cbor-x with int64AsNumber says 1 here')
  t.strictSame(read('1b0000000100000000'), [2 ** 32])
  t.strictSame(read('3affffffff'), [-(2 ** 32)])
  t.strictSame(read('8181818100'), [[[[[0]]]]])
  t.strictSame(read('8080'), [[], []])
  t.strictSame(read('64f48fbfbf'), ['\u{10ffff}'])
  t.strictSame(read('64efbbbe61'), ['\ufefea'], 'nearly a byte order mark')
})

t.test('[R-7-1] frames, items and padding are counted as the spec says', async (t) => {
  t.equal(read('00'.repeat(64))?.length, 64)
  t.equal(read('00'.repeat(65)), null)
  t.equal(read('00'.repeat(64) + 'f6'.repeat(1000))?.length, 64, 'padding does not count')
  t.ok(read(`98ff${'00'.repeat(255)}`), 'an array and 255 items')
  t.equal(read(`990100${'00'.repeat(256)}`), null, 'an array and 256 items')
  t.equal(read(`98fe${'00'.repeat(254)}00`)?.length, 2)
  t.equal(read(`98fe${'00'.repeat(254)}0000`), null)
})

t.test('byte strings alias the packet', async (t) => {
  const packet = fromHex('43010203')
  const [bytes] = readSequence(packet, LIMITS) as [Uint8Array]
  packet[1] = 9
  t.equal(bytes[0], 9)
})

t.test('text that could not be read again is mended when written', async (t) => {
  t.strictSame(read(hex(writeSequence(['\ufeff\ufeffab']))), ['ab'])
  t.strictSame(read(hex(writeSequence(['a\ud800b']))), ['a\ufffdb'])
  const long = `\ufeff${'é'.repeat(200)}`
  t.strictSame(readSequence(writeSequence([long]), LIMITS), ['é'.repeat(200)])
  const inside = `a\ufeff${'b'.repeat(100)}`
  t.strictSame(readSequence(writeSequence([inside]), LIMITS), [inside])
  for (const number of [1.5, Number.NaN, 2 ** 53]) t.throws(() => writeSequence([number]), /bug/)
})

t.test('hostile bytes return', async () => {
  const good = writeSequence([5, [17, 300, new Uint8Array(16), 'title', [1, [2, 2 ** 40]]]])
  withHostileBytes(good, (bytes) => {
    readSequence(bytes, LIMITS)
  })
})
