/** A server with a certificate of its own, and one behind a proxy: a psk never crosses a network in clear. */
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { base64url } from '../../src/base/base64.js'
import { MemoryStorage, WebSocketTransport } from '../../src/client/index.js'
import { connect, enrol, systemHost } from '../../src/client/node/index.js'
import { TEST_TLS } from '../sidecar/test-tls.js'
import { command, folderOf, HANGS_MS, json, refused, serverIn } from './command.js'

/** A WebSocket that trusts the certificate of the tests. */
class TrustingSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols, { ca: TEST_TLS.cert })
  }
}

function pemFiles(folder: string): { cert: string; key: string } {
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
  writeFileSync(files.cert, TEST_TLS.cert)
  writeFileSync(files.key, TEST_TLS.key)
  return files
}

t.test('serve --tls-cert --tls-key: enrolment, reading and the channel go by TLS', { timeout: HANGS_MS }, async (t) => {
  const folder = folderOf(t)
  const { cert, key } = pemFiles(folder)
  const server = await serverIn(t, join(folder, 'server'), ['--tls-cert', cert, '--tls-key', key])
  t.match(server.url, /^https:\/\/127\.0\.0\.1:/)
  const data = ['--data', server.folder]
  const { code } = await json(t, ['account', 'add', 'Ada', ...data])
  const { app, apiKey } = await json(t, ['app', 'add', 'chat', ...data])
  const file = join(folder, 'ada.json')
  const trusting = { NODE_EXTRA_CA_CERTS: cert }
  const words = ['device', 'enrol', '--url', server.url, '--code', code!, '--file', file]
  await refused(t, words, { code: 'PL_ENROL_FAILED', message: /cannot be reached.*certificate/i })
  await refused(t, words.with(3, server.url.replace('https', 'http')), { code: 'PL_ENROL_FAILED' }, trusting)
  await json(t, words, trusting)
  const stored = JSON.parse(readFileSync(file, 'utf8'))
  t.same(stored.endpoints, [`udp://127.0.0.1:${server.udpPort}`, `${server.url.replace('https', 'wss')}/v1/channel`])
  const { puid } = await json(t, ['device', 'allow', app!, '--file', file], trusting)
  const read = ['presence', puid!, '--url', server.url, '--api-key', apiKey!]
  t.match(await json(t, read, trusting), { puid })
  t.match(await command(t, read), { code: 1, stderr: /unreachable.*SELF_SIGNED_CERT/ })

  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64url'))
  const credentials = {
    ...stored,
    secretKey: bytes(stored.secretKey),
    publicKey: bytes(stored.publicKey),
    psk: bytes(stored.psk),
    serverKeys: stored.serverKeys.map(bytes),
  }
  const { endpoints } = credentials
  const transport = new WebSocketTransport({ endpoints, webSocket: () => TrustingSocket as never, host: systemHost() })
  const device = await connect({ credentials, storage: new MemoryStorage(), transport })
  t.teardown(() => device.close())
  await device.whenOnline()
  t.pass('a device that has only the secure WebSocket is online')
})

t.test('certificates that cannot be used are refused in words', { timeout: HANGS_MS }, async (t) => {
  const folder = folderOf(t)
  const { cert, key } = pemFiles(folder)
  const serve = ['serve', '--data', join(folder, 'server'), '--udp-port', '0', '--http-port', '0']
  const local = ['--host', '127.0.0.1', '--log-level', 'silent']
  const tls = (certFile: string, keyFile: string) => [...serve, ...local, '--tls-cert', certFile, '--tls-key', keyFile]
  await refused(t, tls(cert, cert), { code: 'PL_BAD_TLS' })
  await refused(t, tls(join(folder, 'none'), key), {
    code: 'PL_USAGE',
    message: /cannot be read \(ENOENT\)/,
    exitCode: 2,
  })
  const wrong = ['--trusted-proxies', 'the proxy']
  await refused(t, [...serve, ...local, ...wrong], { code: 'PL_BAD_ARGUMENT', message: /trusted proxies/ })
})

/** Enrols over plain HTTP as a proxy would forward it; the status. */
function enrolVia(url: string, code: string, headers: Record<string, string>): Promise<number> {
  const body = JSON.stringify({ code, publicKey: base64url(new Uint8Array(32).fill(9)), name: 'Phone' })
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } }
    request(`${url}/v1/devices`, options, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on('error', reject)
      .end(body)
  })
}

t.test(
  'serve --trusted-proxies: what a proxy says counts only from a trusted one',
  { timeout: HANGS_MS },
  async (t) => {
    const https = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' }
    const codeOf = async (t: Test, data: string) => (await json(t, ['account', 'add', 'Ada', '--data', data]))['code']!
    const plain = await serverIn(t, join(folderOf(t), 'plain'))
    const code = await codeOf(t, plain.folder)
    t.equal(await enrolVia(plain.url, code, https), 403, 'a stranger could say so too')
    const behind = await serverIn(t, join(folderOf(t), 'behind'), ['--trusted-proxies', '127.0.0.0/8'])
    const other = await codeOf(t, behind.folder)
    t.equal(
      await enrolVia(behind.url, other, { ...https, 'x-forwarded-proto': 'http' }),
      403,
      'plain HTTP before the proxy',
    )
    t.equal(await enrolVia(behind.url, other, https), 201)
    t.match(await enrol({ url: plain.url, code, name: 'Phone' }), { deviceId: /^dev_/ }, 'the code was not used up')
  },
)
