import t from 'tap'
import { shownError } from '../../src/sidecar/log.js'
import { API_KEY, CODE, fixture, JSON_AUTH, PUID, RING_ID } from './fake-main.js'

t.test('log lines hold no personal data', async (t) => {
  const { app, lines, main, link } = await fixture({ logLevel: 'trace', answerTimeoutMs: 50 })
  const secrets = [
    PUID,
    API_KEY,
    CODE,
    RING_ID,
    'Secret title',
    'SECRETNAME',
    'https://secret.example',
    '203.0.113.77',
    'secret-agent',
    'secret-key',
    'pl_guess',
  ]
  const headers = { ...JSON_AUTH, 'user-agent': 'secret-agent', 'idempotency-key': 'secret-key' }
  const from = { remoteAddress: '203.0.113.77', headers }
  const ring = { to: PUID, title: 'Secret title', url: 'https://secret.example' }
  const device = { code: CODE, publicKey: 'A'.repeat(43), name: 'SECRETNAME' }
  const psk = Buffer.alloc(32, 0xab).toString('base64url')
  await app.inject({ ...from, url: `/v1/presence/${PUID}` })
  await app.inject({ ...from, url: `/v1/presence/${PUID}/more?${PUID}` })
  await app.inject({ ...from, url: `/v1/presence/%E0%A4%A${PUID}` })
  await app.inject({ ...from, url: `/v1/presence/stream?puid=${PUID}&x=1` })
  await app.inject({ ...from, method: 'POST', url: '/v1/presence/query', payload: { puids: [PUID, API_KEY] } })
  await app.inject({ ...from, method: 'POST', url: '/v1/rings', payload: ring })
  await app.inject({ ...from, method: 'POST', url: '/v1/rings', payload: { ...ring, [PUID]: PUID } })
  await app.inject({ ...from, method: 'POST', url: '/v1/rings', payload: `{"to": "${PUID}` })
  await app.inject({ ...from, url: `/v1/rings/${RING_ID}?waitSeconds=1` })
  await app.inject({ ...from, method: 'DELETE', url: `/v1/rings/${RING_ID}` })
  await app.inject({ ...from, method: 'PATCH', url: `/v1/rings/${RING_ID}` })
  await app.inject({ method: 'POST', url: '/v1/devices', payload: device })
  await app.inject({ ...from, method: 'POST', url: '/v1/devices', payload: device })
  await app.inject({ url: `/v1/presence/${PUID}`, headers: { authorization: 'Bearer pl_guess' } })
  main.answer = () => {
    throw new TypeError(`broken for ${PUID} with ${API_KEY}`)
  }
  const broken = await app.inject({ ...from, url: `/v1/presence/${PUID}` })
  t.equal(broken.statusCode, 500)
  t.notMatch(broken.body, 'broken')
  main.answer = () => null
  t.equal((await app.inject({ ...from, url: `/v1/presence/${PUID}` })).statusCode, 503)
  link.stop()
  await app.close()

  const text = lines.join('')
  for (const secret of [...secrets, psk]) t.notOk(text.includes(secret), secret)
  const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  const requests = parsed.filter((line) => line['msg'] === 'request')
  t.match(requests[0], {
    part: 'sidecar',
    method: 'GET',
    route: '/v1/presence/:puid',
    status: 200,
    app: 7,
    requestId: /^[0-9a-f-]{36}$/,
  })
  t.equal(requests.length, 15, 'one line for each request that has a path')
  const failed = parsed.find((line) => line['msg'] === 'request failed')
  t.match(failed, { level: 50, err: { name: 'TypeError', code: null, at: [/^at /] } })
  t.equal(failed?.['requestId'], broken.headers['request-id'], 'the answer names the log line')
})

t.test('errors are shown without their messages', async (t) => {
  const shown = shownError(Object.assign(new RangeError(`line one\nat ${'secret'}`), { code: 'E_X' }))
  t.match(shown, { name: 'RangeError', code: 'E_X' })
  t.notMatch(JSON.stringify(shown), 'secret', 'not even a message that looks like a frame')
  t.same(shownError('secret'), { name: 'string', code: null, at: [] })
})
