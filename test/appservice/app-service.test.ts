import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { AppService } from '../../src/appservice/app-service.js'
import { AppServiceError, refusalOf } from '../../src/appservice/error.js'
import { EventReader } from '../../src/appservice/event-reader.js'
import { listen } from '../../src/sidecar/listen.js'
import { type SidecarOptions, sidecarSettings } from '../../src/sidecar/options.js'
import { API_KEY, fixture, PUID, RING_ID, ringView, view } from '../sidecar/fake-main.js'

/** A client of the real HTTP application, behind which a fake hub stands. */
async function start(t: Test, options: SidecarOptions = {}) {
  const made = await fixture(options)
  const listeners = await listen(sidecarSettings({ ...options, hosts: ['127.0.0.1'], port: 0 }), made.app.routing)
  t.teardown(() => {
    made.link.close()
    return listeners.close(0)
  })
  const url = `http://127.0.0.1:${listeners.addresses[0]?.port}/`
  const pauses: number[] = []
  const pauseMs = (attempt: number) => {
    pauses.push(attempt)
    return 0
  }
  const client = (apiKey = API_KEY, more = {}) => new AppService({ url, apiKey, pauseMs, ...more })
  const subscribed = () => made.main.next('hub', ({ request }) => request.kind === 'subscribe')
  return { ...made, url, client, pauses, subscribed }
}

t.test('presence', async (t) => {
  const { client } = await start(t)
  t.match(await client().presence(PUID), { puid: PUID, state: 'online', since: '2026-11-21T12:00:00.250Z' })
  t.match(await client().query(['x', PUID]), [
    { puid: 'x', error: { code: 'unknown-puid' } },
    { puid: PUID, version: 7_583_719_020_134_401 },
  ])
  await t.rejects(client().presence('a/../b'), { code: 'unknown-puid', status: 404, requestId: /./, mayPass: false })
  await t.rejects(client('pl_wrong').presence(PUID), { name: 'AppServiceError', code: 'unauthorized', status: 401 })
})

t.test('a ring, its outcome, its withdrawal', async (t) => {
  const { client, main } = await start(t)
  const ring = await client().ring({ to: PUID, title: 'T', deadlineSeconds: 5 })
  t.equal(ring.id, RING_ID)
  t.match(main.asked[0], { kind: 'ring', ring: { to: [PUID], deadlineInMs: 5000, idempotencyKey: /^[0-9a-f-]{36}$/ } })
  const states = ['queued', 'accepted'] as const
  let reads = 0
  main.answer = ({ request }) => ({
    kind: 'ring',
    request,
    ring: ringView({ state: states[reads++] ?? 'failed', by: PUID }),
    created: false,
  })
  t.match(await ring.outcome({ timeoutMs: 120_000 }), { state: 'accepted', by: PUID })
  t.equal(reads, 2)
  t.match(main.asked.at(-1), { kind: 'ring-get', waitMs: 60_000 })
  t.match(await ring.outcome(), { state: 'accepted' }, 'known by now')
  t.equal(reads, 2)
  main.answer = (request) => main.usual(request)
  const other = await client().ring({ to: [PUID], title: 'T', idempotencyKey: 'mine' })
  t.match(main.asked.at(-1), { ring: { idempotencyKey: 'mine' } })
  await t.rejects(other.outcome({ timeoutMs: 0 }), { code: 'timeout', status: 0 })
  t.match(await other.withdraw(), { state: 'withdrawn' })
  t.equal(other.state.state, 'withdrawn')
})

t.test('waiting for an outcome can be given up', async (t) => {
  const { client, main } = await start(t)
  const ring = await client().ring({ to: PUID, title: 'T' })
  main.answer = () => null
  const asked = main.next('hub')
  const giveUp = new AbortController()
  const outcome = ring.outcome({ signal: giveUp.signal })
  await asked
  giveUp.abort()
  await t.rejects(outcome, { name: 'AbortError' })
})

t.test('a request without an answer is repeated, under the same idempotency key', async (t) => {
  const { client, main, pauses } = await start(t)
  let calls = 0
  const flaky: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init)
    if (++calls < 3) throw new TypeError('connection lost')
    return answer
  }
  const ring = await client(API_KEY, { fetch: flaky }).ring({ to: PUID, title: 'T' })
  t.equal(ring.id, RING_ID)
  t.same(pauses, [1, 2])
  const keys = main.asked.map((request) => (request as { ring: { idempotencyKey: string } }).ring.idempotencyKey)
  t.equal(keys.length, 3)
  t.equal(new Set(keys).size, 1)
  const dead = client(API_KEY, { fetch: () => Promise.reject(new TypeError('no route')) })
  await t.rejects(dead.presence(PUID), { code: 'unreachable', message: 'no route', mayPass: true })
  main.answer = ({ request }) => ({ kind: 'error', request, code: 'rate-limited', detail: '', retryAfterS: 7 })
  await t.rejects(client().presence(PUID), { code: 'rate-limited', retryAfterMs: 7000, mayPass: true })
})

