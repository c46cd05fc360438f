import { createHash } from 'node:crypto'
import t from 'tap'
import type { ApiKeyEntry } from '../../src/sidecar/message.js'
import { APPS, fixture, JSON_AUTH } from './fake-main.js'

const TEST_KEY = 'pl_test_of_webhook_keys'
const READING_KEY = 'pl_live_that_reads'
const RINGING_KEY = 'pl_live_that_rings'

const key = (text: string, entry: Omit<ApiKeyEntry, 'hash'>): ApiKeyEntry => {
  return { ...entry, hash: new Uint8Array(createHash('sha256').update(text).digest()) }
}

t.test('a webhook is seen and changed by live keys with both scopes, and by no other', async (t) => {
  const { app, link, main } = await fixture()
  const [chat] = APPS as [(typeof APPS)[0]]
  const keys = [
    key(TEST_KEY, { mode: 'test', scopes: ['presence:read', 'rings:write'] }),
    key(READING_KEY, { mode: 'live', scopes: ['presence:read'] }),
    key(RINGING_KEY, { mode: 'live', scopes: ['rings:write'] }),
  ]
  link.handle({ kind: 'apps', apps: [{ ...chat, keys: [...chat.keys, ...keys] }] })
  const ask = (method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, bearer?: string) => {
    const headers = bearer === undefined ? JSON_AUTH : { ...JSON_AUTH, authorization: `Bearer ${bearer}` }
    return app.inject({
      method,
      url: `/v1/webhook${path}`,
      headers,
      ...(method === 'PUT' && { payload: { url: null } }),
    })
  }
  const asks = [
    ['GET', ''],
    ['PUT', ''],
    ['DELETE', ''],
    ['POST', '/secret'],
    ['POST', '/test'],
    ['GET', '/deliveries'],
    ['POST', '/deliveries/x/replay'],
  ] as const
  for (const [method, path] of asks) {
    const name = `${method} ${path}`
    t.match((await ask(method, path, TEST_KEY)).json(), { status: 403, code: 'not-a-live-key' }, name)
    const withoutRings = (await ask(method, path, READING_KEY)).json()
    t.match(withoutRings, { status: 403, code: 'missing-scope', detail: /rings:write/ }, name)
    const withoutReading = (await ask(method, path, RINGING_KEY)).json()
    t.match(withoutReading, { status: 403, code: 'missing-scope', detail: /presence:read/ }, name)
  }
  t.same(main.webhookAsks, [], 'nothing of this reached the webhooks')
  t.equal((await ask('GET', '')).statusCode, 200)
  t.equal(main.webhookAsks.length, 1)
})
