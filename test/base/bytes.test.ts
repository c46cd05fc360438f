import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { base32, base64url, fromBase64url } from '../../src/base/base64.js'
import {
  concat,
  equalBytes,
  fromHex,
  hex,
  readU16,
  readU32,
  readU48,
  writeU16,
  writeU32,
  writeU48,
} from '../../src/base/bytes.js'
import { PilotlightError } from '../../src/base/errors.js'
import { ascii, isUtf8, utf8Bytes, utf8Length, utf8Text, wellFormed } from '../../src/base/text.js'

const bytes = fc.uint8Array({ maxLength: 100 })

t.test('concat, hex and equalBytes agree with Buffer', async (t) => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      assert.deepEqual(concat(a, b), new Uint8Array(Buffer.concat([a, b])))
      assert.equal(hex(a), Buffer.from(a).toString('hex'))
      assert.deepEqual(fromHex(hex(a).toUpperCase()), a)
      assert.equal(equalBytes(a, b), Buffer.compare(a, b) === 0)
      assert.ok(equalBytes(a, a.slice()))
    }),
  )
  t.strictSame(concat(), new Uint8Array(0))
  for (const text of ['0', 'zz', '0x', ' 00']) {
    t.throws(() => fromHex(text), { name: 'PilotlightError', code: 'PL_BAD_HEX' })
  }
})

t.test('big-endian numbers agree with Buffer at every offset', async () => {
  fc.assert(
    fc.property(
      fc.nat(10),
      fc.nat(2 ** 16 - 1),
      fc.nat({ max: 2 ** 32 - 1 }),
      fc.maxSafeNat(),
      (offset, u16, u32, big) => {
        const u48 = big % 2 ** 48
        const ours = new Uint8Array(30).fill(7)
        const theirs = Buffer.alloc(30, 7)
        writeU16(ours, offset, u16)
        theirs.writeUInt16BE(u16, offset)
        writeU32(ours, offset + 2, u32)
        theirs.writeUInt32BE(u32, offset + 2)
        writeU48(ours, offset + 6, u48)
        theirs.writeUIntBE(u48, offset + 6, 6)
        assert.deepEqual(ours, new Uint8Array(theirs))
        assert.equal(readU16(ours, offset), u16)
        assert.equal(readU32(ours, offset + 2), u32)
        assert.equal(readU48(ours, offset + 6), u48)
      },
    ),
  )
})

t.test('base64url agrees with Buffer and takes no second spelling', async (t) => {
  fc.assert(
    fc.property(bytes, (a) => {
      const text = base64url(a)
      assert.equal(text, Buffer.from(a).toString('base64url'))
      assert.deepEqual(fromBase64url(text), a)
    }),
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      const back = fromBase64url(text)
      if (back !== null) assert.equal(base64url(back), text)
    }),
  )
  for (const text of ['A', 'AB', 'AAB', 'AA==', 'A+', 'A/', 'AA\n', 'AAAAA', 'ä', '\u{1f600}', 'AA A'])
    t.equal(fromBase64url(text), null, text)
})

t.test('base32 gives the vectors of RFC 4648 §10 without padding', async (t) => {
  const vectors = { f: 'MY', fo: 'MZXQ', foo: 'MZXW6', foob: 'MZXW6YQ', fooba: 'MZXW6YTB', foobar: 'MZXW6YTBOI' }
  t.equal(base32(new Uint8Array(0)), '')
  for (const [text, expected] of Object.entries(vectors)) t.equal(base32(ascii(text)), expected)
  fc.assert(
    fc.property(bytes, (a) => {
      let bits = ''
      for (const byte of a) bits += byte.toString(2).padStart(8, '0')
      const groups = bits.match(/.{1,5}/g) ?? []
      const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
      assert.equal(base32(a), groups.map((group) => alphabet[Number.parseInt(group.padEnd(5, '0'), 2)]).join(''))
    }),
  )
})

t.test('UTF-8 agrees with TextEncoder and the fatal TextDecoder', async () => {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
    fc.array(fc.integer({ min: 0xd7f0, max: 0xe00f }), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
  )
  fc.assert(
    fc.property(anyText, (text) => {
      const encoded = new TextEncoder().encode(text)
      assert.deepEqual(utf8Bytes(text), encoded)
      assert.equal(utf8Length(text), encoded.length)
      assert.equal(utf8Text(encoded), wellFormed(text))
      assert.equal(wellFormed(text), decoder.decode(encoded))
    }),
  )
  const nearText = fc.oneof(
    bytes,
    fc
      .array(
        fc.constantFrom(
          0x41,
          0x7f,
          0x80,
          0x8f,
          0x90,
          0x9f,
          0xa0,
          0xbf,
          0xc0,
          0xc1,
          0xc2,
          0xdf,
          0xe0,
          0xed,
          0xef,
          0xf0,
          0xf4,
          0xf5,
          0xff,
        ),
        {
          maxLength: 6,
        },
      )
      .map((list) => Uint8Array.from(list)),
  )
  fc.assert(
    fc.property(nearText, (a) => {
      let expected: string | null = null
      try {
        expected = decoder.decode(a)
      } catch {}
      assert.equal(utf8Text(a), expected)
      assert.equal(isUtf8(a), expected !== null)
    }),
    { numRuns: 3000 },
  )
})

t.test('UTF-8 at the edges of RFC 3629', async (t) => {
  const refused = [
    '80',
    'c080',
    'c1bf',
    'e08080',
    'e09fbf',
    'eda080',
    'edbfbf',
    'f0808080',
    'f08fbfbf',
    'f4908080',
    'f5808080',
    'c2',
    'e282',
    'f09f98',
    'ff',
    'c241',
    'e28241',
  ]
  for (const text of refused) t.equal(utf8Text(fromHex(text)), null, text)
  const taken = {
    '7f': 0x7f,
    c280: 0x80,
    dfbf: 0x7ff,
    e0a080: 0x800,
    ed9fbf: 0xd7ff,
    ee8080: 0xe000,
    efbfbf: 0xffff,
    f0908080: 0x10000,
    f48fbfbf: 0x10ffff,
  }
  for (const [text, code] of Object.entries(taken)) t.equal(utf8Text(fromHex(text)), String.fromCodePoint(code), text)
  t.equal(utf8Text(fromHex('efbbbf41')), '\ufeffA', 'a byte order mark is kept')
  t.ok(isUtf8(fromHex('ff41ff'), 1, 2), 'a part alone')
  t.notOk(isUtf8(fromHex('e28282'), 0, 2), 'not beyond the end given')
  const long = 'aé€\u{1f600}'.repeat(3000)
  t.equal(utf8Text(utf8Bytes(long)), long)
})

t.test('ascii refuses anything else', async (t) => {
  t.strictSame(ascii('Az~'), fromHex('417a7e'))
  t.throws(() => ascii('é'), /bug: not ASCII/)
})

t.test('a PilotlightError has code, place and hint', async (t) => {
  const error = new PilotlightError('PL_BAD_OPTION', 'keepaliveS')
  t.match(error.message, /an option has a wrong value: keepaliveS \(options\)\. See/)
  t.equal(error.code, 'PL_BAD_OPTION')
  t.ok(error instanceof Error)
  t.match(new PilotlightError('PL_BAD_HEX').message, /^not hexadecimal \(fromHex\)\. Give/)
})
