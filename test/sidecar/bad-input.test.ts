import fc from 'fast-check'
import t from 'tap'
import { PROBLEMS, type ProblemCode } from '../../src/sidecar/problem.js'
import { fuzzing } from '../support/fuzzing.js'
import { AUTH, fixture, JSON_AUTH, PUID, RING_ID, SESSION } from './fake-main.js'
import { type Asked, good, operationsOf, type Sent } from './good-requests.js'

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

/** Options of a fixture that refuses nothing for being asked too often, and opens no stream. */
const PATIENT = {
  ...{ rateRequests: 1e9, enrolPerMinute: 1e9, enrolPerMinuteTotal: 1e9, personRequestsPerMinute: 1e9 },
  ...{ wrongKeysPerMinute: 1e9, streamsPerApp: 0 },
}

const FIELDS = ['to', 'title', 'puids', 'code', '__proto__', 'constructor', 'toString', 'x'.repeat(3000)]
const hostileText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '..',
    '../..',
    '%',
    '%00',
    '\ud800',
    '\u202e',
    'é'.normalize('NFD'),
    'x'.repeat(20_000),
  ),
  fc.constantFrom(PUID, RING_ID, 'https://x/', 'javascript:x', 'AAEC', 'A'.repeat(43), '{{7*7}}', "' OR 1=1 --"),
)
const hostileNumber = fc.constantFrom(
  '-0',
  '1e999',
  '-1',
  '1.5',
  '9007199254740993',
  `${10n ** 400n}`,
  '1e-400',
  '0x10',
  'NaN',
)
const hostileJson = fc.oneof(
  hostileText.map((text) => JSON.stringify(text)),
  hostileNumber,
  fc.json({ noUnicodeString: false }),
  fc.constantFrom(
    'null',
    '[]',
    '{}',
    'true',
    '['.repeat(500) + ']'.repeat(500),
    `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`,
  ),
)
/** What is done to the body of a good request: one field replaced, left out or added, or the text as a whole. */
const bodyEdit = fc.oneof(
  fc.record({ do: fc.constantFrom('replace' as const, 'add' as const), field: fc.nat(9), json: hostileJson }),
  fc.record({ do: fc.constant('drop' as const), field: fc.nat(9) }),
  fc.record({ do: fc.constant('cut' as const), at: fc.nat(200) }),
  fc.record({ do: fc.constant('whole' as const), json: hostileJson }),
)
type BodyEdit = typeof bodyEdit extends fc.Arbitrary<infer Edit> ? Edit : never

function edited(body: string, edit: BodyEdit): string {
  if (edit.do === 'whole') return edit.json
  if (edit.do === 'cut') return body.slice(0, edit.at % Math.max(1, body.length))
  const fields = Object.entries(body.startsWith('{') ? (JSON.parse(body) as object) : {}).map(([name, value]) => [
    JSON.stringify(name),
    JSON.stringify(value),
  ])
  const at = edit.field % Math.max(1, fields.length)
  if (edit.do === 'drop') fields.splice(at, 1)
  else if (edit.do === 'replace') fields.splice(at, 1, [fields[at]?.[0] ?? '"to"', edit.json])
  else fields.push([JSON.stringify(FIELDS[edit.field % FIELDS.length]), edit.json])
  return `{${fields.map(([name, value]) => `${name}:${value}`).join()}}`
}

const often = <Value>(usual: Value, other: fc.Arbitrary<Value>) =>
  fc.oneof({ arbitrary: fc.constant(usual), weight: 4 }, { arbitrary: other, weight: 1 })
const headerText = fc.oneof(
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) }),
  fc.constantFrom('Bearer', 'Bearer pl_', `Bearer ${SESSION}`, 'Basic Og==', 'Basic !', 'x'.repeat(5000)),
)
const headerEdits = fc.dictionary(
  fc.constantFrom('authorization', 'content-type', 'idempotency-key', 'last-event-id', 'content-encoding', 'forwarded'),
  headerText,
  { maxKeys: 2 },
)
const contentType = fc.constantFrom(
  'text/plain',
  'application/json; charset=utf-16',
  'application/x-www-form-urlencoded',
  '',
)
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']
const hostileRequest = fc.record({
  route: fc.nat(),
  method: often('', fc.constantFrom(...METHODS)),
  place: often('', hostileText),
  query: often(
    '',
    fc
      .array(
        fc.tuple(fc.constantFrom('waitSeconds', 'puid', 'limit', 'after', 'state', '__proto__', 'x[y]'), hostileText),
        { maxLength: 3 },
      )
      .map((pairs) => pairs.map(([name, value]) => `${name}=${encoded(value)}`).join('&')),
  ),
  body: fc.option(bodyEdit, { freq: 4 }),
  type: often('application/json', contentType),
  headers: headerEdits,
})
type Hostile = typeof hostileRequest extends fc.Arbitrary<infer Request> ? Request : never

/** A lone surrogate has no form in a URL. */
const encoded = (text: string) => encodeURIComponent(text.replace(/\p{Cs}/gu, '?'))

/** A good request for a route of the document, with something wrong. */
function spoiled(routes: readonly Asked[], { route, method, place, query, body, type, headers }: Hostile): Sent {
  const one = routes[route % routes.length] as Asked
  const request = good(one)
  const path = place === '' ? String(request.url) : one.path.replace(/\{\w+\}/, encoded(place))
  const payload = body === null ? request.payload : edited(String(request.payload ?? '{}'), body)
  return {
    ...request,
    method: (method || request.method) as 'GET',
    url: path + (query === '' ? '' : `?${query}`),
    headers: { ...request.headers, ...(payload !== undefined && { 'content-type': type }), ...headers },
    ...(payload !== undefined && { payload }),
  }
}

t.test('whatever is wrong with a request, it is refused as the document says', async (t) => {
  const { app, contract } = await fixture(PATIENT)
  const routes = operationsOf(contract.document)
  const seen = new Map<number, number>()
  const runs = fc.asyncProperty(hostileRequest, async (hostile) => {
    const asked = spoiled(routes, hostile)
    const answer = await app.inject(asked) // held against the document
    seen.set(answer.statusCode, (seen.get(answer.statusCode) ?? 0) + 1)
    if (answer.statusCode >= 500) throw new Error(`${answer.statusCode} ${answer.body}`)
    if (answer.statusCode < 400 || asked.method === 'HEAD') return
    if (!asked.url?.toString().startsWith('/oauth/token')) isProblem(answer)
  })
  const options = fuzzing(1500)
  await fc.assert(runs, options)
  for (const status of [200, 201, 400, 401, 404, 405, 415]) t.ok((seen.get(status) ?? 0) > 10, `${status} was met`)
  t.pass(`${options.numRuns} requests, seed ${options.seed}`)
})
