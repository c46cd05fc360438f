import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { fromHex, hex } from '../../src/base/bytes.js'
import { deriveKey } from '../../src/crypto/hkdf.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { writeSequence } from '../../src/frame/cbor.js'
import { ListAssembler, splitList } from '../../src/frame/list-parts.js'
import {
  decodePersonList,
  EMPTY_LIST,
  encodePersonList,
  type ListEntry,
  type PersonList,
} from '../../src/frame/person-list.js'
import { LIST_PLAINTEXT_BYTES_MAX, openList, sealList } from '../../src/frame/sealed-list.js'
import { flipped, withHostileBytes } from '../support/hostile-bytes.js'

const crypto = nobleCrypto
const minute = fc.nat(1439)
const window = fc
  .record({ days: fc.integer({ min: 1, max: 127 }), start: minute, end: minute })
  .map((value) => ({ ...value }))
const shortText = fc
  .string({ unit: 'grapheme', maxLength: 30 })
  .filter((text) => !text.startsWith('\ufeff') && Buffer.byteLength(text) <= 128)
const entry = fc
  .record({
    app: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    flags: fc.nat(15),
    rotation: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    windows: fc.array(window, { maxLength: 4 }),
  })
  .map((value) => ({ ...value }))
const list: fc.Arbitrary<PersonList> = fc
  .record({
    choice: fc.constantFrom(0 as const, 1 as const, 2 as const),
    status: shortText,
    away: shortText,
    zone: fc.constantFrom('', 'Europe/Berlin', 'Asia/Kathmandu'),
    entries: fc.uniqueArray(entry, { selector: (one) => hex(one.app), maxLength: 12 }),
  })
  .map((value) => ({ ...value, entries: [...value.entries].sort((a, b) => Buffer.compare(a.app, b.app)) }))

const manyEntries = (count: number, windows: number): ListEntry[] =>
  Array.from({ length: count }, (_, i) => ({
    app: fromHex(i.toString(16).padStart(16, '0')),
    flags: 1,
    rotation: 0,
    windows: new Array(windows).fill({ days: 127, start: 1260, end: 1380 }),
  }))

t.test('a list goes there and back, and is sorted on the way', async (t) => {
  fc.assert(
    fc.property(list, (given) => {
      const bytes = encodePersonList({ ...given, entries: [...given.entries].reverse() })
      assert.deepEqual(decodePersonList(bytes), given)
      assert.deepEqual(decodePersonList(Uint8Array.from([...bytes, 0xf6, 0xf6])), given)
    }),
  )
  t.equal(hex(encodePersonList(EMPTY_LIST)), '850060606080')
  const full = { ...EMPTY_LIST, status: 'x'.repeat(128), away: 'é'.repeat(64), entries: manyEntries(256, 2) }
  t.strictSame(decodePersonList(encodePersonList(full)), full)
  t.ok(encodePersonList(full).length <= LIST_PLAINTEXT_BYTES_MAX)
})

t.test('a list that breaks a rule is not encoded', async (t) => {
  const [one] = manyEntries(1, 1) as [ListEntry]
  const wrong: Record<string, Partial<PersonList>> = {
    'a choice of 3': { choice: 3 as 0 },
    'a status of 129 B': { status: 'x'.repeat(129) },
    'an away message of 130 B': { away: 'é'.repeat(65) },
    '257 entries': { entries: manyEntries(257, 0) },
    'one application twice': { entries: [one, one] },
    'a short application id': { entries: [{ ...one, app: new Uint8Array(7) }] },
    'negative flags': { entries: [{ ...one, flags: -1 }] },
    'a rotation that fits no PUID': { entries: [{ ...one, rotation: 2 ** 32 }] },
    'half a rotation': { entries: [{ ...one, rotation: 0.5 }] },
    'no days': { entries: [{ ...one, windows: [{ days: 0, start: 0, end: 0 }] }] },
    'eight days': { entries: [{ ...one, windows: [{ days: 128, start: 0, end: 0 }] }] },
    'minute 1440': { entries: [{ ...one, windows: [{ days: 1, start: 0, end: 1440 }] }] },
    'too many windows': { entries: manyEntries(256, 11) },
    'too many bytes': { zone: 'z'.repeat(33_000) },
  }
  for (const [reason, change] of Object.entries(wrong)) {
    t.throws(() => encodePersonList({ ...EMPTY_LIST, ...change }), { code: 'PL_BAD_LIST' }, reason)
  }
})

