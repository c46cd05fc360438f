import { once } from 'node:events'
import { get } from 'node:https'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ListenError, listen } from '../../src/sidecar/listen.js'
import { type SidecarOptions, sidecarSettings } from '../../src/sidecar/options.js'
import { API_KEY, AUTH, CODE, fixture, PUID } from './fake-main.js'
import { TEST_TLS } from './test-tls.js'

const LOCAL: SidecarOptions = { hosts: ['127.0.0.1'], port: 0, connectionCheckMs: 20 }

/** The application on real sockets, in this thread. */
async function start(t: Test, options: SidecarOptions = {}) {
  const made = await fixture(options)
  const listeners = await listen(sidecarSettings({ ...LOCAL, ...options }), made.app.routing)
  t.teardown(() => {
    made.link.close()
    return listeners.close(0)
  })
  const port = listeners.addresses[0]?.port ?? 0
  return { ...made, listeners, port, url: `http://127.0.0.1:${port}` }
}

t.test('IPv4 and IPv6, one port', async (t) => {
  for (const hosts of [['127.0.0.1', '::1'], ['0.0.0.0', '::'], ['::']]) {
    const { listeners, port } = await start(t, { hosts })
    t.equal(listeners.addresses.length, hosts.length)
    t.same(new Set(listeners.addresses.map((address) => address.port)), new Set([port]))
    for (const host of ['127.0.0.1', '[::1]'])
      t.equal((await fetch(`http://${host}:${port}/healthz`)).status, 200, `${hosts} ${host}`)
    const body = JSON.stringify({ code: CODE, publicKey: 'A'.repeat(43), name: 'Phone' })
    const enrol = { method: 'POST', headers: { 'content-type': 'application/json' }, body }
    t.equal((await fetch(`http://127.0.0.1:${port}/v1/devices`, enrol)).status, 201, 'loopback, mapped or not')
    await listeners.close(0)
  }
  const { listeners } = await start(t, { hosts: ['127.0.0.1', '203.0.113.250'] })
  t.equal(listeners.addresses.length, 1, 'a host that is not there is left out if another works')
})

t.test('a free port that is not free on every host is given up for another', async (t) => {
  const { listeners, port } = await start(t, { hosts: ['127.0.0.1', '127.0.0.2', '127.0.0.3'] })
  t.equal(listeners.addresses.length, 3)
  await t.rejects(
    listen(sidecarSettings({ ...LOCAL, port }), () => {}),
    { code: 'port-taken' },
  )
  await t.rejects(
    listen(sidecarSettings({ ...LOCAL, hosts: ['127.0.0.9', '127.0.0.3'], port }), () => {}),
    { code: 'port-taken' },
  )
  const retry = await listen(sidecarSettings({ ...LOCAL, hosts: ['127.0.0.9'], port }), () => {})
  t.equal(retry.addresses[0]?.port, port, 'the failed attempt left nothing open')
  await retry.close(0)
})

t.test('TLS', async (t) => {
  const { port } = await start(t, { tls: TEST_TLS })
  const status = await new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/healthz', ca: TEST_TLS.cert, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    }).on('error', reject)
  })
  t.equal(status, 200)
})

t.test('clear errors for what cannot start', async (t) => {
  const taken = createServer()
  await once(taken.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as AddressInfo
  const rows: [SidecarOptions, string, RegExp][] = [
    [{ port }, 'port-taken', new RegExp(`^127\\.0\\.0\\.1:${port} is taken by another program$`)],
    [{ hosts: ['203.0.113.250'] }, 'address-unavailable', /^203\.0\.113\.250 is not an address of this machine$/],
    [{ hosts: [] }, 'bad-option', /no host/],
    [{ port: 65_536 }, 'bad-option', /^65536 is not a port$/],
    [{ tls: { cert: 'x', key: 'y' } }, 'bad-tls', /certificate/],
    [{ tls: { ...TEST_TLS, key: TEST_TLS.cert } }, 'bad-tls', /certificate/],
  ]
  for (const [options, code, message] of rows) {
    const error = await listen(sidecarSettings({ ...LOCAL, ...options }), () => {}).then(
      () => null,
      (thrown: unknown) => thrown,
    )
    if (!(error instanceof ListenError)) return t.fail(`${code}: no ListenError`)
    t.equal(error.code, code)
    t.match(error.message, message)
  }
})

/** Sends raw bytes; resolves with everything that comes back until the end. */
async function raw(port: number, text: string): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1')
  socket.setEncoding('utf8')
  let answer = ''
  socket.on('data', (chunk: string) => (answer += chunk))
  socket.on('error', () => {})
  socket.write(text)
  await once(socket, 'close')
  return answer
}

t.test('what is not HTTP, too large or too slow gets a problem and a closed connection', async (t) => {
  const { port } = await start(t, { headersTimeoutMs: 60, requestTimeoutMs: 120 })
  const rows: [string, string, number, string][] = [
    ['garbage', 'hello\r\n\r\n', 400, 'bad-http'],
    [
      'two lengths',
      'POST /v1/rings HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'bad-http',
    ],
    [
      'length and chunks',
      'POST /v1/rings HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
      'bad-http',
    ],
    ['large head', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers-too-large'],
    ['slow head', 'GET / HTTP/1.1\r\nHost: x\r\n', 408, 'request-timeout'],
    [
      'slow body',
      `POST /v1/rings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
      408,
      'request-timeout',
    ],
  ]
  for (const [name, text, status, code] of rows) {
    const answer = await raw(port, text)
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), name)
    t.match(answer, /content-type: application\/problem\+json/i, name)
    t.match(answer, `"code":"${code}"`, name)
  }
  t.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)
})

t.test('a request that never ends is cut when the grace is over', async (t) => {
  const { listeners, main, url } = await start(t)
  main.answer = () => null
  const asked = main.next('hub')
  const running = fetch(`${url}/v1/presence/${PUID}`, { headers: AUTH })
  await asked
  await Promise.all([t.rejects(running), listeners.close(20)])
})
