import assert from 'node:assert/strict'
import fc from 'fast-check'
import sodium from 'libsodium-wrappers'
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { CidCodec, type CidParts } from '../../src/packet/connection-id.js'

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i)
const codec = new CidCodec(KEY)
const parts = fc.record({ node: fc.nat(63), slot: fc.nat(2 ** 24 - 1), rotation: fc.nat(1023) })

await sodium.ready

/** wire-spec §13 word for word, over BigInt and libsodium's SipHash. */
function naiveId({ node, slot, rotation }: CidParts): string {
  const value = (BigInt(node) << 34n) | (BigInt(slot) << 10n) | BigInt(rotation)
  let [left, right] = [value >> 20n, value & 0xfffffn]
  for (let i = 0; i < 6; i++) {
    const message = Buffer.alloc(4)
    message.writeUInt32LE(i * 2 ** 20 + Number(right))
    const word = BigInt(Buffer.from(sodium.crypto_shorthash(message, KEY.subarray(0, 16))).readUInt32LE())
    ;[left, right] = [right, left ^ (word & 0xfffffn)]
  }
  return ((left << 20n) | right).toString(16).padStart(10, '0')
}

t.test('an ID is that of the spec, and parses back', async () => {
  const out = { node: 0, slot: 0, rotation: 0 }
  fc.assert(
    fc.property(parts, (given) => {
      const bytes = new Uint8Array(9)
      codec.write(bytes, 2, given.node, given.slot, given.rotation)
      assert.equal(hex(bytes), `0000${naiveId(given)}0000`)
      codec.parse(bytes, 2, out)
      assert.deepEqual(out, { ...given })
    }),
    { numRuns: 3000 },
  )
})

t.test('any 5 bytes are the ID of something, and of nothing else', async () => {
  const out = { node: 0, slot: 0, rotation: 0 }
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 5, maxLength: 5 }), (bytes) => {
      codec.parse(bytes, 0, out)
      assert.ok(out.node < 64 && out.slot < 2 ** 24 && out.rotation < 1024)
      const again = new Uint8Array(5)
      codec.write(again, 0, out.node, out.slot, out.rotation)
      assert.deepEqual(again, bytes)
    }),
    { numRuns: 3000 },
  )
})

t.test('rotation counts modulo 1024, and neighbours share nothing', async (t) => {
  const id = (slot: number, rotation: number): string => {
    const bytes = new Uint8Array(5)
    codec.write(bytes, 0, 0, slot, rotation)
    return hex(bytes)
  }
  t.equal(id(5, 1024), id(5, 0))
  const ids = new Set<string>()
  for (let rotation = 0; rotation < 1024; rotation++) ids.add(id(5, rotation).slice(0, 5))
  t.ok(ids.size > 1000, 'no common half for the IDs of one slot')
  t.throws(() => codec.write(new Uint8Array(5), 0, 64, 0, 0), /bug/)
  t.throws(() => codec.write(new Uint8Array(5), 0, 0, 2 ** 24, 0), /bug/)
})

t.test('another key, another permutation', async (t) => {
  const ids = new Set<string>()
  for (let k = 0; k < 6; k++) {
    const bytes = new Uint8Array(5)
    new CidCodec(new Uint8Array(32).fill(k)).write(bytes, 0, 1, 2, 3)
    ids.add(hex(bytes))
  }
  t.equal(ids.size, 6)
  t.throws(() => new CidCodec(new Uint8Array(31)), /bug/)
})
