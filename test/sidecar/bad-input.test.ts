import fc from 'fast-check'
import t from 'tap'
import { PROBLEMS, type ProblemCode } from '../../src/sidecar/problem.js'
import { AUTH, fixture, JSON_AUTH, PUID, RING_ID } from './fake-main.js'

interface Answer {
  statusCode: number
  headers: Record<string, unknown>
  body: string
}

/** Checks that a refusal is a whole problem document and nothing else. */
function isProblem(answer: Answer): ProblemCode {
  const document = JSON.parse(answer.body) as Record<string, unknown>
  const code = document['code'] as ProblemCode
  const row = PROBLEMS[code]
  const whole =
    answer.headers['content-type'] === 'application/problem+json' &&
    row !== undefined &&
    Object.keys(document).sort().join() === 'code,detail,instance,status,title,type' &&
    document['status'] === answer.statusCode &&
    row.status === answer.statusCode &&
    document['title'] === row.title &&
    document['type'] === `/errors#${code}` &&
    document['instance'] === `urn:uuid:${String(answer.headers['request-id'])}` &&
    !/\bat .*:\d+|node_modules|Error:/.test(answer.body)
  if (!whole) throw new Error(`not a problem document: ${answer.statusCode} ${answer.body}`)
  return code
}

const ROUTES = ['/v1/devices', '/v1/presence/query', '/v1/rings'] as const

t.test('bodies that are not what the routes take', async (t) => {
  const { app, main } = await fixture({ rateRequests: 1e6 })
  const rows: [string, string | Buffer, string, ProblemCode][] = [
    ['empty', '', 'application/json', 'invalid-request'],
    ['cut', '{"to":', 'application/json', 'malformed-json'],
    ['not JSON', 'to=me', 'application/json', 'malformed-json'],
    ['trailing', '{} {}', 'application/json', 'malformed-json'],
    ['null', 'null', 'application/json', 'invalid-request'],
    ['list', '[]', 'application/json', 'invalid-request'],
    ['text', '"x"', 'application/json', 'invalid-request'],
    ['number', '1e999', 'application/json', 'invalid-request'],
    ['deep', '['.repeat(8000) + ']'.repeat(8000), 'application/json', 'invalid-request'],
    ['bad UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'application/json', 'malformed-json'],
    ['overlong UTF-8', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'application/json', 'malformed-json'],
    ['UTF-16', Buffer.from('{}', 'utf16le'), 'application/json', 'malformed-json'],
    ['__proto__', '{"__proto__":{"admin":true}}', 'application/json', 'malformed-json'],
    ['constructor', '{"constructor":{"prototype":{"x":1}}}', 'application/json', 'malformed-json'],
    ['hidden __proto__', '{"\\u005f_proto__":{"x":1}}', 'application/json', 'malformed-json'],
    ['toString', '{"toString":1,"valueOf":2}', 'application/json', 'invalid-request'],
    ['form', 'to=me', 'application/x-www-form-urlencoded', 'unsupported-media-type'],
    ['plain text', '{}', 'text/plain', 'unsupported-media-type'],
    ['no type', '{}', '', 'unsupported-media-type'],
    ['odd type', '{}', 'application', 'unsupported-media-type'],
    ['other JSON', '{}', 'application/problem+json', 'unsupported-media-type'],
  ]
  for (const url of ROUTES) {
    for (const [name, payload, type, code] of rows) {
      const headers = { ...AUTH, ...(type !== '' && { 'content-type': type }) }
      const answer = await app.inject({ method: 'POST', url, headers, payload })
      t.equal(isProblem(answer), code, `${url}: ${name}`)
    }
    const large = await app.inject({
      method: 'POST',
      url,
      headers: JSON_AUTH,
      payload: `{"x":"${'x'.repeat(200_000)}"}`,
    })
    t.equal(isProblem(large), 'body-too-large')
    const packed = await app.inject({
      method: 'POST',
      url,
      headers: { ...JSON_AUTH, 'content-encoding': 'gzip' },
      payload: '{}',
    })
    t.equal(isProblem(packed), 'unsupported-media-type')
  }
  t.equal(({} as { admin?: boolean }).admin, undefined)
  t.same(main.sent, [], 'nothing of it reached the hub')
})

t.test('methods and paths that are not there', async (t) => {
  const { app } = await fixture()
  const paths: [string, string][] = [
    ['/v1/devices', 'POST'],
    [`/v1/presence/${PUID}`, 'GET, HEAD'],
    ['/v1/presence/query', 'POST'],
    ['/v1/presence/stream', 'GET'],
    ['/v1/rings', 'POST'],
    [`/v1/rings/${RING_ID}`, 'DELETE, GET, HEAD'],
    ['/healthz', 'GET, HEAD'],
    ['/openapi.json', 'GET, HEAD'],
  ]
  for (const [url, allow] of paths) {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE']) {
      if (allow.split(', ').includes(method)) continue
      const answer = await app.inject({ method: method as 'GET', url, headers: { 'content-type': 'text/plain' } })
      t.equal(answer.statusCode, 405, `${method} ${url}`)
      t.equal(answer.headers['allow'], allow)
      if (method !== 'HEAD') t.equal(isProblem(answer), 'method-not-allowed')
    }
  }
  for (const url of ['/', '/v1', '/v1/', '/v2/rings', '/V1/rings', '/v1/presence', '/__proto__', '/v1/rings/a/b']) {
    for (const method of ['GET', 'POST'] as const) {
      t.equal(isProblem(await app.inject({ method, url, headers: AUTH })), 'not-found', `${method} ${url}`)
    }
  }
  t.equal(isProblem(await app.inject({ url: '/v1/presence/%E0%A4%A', headers: AUTH })), 'bad-http')
  t.equal(isProblem(await app.inject({ url: `/v1/presence/${'x'.repeat(20_000)}`, headers: AUTH })), 'not-found')
})

