import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { EventStream } from '../../src/sidecar/event-stream.js'
import { listen } from '../../src/sidecar/listen.js'
import type { ApiKeyEntry } from '../../src/sidecar/message.js'
import { type SidecarOptions, sidecarSettings } from '../../src/sidecar/options.js'
import { APPS, AUTH, fixture, OLD_KEY, OTHER_KEY, PUID, PUID_2, ringView, view } from './fake-main.js'
import { readEvents } from './read-events.js'

/** The application with a fake hub, on a real socket. */
async function serve(t: Test, options: SidecarOptions = {}) {
  const made = await fixture(options)
  const settings = sidecarSettings({ ...options, hosts: ['127.0.0.1'], port: 0 })
  const listeners = await listen(settings, made.app.routing)
  t.teardown(() => {
    made.link.close()
    return listeners.close(0)
  })
  return { ...made, listeners, url: `http://127.0.0.1:${listeners.addresses[0]?.port}/v1/presence/stream` }
}

type Served = Awaited<ReturnType<typeof serve>>

/** Opens a stream and waits until the hub knows it. */
async function open({ main, url }: Served, query = '', headers: Record<string, string> = AUTH) {
  const asked = main.next('hub', ({ request }) => request.kind === 'subscribe')
  const events = await readEvents(url + query, headers)
  const { request } = await asked
  if (request.kind !== 'subscribe') throw new Error('no subscription')
  return { events, request, stream: request.stream }
}

t.test('an event id tells which start of the server its reader knows', async (t) => {
  const bootedMs = 1_795_000_000_123
  const served = await serve(t, { bootedMs })
  const first = await open(served)
  t.equal(first.request.heardBootMs, null)
  served.link.handle({ kind: 'hub', reply: { kind: 'snapshot', stream: first.stream, views: [], isLast: true } })
  const id = (await first.events.next())?.id ?? ''
  t.equal((await open(served, '', { ...AUTH, 'last-event-id': id })).request.heardBootMs, bootedMs)
  for (const wrong of ['', 'x', `${id}x`, id.slice(0, -2), '-00000000.1'])
    t.equal((await open(served, '', { ...AUTH, 'last-event-id': wrong })).request.heardBootMs, null, wrong)
})

t.test('snapshot, changes, rings, restart', async (t) => {
  const served = await serve(t)
  const { events, request, stream } = await open(served, '', { ...AUTH, 'last-event-id': 'whatever.7' })
  t.match(request, { app: 7, puids: null })
  t.match(events.headers, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    ratelimit: /"app";r=/,
    'request-id': /./,
  })
  const { link } = served
  link.handle({ kind: 'hub', reply: { kind: 'restarted', stream, bootedMs: 1000, offlineMs: 1_801_000 } })
  link.handle({ kind: 'hub', reply: { kind: 'snapshot', stream, views: [view(PUID)], isLast: true } })
  link.handle({
    kind: 'hub',
    reply: { kind: 'change', stream, view: view(PUID, { state: 'away', cause: 'idle', message: 'a\nb' }) },
  })
  link.handle({
    kind: 'hub',
    reply: { kind: 'ring-change', stream, ring: ringView({ state: 'accepted', by: PUID, endedMs: 2000 }) },
  })
  link.handle({ kind: 'hub', reply: { kind: 'stream-ended', stream, code: 'app-removed' } })
  const seen = []
  for (let event = await events.next(); event !== null; event = await events.next()) seen.push(event)
  t.match(seen, [
    { event: 'restarted', json: { bootedAt: '1970-01-01T00:00:01.000Z', offlineAt: '1970-01-01T00:30:01.000Z' } },
    {
      event: 'snapshot',
      json: { part: 1, parts: 1, persons: [{ puid: PUID, state: 'online', asOf: '2026-11-21T12:00:00.255Z' }] },
    },
    { event: 'presence', json: { puid: PUID, state: 'away', cause: 'idle', message: 'a\nb' } },
    { event: 'ring', json: { state: 'accepted', by: PUID, endedAt: '1970-01-01T00:00:02.000Z' } },
    { event: 'reset', json: { reason: 'app-removed' } },
  ])
  const [prefix] = seen[0]?.id.split('.') ?? []
  t.same(
    seen.map(({ id }) => id),
    [1, 2, 3, 4, 5].map((number) => `${prefix}.${number}`),
  )
  t.equal(served.main.streams.size, 0, 'the hub was told')
  t.equal(link.streams, 0)
})

