import t from 'tap'
import {
  API_KEY,
  AUTH,
  CODE,
  fixture,
  JSON_AUTH,
  OLD_KEY,
  OTHER_KEY,
  PUID,
  PUID_2,
  RING_ID,
  ringView,
  view,
} from './fake-main.js'

const PUBLIC_KEY = Buffer.alloc(32, 5).toString('base64url')
const DEVICE = { code: CODE, publicKey: PUBLIC_KEY, name: 'Phone 📱' }

t.test('presence of one person', async (t) => {
  const { app, main } = await fixture()
  const known = await app.inject({ url: `/v1/presence/${PUID}`, headers: AUTH })
  t.equal(known.statusCode, 200)
  t.match(known.headers['content-type'], /^application\/json/)
  t.same(known.json(), {
    puid: PUID,
    state: 'online',
    message: 'at the café',
    since: '2026-11-21T12:00:00.250Z',
    version: 7_583_719_020_134_401,
    cause: 'device',
    asOf: '2026-11-21T12:00:00.255Z',
  })
  t.same(main.asked, [{ kind: 'presence', app: 7, puids: [PUID] }])

  const answers = []
  for (const puid of ['notOurs', 'x'.repeat(129), 'a%20b', '%C3%A9', '..', '%00', 'x'.repeat(9000)]) {
    const answer = await app.inject({ url: `/v1/presence/${puid}`, headers: AUTH })
    const { instance, ...document } = answer.json()
    t.match(instance, /^urn:uuid:[0-9a-f-]{36}$/)
    answers.push({ status: answer.statusCode, ...document })
  }
  const [first, ...others] = answers
  t.match(first, { status: 404, code: 'unknown-puid', type: '/errors#unknown-puid' })
  for (const other of others.filter(({ code }) => code !== 'not-found')) t.same(other, first, 'all alike')
})

t.test('presence of many, in the order of the request', async (t) => {
  const { app, main } = await fixture()
  const puids = [PUID_2, 'notOurs', PUID, 'not a puid', PUID_2]
  const answer = await app.inject({ method: 'POST', url: '/v1/presence/query', headers: JSON_AUTH, payload: { puids } })
  t.equal(answer.statusCode, 200)
  const { persons } = answer.json()
  t.same(
    persons.map((person: { puid: string }) => person.puid),
    puids,
  )
  t.match(persons[0], { state: 'online', version: 7_583_719_020_134_401 })
  const error = { code: 'unknown-puid', title: 'Not a PUID of this application' }
  t.same(persons[1], { puid: 'notOurs', error })
  t.same(persons[3], { puid: 'not a puid', error })
  t.same(
    main.asked,
    [{ kind: 'presence', app: 7, puids: [PUID_2, 'notOurs', PUID] }],
    'each once, impossible ones never',
  )

  const thousand = Array.from({ length: 1000 }, (_, i) => `p${i}`.padEnd(128, 'x'))
  const full = await app.inject({
    method: 'POST',
    url: '/v1/presence/query',
    headers: JSON_AUTH,
    payload: { puids: thousand },
  })
  t.equal(full.json().persons.length, 1000)
  const over = await app.inject({
    method: 'POST',
    url: '/v1/presence/query',
    headers: JSON_AUTH,
    payload: { puids: [...thousand, 'x'] },
  })
  t.match(over.json(), {
    status: 400,
    code: 'invalid-request',
    detail: 'body/puids must NOT have more than 1000 items.',
  })
})

