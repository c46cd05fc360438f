/** Consent with everything real: HTTP, store, hub, a device; and what is left of it on the disk. */
import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { connect, enrol } from '../../src/client/node/index.js'
import { MemoryStorage } from '../../src/client/storage.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import type { Server } from '../../src/io/server.js'
import { openEngine } from '../../src/store/engine.js'
import { databaseFile } from '../../src/store/folder-layout.js'
import { openStore } from '../../src/store/open.js'
import { newFolder } from '../store/folder.js'
import { startLocalServer } from '../support/local-server.js'

// biome-ignore lint/suspicious/noExplicitAny: answers of a server, checked by what is asserted
type Json = Record<string, any>

const CALLBACK = 'https://chat.example/cb?keep=1'

async function serve(folder: string): Promise<Server> {
  const server = await startLocalServer(folder)
  const isReady = async () => ((await fetch(`${server.http[0]}/readyz`)).ok ? true : null)
  await until(isReady)
  return server
}

/** One person who talks with a server. */
class Browser {
  readonly url: string
  token = ''

  constructor(url: string) {
    this.url = url
  }

  async call(method: string, path: string, body?: object, token = this.token): Promise<{ status: number; json: Json }> {
    const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
    if (body !== undefined) headers['content-type'] = 'application/json'
    const init = { method, headers, redirect: 'manual' as const, ...(body && { body: JSON.stringify(body) }) }
    const answer = await fetch(this.url + path, init)
    const text = await answer.text()
    const json: Json = text === '' ? {} : JSON.parse(text)
    return { status: answer.status, json: { ...json, location: answer.headers.get('location') } }
  }

  async exchange(fields: Record<string, string>): Promise<{ status: number; json: Json }> {
    const body = new URLSearchParams({ grant_type: 'authorization_code', redirect_uri: CALLBACK, ...fields })
    const answer = await fetch(`${this.url}/oauth/token`, { method: 'POST', body })
    return { status: answer.status, json: (await answer.json()) as Json }
  }
}

function pkce() {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}

/** A server with a person, who is a developer too. */
async function story(test: typeof t) {
  const folder = newFolder(test as never)
  const store = await openStore({ folder, crypto: 'noble' })
  const { account } = await store.addAccount('Ada', Date.now())
  const code = async () => (await store.addEnrolmentCode(account, Date.now(), 900_000)) ?? ''
  const codes = [await code(), await code()]
  const { account: another } = await store.addAccount('Bob', Date.now())
  const otherCode = (await store.addEnrolmentCode(another, Date.now(), 900_000)) ?? ''
  await store.close()
  const server = await serve(folder)
  const browser = new Browser(server.http[0] ?? '')
  const signedIn = await browser.call('POST', '/v1/sessions', { code: codes[0], label: 'Firefox' })
  browser.token = signedIn.json['token']
  return { folder, server, browser, signedIn, enrolCode: codes[1] ?? '', otherCode }
}

function query(clientId: string, challenge: string, more: Record<string, string> = {}): Record<string, string> {
  const pair = { client_id: clientId, redirect_uri: CALLBACK, state: 's p&ce', ...more }
  return { response_type: 'code', code_challenge: challenge, code_challenge_method: 'S256', ...pair }
}

/** The person agrees. @returns the code. */
async function agree(browser: Browser, clientId: string, challenge: string): Promise<string> {
  const answer = await browser.call('POST', '/authorize', { ...query(clientId, challenge), decision: 'allow' })
  return new URL(answer.json['redirectTo']).searchParams.get('code') ?? ''
}

/** Between two questions: the limits of the server are not what is tested. */
const events = { wait: (ms: number) => new Promise((done) => setTimeout(done, ms)) }

async function until<Result>(ask: () => Promise<Result | null>): Promise<Result> {
  for (;;) {
    const result = await ask()
    if (result !== null) return result
    await events.wait(20)
  }
}

