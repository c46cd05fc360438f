import { createSocket } from 'node:dgram'
import dns from 'node:dns/promises'
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

t.test('a DNS TXT record of the domain names the application too', async (t) => {
  const app = 'app_3f9c2b7a10d4e586'
  let records: string[][] = []
  const asked: string[] = []
  const names = createSocket('udp4')
  names.on('message', (query, { port, address }) => {
    const end = query.indexOf(0, 12) + 5 // of the question: RFC 1035 §4.1.2
    asked.push(query.toString('latin1', 13, end - 5).replace(/[^a-z_]/g, '.'))
    const answers = records.map((parts) => {
      const data = Buffer.concat(parts.map((part) => Buffer.from([part.length, ...Buffer.from(part)])))
      return Buffer.concat([Buffer.from([0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 0, 0, data.length]), data])
    })
    const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80, 0, 1, 0, answers.length, 0, 0, 0, 0])
    names.send(Buffer.concat([head, query.subarray(12, end), ...answers]), port, address)
  })
  await new Promise<void>((done) => names.bind(0, '127.0.0.1', done))
  t.teardown(() => names.close())
  const servers = dns.getServers()
  dns.setServers([`127.0.0.1:${names.address().port}`])
  t.teardown(() => dns.setServers(servers))
  const check = () => checkDomain('localhost:1', app, true) // no file there
  records = [['something else'], [app.slice(0, 7), app.slice(7)]]
  t.equal(await check(), null, 'a text may stand in parts')
  t.strictSame(asked, ['_pilotlight.localhost'])
  for (const other of [[`${app}0`], [app.slice(0, -1)], [`x ${app}`]]) {
    records = [other]
    t.match(await check(), /could not be read; TXT of _pilotlight: does not name the application/)
  }
  records = []
  t.match(await check(), /TXT of _pilotlight: no such record/)
})