t.test('sending a ring', async (t) => {
  const { app, main } = await fixture()
  const send = (payload: object, headers = {}) =>
    app.inject({ method: 'POST', url: '/v1/rings', headers: { ...JSON_AUTH, ...headers }, payload })
  const plain = await send({ to: PUID, title: 'Ada calls' })
  t.equal(plain.statusCode, 201)
  t.equal(plain.headers.location, `/v1/rings/${RING_ID}`)
  t.same(plain.json(), {
    id: RING_ID,
    state: 'queued',
    reason: null,
    createdAt: '2026-11-21T12:00:00.250Z',
    deadlineAt: '2026-11-21T12:00:30.250Z',
    deliveredAt: null,
    shownAt: null,
    endedAt: null,
    by: null,
    deviceClass: null,
    deviceHandle: null,
    deviceHandleExpiresAt: null,
    reply: null,
  })
  const whole = {
    to: [PUID, PUID_2],
    title: 'T',
    body: 'two\nlines',
    url: 'chat://call/7',
    payload: 'AAEC',
    deadlineSeconds: 5,
    strategy: 'sequence',
    collapseKey: 'call 7',
  }
  t.equal((await send(whole, { 'idempotency-key': '"k 1"' })).statusCode, 201)
  t.same(main.asked, [
    {
      kind: 'ring',
      app: 7,
      ring: {
        to: [PUID],
        title: 'Ada calls',
        body: '',
        url: '',
        payload: '',
        deadlineInMs: 30_000,
        strategy: 'all',
        stepMs: 0,
        collapseKey: '',
        idempotencyKey: '',
      },
    },
    {
      kind: 'ring',
      app: 7,
      ring: {
        to: [PUID, PUID_2],
        title: 'T',
        body: 'two\nlines',
        url: 'chat://call/7',
        payload: 'AAEC',
        deadlineInMs: 5000,
        strategy: 'sequence',
        stepMs: 20_000,
        collapseKey: 'call 7',
        idempotencyKey: '"k 1"',
      },
    },
  ])

  t.match((await send({ to: 'no puid', title: 'T' })).json(), { code: 'unknown-puid' })
  main.answer = (request) => ({
    kind: 'ring',
    request: request.request,
    ring: ringView({ state: 'missed' }),
    created: false,
  })
  t.match(await send({ to: PUID, title: 'T' }, { 'idempotency-key': 'k' }), { statusCode: 200 })

  const bad: [object, object][] = [
    [{ to: PUID, title: '' }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'a\ud800b' }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', deadlineSeconds: 4 }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', deadlineSeconds: '30' }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', deadlineSeconds: 30.5 }, { code: 'invalid-request' }],
    [{ to: [], title: 'T' }, { code: 'invalid-request' }],
    [{ to: [PUID, PUID], title: 'T' }, { code: 'invalid-request' }],
    [{ to: Array.from({ length: 65 }, (_, i) => `p${i}`), title: 'T' }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', payload: 'A' }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', colour: 'red' }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', strategy: 'both' }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', stepSeconds: 10 }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', strategy: 'sequence', stepSeconds: 4 }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', collapseKey: '' }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', collapseKey: 'x'.repeat(65) }, { code: 'invalid-request' }],
    [{ to: PUID, title: 'T', url: 'javascript:alert(1)' }, { code: 'ring-invalid' }],
    [{ to: PUID, title: 'T', url: ' JAVASCRIPT:alert(1)' }, { code: 'ring-invalid' }],
    [{ to: PUID, title: 'T', url: '/relative' }, { code: 'ring-invalid' }],
    [{ to: PUID, title: 'T'.repeat(17_000) }, { code: 'body-too-large' }],
  ]
  for (const [payload, expected] of bad)
    t.match((await send(payload)).json(), expected, JSON.stringify(payload).slice(0, 80))
  t.match((await send({ to: PUID, title: 'T' }, { 'idempotency-key': 'x'.repeat(256) })).json(), {
    code: 'invalid-request',
  })
})

t.test('what the hub refuses', async (t) => {
  const { app, main } = await fixture()
  const rows = [
    ['unknown-puid', 404],
    ['ring-too-large', 413],
    ['ring-invalid', 400],
    ['idempotency-conflict', 409],
    ['rate-limited', 429],
    ['unavailable', 503],
  ] as const
  for (const [code, status] of rows) {
    main.answer = ({ request }) => ({ kind: 'error', request, code, detail: 'Because.', retryAfterS: 2.5 })
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/rings',
      headers: JSON_AUTH,
      payload: { to: PUID, title: 'T' },
    })
    t.match(answer.json(), { status, code, detail: 'Because.' })
    t.equal(answer.statusCode, status)
    t.equal(answer.headers['retry-after'], status === 429 || status === 503 ? '3' : undefined)
  }
  main.answer = ({ request }) => ({ kind: 'presence', request, views: [], isLast: true })
  const mixed = await app.inject({
    method: 'POST',
    url: '/v1/rings',
    headers: JSON_AUTH,
    payload: { to: PUID, title: 'T' },
  })
  t.equal(mixed.statusCode, 500, 'an answer of the wrong kind is our bug')
})

