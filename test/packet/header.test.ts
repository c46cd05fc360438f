import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { concat, fromHex, hex } from '../../src/base/bytes.js'
import { type Direction, Flag } from '../../src/packet/constants.js'
import {
  CID_OFFSET,
  datagramKind,
  emptyHeader,
  HEADER_BYTES_MAX,
  parseHeader,
  writeHeader,
} from '../../src/packet/header.js'
import { flipped, withHostileBytes } from '../support/hostile-bytes.js'

const CID = fromHex('0102030405')
const BOOT = fromHex('111111112222222222222222')
const TAG = new Uint8Array(16).fill(0xee)

const fields = fc.record({
  direction: fc.constantFrom<Direction>('d2s', 's2d'),
  boot: fc.option(fc.uint8Array({ minLength: 12, maxLength: 12 })),
  long: fc.boolean(),
  ask: fc.boolean(),
  number: fc.maxSafeNat().map((n) => n % 2 ** 48),
  grease: fc.nat(255),
  frames: fc.uint8Array({ maxLength: 30 }),
})

t.test('what is written is parsed', async () => {
  fc.assert(
    fc.property(fields, ({ direction, boot, long, ask, number, grease, frames }) => {
      const asks = ask && direction === 'd2s'
      const header = writeHeader({ cid: direction === 'd2s' ? CID : null, boot, long, ask: asks, number, grease })
      const out = emptyHeader()
      assert.equal(parseHeader(concat(header, frames, TAG), direction, out), null)
      assert.equal(out.headerBytes, header.length)
      assert.ok(header.length <= HEADER_BYTES_MAX)
      assert.equal(out.ask, asks)
      assert.equal(out.numberBytes, long ? 4 : 1)
      assert.equal(out.numberLow, number % (long ? 2 ** 32 : 256))
      assert.equal(out.bootOffset, boot === null ? -1 : direction === 'd2s' ? 6 : 1)
      if (boot !== null) assert.deepEqual(header.slice(out.bootOffset, out.bootOffset + 12), boot)
      if (direction === 'd2s') assert.deepEqual(header.slice(CID_OFFSET, CID_OFFSET + 5), CID)
      assert.equal((header[0] as number) & Flag.grease, grease & Flag.grease)
      assert.equal(datagramKind(concat(header, frames, TAG), direction), 'channel')
    }),
  )
})

t.test('[R-5.1-3] the common ping is 24 B, the common pong 19 B', async (t) => {
  const ping = writeHeader({ cid: CID, boot: null, long: false, ask: true, number: 0x1234, grease: 0xff })
  t.equal(hex(ping), '9b010203040534')
  t.equal(ping.length + 1 + 16, 24)
  const pong = writeHeader({ cid: null, boot: null, long: false, ask: false, number: 0x1234, grease: 0 })
  t.equal(hex(pong), '8034')
  t.equal(pong.length + 1 + 16, 19)
  const full = writeHeader({ cid: CID, boot: BOOT, long: true, ask: true, number: 0x123456789abc, grease: 1 })
  t.equal(hex(full), `e9${hex(CID)}${hex(BOOT)}56789abc`)
})

t.test('[R-5.1-1] [R-5.1-2] reserved bits are dropped, grease is not', async (t) => {
  const out = emptyHeader()
  for (const direction of ['d2s', 's2d'] as const) {
    const good = concat(
      writeHeader({ cid: direction === 'd2s' ? CID : null, boot: null, long: false, ask: false, number: 0, grease: 0 }),
      TAG,
    )
    t.equal(parseHeader(good, direction, out), null)
    const verdicts = [null, null, null, direction === 'd2s' ? null : 'reserved-bit', null, 'length', 'length', 'kind']
    verdicts.forEach((verdict, bit) => {
      const bytes = good.slice()
      bytes[0] = (bytes[0] as number) ^ (1 << bit)
      t.equal(parseHeader(bytes, direction, out), verdict, `${direction} bit ${bit}`)
    })
    for (const other of [Flag.ask, Flag.boot]) {
      const bytes = concat(good, new Uint8Array(12))
      bytes[0] = (bytes[0] as number) | Flag.probe | other
      t.equal(parseHeader(bytes, direction, out), 'reserved-bit', `${direction} PROBE and ${other}`)
    }
  }
})

t.test('[R-3-2] lengths at both ends', async (t) => {
  const out = emptyHeader()
  for (const [direction, least] of [
    ['d2s', 23],
    ['s2d', 18],
  ] as const) {
    const bytes = new Uint8Array(1201).fill(0x80, 0, 1)
    t.equal(parseHeader(bytes.subarray(0, least), direction, out), null)
    t.equal(parseHeader(bytes.subarray(0, least - 1), direction, out), 'length')
    t.equal(parseHeader(bytes.subarray(0, 1200), direction, out), null)
    t.equal(parseHeader(bytes, direction, out), 'length')
    t.equal(datagramKind(bytes.subarray(0, least), direction), 'channel')
    t.equal(datagramKind(bytes.subarray(0, least - 1), direction), 'length')
    t.equal(datagramKind(bytes, direction), 'length')
  }
  const full = writeHeader({ cid: CID, boot: BOOT, long: true, ask: true, number: 1, grease: 0 })
  t.equal(parseHeader(concat(full, TAG), 'd2s', out), null)
  t.equal(parseHeader(concat(full, TAG.subarray(1)), 'd2s', out), 'length')
})

t.test('[R-3-1] kinds by first byte, length and direction', async (t) => {
  const rows = [
    [1, 'd2s', 120, 'message-1'],
    [2, 'd2s', 136, 'message-1-cookie'],
    [3, 's2d', 67, 'message-2'],
    [4, 's2d', 45, 'cookie'],
    [5, 's2d', 13, 'reset'],
  ] as const
  for (const [first, direction, length, kind] of rows) {
    const bytes = new Uint8Array(200)
    bytes[0] = first
    t.equal(datagramKind(bytes.subarray(0, length), direction), kind)
    t.equal(datagramKind(bytes.subarray(0, length - 1), direction), 'length')
    t.equal(datagramKind(bytes.subarray(0, length + 1), direction), 'length')
    t.equal(datagramKind(bytes.subarray(0, length), direction === 'd2s' ? 's2d' : 'd2s'), 'kind')
  }
  t.equal(datagramKind(new Uint8Array(0), 'd2s'), 'length')
  for (const first of [0, 6, 0x7f]) t.equal(datagramKind(new Uint8Array(120).fill(first), 'd2s'), 'kind')
})

t.test('hostile bytes return a reason or a header inside the datagram', async () => {
  const out = emptyHeader()
  const good = concat(writeHeader({ cid: CID, boot: BOOT, long: true, ask: true, number: 1, grease: 0 }), TAG)
  for (const direction of ['d2s', 's2d'] as const) {
    withHostileBytes(good, (bytes) => {
      datagramKind(bytes, direction)
      if (parseHeader(bytes, direction, out) === null) assert.ok(out.headerBytes + 16 <= bytes.length)
    })
  }
  assert.notDeepEqual(flipped(good, 0), good)
})