t.test('named persons, unknown ones among them', async (t) => {
  const served = await serve(t)
  const { events, request, stream } = await open(served, `?puid=${PUID_2}&puid=nobody&puid=no%20puid&puid=${PUID}`)
  t.match(request, { puids: [PUID_2, 'nobody', PUID] })
  served.link.handle({
    kind: 'hub',
    reply: { kind: 'snapshot', stream, views: [view(PUID), view(PUID_2)], isLast: true },
  })
  const error = { code: 'unknown-puid' }
  t.match(await events.next(), {
    event: 'snapshot',
    json: {
      persons: [
        { puid: PUID_2, state: 'online' },
        { puid: 'nobody', error },
        { puid: 'no puid', error },
        { puid: PUID },
      ],
    },
  })
  events.close()
  await served.main.next('hub', ({ request }) => request.kind === 'unsubscribe')
  t.equal(served.main.streams.size, 0)
})

t.test('one name may stand alone', async (t) => {
  const served = await serve(t)
  const { events, request } = await open(served, `?puid=${PUID}`)
  t.match(request, { puids: [PUID] })
  events.close()
})

t.test('an empty snapshot is one part', async (t) => {
  const served = await serve(t)
  const { events, stream } = await open(served)
  served.link.handle({ kind: 'hub', reply: { kind: 'snapshot', stream, views: [], isLast: true } })
  t.match(await events.next(), { json: { part: 1, parts: 1, persons: [] } })
  events.close()
})

t.test('a large snapshot goes at the pace of the reader and does not count against its buffer', async (t) => {
  const served = await serve(t, { streamBufferBytes: 20_000 })
  const { events, stream } = await open(served)
  events.response.pause()
  const views = Array.from({ length: 60_000 }, (_, i) => view(`puid-number-${i}`))
  served.link.handle({ kind: 'hub', reply: { kind: 'snapshot', stream, views, isLast: true } })
  served.link.handle({ kind: 'hub', reply: { kind: 'change', stream, view: view('puid-number-0', { state: 'away' }) } })
  events.response.resume()
  const persons: { puid: string }[] = []
  for (let part = 1; part <= 240; part++) {
    const event = (await events.next()) as {
      event: string
      json: { part: number; parts: number; persons: { puid: string }[] }
    }
    t.match(event, { event: 'snapshot', json: { part, parts: 240 } })
    persons.push(...event.json.persons)
  }
  t.equal(persons.length, 60_000)
  t.equal(new Set(persons.map(({ puid }) => puid)).size, 60_000)
  t.match(await events.next(), { event: 'presence', json: { puid: 'puid-number-0', state: 'away' } })
  events.close()
})

t.test('a reader that does not read gets `reset`, and the sidecar holds no more than its buffer', async (t) => {
  const served = await serve(t, { streamBufferBytes: 50_000 })
  const { events, stream } = await open(served)
  const quick = await open(served)
  events.response.pause()
  const ended = served.main.next('hub', ({ request }) => request.kind === 'unsubscribe')
  let told = 0
  const tell = () => {
    for (let i = 0; i < 200 && served.main.streams.has(stream); i++, told++) {
      const change = view(PUID, { version: told, message: 'x'.repeat(120) })
      served.link.handle({ kind: 'hub', reply: { kind: 'change', stream, view: change } })
    }
    if (served.main.streams.has(stream)) setImmediate(tell)
  }
  tell()
  t.match(await ended, { request: { stream } })
  t.equal(served.main.streams.size, 1, 'the other reader stays')
  events.response.resume()
  let last = await events.next()
  let count = 0
  for (let event = last; event !== null; event = await events.next(), count++) last = event
  t.match(last, { event: 'reset', json: { reason: 'overflow' } })
  t.ok(count < told, `${count - 1} of ${told} changes were read before`)
  quick.events.close()
})

