import fc from 'fast-check'
import t from 'tap'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { EndedRings } from '../../src/ring/ended-rings.js'
import { notifyId } from '../../src/ring/notify-id.js'
import { requestHash } from '../../src/ring/request-hash.js'
import type { NewRing, RingRecord } from '../../src/ring/ring.js'
import { checkRing } from '../../src/ring/ring-check.js'
import { readRingRow, writeRingRow } from '../../src/ring/ring-row.js'
import { isTerminal } from '../../src/ring/ring-state.js'
import { ringRecord } from '../support/ring-records.js'

t.test('a row gives back the ring; what was shown is left out once it has ended', (t) => {
  const nothing = { title: '', body: '', url: '', payload: new Uint8Array(0) }
  fc.assert(
    fc.property(ringRecord, (ring) => {
      const read = readRingRow(writeRingRow(ring))
      const expected = isTerminal(ring.state) ? { ...ring, content: nothing } : ring
      t.same(read, expected)
    }),
    { numRuns: 60, seed: 1 },
  )
  t.end()
})

t.test('a row that is cut, longer or of another release is not read', (t) => {
  const [ring] = fc.sample(ringRecord, { numRuns: 1, seed: 4 }) as [RingRecord]
  const row = writeRingRow(ring)
  for (let length = 0; length < row.length; length++) {
    if (readRingRow(row.subarray(0, length)) !== null) t.fail(`cut to ${length}`)
  }
  t.equal(readRingRow(Uint8Array.of(...row, 0)), null)
  for (const version of [2, 4]) t.equal(readRingRow(Uint8Array.of(version, ...row.subarray(1))), null)
  t.end()
})

const request: NewRing = {
  to: ['p_1'],
  title: 'Ada calls',
  body: '',
  url: '',
  payload: '',
  deadlineInMs: 30_000,
  strategy: 'all',
  stepMs: 0,
  collapseKey: '',
  idempotencyKey: '',
}
const codeOf = (rest: Partial<NewRing>) => {
  const checked = checkRing({ ...request, ...rest })
  return 'code' in checked ? checked.code : ''
}

t.test('what may be asked for', (t) => {
  const invalid: Partial<NewRing>[] = [
    { to: [] },
    { to: Array.from({ length: 65 }, (_, i) => `p_${i}`) },
    { to: ['p_1', 'p_1'] },
    { deadlineInMs: 4_999 },
    { deadlineInMs: 600_001 },
    { deadlineInMs: 5_000.5 },
    { deadlineInMs: Number.NaN },
    { payload: '+' },
    { payload: 'A' },
    { idempotencyKey: 'x'.repeat(256) },
    { collapseKey: 'x'.repeat(65) },
    { stepMs: 5_000 },
    { strategy: 'sequence' },
    { strategy: 'sequence', stepMs: 4_999 },
    { strategy: 'sequence', stepMs: 600_001 },
    { strategy: 'sequence', stepMs: 5_000.5 },
    { strategy: 'none' as 'all' },
  ]
  for (const rest of invalid) t.equal(codeOf(rest), 'ring-invalid', JSON.stringify(rest).slice(0, 60))
  for (const ms of [5_000, 600_000]) {
    t.equal(codeOf({ deadlineInMs: ms }), '')
    t.equal(codeOf({ strategy: 'sequence', stepMs: ms }), '')
  }
  t.equal(codeOf({ collapseKey: 'x'.repeat(64) }), '')
  t.equal(codeOf({ to: Array.from({ length: 64 }, (_, i) => `p_${i}`), idempotencyKey: 'x'.repeat(255) }), '')
  t.end()
})

t.test('addresses: https, or http on the own machine', (t) => {
  for (const url of [
    'https://chat.example',
    'https://chat.example/call/7?x=1#y',
    'https://chat.example:8443/',
    'HTTPS://[2001:db8::1]/',
    'http://localhost:3000/x',
    'http://127.0.0.1/',
    'http://[::1]:80?x',
  ]) {
    t.equal(codeOf({ url }), '', url)
  }
  for (const url of [
    'http://chat.example/',
    'http://localhost.evil.example/',
    'http://127.0.0.1.evil.example/',
    'http://localhost@evil.example/',
    'https://user@chat.example/',
    'https://',
    'https:///x',
    'https://chat.example/a b',
    'https://chat.example/\n',
    'https://chat.example\\@evil/',
    ' https://chat.example/',
    'javascript:alert(1)',
    'ftp://chat.example/',
    '//chat.example/',
    'x',
  ]) {
    t.equal(codeOf({ url }), 'ring-invalid', url)
  }
  t.end()
})