t.test('any request of the document, and only what does no harm is repeated', async (t) => {
  const { client, main, link } = await start(t)
  const { url, secrets } = await client().request('get', '/v1/webhook')
  t.same([url, secrets], ['https://chat.example/', 0])
  const replay = { path: { id: 'a/b?' } }
  t.match(await client().request('post', '/v1/webhook/deliveries/{id}/replay', replay), { id: 'dlv_1' })
  t.match(main.webhookAsks.at(-1), { kind: 'replay', delivery: 'a/b?' })
  const late = { path: { id: RING_ID }, query: { waitSeconds: 7 } }
  t.match(await client().request('get', '/v1/rings/{id}', late), { id: RING_ID })
  t.match(main.asked.at(-1), { kind: 'ring-get', waitMs: 7000 })
  // @ts-expect-error the document has no such route
  await t.rejects(client().request('put', '/v1/rings', {}), { code: 'method-not-allowed', status: 405 })
  // @ts-expect-error a field is missing
  await t.rejects(client().request('post', '/v1/rings', { body: { to: PUID } }), { code: 'invalid-request' })

  const tries = async (answer: () => Promise<Response>, ask: (service: AppService) => Promise<unknown>) => {
    let count = 0
    const counted = () => {
      count++
      return answer()
    }
    await t.rejects(ask(client(API_KEY, { fetch: counted })), AppServiceError)
    return count
  }
  const lost = () => Promise.reject(new TypeError('connection lost'))
  const busy = () => Promise.resolve(new Response('{"code":"rate-limited"}', { status: 429 }))
  const secret = (service: AppService) => service.request('post', '/v1/webhook/secret')
  t.equal(await tries(lost, secret), 1, 'it may have made one')
  t.equal(await tries(busy, secret), 3, 'it has not')
  t.equal(await tries(lost, (service) => service.query([PUID])), 3, 'it only reads')
  const body = { to: PUID, title: 'T' }
  t.equal(await tries(lost, (service) => service.request('post', '/v1/rings', { body })), 1)
  t.equal(await tries(lost, (service) => service.ring(body)), 3)
  const withdraw = (service: AppService) => service.request('delete', '/v1/rings/{id}', { path: { id: RING_ID } })
  t.equal(await tries(lost, withdraw), 3, 'it is as withdrawn as before')
  link.stop()
  await t.rejects(secret(client()), { code: 'unavailable', mayPass: true })
})

t.test('answers of others than Pilotlight', async (t) => {
  t.match(await refusalOf(new Response('<html>', { status: 502 })), { code: 'bad-answer', status: 502, mayPass: true })
  t.match(await refusalOf(new Response('<html>', { status: 408 })), { status: 408, mayPass: true }, 'it was cut off')
  t.match(await refusalOf(new Response('{"code":7}', { status: 400, headers: { 'retry-after': 'soon' } })), {
    code: 'bad-answer',
    retryAfterMs: 0,
  })
})

t.test('a stream', async (t) => {
  const { client, subscribed, link, main } = await start(t)
  const stop = new AbortController()
  const known = subscribed()
  const stream = client().stream({ puids: [PUID], signal: stop.signal })
  const first = stream.next()
  const { request } = await known
  if (request.kind !== 'subscribe') throw new Error('no subscription')
  t.match(request, { puids: [PUID] })
  const { stream: number } = request
  link.handle({ kind: 'hub', reply: { kind: 'restarted', stream: number, bootedMs: 0, offlineMs: 1000 } })
  link.handle({ kind: 'hub', reply: { kind: 'snapshot', stream: number, views: [view(PUID)], isLast: true } })
  link.handle({ kind: 'hub', reply: { kind: 'change', stream: number, view: view(PUID, { state: 'away' }) } })
  link.handle({ kind: 'hub', reply: { kind: 'ring-change', stream: number, ring: ringView() } })
  t.match(await first, { value: { type: 'restarted', offlineAt: '1970-01-01T00:00:01.000Z' } })
  t.match((await stream.next()).value, { type: 'snapshot', persons: [{ puid: PUID }] })
  t.match((await stream.next()).value, { type: 'presence', person: { state: 'away' } })
  t.match((await stream.next()).value, { type: 'ring', ring: { id: RING_ID } })
  const gone = main.next('hub', ({ request }) => request.kind === 'unsubscribe')
  const last = stream.next()
  stop.abort()
  t.match(await last, { done: true })
  await gone
})

