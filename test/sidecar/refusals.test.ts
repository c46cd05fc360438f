import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { HubRequest } from '../../src/hub/message.js'
import { ConnectionGate } from '../../src/sidecar/connections.js'
import { listen } from '../../src/sidecar/listen.js'
import { type SidecarOptions, sidecarSettings } from '../../src/sidecar/options.js'
import { PROBLEMS, type ProblemCode } from '../../src/sidecar/problem.js'
import { fuzzing } from '../support/fuzzing.js'
import { API_KEY, AUTH, fixture, JSON_AUTH, PUID } from './fake-main.js'
import { TEST_TLS } from './test-tls.js'

const LOCAL: SidecarOptions = { hosts: ['127.0.0.1', '::1'], port: 0, connectionCheckMs: 20 }

/** The application on real sockets, in this thread. */
async function start(t: Test, options: SidecarOptions = {}) {
  const made = await fixture({ ...LOCAL, ...options })
  const listeners = await listen(sidecarSettings({ ...LOCAL, ...options }), made.app.routing)
  t.teardown(() => {
    made.link.close()
    return listeners.close(0)
  })
  return { ...made, port: listeners.addresses[0]?.port ?? 0 }
}

/** Everything that comes until the end. */
async function whole(socket: Socket): Promise<string> {
  let answer = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => (answer += chunk))
  socket.on('error', () => {})
  if (!socket.closed) await once(socket, 'close')
  return answer
}

function ask(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(text)
  return whole(socket)
}

/** Checks that a refusal is a whole problem document. */
function isProblem(t: Test, answer: string, code: ProblemCode, name: string): Record<string, string> {
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  const { status, title } = PROBLEMS[code]
  t.match(head, new RegExp(`^HTTP/1\\.1 ${status} [A-Z][A-Za-z ]+\\r\\n`), name)
  t.match(head, /content-type: application\/problem\+json/i, name)
  const document = JSON.parse(body) as Record<string, string>
  const id = /request-id: (\S+)/i.exec(head)?.[1]
  t.match(document, { type: `/errors#${code}`, code, status, title, instance: `urn:uuid:${id}` }, name)
  return document
}

t.test('what node would refuse by itself, or let through, is a problem document', async (t) => {
  const { port } = await start(t)
  const upgrade = 'GET /v1/channel HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n'
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  const rows: [string, string, ProblemCode, RegExp?][] = [
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 'bad-http', /one header Host/],
    ['two Hosts', 'GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'bad-http', /one header Host/],
    ['Expect', 'POST /v1/rings HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n', 'expectation-failed'],
    ['request line', 'GET  /healthz\r\n\r\n', 'bad-http'],
    ['method', 'BREW / HTTP/1.1\r\nHost: x\r\n\r\n', 'bad-http'],
    ['version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n', 'bad-http'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'bad-http'],
    ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', 'bad-http', /no proxy/],
    ['bad URL', 'GET /%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', 'bad-http'],
    ['encoding', 'POST /v1/rings HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n', 'bad-http'],
    ['upgrade with a body', `${upgrade}Content-Length: 5\r\n\r\nhello`, 'bad-upgrade', /no body/],
    ['WebSocket version', `${upgrade}${key}Sec-WebSocket-Version: 7\r\n\r\n`, 'upgrade-required', /must be 13/],
    ['WebSocket key', `${upgrade}Sec-WebSocket-Version: 13\r\n\r\n`, 'bad-upgrade', /Sec-WebSocket-Key/],
    ['protocol', `${upgrade}${key}Sec-WebSocket-Version: 13\r\n\r\n`, 'bad-upgrade'],
    [
      'what the WebSocket library refuses',
      `${upgrade}${key}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: pilotlight.1,,\r\n\r\n`,
      'bad-upgrade',
    ],
  ]
  for (const [name, text, code, detail = /./] of rows) {
    const answer = await ask(port, text)
    t.match(isProblem(t, answer, code, name)['detail'], detail, name)
  }
  const old = await ask(port, 'GET /healthz HTTP/1.0\r\n\r\n')
  t.match(old, /^HTTP\/1\.1 200 /, 'HTTP/1.0 needs no Host')
  const goesOn = `POST /v1/rings HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n`
  t.match(await ask(port, goesOn), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 401 /)
})

