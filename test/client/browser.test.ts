/** What a browser is given: small enough, without eval, and the same bytes as everywhere. The panel itself is in test/pages. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Encoder as CborX } from 'cbor-x/encode'
import fc from 'fast-check'
import t from 'tap'
import { Encoder } from '../../src/client/browser/cbor.js'
import { type CborItem, readSequence } from '../../src/frame/cbor.js'
import { actionUrl } from '../../src/panel/action-url.js'
import { ROOT } from '../support/root.js'

const CLIENT_BYTES_MAX = 60_000
const PANEL_BYTES_MAX = 8_000

const bundle = (name: string) => readFileSync(join(ROOT, 'dist/assets', name))

t.test('the bundles are small, and a strict policy refuses nothing in them', async (t) => {
  const sizes = { 'device.js': CLIENT_BYTES_MAX, 'panel.js': PANEL_BYTES_MAX, 'timer-worker.js': 500 }
  for (const [name, most] of Object.entries(sizes)) {
    const bytes = gzipSync(bundle(name), { level: 9 }).length
    t.ok(bytes <= most, `${name}: ${bytes} bytes with gzip, of ${most}`)
    t.notMatch(
      bundle(name).toString(),
      /\beval\(|\bFunction\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write/,
      name,
    )
    t.notMatch(bundle(name).toString(), /\bnode:|\brequire\(|\bprocess\.|\bBuffer\./, name)
  }
})

/** What the wire has: integers below 2^53, bytes, text, arrays. Text as the writer of frames leaves it. */
const item: fc.Arbitrary<CborItem> = fc.letrec<{ item: CborItem }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 4 },
    fc.maxSafeInteger(),
    fc.integer(),
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: 'binary', maxLength: 300 }).map((text) => text.replace(/^\ufeff+/, '')),
    fc.array(tie('item'), { maxLength: 30 }),
  ),
})).item

const U32_MAX = 0xffff_ffff
/** As `frame/cbor.ts` hands numbers to cbor-x. */
function big(value: CborItem): unknown {
  if (typeof value === 'number') return value > U32_MAX || value < -U32_MAX - 1 ? BigInt(value) : value
  return Array.isArray(value) ? value.map(big) : value
}

t.test('CBOR of the bundle is byte for byte that of cbor-x, and reads the same', async (t) => {
  const options = { useRecords: false, mapsAsObjects: false, variableMapSize: true, tagUint8Array: false }
  const [theirs, ours] = [new CborX(options), new Encoder()]
  const limits = { frames: 10_000, items: 100_000, depth: 10 }
  let items = 0
  fc.assert(
    fc.property(item, (value) => {
      const bytes = ours.encode(value)
      items++
      t.ok(Buffer.from(bytes).equals(theirs.encode(big(value))) || null, 'same bytes')
      const read: unknown[] = []
      ours.decodeMultiple(bytes, (one) => read.push(one))
      t.strictSame(read, readSequence(bytes, limits))
      t.strictSame(read, [value])
    }),
    { numRuns: 300, seed: 7 },
  )
  t.equal(items, 300)
})

t.test('a ring leads to web addresses alone', async (t) => {
  for (const url of ['https://chat.example/room?a=1#b', 'http://127.0.0.1:8080/']) t.equal(actionUrl(url)?.href, url)
  const bad = [
    '',
    'chat',
    '/panel',
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'blob:https://a/b',
    'file:///etc',
  ]
  for (const url of bad) t.equal(actionUrl(url), null, url)
})
