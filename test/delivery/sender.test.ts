import { once } from 'node:events'
import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { verifyWebhook } from '../../src/appservice/index.js'
import { destinationOf, type Resolve } from '../../src/delivery/resolve.js'
import { REQUEST_TIMEOUT_MS, Sender, type SenderParts } from '../../src/delivery/sender.js'
import type { Send } from '../../src/webhook/message.js'
import { OTHER_TLS, TEST_TLS } from '../sidecar/test-tls.js'
import { Receiver, verifyWithOracle } from '../support/receiver.js'

const SECRETS = ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD']
const NOW_MS = Math.floor(Date.now() / 1000) * 1000
const nobody: Resolve = () => Promise.reject(new Error('no such name'))

/** A sender whose clock stands still; `expire` lets the time-out come. */
function scene(t: Test, more: Partial<SenderParts> = {}) {
  let expire = () => {}
  const sender = new Sender({
    mayBePrivate: true,
    resolve: nobody,
    nowMs: () => NOW_MS,
    monotonicMs: () => 0,
    after(ms, act) {
      t.equal(ms, REQUEST_TIMEOUT_MS)
      expire = act
      return () => {}
    },
    userAgent: 'Pilotlight/test',
    ...more,
  })
  t.teardown(() => sender.close())
  return { sender, expire: () => expire() }
}

function to(url: string): Send {
  return { number: 9, url, secrets: SECRETS, id: 'ring_1', body: '{"a":"ü"}' }
}

t.test('signed with each secret; what the answer means', async (t) => {
  const receiver = await Receiver.start(t)
  const { sender } = scene(t)
  t.match(await sender.send(to(receiver.url)), { number: 9, status: 204, failure: '', retryAfterMs: 0 })
  const received = await receiver.next()
  t.equal(received.body, '{"a":"ü"}')
  t.match(received.headers, {
    'content-type': 'application/json',
    'user-agent': 'Pilotlight/test',
    'webhook-id': 'ring_1',
  })
  t.equal((received.headers['webhook-signature'] as string).split(' ').length, 2)
  for (const secret of SECRETS) verifyWithOracle(received, secret)
  const answers: [object, object][] = [
    [{ status: 500 }, { status: 500, failure: 'status' }],
    [{ status: 410 }, { status: 410, failure: 'gone' }],
    [
      { status: 302, headers: { location: receiver.url } },
      { status: 302, failure: 'redirect' },
    ],
    [
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 429, retryAfterMs: 7000 },
    ],
    [{ status: 503, headers: { 'retry-after': new Date(NOW_MS + 60_000).toUTCString() } }, { retryAfterMs: 60_000 }],
    [{ status: 503, headers: { 'retry-after': 'soon' } }, { retryAfterMs: 0 }],
    [
      { status: 200, body: 'x'.repeat(300_000) },
      { status: 200, failure: '' },
    ],
  ]
  for (const [answer, result] of answers) {
    await receiver.answer(answer)
    t.match(await sender.send(to(receiver.url)), result, JSON.stringify(answer).slice(0, 60))
    t.equal((await receiver.next()).path, '/hook', 'no redirect is followed')
  }
})

t.test('signed when it is sent, however long it waited, and again when it is repeated', async (t) => {
  const receiver = await Receiver.start(t)
  const STEP_MS = 600_000 // a machine that was stopped, or a clock that was set
  let nowMs = NOW_MS
  const resolve: Resolve = async () => {
    nowMs += STEP_MS
    return ['127.0.0.1']
  }
  const { sender } = scene(t, { resolve, nowMs: () => nowMs })
  const send: Send = { ...to(`http://slow.example:${receiver.port}/hook`), body: '{"data":[]}' }
  const received = async () => {
    await sender.send(send)
    const { headers, body } = await receiver.next()
    return (atMs: number) => verifyWebhook(body, headers, SECRETS, { nowMs: atMs })
  }
  const first = await received()
  t.same(first(nowMs), [])
  t.throws(() => first(nowMs + STEP_MS), { code: 'bad-time' }, 'set while it was on its way: the endpoint refuses it')
  const second = await received()
  t.same(second(nowMs), [], 'and takes the repeat')
})