t.test('outcome and withdrawal', async (t) => {
  const { app, main } = await fixture()
  const read = await app.inject({ url: `/v1/rings/${RING_ID}?waitSeconds=60`, headers: AUTH })
  t.match(read.json(), { id: RING_ID, state: 'queued' })
  t.match((await app.inject({ url: `/v1/rings/${RING_ID}`, headers: AUTH })).json(), { id: RING_ID })
  const withdrawn = await app.inject({ method: 'DELETE', url: `/v1/rings/${RING_ID}`, headers: AUTH })
  t.match(withdrawn.json(), { state: 'withdrawn', endedAt: '2026-11-21T12:00:01.250Z' })
  const typed = await app.inject({ method: 'DELETE', url: `/v1/rings/${RING_ID}`, headers: JSON_AUTH })
  t.equal(typed.statusCode, 200, 'a content type without a body is no harm')
  t.same(main.asked.slice(0, 3), [
    { kind: 'ring-get', app: 7, ring: RING_ID, waitMs: 60_000 },
    { kind: 'ring-get', app: 7, ring: RING_ID, waitMs: 0 },
    { kind: 'ring-withdraw', app: 7, ring: RING_ID },
  ])
  for (const wait of ['61', '-1', '1.5', '0x10', '1e1', '', ' 5', '5&waitSeconds=6', 'five', '05']) {
    const answer = await app.inject({ url: `/v1/rings/${RING_ID}?waitSeconds=${wait}`, headers: AUTH })
    t.match(answer.json(), { code: 'invalid-request' }, `waitSeconds=${wait}`)
  }
  for (const id of ['x', 'f'.repeat(32), `${RING_ID}0`, RING_ID.toUpperCase()]) {
    t.match((await app.inject({ url: `/v1/rings/${id}`, headers: AUTH })).json(), { code: 'unknown-ring' })
    t.match((await app.inject({ method: 'DELETE', url: `/v1/rings/${id}`, headers: AUTH })).json(), {
      code: 'unknown-ring',
    })
  }
  main.answer = ({ request }) => ({ kind: 'error', request, code: 'ring-ended', detail: '', retryAfterS: 0 })
  const late = await app.inject({ method: 'DELETE', url: `/v1/rings/${RING_ID}`, headers: AUTH })
  t.match(late.json(), { status: 409, code: 'ring-ended', detail: 'The ring has ended.' })
})

t.test('enrolment', async (t) => {
  const { app, main } = await fixture({ enrolPerMinute: 4, enrolPerMinuteTotal: 6 })
  const enrol = (payload: object, remoteAddress = '127.0.0.1', headers = {}) =>
    app.inject({ method: 'POST', url: '/v1/devices', payload, remoteAddress, headers })
  const answer = await enrol(DEVICE)
  t.equal(answer.statusCode, 201)
  t.same(answer.json(), {
    deviceId: 'dev_0011223344556677',
    psk: Buffer.alloc(32, 0xab).toString('base64url'),
    serverKeys: [Buffer.alloc(32, 1).toString('base64url')],
    endpoints: ['udp://127.0.0.1:7350'],
  })
  t.equal(answer.headers['cache-control'], 'no-store')
  t.match(main.sent.at(-1), {
    kind: 'enrol',
    code: CODE,
    publicKey: new Uint8Array(32).fill(5),
    name: 'Phone 📱',
    address: '127.0.0.1',
  })
  t.match((await enrol({ ...DEVICE, code: 'wrong' })).json(), { status: 403, code: 'bad-code' })
  main.enrolment = { ok: false, code: 'key-taken' }
  t.match((await enrol(DEVICE)).json(), { status: 409, code: 'key-taken' })
  main.enrolment = { ok: false, code: 'full' }
  t.match((await enrol(DEVICE)).json(), { status: 503, code: 'full' })
  const limited = await enrol(DEVICE)
  t.match(limited.json(), { status: 429, code: 'rate-limited' })
  t.equal(limited.headers['retry-after'], '15')
  t.match((await enrol({}, '::1')).json(), { code: 'invalid-request' }, 'another address')
  t.match((await enrol({}, '127.0.0.2')).json(), { code: 'invalid-request' })
  t.match((await enrol({}, '127.0.0.3')).json(), { code: 'rate-limited' }, 'all together')
})