t.test('query strings', async (t) => {
  const { app } = await fixture()
  const bad = ['x=1', '__proto__=1', 'waitSeconds[]=1', 'waitSeconds=%FF', 'puid=1', 'waitSeconds=1&__proto__[x]=1']
  for (const query of bad) {
    const answer = await app.inject({ url: `/v1/rings/${RING_ID}?${query}`, headers: AUTH })
    t.equal(isProblem(answer), 'invalid-request', query)
  }
  const many = Array.from({ length: 401 }, () => 'puid=a').join('&')
  for (const query of ['x=1', `puid=${'x'.repeat(129)}`, many]) {
    t.equal(isProblem(await app.inject({ url: `/v1/presence/stream?${query}`, headers: AUTH })), 'invalid-request')
  }
})

t.test('arbitrary JSON never breaks a route', async (t) => {
  const { app } = await fixture({ rateRequests: 1e9, enrolPerMinute: 1e9, enrolPerMinuteTotal: 1e9 })
  const keys = fc.constantFrom(
    'to',
    'title',
    'body',
    'url',
    'payload',
    'deadlineSeconds',
    'puids',
    'code',
    'publicKey',
    'name',
    '__proto__',
    'constructor',
  )
  const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(PUID, 'https://x/', 'AAEC', 'A'.repeat(43)))
  const values = fc.oneof(texts, fc.array(texts), fc.integer(), fc.jsonValue())
  const bodies = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.oneof(keys, fc.string()), values),
    fc.dictionary(keys, values),
  )
  const runs = fc.asyncProperty(fc.constantFrom(...ROUTES), bodies, fc.boolean(), async (url, body, key) => {
    const headers = key ? JSON_AUTH : { 'content-type': 'application/json' }
    const answer = await app.inject({ method: 'POST', url, headers, payload: JSON.stringify(body) })
    if (answer.statusCode >= 500) throw new Error(`${answer.statusCode} ${answer.body}`)
    if (answer.statusCode >= 400) isProblem(answer)
  })
  await fc.assert(runs, { numRuns: 1500 })
  t.pass('1,500 bodies')
})

t.test('arbitrary bytes, paths and header fields neither', async (t) => {
  const { app } = await fixture({ rateRequests: 1e9, enrolPerMinute: 1e9, enrolPerMinuteTotal: 1e9 })
  const header = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
  const runs = fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), header, fc.webPath(), async (bytes, text, path) => {
    const post = { method: 'POST', payload: Buffer.from(bytes) } as const
    const answers = [
      await app.inject({ ...post, url: '/v1/rings', headers: { ...JSON_AUTH, 'idempotency-key': text } }),
      await app.inject({ ...post, url: '/v1/rings', headers: { ...AUTH, 'content-type': text } }),
      await app.inject({ url: `/v1/rings/${RING_ID}${path}`, headers: { authorization: text } }),
      await app.inject({ url: `/v1${path === '' ? '/' : path}`, headers: { ...AUTH, 'last-event-id': text } }),
      await app.inject({ url: `/v1/presence/${encodeURIComponent(text)}`, headers: AUTH }),
    ]
    for (const answer of answers) if (answer.statusCode !== 200) isProblem(answer)
    if (answers.some(({ statusCode }) => statusCode >= 500)) throw new Error('500')
  })
  await fc.assert(runs, { numRuns: 300 })
  t.pass('300 requests of each kind')
})
