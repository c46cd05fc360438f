import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { base64url } from '../../../src/base/base64.js'
import { loadCredentials, saveCredentials } from '../../../src/client/node/credentials-file.js'
import { enrol } from '../../../src/client/node/enrol.js'
import { nobleCrypto } from '../../../src/crypto/noble.js'

const KEY = new Uint8Array(32).fill(7)
const ENROLLED = {
  deviceId: 'dev_1',
  psk: base64url(KEY),
  serverKeys: [base64url(KEY), base64url(new Uint8Array(32).fill(8))],
  endpoints: ['udp://127.0.0.1:7350'],
}

/** An HTTP server that answers every request so; returns its URL and what it was asked. */
async function serverOf(
  t: { teardown: (end: () => void) => void },
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ url: string; asked: { method: string; path: string; body: Record<string, string> }[] }> {
  const asked: { method: string; path: string; body: Record<string, string> }[] = []
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    let text = ''
    request.on('data', (chunk) => {
      text += chunk
    })
    request.on('end', () => {
      asked.push({ method: request.method ?? '', path: request.url ?? '', body: JSON.parse(text) })
      response.writeHead(status, { 'content-type': 'application/json', ...headers })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

t.test('makes a key pair, posts the public key, returns credentials', async (t) => {
  const { url, asked } = await serverOf(t, 201, ENROLLED)
  const credentials = await enrol({ url: `${url}/`, code: 'K7QX-3MPA', name: 'Phone' })
  t.match(asked, [{ method: 'POST', path: '/v1/devices', body: { code: 'K7QX-3MPA', name: 'Phone' } }])
  t.equal(asked[0]?.body['publicKey'], base64url(credentials.publicKey))
  t.same(nobleCrypto.publicKey(credentials.secretKey), credentials.publicKey)
  t.match(credentials, { deviceId: 'dev_1', psk: KEY, endpoints: ['udp://127.0.0.1:7350'] })
  t.equal(credentials.serverKeys.length, 2)
  const path = join(t.testdir(), 'credentials.json')
  t.equal(await loadCredentials(path), null)
  await saveCredentials(path, credentials)
  t.same(await loadCredentials(path), credentials)
})

t.test('[R-12.1] plain HTTP is refused except on loopback, before anything is sent', async (t) => {
  let asked = 0
  const spy = (async () => {
    asked++
    throw new Error('down')
  }) as unknown as typeof fetch
  for (const url of [
    'http://example.org',
    'http://192.0.2.1:8080',
    'http://127.0.0.1.example.org',
    'http://localhost.evil',
  ]) {
    await t.rejects(enrol({ url, code: 'c', name: 'n', fetch: spy }), { code: 'PL_PLAIN_HTTP' }, url)
  }
  t.equal(asked, 0)
  for (const url of ['http://localhost:1', 'http://[::1]:1', 'http://127.9.9.9:1', 'https://example.org']) {
    await t.rejects(enrol({ url, code: 'c', name: 'n', fetch: spy }), { code: 'PL_ENROL_FAILED', message: /down/ })
  }
  t.equal(asked, 4)
  for (const url of ['', 'ftp://x', 'example.org']) {
    await t.rejects(enrol({ url, code: 'c', name: 'n', fetch: spy }), { code: 'PL_ENROL_FAILED' })
  }
})

t.test('what the server says is told in words', async (t) => {
  const problem = { type: 'bad-code', title: 'Unknown enrolment code', detail: 'It was used or ran out.' }
  const refused = await serverOf(t, 403, problem)
  const error = { code: 'PL_ENROL_FAILED', message: /Unknown enrolment code: It was used or ran out\. \(403\)/ }
  await t.rejects(enrol({ url: refused.url, code: 'c', name: 'n' }), error)
  const silent = await serverOf(t, 500, 'oops')
  await t.rejects(enrol({ url: silent.url, code: 'c', name: 'n' }), { message: /answered 500/ })
  const moved = await serverOf(t, 307, '', { location: 'http://192.0.2.1/' })
  await t.rejects(
    enrol({ url: moved.url, code: 'c', name: 'n' }),
    { code: 'PL_ENROL_FAILED' },
    'no redirect is followed',
  )
})

t.test('an answer that is no enrolment is refused', async (t) => {
  const wrong = [
    'not JSON',
    {},
    { ...ENROLLED, psk: 'AA' },
    { ...ENROLLED, serverKeys: [] },
    { ...ENROLLED, serverKeys: ['!'] },
    { ...ENROLLED, endpoints: [] },
    { ...ENROLLED, endpoints: [5] },
    { ...ENROLLED, deviceId: '' },
  ]
  for (const body of wrong) {
    const { url } = await serverOf(t, 201, body)
    await t.rejects(enrol({ url, code: 'c', name: 'n' }), { message: /cannot be read/ })
  }
})

t.test('a credentials file that cannot be read is told', async (t) => {
  const folder = t.testdir({ a: 'x', b: '{}', c: JSON.stringify({ ...ENROLLED, secretKey: '!', publicKey: '' }) })
  for (const name of ['a', 'b', 'c']) {
    await t.rejects(loadCredentials(join(folder, name)), { code: 'PL_BAD_CREDENTIALS' })
  }
})
