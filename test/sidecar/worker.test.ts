import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ToSidecar } from '../../src/sidecar/message.js'
import type { SidecarOptions } from '../../src/sidecar/options.js'
import { SidecarError, startSidecar } from '../../src/sidecar/start.js'
import { superviseSidecar } from '../../src/sidecar/supervise.js'
import { APPS, AUTH, CODE, FakeMain, JSON_AUTH, PUID, RING_ID, view } from './fake-main.js'
import { readEvents } from './read-events.js'

const QUIET: SidecarOptions = { hosts: ['127.0.0.1'], port: 0, logLevel: 'silent', connectionCheckMs: 20 }

/** A sidecar in its worker, with a fake main thread in this one. */
async function start(t: Test, options: SidecarOptions = {}) {
  const main = new FakeMain()
  const sidecar = await startSidecar({ ...QUIET, ...options }, (message) =>
    main.take(message, (answer) => sidecar.post(answer)),
  )
  t.teardown(() => sidecar.stop())
  sidecar.post({ kind: 'apps', apps: APPS })
  sidecar.post({ kind: 'ready', state: 'ready' })
  const port = sidecar.addresses[0]?.port ?? 0
  return { main, sidecar, port, url: `http://127.0.0.1:${port}` }
}

/** What makes the worker throw: a message that main never sends. */
const POISON = { kind: 'hub', reply: null } as unknown as ToSidecar

t.test('every route on a real socket, then a clean end', async (t) => {
  const log = join(t.testdir(), 'log')
  const logFd = openSync(log, 'a')
  t.teardown(() => closeSync(logFd))
  const { sidecar, url, main } = await start(t, { logFd, logLevel: 'info', stopGraceMs: 60_000 })
  const json = async (path: string, init: RequestInit = {}) =>
    (await fetch(url + path, { headers: AUTH, ...init })).json()
  const post = (path: string, body: object) =>
    json(path, { method: 'POST', headers: JSON_AUTH, body: JSON.stringify(body) })
  t.match(await json('/readyz'), { status: 'ok' })
  t.match(await json(`/v1/presence/${PUID}`), { puid: PUID, version: 7_583_719_020_134_401 })
  t.match(await post('/v1/presence/query', { puids: [PUID, 'x'] }), {
    persons: [{ state: 'online' }, { error: { code: 'unknown-puid' } }],
  })
  t.match(await post('/v1/rings', { to: PUID, title: 'T' }), { id: RING_ID })
  t.match(await json(`/v1/rings/${RING_ID}?waitSeconds=1`), { state: 'queued' })
  t.match(await json(`/v1/rings/${RING_ID}`, { method: 'DELETE' }), { state: 'withdrawn' })
  t.match(await post('/v1/devices', { code: CODE, publicKey: 'A'.repeat(43), name: 'Phone' }), {
    psk: Buffer.alloc(32, 0xab).toString('base64url'),
  })
  t.match(main.sent.at(-1), { kind: 'enrol', address: '127.0.0.1' })
  const subscribed = main.next('hub', ({ request }) => request.kind === 'subscribe')
  const events = await readEvents(`${url}/v1/presence/stream`, AUTH)
  t.match(await subscribed, { request: { app: 7, puids: null } })
  const gone = main.next('hub', ({ request }) => request.kind === 'unsubscribe')
  events.close()
  await gone
  t.match(await (await fetch(`${url}/metrics`)).text(), 'pilotlight_main_up 1')

  // Stopping lets a running request finish and tells the reader of a stream.
  main.answer = () => null
  const asked = main.next('hub')
  const running = fetch(`${url}/v1/presence/${PUID}`, { headers: AUTH })
  const { request } = await asked
  const reader = await readEvents(`${url}/v1/presence/stream`, AUTH)
  const stopped = sidecar.stop()
  t.match(await reader.next(), { event: 'reset', json: { reason: 'stopping' } })
  if (!('request' in request)) throw new Error('no request')
  sidecar.post({
    kind: 'hub',
    reply: { kind: 'presence', request: request.request, views: [view(PUID)], isLast: true },
  })
  const answer = await running
  t.match(await answer.json(), { puid: PUID })
  await stopped
  t.equal(await sidecar.ended, null)
  await t.rejects(fetch(`${url}/healthz`))
  sidecar.post({ kind: 'apps', apps: [] })
  t.pass('a message to nobody is no error')
  const lines = readFileSync(log, 'utf8')
  t.match(lines, /"route":"\/v1\/presence\/:puid","status":200/, 'log lines are on disk when the sidecar has stopped')
  t.notMatch(lines, PUID)
})

t.test('what cannot start says why', async (t) => {
  const taken = createServer()
  await once(taken.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const message = `127.0.0.1:${port} is taken by another program`
  await t.rejects(
    startSidecar({ ...QUIET, port }, () => {}),
    { name: 'SidecarError', code: 'port-taken', message },
  )
  const hooks = { onMessage() {}, onStart() {}, onCrash: () => t.fail('no second try') }
  const supervised = superviseSidecar({ ...QUIET, trustedProxies: ['not-an-address'] }, hooks)
  await t.rejects(supervised, { name: 'SidecarError', code: 'bad-option', message: /^trusted proxies: / })
})

t.test('the supervisor starts it again on the same port, and tries on while that is taken', async (t) => {
  const main = new FakeMain()
  const blocker = createServer()
  t.teardown(() => blocker.close())
  const crashes: string[] = []
  const attempts: number[] = []
  let block = false
  let started = () => {}
  let failed = () => {}
  const supervised = await superviseSidecar(QUIET, {
    onMessage: (message) => main.take(message, (answer) => supervised.post(answer)),
    onStart: (post) => {
      post({ kind: 'apps', apps: APPS })
      post({ kind: 'ready', state: 'ready' })
      started()
    },
    onCrash: (error) => {
      crashes.push(error instanceof SidecarError ? error.code : error.name)
      if (block && !blocker.listening) blocker.listen(supervised.addresses[0]?.port, '127.0.0.1')
      if (error instanceof SidecarError) failed()
    },
    pauseMs: (attempt) => {
      attempts.push(attempt)
      return 0
    },
  })
  const url = `http://127.0.0.1:${supervised.addresses[0]?.port}`
  const subscribe = async () => {
    const asked = main.next('hub', ({ request }) => request.kind === 'subscribe')
    const events = await readEvents(`${url}/v1/presence/stream`, AUTH)
    const { request } = await asked
    return { events, stream: 'stream' in request ? request.stream : 0 }
  }
  const before = await subscribe()
  const again = new Promise<void>((resolve) => (started = resolve))
  supervised.post(POISON)
  await again
  t.equal((await fetch(`${url}/v1/presence/${PUID}`, { headers: AUTH })).status, 200)
  t.equal(supervised.restarts, 1)
  t.equal(await before.events.next(), null, 'old streams are gone')
  const after = await subscribe()
  t.ok(after.stream >= before.stream + 2 ** 32, 'a late event of an old stream meets nobody')

  block = true
  const refused = new Promise<void>((resolve) => (failed = resolve))
  supervised.post(POISON)
  await refused
  await supervised.stop()
  t.same(crashes.slice(0, 3), ['TypeError', 'TypeError', 'port-taken'])
  t.same(attempts.slice(0, 3), [1, 2, 3])
  supervised.post(POISON)
  t.pass('a message after the end is no error')
})