t.test('sign in, register, consent, presence, revoke; nothing of it is on the disk', async (t) => {
  const { folder, server, browser, signedIn, enrolCode } = await story(t as never)
  t.teardown(() => server.stop().catch(() => {}))
  t.equal(signedIn.status, 201)
  t.equal((await browser.call('POST', '/v1/sessions', { code: enrolCode.toLowerCase().slice(1) })).status, 403)
  const added = await browser.call('POST', '/v1/apps', { name: 'Chat', redirectUris: [CALLBACK] })
  t.equal(added.status, 201)
  const { id, apiKey } = added.json
  t.match(apiKey, /^pl_live_/)

  const credentials = await enrol({ url: browser.url, code: enrolCode, name: 'phone' })
  const device = await connect({ credentials, storage: new MemoryStorage(), keepaliveS: 30 })
  t.teardown(() => device.close())
  await device.whenOnline()

  const { verifier, challenge } = pkce()
  const ask = new URLSearchParams(query(id, challenge))
  const asked = await browser.call('GET', `/authorize?${ask}`)
  t.match(asked, { status: 200, json: { app: { id, name: 'Chat', domain: null }, signedIn: true } })
  const code = await agree(browser, id, challenge)
  const exchanged = await browser.exchange({ client_id: id, code, code_verifier: verifier })
  t.equal(exchanged.status, 200)
  t.strictSame(Object.keys(exchanged.json), ['puid'], 'nothing else about the person')
  const { puid } = exchanged.json
  const presence = async () => (await browser.call('GET', `/v1/presence/${puid}`, undefined, apiKey)).json
  await until(async () => ((await presence())['state'] === 'online' ? true : null))

  const again = pkce()
  const code2 = await agree(browser, id, again.challenge)
  const same = await browser.exchange({
    client_id: id,
    client_secret: apiKey,
    code: code2,
    code_verifier: again.verifier,
  })
  t.equal(same.json['puid'], puid, 'the consent is in force: the same PUID')

  await device.forget(id)
  await until(async () => ((await presence())['state'] === 'offline' ? true : null))
  t.match(await presence(), { cause: 'contact-lost', message: '' })

  const third = pkce()
  const code3 = await agree(browser, id, third.challenge)
  const other = await browser.exchange({ client_id: id, code: code3, code_verifier: third.verifier })
  t.not(other.json['puid'], puid, 'after a revocation another one')
  await until(async () => {
    const { json } = await browser.call('GET', `/v1/presence/${other.json['puid']}`, undefined, apiKey)
    return json['state'] === 'online' ? true : null
  })
  await device.revoke(id)
  await until(async () => {
    const { json } = await browser.call('GET', `/v1/presence/${other.json['puid']}`, undefined, apiKey)
    return json['cause'] === 'revoked' ? true : null
  })
  await device.close()
  await server.stop()
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, name))
    for (const secret of [puid, other.json['puid'], code, verifier, browser.token, apiKey]) {
      t.equal(bytes.indexOf(secret), -1, `${name}: neither PUID, code nor token`)
    }
    if (name !== basename(databaseFile(folder))) continue
    const appBytes = Buffer.from(id.slice(4), 'hex')
    const places = [
      ...bytes
        .toString('latin1')
        .matchAll(new RegExp(appBytes.toString('latin1').replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'), 'gs')),
    ]
    t.ok(places.length <= 2, 'the application stands in its own row and index, and nowhere else')
  }
})