t.test('a stream ends by its signal also after garbage was collected', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { client, subscribed, link } = await start(t)
  const stop = new AbortController()
  const known = subscribed()
  const stream = client().stream({ signal: stop.signal })
  let next = stream.next()
  const { request } = await known
  if (request.kind !== 'subscribe') throw new Error('no subscription')
  for (let event = 0; event < 20; event++) {
    link.handle({ kind: 'hub', reply: { kind: 'change', stream: request.stream, view: view(PUID) } })
    t.match(await next, { done: false })
    next = stream.next()
    collect()
  }
  stop.abort()
  t.match(await next, { done: true })
})

t.test('a stream connects again', async (t) => {
  const { client, subscribed, link, main, pauses, url } = await start(t)
  const asked: string[] = []
  let refuse = 0
  const watched: typeof fetch = async (input, init) => {
    asked.push(new Headers(init?.headers).get('last-event-id') ?? '')
    if (refuse-- > 0) throw new TypeError('no route')
    return fetch(input, init)
  }
  const events = client(API_KEY, { fetch: watched }).stream()
  const lives: string[] = []
  for (let life = 0; life < 3; life++) {
    const known = subscribed()
    const next = events.next()
    const { request } = await known
    if (request.kind !== 'subscribe') throw new Error('no subscription')
    link.handle({ kind: 'hub', reply: { kind: 'snapshot', stream: request.stream, views: [], isLast: true } })
    t.match((await next).value, { type: 'snapshot' })
    link.handle({ kind: 'hub', reply: { kind: 'stream-ended', stream: request.stream, code: 'overflow' } })
    const { value } = await events.next()
    t.match(value, { type: 'reset', reason: 'overflow' })
    if (value) lives.push(value.id)
    refuse = 2
  }
  t.same(asked, ['', lives[0], lives[0], lives[0], lives[1], lives[1], lives[1]], 'each with the last id')
  t.same(pauses, [1, 2, 3, 1, 2, 3])
  await events.return()
  t.equal(main.streams.size, 0)
  await t.rejects(new AppService({ url, apiKey: 'pl_wrong' }).stream().next(), { code: 'unauthorized' })
})

t.test('pauses grow, are bounded, and honour Retry-After', async (t) => {
  const delays: number[] = []
  t.intercept(globalThis, 'setTimeout', {
    value: (run: () => void, ms: number) => {
      delays.push(ms)
      queueMicrotask(run)
      return 0
    },
  })
  const limited = () =>
    Promise.resolve(new Response('{"code":"rate-limited"}', { status: 429, headers: { 'retry-after': '9' } }))
  const dead = () => Promise.reject(new TypeError('no route'))
  const options = { url: 'http://x', apiKey: 'pl_x' }
  await t.rejects(new AppService({ ...options, fetch: dead }).presence(PUID), AppServiceError)
  await t.rejects(new AppService({ ...options, fetch: limited }).presence(PUID), AppServiceError)
  const [first = 0, second = 0, ...asked] = delays
  t.ok(first >= 125 && first <= 250 && second >= 250 && second <= 500, `${first} ${second}`)
  t.same(asked, [9000, 9000])
})

t.test('events come out the same wherever the text is cut', async (t) => {
  const text =
    ': hello\r\nretry: 2000\n\nid: a.1\nevent: presence\ndata: {"x":1}\n\ndata:two\ndata: lines\n\n: still here\n\nevent: empty\n\nid\nevent: ring\r\ndata:  spaced\r\n\r\nfield: ignored\ndata: cut'
  const whole = new EventReader().read(text)
  t.same(whole, [
    { event: 'presence', id: 'a.1', data: '{"x":1}' },
    { event: '', id: 'a.1', data: 'two\nlines' },
    { event: 'ring', id: '', data: ' spaced' },
  ])
  const cuts = fc.property(fc.array(fc.integer({ min: 0, max: text.length })), (places) => {
    const reader = new EventReader()
    const edges = [0, ...places.sort((a, b) => a - b), text.length]
    const events = edges.slice(1).flatMap((edge, i) => reader.read(text.slice(edges[i], edge)))
    return JSON.stringify(events) === JSON.stringify(whole)
  })
  fc.assert(cuts)
  t.throws(() => new EventReader().read('x'.repeat(5_000_000)), RangeError)
})
