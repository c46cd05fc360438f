import { createHash } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { BucketTable, TokenBucket } from '../../src/base/token-bucket.js'
import { isLoopback, limitKey } from '../../src/sidecar/address.js'
import { ApiKeys } from '../../src/sidecar/api-keys.js'
import { samplesText } from '../../src/sidecar/metrics.js'
import { problemOf } from '../../src/sidecar/problem.js'
import { APPS } from './fake-main.js'

t.test('addresses', async (t) => {
  const rows: [string | undefined, string, boolean][] = [
    ['127.0.0.1', '127.0.0.1', true],
    ['127.9.9.9', '127.9.9.9', true],
    ['::ffff:127.0.0.1', '127.0.0.1', true],
    ['::1', '0:0:0:0::/64', true],
    ['192.0.2.7', '192.0.2.7', false],
    ['::FFFF:192.0.2.7', '192.0.2.7', false],
    ['2001:db8::1', '2001:db8:0:0::/64', false],
    ['2001:0DB8:0:0:1::1', '2001:db8:0:0::/64', false],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64', false],
    ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64', false],
    ['fe80::1%eth0', 'fe80:0:0:0::/64', false],
    ['128.0.0.1', '128.0.0.1', false],
    ['127.0.0.1.example', '?', false],
    ['', '?', false],
    [undefined, '?', false],
  ]
  for (const [address, key, loopback] of rows) {
    t.equal(limitKey(address), key, String(address))
    t.equal(isLoopback(address), loopback, String(address))
  }
})

t.test('a bucket never lets more through than it should', async (t) => {
  const runs = fc.property(
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 100, max: 10_000 }),
    fc.array(fc.integer({ min: 0, max: 3000 }), { maxLength: 200 }),
    (capacity, windowMs, steps) => {
      const bucket = new TokenBucket(capacity, windowMs, 0)
      let nowMs = 0
      let through = 0
      for (const step of steps) {
        nowMs += step
        const grant = bucket.take(nowMs)
        if (grant.ok) through++
        else {
          nowMs += grant.retryAfterS * 1000
          if (grant.retryAfterS < 1 || !bucket.take(nowMs).ok) return false
          through++
        }
        if (grant.remaining < 0 || grant.remaining > capacity) return false
        if (through > capacity + (nowMs * capacity) / windowMs + 1e-6) return false
      }
      return true
    },
  )
  fc.assert(runs)
  const bucket = new TokenBucket(2, 10_000, 0)
  t.same(bucket.take(0), { ok: true, remaining: 1, retryAfterS: 0, fullInS: 5 })
  t.same(bucket.take(0), { ok: true, remaining: 0, retryAfterS: 0, fullInS: 10 })
  t.same(bucket.take(1000), { ok: false, remaining: 0, retryAfterS: 4, fullInS: 9 })
  t.match(bucket.take(5000), { ok: true })
})

t.test('a table of buckets is bounded', async (t) => {
  const table = new BucketTable<string>(1, 60_000, 2)
  t.equal(table.take('a', 0).ok, true)
  t.equal(table.take('b', 0).ok, true)
  t.equal(table.take('a', 0).ok, false)
  t.equal(table.take('c', 0).ok, true, 'makes room by dropping b, the longest unused')
  t.equal(table.take('a', 0).ok, false)
  t.equal(table.take('b', 0).ok, true)
})

t.test('API keys whose stored hash is damaged never match', async (t) => {
  const keys = new ApiKeys()
  const short = new Uint8Array(createHash('sha256').update('pl_abc').digest()).slice(0, 31)
  keys.replace([{ ...APPS[0]!, keys: [short, new Uint8Array(0)].map((hash) => ({ hash, mode: 'live', scopes: [] })) }])
  t.equal(keys.find('Bearer pl_abc'), null)
  t.equal(keys.find('Bearer '), null)
})

t.test('errors of other kinds', async (t) => {
  t.equal(problemOf(undefined).code, 'internal')
  t.equal(problemOf('text').code, 'internal')
  t.equal(problemOf(new Error('x')).code, 'internal')
  t.equal(problemOf(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })).code, 'bad-http')
  t.equal(problemOf(Object.assign(new Error('x'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE' })).code, 'body-too-large')
})

t.test('histograms of other threads stand beside their other samples', async (t) => {
  const wait = { name: 'wait_seconds', help: 'waits', type: 'histogram', bounds: [0.01, 1] } as const
  const text = await samplesText([
    { ...wait, labels: {}, counts: [7, 2, 1], sum: 4.5 },
    { name: 'x', help: 'h', type: 'gauge', labels: {}, value: 1 },
    { ...wait, labels: { worker: '1' }, counts: [0, 0, 1], sum: 2 },
  ])
  const [x, waits] = text.split('\n\n')
  t.match(x, /^x 1$/m)
  t.same(waits?.split('\n'), [
    '# HELP wait_seconds waits',
    '# TYPE wait_seconds histogram',
    'wait_seconds_bucket{le="0.01"} 7',
    'wait_seconds_bucket{le="1"} 9',
    'wait_seconds_bucket{le="+Inf"} 10',
    'wait_seconds_sum 4.5',
    'wait_seconds_count 10',
    'wait_seconds_bucket{worker="1",le="0.01"} 0',
    'wait_seconds_bucket{worker="1",le="1"} 0',
    'wait_seconds_bucket{worker="1",le="+Inf"} 1',
    'wait_seconds_sum{worker="1"} 2',
    'wait_seconds_count{worker="1"} 1',
    '',
  ])
})

t.test('labels of samples are escaped', async (t) => {
  const text = await samplesText([{ name: 'x', help: 'h', type: 'gauge', labels: { l: 'a"b\\c\nd' }, value: 1 }])
  t.match(text, 'x{l="a\\"b\\\\c\\nd"} 1')
})