t.test('an endpoint that does not answer is given up after 15 s', async (t) => {
  const receiver = await Receiver.start(t)
  const { sender, expire } = scene(t)
  await receiver.answer({ hang: true })
  const sent = sender.send(to(receiver.url))
  await receiver.next()
  expire()
  t.match(await sent, { status: 0, failure: 'timeout' })
})

t.test('TLS: a certificate must be trusted, and be for this name', async (t) => {
  const receiver = await Receiver.start(t, TEST_TLS)
  const { sender } = scene(t, { ca: TEST_TLS.cert, resolve: async () => ['127.0.0.1'] })
  t.match(await sender.send(to(receiver.url)), { status: 204, failure: '' })
  verifyWithOracle(await receiver.next(), SECRETS[0] as string)
  t.match(await sender.send(to(`https://other.example:${receiver.port}/hook`)), { status: 0, failure: 'tls' })
  for (const ca of [undefined, OTHER_TLS.cert]) {
    const { sender: stranger } = scene(t, ca === undefined ? {} : { ca })
    t.match(await stranger.send(to(receiver.url)), { status: 0, failure: 'tls' })
  }
})

t.test('no TLS, nobody listens, no such name', async (t) => {
  const receiver = await Receiver.start(t)
  const { sender } = scene(t)
  t.match(await sender.send(to(`https://127.0.0.1:${receiver.port}/`)), { status: 0, failure: 'tls' })
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as { port: number }
  await new Promise((resolve) => closed.close(resolve))
  t.match(await sender.send(to(`http://127.0.0.1:${port}/`)), { status: 0, failure: 'connection' })
  t.match(await sender.send(to('https://nobody.example/')), { status: 0, failure: 'dns' })
})

t.test('private addresses are refused, by number and by name; also when only one of several is private', async (t) => {
  const receiver = await Receiver.start(t)
  const names: Record<string, string[]> = {
    'inside.example': ['127.0.0.1'],
    'mapped.example': ['::ffff:127.0.0.1'],
    'both.example': ['1.1.1.1', '169.254.169.254'],
    'nothing.example': [],
  }
  const resolve: Resolve = async (name) => names[name] ?? []
  const { sender } = scene(t, { mayBePrivate: false, resolve })
  for (const host of ['127.0.0.1', '[::1]', 'inside.example', 'mapped.example', 'both.example']) {
    t.match(await sender.send(to(`https://${host}:${receiver.port}/`)), { status: 0, failure: 'private-address' }, host)
  }
  t.match(await sender.send(to(receiver.url)), { failure: 'private-address' }, 'plain HTTP')
  t.match(await sender.send(to('https://nothing.example/')), { failure: 'dns' })
})

t.test('a name that changes: looked up once, and what was checked is what is connected to', async (t) => {
  const receiver = await Receiver.start(t)
  let lookUps = 0
  const resolve: Resolve = async () => [['127.0.0.1'], ['203.0.113.9']][lookUps++] as string[]
  const { sender } = scene(t, { resolve })
  t.match(await sender.send(to(`http://rebinding.example:${receiver.port}/hook`)), { status: 204 })
  t.equal(lookUps, 1)
  t.equal((await receiver.next()).headers['host'], `rebinding.example:${receiver.port}`, 'the name is told')
  const answers = [['1.1.1.1'], ['127.0.0.1']]
  const rebinding: Resolve = async () => answers.shift() as string[]
  t.same(await destinationOf('rebinding.example', false, rebinding), { address: '1.1.1.1' })
  t.same(await destinationOf('rebinding.example', false, rebinding), { failure: 'private-address' })
})