t.test('heartbeats on an idle stream', async (t) => {
  const served = await serve(t, { heartbeatMs: 5 })
  const { events } = await open(served)
  await events.has(': still here\n\n: still here\n\n')
  t.ok(events.text().startsWith('retry: 2000\n\n'))
  events.close()
})

t.test('streams of one application are limited', async (t) => {
  const served = await serve(t, { streamsPerApp: 2 })
  const first = await open(served)
  const second = await open(served)
  const third = await readEvents(served.url, AUTH)
  t.equal(third.status, 429)
  t.equal(third.headers['retry-after'], '30')
  const other = await open(served, '', { authorization: `Bearer ${OTHER_KEY}` })
  const gone = served.main.next('hub', ({ request }) => request.kind === 'unsubscribe')
  first.events.close()
  await gone
  const again = await open(served)
  t.equal(again.events.status, 200)
  for (const { events } of [second, other, again]) events.close()
})

t.test('stopping tells every reader', async (t) => {
  const served = await serve(t)
  const { events } = await open(served)
  served.link.stop()
  t.match(await events.next(), { event: 'reset', json: { reason: 'stopping' } })
  t.equal(await events.next(), null)
  await served.listeners.close(60_000)
  t.pass('nothing was left open')
})

t.test('an event stream after its end', async (t) => {
  let ends = 0
  const server = createServer()
  t.teardown(() => server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const requested = once(server, 'request')
  const reading = readEvents(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {})
  const [, response] = (await requested) as [unknown, ServerResponse]
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const stream = new EventStream(response, { heartbeatMs: 1000, bufferBytes: 1000, idPrefix: 'x', onEnd: () => ends++ })
  stream.send('one', { n: 1 })
  stream.reset('first')
  stream.reset('second')
  stream.send('two', {})
  stream.sendAll('three', [1, 2])
  const events = await reading
  t.match(await events.next(), { event: 'one', id: 'x.1', json: { n: 1 } })
  t.match(await events.next(), { event: 'reset', id: 'x.2', json: { reason: 'first' } })
  t.equal(await events.next(), null)
  t.equal(ends, 1)
})

t.test('a stream ends with its API key, and no other does', async (t) => {
  const served = await serve(t)
  const [chat, shop] = APPS as [(typeof APPS)[0], (typeof APPS)[0]]
  const [liveKey, oldKey] = chat.keys as [ApiKeyEntry, ApiKeyEntry]
  const newKey: ApiKeyEntry = { ...liveKey, hash: new Uint8Array(32).fill(9) }
  const live = await open(served)
  const old = await open(served, '', { authorization: `Bearer ${OLD_KEY}` })
  const other = await open(served, '', { authorization: `Bearer ${OTHER_KEY}` })
  const tell = (...apps: typeof APPS) => served.link.handle({ kind: 'apps', apps })
  const listening = () => [...served.main.streams.keys()].sort()
  tell({ ...chat, keys: [newKey, liveKey, oldKey] }, shop)
  t.same(listening(), [live, old, other].map(({ stream }) => stream).sort(), 'a new key ends none')
  tell({ ...chat, keys: [newKey, liveKey] }, shop)
  t.match(await old.events.next(), { event: 'reset', json: { reason: 'unauthorized' } })
  t.equal(await old.events.next(), null, 'the connection is closed')
  t.same(listening(), [live, other].map(({ stream }) => stream).sort())
  tell(shop)
  t.match(await live.events.next(), { event: 'reset', json: { reason: 'unauthorized' } })
  t.same(listening(), [other.stream])
  tell(shop, { ...chat, app: 9 })
  t.same(listening(), [other.stream])
})