t.test('enrolment: bad input', async (t) => {
  const { app, clock } = await fixture()
  const bad: object[] = [
    {},
    { ...DEVICE, name: '' },
    { ...DEVICE, name: 'x'.repeat(65) },
    { ...DEVICE, name: 'a\u0007b' },
    { ...DEVICE, name: '\udc00' },
    { ...DEVICE, publicKey: PUBLIC_KEY.slice(1) },
    { ...DEVICE, publicKey: `${PUBLIC_KEY.slice(0, 42)}B` },
    { ...DEVICE, publicKey: `${PUBLIC_KEY}=` },
    { ...DEVICE, code: 7 },
    { ...DEVICE, code: 'x'.repeat(129) },
    { ...DEVICE, admin: true },
    [DEVICE],
  ]
  for (const payload of bad) {
    clock.ms += 60_000
    const answer = await app.inject({ method: 'POST', url: '/v1/devices', payload })
    t.match(answer.json(), { status: 400, code: 'invalid-request' }, JSON.stringify(payload).slice(0, 100))
  }
  t.match(
    (await app.inject({ method: 'POST', url: '/v1/devices', payload: { ...DEVICE, name: '📱'.repeat(64) } })).json(),
    { deviceId: /^dev_/ },
  )
})

t.test('enrolment needs HTTPS or loopback', async (t) => {
  const enrol = async (trustedProxies: string[], remoteAddress: string, headers: Record<string, string>) => {
    const { app } = await fixture({ trustedProxies })
    return (await app.inject({ method: 'POST', url: '/v1/devices', payload: DEVICE, remoteAddress, headers }))
      .statusCode
  }
  const https = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' }
  t.equal(await enrol([], '127.0.0.1', {}), 201)
  t.equal(await enrol([], '::1', {}), 201)
  t.equal(await enrol([], '::ffff:127.0.0.1', {}), 201)
  t.equal(await enrol([], '203.0.113.9', {}), 403)
  t.equal(await enrol([], '203.0.113.9', https), 403, 'anybody can say https')
  t.equal(await enrol([], '127.0.0.1', https), 403, 'a proxy that is not trusted')
  t.equal(await enrol([], '127.0.0.1', { forwarded: 'proto=http' }), 403)
  t.equal(await enrol(['127.0.0.1'], '127.0.0.1', https), 201)
  t.equal(await enrol(['127.0.0.1'], '127.0.0.1', { ...https, 'x-forwarded-proto': 'http' }), 403)
  t.equal(await enrol(['192.0.2.0/24'], '192.0.2.9', https), 201)
  t.equal(await enrol(['192.0.2.0/24'], '192.0.2.9', {}), 403)
  t.equal(await enrol(['192.0.2.0/24'], '198.51.100.1', https), 403)
})

t.test('limits count the address that a trusted proxy names, IPv6 by /64', async (t) => {
  const { app, main } = await fixture({ trustedProxies: ['127.0.0.1'], enrolPerMinute: 1 })
  const enrol = (client: string) => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': client }
    return app.inject({ method: 'POST', url: '/v1/devices', payload: DEVICE, headers })
  }
  t.equal((await enrol('2001:db8:1:2::1')).statusCode, 201)
  t.match(main.sent.at(-1), { address: '2001:db8:1:2::1' })
  t.equal((await enrol('2001:db8:1:2:ffff::9')).statusCode, 429)
  t.equal((await enrol('2001:db8:1:3::1')).statusCode, 201)
})

