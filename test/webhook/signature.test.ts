import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { verifyWebhook, WebhookError } from '../../src/appservice/index.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { isSigned, secretBytes, secretText, signatures } from '../../src/webhook/signature.js'

const random = new SeededRandom('signature')
const secret = () => secretText(random.fill(new Uint8Array(24 + random.int(41))))
const NOW_S = 1_800_000_000
const BODY = '{"type":"events","timestamp":"2027-01-15T08:00:00.000Z","data":[{"id":"a","message":"über \u{1f680}"}]}'

t.test('each signature is that of the library of Standard Webhooks', (t) => {
  for (let round = 0; round < 50; round++) {
    const secrets = [secret(), secret()]
    const id = `ring_${round}`
    const oracle = secrets.map((one) => new Webhook(one).sign(id, new Date(NOW_S * 1000), BODY)).join(' ')
    t.equal(signatures(id, NOW_S, BODY, secrets), oracle)
    for (const one of secrets) t.ok(isSigned(oracle, id, NOW_S, BODY, [one]))
  }
  t.end()
})

t.test('the published example of Standard Webhooks', (t) => {
  const signature = signatures('msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}', [
    'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  ])
  t.equal(signature, 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
  t.end()
})

t.test('another id, time, body, secret or version is refused', (t) => {
  const own = secret()
  const header = signatures('id', NOW_S, BODY, [own])
  t.ok(isSigned(`v1a,xx v1,AAAA ${header}`, 'id', NOW_S, BODY, ['whsec_!', secret(), own]))
  t.notOk(isSigned(header, 'ie', NOW_S, BODY, [own]))
  t.notOk(isSigned(header, 'id', NOW_S + 1, BODY, [own]))
  t.notOk(isSigned(header, 'id', NOW_S, `${BODY} `, [own]))
  t.notOk(isSigned(header, 'id', NOW_S, BODY, [secret()]))
  t.notOk(isSigned(header.replace('v1,', 'v2,'), 'id', NOW_S, BODY, [own]))
  t.notOk(isSigned(header.slice(0, -5), 'id', NOW_S, BODY, [own]))
  t.notOk(isSigned('', 'id', NOW_S, BODY, [own]))
  t.notOk(isSigned(header, 'id', NOW_S, BODY, []))
  t.end()
})

t.test('only whsec_ and base64 of 24 to 64 bytes is a secret', (t) => {
  for (const length of [24, 25, 32, 64]) {
    const bytes = random.fill(new Uint8Array(length))
    t.same(secretBytes(secretText(bytes)), bytes)
    t.same(secretBytes(secretText(bytes).replace(/=+$/, '')), bytes, 'without padding too')
  }
  for (const length of [0, 23, 65]) t.equal(secretBytes(secretText(new Uint8Array(length))), null)
  t.equal(secretBytes(secretText(new Uint8Array(32).fill(255)).replaceAll('/', '_')), null, 'base64, not base64url')
  t.equal(secretBytes('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'), null)
  t.end()
})

t.test('verifyWebhook: any kind of headers, the clock, what it refuses', (t) => {
  const own = secret()
  const headers = {
    'Webhook-Id': 'id',
    'WEBHOOK-TIMESTAMP': String(NOW_S),
    'webhook-signature': [signatures('id', NOW_S, BODY, [secret(), own])],
  }
  const nowMs = NOW_S * 1000
  t.match(verifyWebhook(BODY, headers, own, { nowMs }), [{ id: 'a' }])
  const fetched = new Headers({ ...headers, 'webhook-signature': headers['webhook-signature'][0] as string })
  t.match(verifyWebhook(BODY, fetched, [own], { nowMs: nowMs + 299_000 }), [{ id: 'a' }])
  const code = (body: string, more: object, atMs = nowMs, secrets: string | string[] = own) => {
    try {
      verifyWebhook(body, { ...headers, ...more }, secrets, { nowMs: atMs })
    } catch (error) {
      return error instanceof WebhookError ? error.code : 'other'
    }
    return ''
  }
  t.equal(code(BODY, {}, nowMs + 301_000), 'bad-time')
  t.equal(code(BODY, {}, nowMs - 301_000), 'bad-time')
  t.equal(code(BODY, { 'Webhook-Id': undefined }), 'bad-headers')
  t.equal(code(BODY, { 'WEBHOOK-TIMESTAMP': 'soon' }), 'bad-headers')
  t.equal(code(BODY, { 'WEBHOOK-TIMESTAMP': '' }), 'bad-headers')
  t.equal(code(`${BODY}x`, {}), 'bad-signature')
  t.equal(code(BODY, {}, nowMs, []), 'bad-signature')
  for (const body of ['{"data":1}', 'null', '[']) {
    t.equal(code(body, { 'webhook-signature': signatures('id', NOW_S, body, [own]) }), 'bad-body', body)
  }
  t.end()
})