t.test('a grant that waits is sealed, and its old row opens no more when a device has it', async (t) => {
  const { folder, server, browser, enrolCode } = await story(t as never)
  t.teardown(() => server.stop().catch(() => {}))
  const { json } = await browser.call('POST', '/v1/apps', { name: 'Chat', redirectUris: [CALLBACK] })
  const { verifier, challenge } = pkce()
  const code = await agree(browser, json['id'], challenge)
  const { json: given } = await browser.exchange({ client_id: json['id'], code, code_verifier: verifier })
  t.match(given['puid'], /^p_/, 'no device is there, and yet it is promised')
  const file = basename(databaseFile(folder))
  const Database = (await import('better-sqlite3')).default
  await server.stop()
  const before = new Database(join(folder, file), { readonly: true })
  const old = before.prepare('SELECT grant_id AS id, until, row FROM grants').get() as Json
  before.close()
  t.ok(old, 'durable')
  const next = await serve(folder)
  t.teardown(() => next.stop().catch(() => {}))
  const later = new Browser(next.http[0] ?? '')

  const credentials = await enrol({ url: later.url, code: enrolCode, name: 'phone' })
  const device = await connect({ credentials, storage: new MemoryStorage(), keepaliveS: 30 })
  t.teardown(() => device.close())
  await until(async () => (device.list.entries.length > 0 ? true : null))
  const { apiKey } = json
  await until(async () => {
    const seen = await later.call('GET', `/v1/presence/${given['puid']}`, undefined, apiKey)
    return seen.json['state'] === 'online' ? true : null
  })
  const metrics = async () => (await fetch(`${later.url}/metrics`)).text()
  await until(async () => (/_grants_waiting 0$/m.test(await metrics()) ? true : null))
  await device.close()
  await next.stop()

  const thief = newFolder(t)
  for (const name of [file, 'keys.json']) copyFileSync(join(folder, name), join(thief, name))
  const stolen = new Database(join(thief, file))
  const { id, until: untilMs, row } = old
  stolen.prepare('INSERT INTO grants (grant_id, until, key, row) VALUES (?, ?, zeroblob(68), ?)').run(id, untilMs, row)
  stolen.close()
  const engine = openEngine({ folder: thief, keyFile: join(thief, 'keys.json'), crypto: nobleCrypto })
  const boot = engine.boot(Date.now())
  t.strictSame(boot.grants, [], 'with the current key file')
  t.ok(boot.unreadable > 0)
  engine.close()
})