t.test('API keys', async (t) => {
  const { app, link } = await fixture()
  const status = async (authorization?: string) => {
    const answer = await app.inject({
      url: `/v1/presence/${PUID}`,
      headers: authorization === undefined ? {} : { authorization },
    })
    const { instance: _instance, ...document } = answer.json()
    return { status: answer.statusCode, challenge: answer.headers['www-authenticate'], document }
  }
  for (const key of [API_KEY, OLD_KEY, OTHER_KEY]) t.equal((await status(`Bearer ${key}`)).status, 200)
  t.equal((await status(`bearer ${API_KEY}`)).status, 200)
  const refused = await status()
  t.match(refused, { status: 401, challenge: 'Bearer realm="pilotlight"', document: { code: 'unauthorized' } })
  const wrong = [
    '',
    'Bearer',
    `Bearer ${API_KEY}x`,
    `Bearer ${API_KEY.slice(0, -1)}`,
    `Basic ${API_KEY}`,
    API_KEY,
    'Bearer pl_',
    `Bearer pl_${'x'.repeat(5000)}`,
    `Bearer ${API_KEY} ${API_KEY}`,
  ]
  for (const authorization of wrong) t.same(await status(authorization), refused, authorization.slice(0, 60))
  link.handle({ kind: 'apps', apps: [] })
  t.same(await status(`Bearer ${API_KEY}`), refused, 'a removed application')
})

t.test('wrong keys of one address are answered seldom, right ones always', async (t) => {
  const { app, clock } = await fixture({ wrongKeysPerMinute: 2 })
  const ask = async (authorization: string, remoteAddress = '192.0.2.1') => {
    const { statusCode } = await app.inject({ url: `/v1/presence/${PUID}`, headers: { authorization }, remoteAddress })
    return statusCode
  }
  for (const status of [401, 401, 429, 429]) t.equal(await ask('Bearer pl_wrong'), status)
  t.equal(await ask(`Bearer ${API_KEY}`), 200)
  t.equal(await ask('Bearer pl_wrong', '192.0.2.2'), 401, 'another address')
  clock.ms += 30_000
  t.equal(await ask('Bearer pl_wrong'), 401)
})

t.test('metrics ask the main thread ten times a second at most', async (t) => {
  const { app, main, clock } = await fixture()
  const asked = () => main.sent.filter(({ kind }) => kind === 'metrics').length
  await Promise.all(Array.from({ length: 20 }, () => app.inject('/metrics')))
  t.equal(asked(), 1)
  clock.ms += 99
  await app.inject('/metrics')
  t.equal(asked(), 1)
  clock.ms += 1
  await app.inject('/metrics')
  t.equal(asked(), 2)
})

t.test('many PUIDs cost more of the quota than few', async (t) => {
  const { app, clock } = await fixture({ rateRequests: 200, rateWindowMs: 2000 })
  const query = (count: number) => {
    const payload = { puids: Array.from({ length: count }, (_, i) => `p${i}`) }
    return app.inject({ method: 'POST', url: '/v1/presence/query', headers: JSON_AUTH, payload })
  }
  const left = async (count: number) => Number(/r=(\d+)/.exec(String((await query(count)).headers['ratelimit']))?.[1])
  t.equal(await left(1), 199)
  t.equal(await left(10), 198)
  t.equal(await left(11), 196)
  t.equal(await left(1000), 96)
  const refused = await query(1000)
  t.match(refused.json(), { status: 429, code: 'rate-limited' })
  t.equal(refused.headers['retry-after'], '1')
  t.equal(await left(1), 94, 'the refused one cost what every request costs')
  clock.ms += 2000
  const stream = `/v1/presence/stream?${Array.from({ length: 400 }, (_, i) => `puid=p${i}`).join('&')}`
  await app.inject({ url: '/v1/presence/stream', headers: { authorization: 'Bearer wrong' } })
  t.equal((await query(990)).statusCode, 200)
  t.equal((await query(990)).statusCode, 200)
  t.match((await app.inject({ url: stream, headers: AUTH })).json(), { code: 'rate-limited' }, 'streams pay as well')
  const to = Array.from({ length: 64 }, (_, i) => `p${i}`)
  const ring = await app.inject({ method: 'POST', url: '/v1/rings', headers: JSON_AUTH, payload: { to, title: 'x' } })
  t.match(ring.json(), { code: 'rate-limited' }, 'and pools')
})