t.test('1,100 bytes encoded, heads of the four strings included', (t) => {
  const payload = (length: number) => Buffer.alloc(length).toString('base64url')
  // title 9 + 1, body 0 + 1, url 0 + 1, payload n + 3
  t.equal(codeOf({ payload: payload(1_085) }), '')
  t.equal(codeOf({ payload: payload(1_086) }), 'ring-too-large')
  t.equal(codeOf({ title: 'é'.repeat(547) }), '', 'bytes, not characters')
  t.equal(codeOf({ title: 'é'.repeat(547), body: 'x' }), 'ring-too-large')
  t.end()
})

t.test('the hash of a request tells apart what runs together, and forgets the key', (t) => {
  const hash = (rest: Partial<NewRing>) =>
    Buffer.from(requestHash(nobleCrypto, { ...request, ...rest })).toString('hex')
  t.equal(hash({}).length, 32)
  t.equal(hash({ idempotencyKey: 'a' }), hash({ idempotencyKey: 'b' }))
  const all: Partial<NewRing>[] = [
    {},
    { title: 'Ada call', body: 's' },
    { title: 'a\0\0\0\0b', body: 'c' },
    { title: 'a', body: 'b\0\0\0\0c' },
    { deadlineInMs: 3_000 },
    { to: ['p_1', 'p_2'] },
    { to: ['p_', '1'] },
    { url: 'x' },
    { collapseKey: 'x' },
    { strategy: 'sequence' },
    { strategy: 'sequence', stepMs: 5_000 },
  ]
  t.equal(new Set(all.map(hash)).size, all.length)
  t.end()
})

t.test('notify ids: in range, different by device and try, the same each time, evenly spread', (t) => {
  const seed = new Uint8Array(16).fill(3)
  const ids = Array.from({ length: 2_000 }, (_, device) => notifyId(nobleCrypto, seed, device * 65_537, 0))
  t.ok(ids.every((id) => id >= 256 && id <= 65_535))
  t.ok(new Set(ids).size > 1_900)
  t.equal(notifyId(nobleCrypto, seed, 5, 1), notifyId(nobleCrypto, seed, 5, 1))
  t.not(notifyId(nobleCrypto, seed, 5, 1), notifyId(nobleCrypto, seed, 5, 0))
  const low = ids.filter((id) => id < 256 + 32_640).length
  t.ok(low > 850 && low < 1_150, `${low} of 2000 in the lower half`)
  t.end()
})

t.test('ended rings: bounded in number and time, keys go with them', (t) => {
  const dropped: number[] = []
  const ended = new EndedRings(2, (id) => dropped.push(id[0] as number))
  const add = (n: number, untilMs: number) => {
    ended.setKey(`1/k${n}`, `ring ${n}`)
    ended.add(`ring ${n}`, { row: Uint8Array.of(n), app: 1, id: Uint8Array.of(n), idempotency: `1/k${n}`, untilMs })
  }
  add(1, 100)
  add(2, 50)
  add(3, 300)
  t.same(dropped, [1])
  t.equal(ended.byKey('1/k1'), null)
  t.equal(ended.byKey('1/k2'), 'ring 2')
  ended.expire(50)
  t.same(dropped, [1, 2])
  t.same(ended.get('ring 3', 299), Uint8Array.of(3))
  t.equal(ended.get('ring 3', 300), null, 'past its time, before it is swept')
  ended.setKey('1/k3', 'ring 4')
  ended.expire(300)
  t.equal(ended.byKey('1/k3'), 'ring 4', 'a key that was used again stays')
  t.equal(ended.get('ring 2', 0), null)
  ended.setKey('', 'ring 9')
  t.equal(ended.byKey(''), null)
  t.end()
})