t.test('bytes that break a rule are not decoded', async (t) => {
  const app = (byte: number) => new Uint8Array(8).fill(byte)
  const encoded = (...item: Parameters<typeof writeSequence>[0][number][]) => decodePersonList(writeSequence(item))
  t.ok(encoded([0, '', '', '', [[app(1), 1, 0, []]]]))
  t.ok(encoded([0, '', '', '', [[app(1), 1, 0, [[1, 2, 3, 'later']], 'later']], 'later']), 'further items are ignored')
  t.equal(encoded([3, '', '', '', []]), null)
  t.equal(encoded([0, '', '', '']), null)
  t.equal(encoded([0, 1, '', '', []]), null)
  t.equal(encoded([0, '', '', 1, []]), null)
  t.equal(
    encoded([
      0,
      '',
      '',
      '',
      [
        [app(2), 1, 0, []],
        [app(1), 1, 0, []],
      ],
    ]),
    null,
    'not sorted',
  )
  t.equal(
    encoded([
      0,
      '',
      '',
      '',
      [
        [app(1), 1, 0, []],
        [app(1), 1, 0, []],
      ],
    ]),
    null,
    'twice',
  )
  t.equal(encoded([0, '', '', '', [1]]), null)
  t.equal(encoded([0, '', '', '', [[app(1), 1, 0]]]), null)
  t.equal(encoded([0, '', '', '', [['app', 1, 0, []]]]), null)
  t.equal(encoded([0, '', '', '', [[app(1), 1, 0, [1]]]]), null)
  t.equal(encoded([0, '', '', '', [[app(1), 1, 0, [[1, 2]]]]]), null)
  t.equal(encoded([0, '', '', '', [[app(1), 1, 0, [[0, 2, 3]]]]]), null)
  t.equal(encoded(1), null)
  t.equal(encoded([0, '', '', '', []], 1), null, 'two items')
  t.equal(encoded(), null)
  t.equal(decodePersonList(new Uint8Array(40_000).fill(0xf6)), null)
  withHostileBytes(encodePersonList({ ...EMPTY_LIST, status: 'hi', entries: manyEntries(2, 1) }), decodePersonList)
})

t.test('[R-10-2] a sealed list tells nothing but its kibibytes, and opens only as its version', async (t) => {
  const key = new Uint8Array(32).fill(1)
  const salt = new Uint8Array(16).fill(2)
  for (const [bytes, sealedBytes] of [
    [0, 1024],
    [6, 1024],
    [992, 1024],
    [993, 2048],
    [LIST_PLAINTEXT_BYTES_MAX, 32_768],
  ] as const) {
    t.equal(sealList(crypto, key, 7, salt, new Uint8Array(bytes)).length, sealedBytes)
  }
  t.throws(() => sealList(crypto, key, 7, salt, new Uint8Array(LIST_PLAINTEXT_BYTES_MAX + 1)), /bug/)
  t.throws(() => sealList(crypto, key, 7, new Uint8Array(15), new Uint8Array(1)), /bug/)
  const plaintext = encodePersonList({ ...EMPTY_LIST, status: 'hi' })
  const sealed = sealList(crypto, key, 7, salt, plaintext)
  t.strictSame(decodePersonList(openList(crypto, key, 7, sealed) as Uint8Array), { ...EMPTY_LIST, status: 'hi' })
  t.equal(openList(crypto, key, 8, sealed), null)
  t.equal(openList(crypto, new Uint8Array(32), 7, sealed), null)
  for (let bit = 0; bit < sealed.length * 8; bit += 97)
    if (openList(crypto, key, 7, flipped(sealed, bit)) !== null) t.fail(`bit ${bit}`)
  for (let length = 0; length < sealed.length; length += 13)
    if (openList(crypto, key, 7, sealed.slice(0, length)) !== null) t.fail(`length ${length}`)
  t.equal(openList(crypto, key, 7, new Uint8Array(40_000)), null)
  const derived = deriveKey(crypto, key, 'pilotlight list', fromHex('000000000007'), salt)
  const padded = crypto.open(derived, new Uint8Array(12), new Uint8Array(0), sealed.subarray(16)) as Uint8Array
  t.equal(hex(padded), hex(plaintext).padEnd(992 * 2, 'f6'))
})

t.test('[R-10-3] [R-10-4] parts make the whole, in any order, repeated, and only of one list', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000, size: 'max' }), fc.array(fc.nat(20)), (bytes, order) => {
      const parts = splitList(bytes)
      assert.equal(parts.length, Math.max(1, Math.ceil(bytes.length / 1024)))
      const assembler = new ListAssembler()
      const sent = new Set<number>()
      let whole: Uint8Array | null = null
      for (const step of [...order, ...parts.keys()]) {
        const index = step % parts.length
        if (whole !== null) break
        assert.ok(!sent.has(assembler.nextIndex))
        whole = assembler.add(4, index, parts.length, parts[index] as Uint8Array)
        sent.add(index)
        assert.equal(whole !== null, sent.size === parts.length)
      }
      assert.deepEqual(whole, bytes)
    }),
  )
  const part = (byte: number) => new Uint8Array(3).fill(byte)
  const assembler = new ListAssembler()
  t.equal(assembler.nextIndex, 0)
  t.equal(assembler.add(1, 0, 2, part(1)), null)
  t.equal(assembler.nextIndex, 1)
  t.equal(assembler.add(2, 1, 2, part(2)), null, 'another version')
  t.equal(assembler.nextIndex, 0)
  t.strictSame(assembler.add(2, 0, 2, part(1)), fromHex('010101020202'))
  t.equal(assembler.add(2, 0, 2, part(1)), null, 'starts anew')
  t.equal(assembler.add(2, 0, 2, part(9)), null, 'sealed anew')
  t.strictSame(assembler.add(2, 1, 2, part(8)), fromHex('090909080808'))
  t.throws(() => splitList(new Uint8Array(32_769)), /bug/)
  t.equal(splitList(new Uint8Array(32_768)).length, 32)
})