t.test('quota of an application', async (t) => {
  const { app, clock } = await fixture({ rateRequests: 3, rateWindowMs: 6000 })
  const ask = (authorization: string) => app.inject({ url: `/v1/presence/${PUID}`, headers: { authorization } })
  const first = await ask(`Bearer ${API_KEY}`)
  t.equal(first.headers['ratelimit-policy'], '"app";q=3;w=6')
  t.equal(first.headers['ratelimit'], '"app";r=2;t=2')
  await ask(`Bearer ${OLD_KEY}`)
  t.equal((await ask(`Bearer ${API_KEY}`)).headers['ratelimit'], '"app";r=0;t=6')
  const over = await ask(`Bearer ${API_KEY}`)
  t.match(over.json(), { status: 429, code: 'rate-limited' })
  t.match(over.headers, { 'retry-after': '2', ratelimit: '"app";r=0;t=6' })
  t.equal((await ask(`Bearer ${OTHER_KEY}`)).statusCode, 200, 'another application')
  clock.ms += 2000
  t.equal((await ask(`Bearer ${API_KEY}`)).statusCode, 200)
})

t.test('limits of PUIDs, open rings and addresses stand beside that of the application', async (t) => {
  const { app, main } = await fixture({
    enrolPerMinute: 5,
    rateRequests: 1000,
    rateWindowMs: 10_000,
    wrongKeysPerMinute: 60,
  })
  const limits = (remaining: number) => [
    { policy: 'puid' as const, quota: 30, windowS: 60, remaining, fullInS: 60 - 2 * remaining },
    { policy: 'rings' as const, quota: 1000, windowS: 0, remaining: 998, fullInS: 0 },
  ]
  main.answer = ({ request }) => ({ kind: 'ring', request, ring: ringView(), created: true, limits: limits(29) })
  const send = () =>
    app.inject({ method: 'POST', url: '/v1/rings', headers: JSON_AUTH, payload: { to: PUID, title: 'T' } })
  t.match((await send()).headers, {
    'ratelimit-policy': '"app";q=1000;w=10, "puid";q=30;w=60, "rings";q=1000',
    ratelimit: '"app";r=999;t=1, "puid";r=29;t=2, "rings";r=998',
  })
  main.answer = ({ request }) => {
    return { kind: 'error', request, code: 'rate-limited', detail: '', retryAfterS: 2, limits: limits(0) }
  }
  t.match(await send(), {
    statusCode: 429,
    headers: { 'retry-after': '2', ratelimit: '"app";r=998;t=1, "puid";r=0;t=60, "rings";r=998' },
  })
  const wrong = await app.inject({ url: `/v1/presence/${PUID}`, headers: { authorization: 'Bearer pl_wrong' } })
  t.match(wrong.headers, { 'ratelimit-policy': '"address";q=60;w=60', ratelimit: '"address";r=59;t=1' })
  const payload = { code: 'x', publicKey: 'A'.repeat(43), name: 'Phone' }
  for (const [left, statusCode] of [
    [4, 403],
    [3, 403],
    [2, 403],
    [1, 403],
    [0, 403],
    [0, 429],
  ] as const) {
    const answer = await app.inject({ method: 'POST', url: '/v1/devices', payload })
    t.equal(answer.statusCode, statusCode)
    t.match(answer.headers['ratelimit'], new RegExp(`^"address";r=${left};`))
    t.equal(answer.headers['ratelimit-policy'], '"address";q=5;w=60')
  }
})

t.test('readiness', async (t) => {
  const { app, link, main } = await fixture()
  t.equal((await app.inject('/readyz')).statusCode, 200)
  link.stop()
  const late = await app.inject('/readyz')
  t.match(late.json(), { status: 503, code: 'unavailable', detail: 'The server is stopping.' })
  t.equal(late.headers.connection, 'close')
  t.equal((await app.inject({ url: `/v1/presence/${PUID}`, headers: AUTH })).statusCode, 503)
  t.equal((await app.inject({ method: 'POST', url: '/v1/devices', payload: DEVICE })).statusCode, 503)
  t.same((await app.inject('/healthz')).json(), { status: 'ok' })
  link.handle({ kind: 'ready', state: 'ready' })
  t.equal((await app.inject('/readyz')).statusCode, 503, 'stopping is for good')
  t.equal(main.sent.length, 0)
})

t.test('a main thread that does not answer', async (t) => {
  const { app, main, link } = await fixture({ answerTimeoutMs: 20 })
  main.answer = () => null
  const answer = await app.inject({ url: `/v1/presence/${PUID}`, headers: AUTH })
  t.match(answer.json(), { status: 503, code: 'unavailable' })
  t.equal(answer.headers['retry-after'], '1')
  const asked = main.sent.at(-1)
  if (asked?.kind !== 'hub' || !('request' in asked.request)) throw new Error('nothing asked')
  link.handle({ kind: 'hub', reply: { kind: 'presence', request: asked.request.request, views: [], isLast: true } })
  t.pass('an answer that comes too late is dropped')
})