t.test('heads and bodies with parts left out, doubled, changed or cut', async (t) => {
  const { port, contract } = await start(t, { rateRequests: 1e9, wrongKeysPerMinute: 1e9 })
  const body = JSON.stringify({ to: PUID, title: 'T' })
  const head = ['POST /v1/rings HTTP/1.1', 'Host: x', 'Connection: close', `Authorization: ${AUTH.authorization}`]
  head.push('Content-Type: application/json', `Content-Length: ${body.length}`, 'Idempotency-Key: k')
  const edit = fc.tuple(
    fc.nat(head.length - 1),
    fc.constantFrom('drop', 'double', 'double otherwise', 'change'),
    fc.constantFrom('0', '-1', '7', '99999999999999999999', 'é', 'a, b', '\t', 'chunked', 'keep-alive', '\0'),
  )
  const request = fc.record({ edits: fc.array(edit, { maxLength: 3 }), cut: fc.option(fc.nat(300), { freq: 3 }) })
  const seen = new Map<string, number>()
  const runs = fc.asyncProperty(request, async ({ edits, cut }) => {
    const lines = [...head]
    for (const [at, what, value] of edits) {
      const line = lines[at % lines.length] ?? ''
      const other = line.replace(/(: | ).*$/, `$1${value}`)
      if (what === 'drop') lines.splice(at % lines.length, 1)
      else if (what === 'change') lines[at % lines.length] = other
      else lines.push(what === 'double' ? line : other)
    }
    const socket = connect(port, '127.0.0.1')
    socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`.slice(0, cut ?? undefined))
    const answer = await whole(socket)
    const [top = '', text = ''] = answer.split('\r\n\r\n')
    const fields = [...top.matchAll(/^([\w-]+): (.*?)\r?$/gm)].map(([, name = '', value]) => [
      name.toLowerCase(),
      value,
    ])
    const headers = Object.fromEntries(fields) as Record<string, string>
    const isWhole = Number(headers['content-length']) === Buffer.byteLength(text)
    const status = isWhole ? (/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1] ?? '') : 'cut'
    seen.set(status, (seen.get(status) ?? 0) + 1)
    // Who hangs up in the middle of a request may hear nothing, or half of the answer.
    const isCut = cut !== null || !lines.includes(`Content-Length: ${body.length}`)
    if (!isWhole && isCut) return
    const fault = contract.fault('POST', '/v1/rings', { statusCode: Number(status), headers, body: text })
    if (fault !== '' || status >= '500') throw new Error(`${fault} ${answer}`)
  })
  const options = fuzzing(250)
  await fc.assert(runs, options)
  for (const status of ['cut', '201', '400', '401', '415']) t.ok(seen.has(status), `${status} was met`)
  t.pass(`${options.numRuns} requests, seed ${options.seed}`)
})

t.test('garbage behind an answer that has begun cuts it; no second answer stands in it', async (t) => {
  const { port, main } = await start(t)
  const subscribed = main.next('hub')
  const socket = connect(port, '127.0.0.1')
  const answer = whole(socket)
  socket.write(`GET /v1/presence/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\n\r\n`)
  await subscribed
  socket.write('garbage\r\n\r\n')
  const text = await answer
  t.match(text, /text\/event-stream/)
  t.notMatch(text, /bad-http/)
})

t.test('validation says what is wrong with the form that was chosen', async (t) => {
  const { app } = await fixture()
  const rows: [unknown, string][] = [
    [7, 'body/to must be string or array.'],
    [null, 'body/to must be string or array.'],
    [[], 'body/to must NOT have fewer than 1 items.'],
    [['p', 7], 'body/to/1 must be string.'],
    ['x'.repeat(200), 'body/to must NOT have more than 128 characters.'],
    [['p', 'x'.repeat(200)], 'body/to/1 must NOT have more than 128 characters.'],
  ]
  for (const [to, detail] of rows) {
    const payload = { to, title: 'x' }
    const answer = await app.inject({ method: 'POST', url: '/v1/rings', headers: JSON_AUTH, payload })
    t.match(answer.json(), { status: 400, code: 'invalid-request', detail })
  }
})

t.test('connections of one address are limited', async (t) => {
  const { port } = await start(t, { connectionsPerAddress: 2 })
  const open = async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    return socket
  }
  const first = await open()
  await open()
  const document = isProblem(
    t,
    await whole(connect(port, '127.0.0.1')),
    'too-many-connections',
    'without a word of ours',
  )
  t.match(document, { status: 429 })
  const asking = await ask(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  isProblem(t, asking, 'too-many-connections', 'what came is read, so that the answer is')
  const other = await fetch(`http://[::1]:${port}/healthz`, { headers: { connection: 'close' } })
  t.equal(other.status, 200, 'another address is not concerned')
  first.destroy()
  let again = ''
  while (!again.includes(' 200 '))
    again = await ask(port, 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  t.pass('room again when one has closed')
})

t.test('over TLS as well', async (t) => {
  const { port } = await start(t, { connectionsPerAddress: 1, tls: TEST_TLS })
  const open = () => connectTls({ port, host: '127.0.0.1', ca: TEST_TLS.cert, checkServerIdentity: () => undefined })
  const first = open()
  first.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(first, 'data')
  isProblem(t, await whole(open()), 'too-many-connections', 'after its handshake')
  first.destroy()
})

t.test('the gate: by /64, mapped addresses, proxies, too many for words', (t) => {
  const leave: (() => void)[] = []
  const peer = (remoteAddress?: string) => ({
    remoteAddress,
    once: (_event: 'close', listener: () => void) => void leave.push(listener),
  })
  const gate = new ConnectionGate(sidecarSettings({ connectionsPerAddress: 2, trustedProxies: ['10.0.0.0/8', '::1'] }))
  const enter = (address?: string) => gate.enter(peer(address))
  t.equal(enter('2001:db8::1'), 'admit')
  t.equal(enter('2001:db8::2'), 'admit')
  t.equal(enter('2001:db8::3'), 'refuse', 'one /64')
  t.equal(gate.isOver(peer('2001:db8::4')), true)
  t.equal(enter('2001:db8::5'), 'refuse')
  t.equal(enter('2001:db8::6'), 'cut', 'too many for words')
  t.equal(enter('2001:db8:0:1::1'), 'admit', 'another /64')
  t.equal(enter('192.0.2.1'), 'admit')
  t.equal(enter('::ffff:192.0.2.1'), 'admit')
  t.equal(enter('192.0.2.1'), 'refuse', 'mapped or not')
  for (let i = 0; i < 10; i++)
    for (const proxy of ['10.1.2.3', '::ffff:10.1.2.3', '::1']) t.equal(enter(proxy), 'admit')
  t.equal(enter(undefined), 'cut')
  t.equal(enter('192.0.2.7'), 'admit')
  const gone = leave.length - 1
  for (const verdict of ['admit', 'refuse', 'refuse', 'cut']) t.equal(enter('192.0.2.7'), verdict)
  leave[gone]?.()
  t.equal(enter('192.0.2.7'), 'admit', 'room again, though others are still being refused')
  for (const close of leave) close()
  for (const close of leave) close()
  t.equal(enter('2001:db8::1'), 'admit', 'all are gone')
  t.equal(enter('2001:db8::1'), 'admit')
  t.equal(enter('2001:db8::1'), 'refuse', 'and were counted off once')
  t.end()
})

t.test('behind a proxy the requests of a client count', async (t) => {
  const { port, main } = await start(t, { connectionsPerAddress: 2, trustedProxies: ['127.0.0.1'] })
  main.answer = () => null
  const from = (client: string, signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${port}/v1/presence/p`, {
      headers: { ...AUTH, 'x-forwarded-for': client },
      ...(signal && { signal }),
    })
  const abort = new AbortController()
  const waiting: Promise<unknown>[] = []
  for (let i = 0; i < 2; i++) {
    const asked = main.next('hub')
    waiting.push(from('192.0.2.1', abort.signal).catch(() => {}))
    await asked
  }
  const refused = await from('192.0.2.1')
  t.equal(refused.status, 429)
  t.match(await refused.json(), { code: 'too-many-connections' })
  const asked = main.next('hub')
  waiting.push(from('192.0.2.2', abort.signal).catch(() => {}))
  await asked
  t.pass('another client is served')
  abort.abort()
  await Promise.all(waiting)
})

t.test('streams of one address are limited, whoever the application is', async (t) => {
  const { port } = await start(t, { streamsPerAddress: 2, streamsPerApp: 10 })
  const abort = new AbortController()
  const open = (host: string) =>
    fetch(`http://${host}:${port}/v1/presence/stream`, { headers: AUTH, signal: abort.signal })
  t.equal((await open('127.0.0.1')).status, 200)
  t.equal((await open('127.0.0.1')).status, 200)
  const refused = await open('127.0.0.1')
  t.match(await refused.json(), { status: 429, code: 'too-many-streams', detail: /from this address/ })
  t.equal((await open('[::1]')).status, 200)
  abort.abort()
})

t.test('while this thread cannot do all that it is asked, reads of presence give way to rings', async (t) => {
  let busyShare = 1
  const { app, clock } = await fixture({ wrongKeysPerMinute: 10_000 }, () => busyShare)
  t.teardown(() => app.close())
  /** Statuses of so many requests, 200 a second; without a key, as that comes after. */
  const statuses = async (method: 'GET' | 'POST', url: string, count: number) => {
    const answers = []
    for (let nth = 0; nth < count; nth++, clock.ms += 5) answers.push(await app.inject({ method, url }))
    return answers
  }
  const read = `/v1/presence/${PUID}`
  const first = await statuses('GET', read, 60)
  t.ok(
    first.every(({ statusCode }) => statusCode === 401),
    'three tenths of a second are a burst',
  )
  const shed = (await statuses('GET', read, 200)).filter(({ statusCode }) => statusCode === 503)
  t.ok(shed.length > 150, `${shed.length} of 200 were refused`)
  t.match(shed[0]!.json(), { code: 'unavailable', detail: /rings come first/ })
  t.equal(shed[0]!.headers['retry-after'], '1')
  const others = [...(await statuses('POST', '/v1/rings', 20)), ...(await statuses('GET', '/v1/presence/stream', 20))]
  t.ok(
    others.every(({ statusCode }) => statusCode === 401),
    'rings and streams are not',
  )
  busyShare = 0.5
  await statuses('GET', read, 500)
  t.ok(
    (await statuses('GET', read, 40)).every(({ statusCode }) => statusCode === 401),
    'all again',
  )
})

t.test(
  'while rings that were taken wait long, reads give way; while they wait too long, a share of new rings',
  async (t) => {
    const { app, clock, main, link } = await fixture({ rateRequests: 10_000 })
    t.teardown(() => app.close())
    const usual = main.answer
    const waiting: (HubRequest & { request: number })[] = []
    main.answer = (request) => {
      waiting.push(request)
      return null
    }
    const statuses: number[] = []
    let seen = 0
    /** So many rings, 100 a second; each is answered, or waits at the main thread, before the next one. */
    const send = async (count: number) => {
      const sent: Promise<void>[] = []
      for (let nth = 0; nth < count; nth++, clock.ms += 10) {
        const payload = { to: PUID, title: 'Ada is calling' }
        const ring = app.inject({ method: 'POST', url: '/v1/rings', headers: JSON_AUTH, payload })
        sent.push(ring.then(({ statusCode }) => void statuses.push(statusCode)))
        for (seen++; waiting.length + statuses.length < seen; ) await new Promise(setImmediate)
      }
      return sent
    }
    const taken = await send(200)
    t.same(statuses, [], 'none waited for more than 2 s')
    const reads: number[] = []
    for (let nth = 0; nth < 100; nth++, clock.ms += 5) {
      reads.push((await app.inject({ method: 'GET', url: `/v1/presence/${PUID}` })).statusCode)
    }
    t.ok(reads.filter((status) => status === 503).length > 10, 'reads were refused, though the thread had time')
    const rest = await send(100)
    t.ok(statuses.length > 40, `${statuses.length} of 100 were refused`)
    t.same(new Set(statuses), new Set([503]))
    const refused = statuses.length
    main.answer = usual
    for (const request of waiting.splice(0)) {
      const reply = usual(request)
      if (reply !== null && !('app' in reply)) link.handle({ kind: 'hub', reply })
    }
    await Promise.all([...taken, ...rest])
    t.same(statuses.slice(refused), Array(300 - refused).fill(201), 'who was taken is answered')
    await Promise.all(await send(300))
    await Promise.all(await send(100))
    t.same(statuses.slice(-100), Array(100).fill(201), 'all again')
  },
)
