import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { isRegistered, redirectTo, redirectUriFault } from '../../src/sidecar/consent/redirect-uri.js'
import { checkDomain, isDomain, WELL_KNOWN } from '../../src/sidecar/domain/check.js'

t.test('redirect URIs that may be registered', async (t) => {
  const good = [
    'https://a.example/cb?x=1',
    'http://127.0.0.1/cb',
    'http://[::1]:80/',
    'http://localhost/x',
    'org.example.app:/cb',
  ]
  for (const uri of good) t.equal(redirectUriFault(uri), null, uri)
  const bad = [
    '',
    '/cb',
    'http://a.example/',
    'https://a@b.example/',
    'https://:b@c.example/',
    'https://a.example/#f',
    'javascript:alert(1)',
  ]
  for (const uri of [...bad, 'data:text/html,x', 'https://a.example/ x', `https://a.example/${'x'.repeat(512)}`]) {
    t.type(redirectUriFault(uri), 'string', uri)
  }
})

t.test('only what is registered, character by character; of a loopback address any port', async (t) => {
  const registered = ['https://a.example/cb', 'http://127.0.0.1/cb']
  for (const uri of [...registered, 'http://127.0.0.1:5000/cb']) t.ok(isRegistered(registered, uri), uri)
  const others = ['https://a.example/cb/', 'https://a.example/cb?', 'https://a.example:443/cb', 'https://A.example/cb']
  const loopback = [
    'http://127.0.0.1:5000/cb2',
    'http://127.0.0.1:5000@evil.example/cb',
    'http://127.0.0.1.evil.example/cb',
    'http://127.0.0.1:99999/cb',
  ]
  for (const uri of [...others, ...loopback, 'http://[::1]/cb', '']) t.notOk(isRegistered(registered, uri), uri)
  t.equal(redirectTo('https://a.example/cb?x=1', { state: 'a&b', code: null }), 'https://a.example/cb?x=1&state=a%26b')
})

t.test('domains, and what is none', async (t) => {
  for (const name of ['a.example', 'xn--bcher-kva.example']) t.ok(isDomain(name))
  for (const name of ['', '127.0.0.1', 'a..b', '-a.example', 'a/b', 'a@b', 'https://a.example'])
    t.notOk(isDomain(name), name)
})

t.test('a domain names the application, or does not', async (t) => {
  const app = 'app_0123456789abcdef'
  let answer: { status: number; body: string; headers?: Record<string, string> } = { status: 200, body: '' }
  const server = createServer((request, reply) => {
    const isHere = request.url === WELL_KNOWN
    reply.writeHead(isHere ? answer.status : 404, answer.headers)
    reply.end(answer.body)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.close())
  const domain = `localhost:${(server.address() as AddressInfo).port}`
  const check = (isAllowed = true) => checkDomain(domain, app, isAllowed)
  answer = { status: 200, body: JSON.stringify({ apps: ['app_x', app] }) }
  t.equal(await check(), null)
  t.match(await check(false), /a port is not allowed/)
  t.match(await checkDomain('localhost', app, false), /the address is private/)
  for (const body of ['{}', '[]', 'null', '{"apps": "x"}', JSON.stringify({ apps: [`${app}0`] })]) {
    answer = { status: 200, body }
    t.match(await check(), /does not name the application/, body)
  }
  answer = { status: 200, body: 'not JSON' }
  t.match(await check(), /is not JSON/)
  answer = { status: 200, body: 'x'.repeat(20_000) }
  t.match(await check(), /too long/)
  answer = { status: 302, body: '', headers: { location: WELL_KNOWN } }
  t.match(await check(), /status 302/, 'no redirect is followed')
})