t.test('stopping ends waits for an outcome at once', async (t) => {
  const { app, main, link } = await fixture()
  main.answer = () => null
  const asked = main.next('hub')
  const waiting = app.inject({ url: `/v1/rings/${RING_ID}?waitSeconds=60`, headers: AUTH })
  await asked
  link.stop()
  t.match((await waiting).json(), { status: 503, code: 'unavailable' })
})

t.test('metrics', async (t) => {
  const { app, main } = await fixture()
  main.samples = [
    { name: 'pilotlight_devices', help: 'Devices', type: 'gauge', labels: { state: 'online' }, value: 3 },
    { name: 'pilotlight_devices', help: 'Devices', type: 'gauge', labels: { state: 'away' }, value: 1 },
    { name: 'pilotlight_datagrams_total', help: 'Datagrams\nin', type: 'counter', labels: {}, value: 12 },
    { name: 'not a name', help: 'x', type: 'gauge', labels: {}, value: 1 },
    { name: 'pilotlight_datagrams_total', help: 'Datagrams', type: 'counter', labels: { odd: 'one' }, value: 5 },
  ]
  await app.inject({ url: `/v1/presence/${PUID}`, headers: AUTH })
  await app.inject('/no/such')
  const answer = await app.inject('/metrics')
  t.match(answer.headers['content-type'], /^text\/plain; version=0\.0\.4/)
  const text = answer.body
  t.match(text, /^pilotlight_devices\{state="online"\} 3$/m)
  t.match(text, /^pilotlight_devices\{state="away"\} 1$/m)
  t.match(text, /^pilotlight_datagrams_total 12$/m)
  t.match(text, /^pilotlight_http_requests_total\{method="GET",route="\/v1\/presence\/:puid",status="200"\} 1$/m)
  t.match(text, /^pilotlight_http_requests_total\{method="any",route="none",status="404"\} 1$/m)
  t.match(text, /^pilotlight_main_up 1$/m)
  t.notMatch(text, PUID)
  t.notMatch(text, 'not a name')

  const silent = await fixture({ answerTimeoutMs: 10 })
  silent.main.take = () => {}
  t.match((await silent.app.inject('/metrics')).body, /^pilotlight_main_up 0$/m)
})

t.test('an answer that comes in parts is one answer', async (t) => {
  const { app, link, main } = await fixture()
  main.answer = () => null
  const asked = main.next('hub')
  const payload = { puids: [PUID, PUID_2] }
  const answer = app.inject({ method: 'POST', url: '/v1/presence/query', headers: JSON_AUTH, payload })
  const { request } = await asked
  if (!('request' in request)) throw new Error('no request')
  const part = { kind: 'presence', request: request.request } as const
  link.handle({ kind: 'hub', reply: { ...part, views: [view(PUID)], isLast: false } })
  link.handle({ kind: 'hub', reply: { ...part, views: [view(PUID_2)], isLast: true } })
  const { persons } = (await answer).json()
  t.match(persons, [
    { puid: PUID, state: 'online' },
    { puid: PUID_2, state: 'online' },
  ])
  link.handle({ kind: 'hub', reply: { ...part, views: [], isLast: true } }) // late: dropped
})

t.test('a store that cannot write is not ready, and ready again by itself', async (t) => {
  const { app, link } = await fixture()
  link.handle({ kind: 'store', problem: 'the disk is full: /var/lib/secret-place' })
  const refused = await app.inject('/readyz')
  t.match(refused.json(), { status: 503, code: 'unavailable', detail: 'The store cannot write.' })
  t.notMatch(refused.body, 'secret-place')
  t.equal((await app.inject('/healthz')).statusCode, 200)
  t.equal((await app.inject({ url: `/v1/presence/${PUID}`, headers: AUTH })).statusCode, 200)
  link.handle({ kind: 'store', problem: null })
  t.equal((await app.inject('/readyz')).statusCode, 200)
})
