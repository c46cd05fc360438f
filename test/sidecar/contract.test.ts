/** Every answer that the document promises is asked for: each status of each route, and each code of its errors. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { InjectOptions } from 'fastify'
import t from 'tap'
import type { HubErrorCode } from '../../src/hub/message.js'
import * as fake from './fake-main.js'
import { AUTH, fixture, PUID } from './fake-main.js'
import { ASKED, type Asked, BODIES, FORM, form, good, operationsOf, type Sent } from './good-requests.js'

/** What any route may answer; `test/sidecar/refusals.test.ts` has them, on sockets. */
const EVERYWHERE = [
  'bad-http',
  'request-timeout',
  'expectation-failed',
  'too-many-connections',
  'headers-too-large',
  'internal',
  'unavailable',
]
/** What is answered on the socket, and tested there: `refusals.test.ts`, `channel.test.ts`. */
const ON_SOCKETS = ['openChannel 101', 'openChannel bad-upgrade', 'openChannel too-many-channels']

t.test('every answer that the document promises comes, and comes as it says', async (t) => {
  const { app, main, link, contract } = await fixture({
    verifiedDomains: true,
    privateDomains: true,
    rateRequests: 1e6,
  })
  const asked = new Map(operationsOf(contract.document).map((one) => [one.operation.operationId, one]))
  const of = (id: string) => good(asked.get(id) as Asked)
  const wellKnown = createServer((_request, reply) => reply.end(JSON.stringify({ apps: [fake.APP_ID] })))
  await new Promise<void>((done) => wellKnown.listen(0, '127.0.0.1', done))
  t.teardown(() => wellKnown.close())
  const domain = `localhost:${(wellKnown.address() as AddressInfo).port}`
  main.directory = (ask) => {
    const found = fake.usualDirectory(ask)
    return found?.kind === 'app' ? { ...found, app: { ...found.app, domain, domainVerifiedMs: 1 } } : found
  }

  /** By name of the answer, for the routes that can give it: a request that does. */
  const WAYS: Readonly<Record<string, (one: Asked) => Sent>> = {
    unauthorized: (one) => ({ ...good(one), headers: {} }),
    'not-signed-in': (one) => ({ ...good(one), headers: { 'content-type': 'application/json' } }),
    'missing-scope': (one) => withKey(one, fake.WEAK_KEY),
    'not-a-live-key': (one) => withKey(one, fake.TEST_KEY),
    'not-a-test-key': (one) => withKey(one, fake.API_KEY),
    'malformed-json': (one) => withBody(one, '{'),
    'invalid-request': (one) =>
      one.operation.requestBody ? withBody(one, '[]') : { ...good(one), query: { no: 'such' } },
    'body-too-large': (one) => withBody(one, `"${'x'.repeat(200_000)}"`),
    'unsupported-media-type': (one) => withBody(one, '{}', 'text/plain'),
    'https-required': (one) => ({ ...good(one), remoteAddress: '192.0.2.1' }),
  }
  const withKey = (one: Asked, key: string) => {
    const { headers, ...request } = good(one)
    return { ...request, headers: { ...headers, authorization: `Bearer ${key}` } }
  }
  const withBody = (one: Asked, payload: string, type = 'application/json') => {
    const { headers, ...request } = good(one)
    return { ...request, headers: { ...headers, 'content-type': type }, payload }
  }
  const get = async (options: InjectOptions) => (await app.inject(options)).statusCode

  for (const one of asked.values()) {
    const id = one.operation.operationId
    if (id !== 'streamPresence' && id !== 'openChannel') t.ok((await get(good(one))) < 300, id)
    const codes = Object.values(one.operation.responses).flatMap(({ content = {} }) =>
      Object.values(content).flatMap(({ examples = {} }) => Object.keys(examples)),
    )
    for (const code of codes) {
      const way = WAYS[code]
      if (way !== undefined) await get(way(one))
    }
  }

  // What only one route says, or what needs more than a request.
  const refuse = (code: HubErrorCode) => {
    main.answer = ({ request }) => ({ kind: 'error', request, code, detail: '', retryAfterS: 1 })
  }
  const ring = of('sendRing')
  for (const code of [
    'idempotency-conflict',
    'ring-too-large',
    'ring-invalid',
    'rate-limited',
    'unknown-device-handle',
  ] as const) {
    refuse(code)
    await get(ring)
  }
  refuse('ring-ended')
  await get(of('withdrawRing'))
  main.answer = ({ request }) => ({ kind: 'ring', request, ring: fake.ringView(), created: false })
  await get(ring)
  main.answer = ({ request }) => ({ kind: 'metrics', request, metrics: {} })
  t.equal(await get(of('readPresence')), 500)
  main.answer = (request) => main.usual(request)
  await get({ ...of('readPresence'), url: '/v1/presence/nobody' })
  await get({ ...of('changeTestPerson'), url: '/v1/test/persons/nobody' })
  await get({ ...ring, payload: JSON.stringify({ to: 'nobody', title: 'T' }) })
  await get({ ...of('readRing'), url: '/v1/rings/none' })
  await get({ ...of('withdrawRing'), url: '/v1/rings/none' })

  for (const id of ['setWebhook', 'setWebhookOfApp'])
    await get({ ...of(id), payload: JSON.stringify({ url: 'http://192.168.0.1/' }) })
  main.isWebhookKnown = false
  for (const one of asked.values()) if (one.path.includes('/webhook')) await get(good(one))

  for (const [id, code] of [
    ['enrolDevice', 'key-taken'],
    ['enrolDevice', 'full'],
  ] as const) {
    main.enrolment = { ok: false, code }
    await get(of(id))
  }
  for (const id of ['enrolDevice', 'signIn'])
    await get({ ...of(id), payload: JSON.stringify({ ...BODIES[id], code: 'bad' }) })

  for (const id of ['readAuthorization', 'decideAuthorization']) {
    const { headers } = of(id) // whoever is signed in is sent back
    await get({ ...of('readAuthorization'), headers, query: { ...ASKED, response_type: 'token' } })
  }
  await get({ ...of('readAuthorization'), query: { ...ASKED, state: ['twice', 'told'] } })
  const decide = (change: object) =>
    get({ ...of('decideAuthorization'), payload: JSON.stringify({ ...BODIES['decideAuthorization'], ...change }) })
  for (const change of [{ client_id: 'app_none' }, { redirect_uri: 'https://evil.example/' }]) {
    await get({ ...of('readAuthorization'), query: { ...ASKED, ...change } })
    await decide(change)
  }
  refuse('invalid-grant')
  await decide({})
  main.answer = (request) => main.usual(request)
  const change = { code: 'bad', grant_type: 'password', client_id: 'app_none', client_secret: 'pl_wrong' }
  for (const [name, value] of Object.entries(change)) await get(form(of('exchangeCode'), { ...FORM, [name]: value }))

  main.directory = (ask) =>
    ask.kind === 'session' ? fake.usualDirectory(ask) : ask.kind === 'app-add' ? { kind: 'full' } : null
  for (const one of asked.values())
    if (one.path.startsWith('/v1/apps') || one.path === '/v1/sessions/{id}') await get(good(one))
  main.directory = (ask) => (ask.kind === 'key-remove' ? null : fake.usualDirectory(ask))
  await get(of('endKey'))
  await get(of('checkDomain'))
  main.directory = (ask) => {
    const found = fake.usualDirectory(ask)
    return found?.kind === 'app' ? { ...found, app: { ...found.app, owner: 99 } } : found
  }
  await get(of('readAuthorization'))
  await decide({})
  await get(of('openChannel'))

  const subscribed = main.next('hub', ({ request }) => request.kind === 'subscribe')
  const stream = app.inject(of('streamPresence'))
  const { request } = await subscribed
  if (request.kind !== 'subscribe') throw new Error('no subscription')
  const number = request.stream
  const tell = (reply: Parameters<typeof link.handle>[0] & { kind: 'hub' }) => link.handle(reply)
  tell({ kind: 'hub', reply: { kind: 'restarted', stream: number, bootedMs: 1, offlineMs: 2 } })
  tell({ kind: 'hub', reply: { kind: 'snapshot', stream: number, views: [fake.view(PUID)], isLast: true } })
  tell({ kind: 'hub', reply: { kind: 'change', stream: number, view: fake.view(PUID) } })
  tell({ kind: 'hub', reply: { kind: 'ring-change', stream: number, ring: fake.ringView() } })
  tell({ kind: 'hub', reply: { kind: 'stream-ended', stream: number, code: 'overflow' } })
  const told = [...(await stream).body.matchAll(/^event: (.*)$/gm)].map(([, event]) => event)
  t.same(told, ['restarted', 'snapshot', 'presence', 'ring', 'reset'])

  const tight = await fixture({ rateRequests: 1, personRequestsPerMinute: 1, enrolPerMinute: 1, streamsPerApp: 0 })
  await tight.app.inject({ url: '/v1/presence/stream', headers: AUTH })
  for (const one of [...asked.values(), ...asked.values()]) await tight.app.inject(good(one))

  const promised = [...asked.values()].flatMap(({ operation: { operationId, responses } }) =>
    Object.entries(responses).flatMap(([status, { content = {} }]) => {
      if (Number(status) < 400) return [`${operationId} ${status}`]
      return Object.values(content).flatMap(({ examples = {} }) =>
        Object.keys(examples).map((code) => `${operationId} ${code}`),
      )
    }),
  )
  const isElsewhere = (name: string) => EVERYWHERE.includes(name.split(' ')[1] ?? '') || ON_SOCKETS.includes(name)
  t.same(
    promised.filter((name) => !contract.reached.has(name) && !isElsewhere(name)),
    [],
    'promised, and never answered',
  )
  t.ok(promised.length > 300)
})