t.test('what is wrong is refused, and never redirects to a stranger', async (t) => {
  const { server, browser } = await story(t as never)
  t.teardown(() => server.stop().catch(() => {}))
  const { json: app } = await browser.call('POST', '/v1/apps', { name: 'Chat', redirectUris: [CALLBACK] })
  const { verifier, challenge } = pkce()
  const get = (more: Record<string, string>) => {
    return browser.call('GET', `/authorize?${new URLSearchParams(query(app['id'], challenge, more))}`)
  }
  const wrong: [Record<string, string>, string][] = [
    [{ client_id: 'app_0000000000000000' }, 'unknown-client'],
    [{ redirect_uri: `${CALLBACK}2` }, 'redirect-uri-mismatch'],
    [{ redirect_uri: 'https://evil.example/' }, 'redirect-uri-mismatch'],
    [{ redirect_uri: CALLBACK.toUpperCase(), response_type: 'token' }, 'redirect-uri-mismatch'],
  ]
  for (const [more, code] of wrong) {
    const { status, json } = await get(more)
    t.match({ status, code: json['code'], location: json['location'] }, { status: 400, code, location: null }, code)
  }
  // What redirect URIs are made to look like; each is another one, character by character.
  const callback = new URL(CALLBACK)
  const tricks = [
    CALLBACK.replace('chat', 'Chat'),
    CALLBACK.replace('https', 'HTTPS'),
    CALLBACK.replace('/cb', '/cb/'),
    CALLBACK.replace('/cb', '/./cb'),
    CALLBACK.replace('/cb', '/x/../cb'),
    CALLBACK.replace('/cb', '/%63b'),
    CALLBACK.replace('chat.example', 'chat.example:443'),
    CALLBACK.replace('chat.example', 'chat.example.'),
    CALLBACK.replace('chat.example', 'user@chat.example'),
    CALLBACK.replace('chat.example', 'chat.example@evil.example'),
    CALLBACK.replace('chat.example', 'chat.example\\@evil.example'),
    CALLBACK.replace('chat', 'ch\u0430t'),
    `${CALLBACK}#fragment`,
    `${CALLBACK}&more=1`,
    ` ${CALLBACK}`,
    `${CALLBACK}\n`,
    `${callback.origin}${callback.pathname}`,
    `//${callback.host}${callback.pathname}`,
    'javascript:alert(1)',
  ]
  for (const redirect_uri of tricks) {
    for (const more of [{ redirect_uri }, { redirect_uri, response_type: 'token' }]) {
      const { status, json } = await get(more)
      t.match({ status, ...json }, { status: 400, code: 'redirect-uri-mismatch', location: null }, redirect_uri)
    }
  }
  const twice = `/authorize?${new URLSearchParams(query(app['id'], challenge))}&redirect_uri=https://evil.example/`
  t.match((await browser.call('GET', twice)).json, { code: 'invalid-request', location: null })
  const stranger = await browser.call(
    'GET',
    `/authorize?${new URLSearchParams(query(app['id'], challenge, { scope: 'x' }))}`,
    undefined,
    'none',
  )
  t.match(
    stranger,
    { status: 400, json: { code: 'invalid-request', detail: /scope/, location: null } },
    'an open redirect',
  )
  const back: [Record<string, string>, string][] = [
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ code_challenge_method: 's256' }, 'invalid_request'],
    [{ code_challenge_method: '' }, 'invalid_request'],
    [{ code_challenge: '' }, 'invalid_request'],
    [{ code_challenge: 'short' }, 'invalid_request'],
    [{ response_type: 'code token' }, 'unsupported_response_type'],
    [{ scope: 'presence presence:write' }, 'invalid_scope'],
    [{ scope: 'everything' }, 'invalid_scope'],
  ]
  for (const [more, error] of back) {
    const { status, json } = await get(more)
    t.equal(status, 303)
    const to = new URL(json['location'])
    t.equal(to.origin + to.pathname, 'https://chat.example/cb')
    t.match(Object.fromEntries(to.searchParams), { keep: '1', error, state: 's p&ce', iss: browser.url })
  }
  const body = { ...query(app['id'], challenge), decision: 'refuse' }
  const no = await browser.call('POST', '/authorize', body)
  t.match(new URL(no.json['redirectTo']).searchParams.get('error'), 'access_denied')
  t.equal((await browser.call('POST', '/authorize', body, '')).status, 401)
  t.equal((await browser.call('POST', '/authorize', body, app['apiKey'])).status, 401, 'an API key is no person')

  const code = await agree(browser, app['id'], challenge)
  const other = await browser.call('POST', '/v1/apps', { name: 'Other', redirectUris: [CALLBACK] })
  const fields = { client_id: app['id'], code, code_verifier: verifier }
  t.match(await browser.exchange({ ...fields, client_id: other.json['id'] }), {
    status: 400,
    json: { error: 'invalid_grant' },
  })
  const badSecret = { ...fields, client_secret: other.json['apiKey'] }
  t.match(await browser.exchange(badSecret), { status: 401, json: { error: 'invalid_client', code: 'invalid-client' } })
  const { json: tested } = await browser.call('POST', `/v1/apps/${app['id']}/keys`, { mode: 'test' })
  t.match(
    await browser.exchange({ ...fields, client_secret: tested['apiKey'] }),
    { status: 401 },
    'a test key is not the live one',
  )
  const downgraded = { ...fields, code_verifier: challenge, code_challenge_method: 'plain' }
  for (const wrong of [downgraded, { ...fields, code_verifier: '' }, { ...fields, redirect_uri: `${CALLBACK}/` }]) {
    const once = { ...wrong, code: await agree(browser, app['id'], challenge) }
    const answers = [await browser.exchange(once), await browser.exchange({ ...fields, code: 'x'.repeat(43) })]
    const [one, unknown] = answers.map(({ status, json: { instance: _, ...rest } }) => ({ status, rest }))
    t.same(one, unknown, 'whatever is wrong is told alike')
    t.match(one, { status: 400, rest: { error: 'invalid_grant' } })
  }
  const unauthorized = await fetch(`${browser.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'authorization_code', ...badSecret }),
  })
  t.match(unauthorized.headers.get('www-authenticate') ?? '', 'Basic', 'RFC 6749 §5.2')
  const basic = (id: string, secret: string) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  const own = basic(app['id'], app['apiKey'])
  const twoWays: [string, Record<string, string>][] = [
    [own, { client_id: other.json['id'] }],
    [own, { client_secret: app['apiKey'] }],
    [basic(app['id'], ''), {}],
    ['Basic !', { client_id: app['id'] }],
    [`Bearer ${app['apiKey']}`, { client_id: app['id'] }],
  ]
  for (const [authorization, more] of twoWays) {
    const answer = await fetch(`${browser.url}/oauth/token`, {
      method: 'POST',
      headers: { authorization },
      body: new URLSearchParams({ grant_type: 'authorization_code', code, code_verifier: verifier, ...more }),
    })
    t.match(
      [answer.status, await answer.json()],
      [401, { error: 'invalid_client' }],
      `${authorization} ${Object.keys(more)}`,
    )
  }
  t.match(await browser.exchange({ ...fields, grant_type: 'password' }), { json: { error: 'unsupported_grant_type' } })
  t.equal((await browser.exchange(fields)).status, 200)
  t.match(await browser.exchange(fields), { status: 400, json: { error: 'invalid_grant' } }, 'once')
  const plain = { ...query(app['id'], challenge), decision: 'allow' } as Record<string, string>
  delete plain['state']
  const agreed = new URL((await browser.call('POST', '/authorize', plain)).json['redirectTo']).searchParams
  t.strictSame([...agreed.keys()], ['keep', 'code', 'iss'], 'no state is made up')
  t.equal(agreed.get('iss'), browser.url, 'RFC 9207')
  const init = { method: 'POST', headers: { origin: 'https://evil.example', 'content-type': 'text/plain' }, body: '{}' }
  const foreign = await fetch(`${browser.url}/authorize`, init)
  t.equal(foreign.status, 401, 'a page of somebody else has no session: there is no cookie')
  for (const name of ['set-cookie', 'access-control-allow-origin']) t.equal(foreign.headers.get(name), null)
  t.equal(foreign.headers.get('cache-control'), 'no-store')
  const metadata = await browser.call('GET', '/.well-known/oauth-authorization-server')
  t.match(metadata.json, { issuer: browser.url, code_challenge_methods_supported: ['S256'] })
})

/** The developer sets the webhook of an application whose keys may not. */
async function administerWebhook(t: Test, browser: Browser, path: string, stranger: Browser): Promise<void> {
  const hook = (method: string, rest = '', body?: object) => browser.call(method, `${path}/webhook${rest}`, body)
  const settings = { url: 'https://chat.example/hook', events: ['ring.ended'], coalesceMs: 500 }
  t.match(await hook('GET'), { status: 404, json: { code: 'unknown-webhook' } })
  const made = await hook('PUT', '', settings)
  t.match(made, { status: 200, json: { ...settings, secret: /^whsec_/ } })
  t.match(await hook('PUT', '', { url: 'http://10.0.0.1/' }), { status: 400, json: { code: 'webhook-invalid' } })
  t.match(await hook('GET'), { status: 200, json: { ...settings, secret: null, secrets: 1 } })
  const rotated = await hook('POST', '/secret')
  t.match(rotated, { status: 200, json: { secret: /^whsec_/, secrets: 2 } })
  t.not(rotated.json['secret'], made.json['secret'])
  t.match(await hook('GET', '/deliveries'), { status: 200, json: { deliveries: [] } })
  t.match(await hook('POST', '/deliveries/dlv_1/replay'), { status: 404, json: { code: 'unknown-delivery' } })
  const asks = [
    ['GET', ''],
    ['PUT', '', settings],
    ['POST', '/secret'],
    ['POST', '/test'],
    ['GET', '/deliveries'],
    ['POST', '/deliveries/dlv_1/replay'],
    ['DELETE', ''],
  ] as const
  for (const [method, rest, body] of asks) {
    const asked = await stranger.call(method, `${path}/webhook${rest}`, body)
    t.match(asked, { status: 404, json: { code: 'unknown-app' } }, `${method} ${rest} of another developer`)
    const signedOut = await stranger.call(method, `${path}/webhook${rest}`, body, 'pls_none')
    t.match(signedOut, { status: 401, json: { code: 'not-signed-in' } }, `${method} ${rest} of nobody`)
  }
  t.match(await hook('GET'), { json: { secrets: 2 } }, 'nothing of this changed it')
  t.match(await hook('DELETE'), { status: 200, json: { removed: true } })
  t.match(await hook('POST', '/test'), { status: 404, json: { code: 'unknown-webhook' } })
}

t.test('applications and keys: rotation, scopes, owners, cursors, webhook, sign-out', async (t) => {
  const { server, browser, otherCode } = await story(t as never)
  const stranger = new Browser(browser.url)
  stranger.token = (await stranger.call('POST', '/v1/sessions', { code: otherCode })).json['token']
  t.teardown(() => server.stop().catch(() => {}))
  for (const redirectUris of [['http://chat.example/'], ['https://a.example/#x'], ['javascript:alert(1)'], ['/cb']]) {
    t.equal((await browser.call('POST', '/v1/apps', { name: 'x', redirectUris })).status, 400)
  }
  const scopes = ['presence:read']
  const { json: app } = await browser.call('POST', '/v1/apps', { name: 'Chat', scopes })
  const path = `/v1/apps/${app['id']}`
  const ring = { to: 'p_x', title: 'T' }
  t.match(await browser.call('POST', '/v1/rings', ring, app['apiKey']), {
    status: 403,
    json: { code: 'missing-scope' },
  })
  t.equal((await browser.call('GET', '/v1/presence/p_x', undefined, app['apiKey'])).status, 404)
  const keys: string[] = [app['apiKey']]
  for (const _ of [1, 2]) keys.push((await browser.call('POST', `${path}/keys`, {})).json['apiKey'])
  const live = await Promise.all(keys.map((key) => browser.call('GET', '/v1/presence/p_x', undefined, key)))
  t.strictSame(
    live.map(({ status }) => status),
    [401, 404, 404],
    'two are live',
  )
  const read = await browser.call('GET', path)
  t.strictSame(
    read.json['keys'].map((key: Json) => key['scopes']),
    [scopes, scopes],
  )
  t.equal((await browser.call('DELETE', `${path}/keys/${read.json['keys'][0].id}`)).status, 204)
  t.equal((await browser.call('GET', '/v1/presence/p_x', undefined, keys[2])).status, 401)
  await browser.call('POST', '/v1/apps', { name: 'Second' })
  const first = await browser.call('GET', '/v1/apps?limit=1')
  const second = await browser.call('GET', `/v1/apps?limit=1&after=${first.json['next']}`)
  t.strictSame(
    [first, second].flatMap(({ json }) => json['apps'].map((one: Json) => one['name'])),
    ['Chat', 'Second'],
  )
  t.equal(second.json['next'], null)
  await administerWebhook(t as never, browser, path, stranger)
  t.match(await browser.call('PATCH', path, { name: 'Chat 2' }), { status: 200, json: { name: 'Chat 2' } })
  t.equal((await browser.call('GET', '/v1/apps/app_0000000000000000')).status, 404)
  t.equal((await browser.call('DELETE', path)).status, 204)
  t.equal((await browser.call('GET', path)).status, 404)
  t.equal((await browser.call('DELETE', '/v1/sessions/current')).status, 204)
  t.match(await browser.call('GET', '/v1/apps'), { status: 401, json: { code: 'not-signed-in' } })
})

t.test('a test key reaches echo persons, by the way of a real ring, and nobody else', async (t) => {
  const { server, browser } = await story(t as never)
  t.teardown(() => server.stop().catch(() => {}))
  const { json: app } = await browser.call('POST', '/v1/apps', { name: 'Chat', mode: 'test' })
  const key = app['apiKey']
  t.match(key, /^pl_test_/)
  const live = (await browser.call('POST', `/v1/apps/${app['id']}/keys`, { mode: 'live' })).json['apiKey']
  t.match(await browser.call('GET', '/v1/test/persons', undefined, live), {
    status: 403,
    json: { code: 'not-a-test-key' },
  })
  const { persons } = (await browser.call('GET', '/v1/test/persons', undefined, key)).json
  const outcomes: string[] = []
  for (const { puid, behaviour } of persons.slice(0, 2)) {
    t.match((await browser.call('GET', `/v1/presence/${puid}`, undefined, key)).json, { state: 'online' })
    t.equal((await browser.call('GET', `/v1/presence/${puid}`, undefined, live)).status, 404, 'not for a live key')
    const sent = await browser.call('POST', '/v1/rings', { to: puid, title: 'T', deadlineSeconds: 60 }, key)
    const { json } = await browser.call('GET', `/v1/rings/${sent.json['id']}?waitSeconds=30`, undefined, key)
    outcomes.push(`${behaviour} ${json['state']}`)
  }
  t.strictSame(outcomes, ['accept accepted', 'dismiss dismissed'])
  const ignores = persons[2].puid
  const sent = await browser.call('POST', '/v1/rings', { to: ignores, title: 'T', deadlineSeconds: 60 }, key)
  const ringing = await until(async () => {
    const { json } = await browser.call('GET', `/v1/rings/${sent.json['id']}`, undefined, key)
    return json['shownAt'] === null ? null : json
  })
  t.equal(ringing['state'], 'delivered')
  const steer = (change: object) => browser.call('POST', `/v1/test/persons/${ignores}`, change, key)
  const state = async () => {
    const { json } = await browser.call('GET', `/v1/presence/${ignores}`, undefined, key)
    return `${json['state']} ${json['cause']} ${json['message']}`
  }
  await steer({ presence: 'unavailable', message: 'busy' })
  t.equal(await state(), 'unavailable user busy')
  await steer({ presence: 'offline' })
  t.equal(await state(), 'offline device ')
  await steer({ presence: 'online', consent: 'revoked-and-told' })
  t.equal(await state(), 'offline revoked ')
  t.equal((await browser.call('POST', '/v1/test/persons/p_nobody', {}, key)).status, 404)
})

t.test('PUIDs that were never given are answered alike', async (t) => {
  const { server, browser } = await story(t as never)
  t.teardown(() => server.stop().catch(() => {}))
  const { json: app } = await browser.call('POST', '/v1/apps', { name: 'Chat', redirectUris: [CALLBACK] })
  const { json: other } = await browser.call('POST', '/v1/apps', { name: 'Other', redirectUris: [CALLBACK] })
  const { verifier, challenge } = pkce()
  const code = await agree(browser, other['id'], challenge)
  const foreign = (await browser.exchange({ client_id: other['id'], code, code_verifier: verifier })).json['puid']
  const forged = `p_${randomBytes(36).toString('base64url')}`
  const answers = await Promise.all(
    [foreign, forged, 'p_short'].map((puid) => browser.call('GET', `/v1/presence/${puid}`, undefined, app['apiKey'])),
  )
  const contents = answers.map(({ status, json: { instance: _instance, ...rest } }) => JSON.stringify([status, rest]))
  t.equal(new Set(contents).size, 1)
  t.equal(answers[0]?.status, 404)
})
