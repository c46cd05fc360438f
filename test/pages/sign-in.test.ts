/** Sign-in, sign-out, sessions and what a browser is told with each page; over `inject`. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { FromSidecar } from '../../src/sidecar/message.js'
import { APP_ID, CODE, SESSION } from '../sidecar/fake-main.js'
import { ROOT } from '../support/root.js'
import { pagesFixture, Visitor } from './visitor.js'

const SESSION_COOKIE = 'pilotlight_session'

t.test('a person signs in, sees where they are signed in, and signs out', async (t) => {
  const { app, main } = await pagesFixture()
  const visitor = new Visitor(app)
  const sent = await visitor.get('/account')
  t.match(sent, { statusCode: 303, headers: { location: '/sign-in?next=%2Faccount' } })
  t.equal((await visitor.get('/sign-in?next=%2Faccount')).statusCode, 200)
  const wrong = await visitor.post('/sign-in', { code: 'WRONG', next: '/account' })
  t.equal(wrong.statusCode, 403)
  t.match(wrong.body, 'role="alert"')
  t.match(wrong.body, 'aria-invalid="true"')
  const right = await visitor.post('/sign-in', { code: ` ${CODE} `, next: '/account' }, { 'user-agent': FIREFOX })
  t.match(right, { statusCode: 303, headers: { location: '/account' } })
  t.equal(visitor.cookies.get(SESSION_COOKIE), SESSION)
  t.match(
    main.sent.findLast((message) => message.kind === 'directory' && message.ask.kind === 'sign-in'),
    { ask: { label: 'Firefox, Linux' } },
  )
  const account = await visitor.get('/account')
  t.equal(account.statusCode, 200)
  t.match(account.body, 'Firefox')
  const gone = await visitor.post('/sign-out', {})
  t.match(gone, { statusCode: 303, headers: { location: '/' } })
  t.notOk(visitor.cookies.has(SESSION_COOKIE))
  t.ok(main.sent.some((message) => message.kind === 'directory' && message.ask.kind === 'session-end'))
})

t.test('session fixation: whatever session a browser brings, it ends and another one begins', async (t) => {
  const { app, main } = await pagesFixture()
  const visitor = new Visitor(app)
  const planted = 'pls_planted_by_somebody_else'
  visitor.cookies.set(SESSION_COOKIE, planted)
  await visitor.get('/sign-in')
  await visitor.post('/sign-in', { code: CODE })
  t.equal(visitor.cookies.get(SESSION_COOKIE), SESSION, 'the planted one is not taken over')

  visitor.cookies.set(SESSION_COOKIE, SESSION)
  await visitor.get('/')
  await visitor.post('/sign-in', { code: CODE })
  const asks = main.sent.flatMap((message) => (message.kind === 'directory' ? [message.ask.kind] : []))
  t.ok(asks.includes('sign-out'), 'signed in twice: the last session ends')
})

t.test('codes cannot be guessed in a row: after so many tries the right one does not count either', async (t) => {
  const { app, main } = await pagesFixture({ enrolPerMinute: 2 })
  const visitor = new Visitor(app)
  await visitor.get('/sign-in')
  for (const code of ['WRONG', 'AGAIN']) t.equal((await visitor.post('/sign-in', { code })).statusCode, 403)
  const before = main.sent.length
  t.match(await visitor.post('/sign-in', { code: CODE }), { statusCode: 429, headers: { 'retry-after': /\d/ } })
  t.equal(main.sent.length, before, 'the store was not asked')
  t.notOk(visitor.cookies.has(SESSION_COOKIE))
})

t.test('cookies: HttpOnly, Lax, host only; over HTTPS secure and of this host', async (t) => {
  const { app } = await pagesFixture({ trustedProxies: ['127.0.0.1'] })
  for (const [scheme, prefix] of [
    ['http', ''],
    ['https', '__Host-'],
  ] as const) {
    const proxied = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' }
    const visitor = new Visitor(app, scheme === 'https' ? proxied : {})
    const page = await visitor.get('/sign-in')
    t.match(page.cookies, [{ name: `${prefix}pilotlight_visit`, httpOnly: true, sameSite: 'Lax', path: '/' }])
    const origin = { origin: `${scheme}://pages.example` }
    const signed = await visitor.post('/sign-in', { code: CODE }, origin)
    const cookie = signed.cookies.find(({ name }) => name === `${prefix}${SESSION_COOKIE}`)
    t.match(cookie, { httpOnly: true, sameSite: 'Lax', path: '/' })
    t.equal(cookie?.secure ?? false, scheme === 'https')
    t.notOk(cookie?.domain)
  }
})

t.test(
  'CSRF: a form without our token, with that of another browser or from another origin does nothing',
  async (t) => {
    const { app, main } = await pagesFixture()
    const victim = new Visitor(app)
    await victim.get('/sign-in')
    const attacker = new Visitor(app)
    await attacker.get('/sign-in')
    const before = main.sent.length
    const bad = [
      await victim.post('/sign-in', { code: CODE, csrf: '' }),
      await victim.post('/sign-in', { code: CODE, csrf: attacker.csrf }),
      await victim.post('/sign-in', { code: CODE }, { origin: 'https://evil.example' }),
      await victim.post('/sign-in', { code: CODE }, { origin: 'null' }),
      await victim.post('/sign-in', { code: CODE }, { 'sec-fetch-site': 'cross-site' }),
      await victim.post('/sign-in', { code: CODE }, { 'sec-fetch-site': 'same-site' }),
      await victim.post('/language', { language: 'de', csrf: 'x' }),
    ]
    for (const { statusCode, body } of bad) {
      t.equal(statusCode, 403)
      t.match(body, 'form-refused')
    }
    t.equal(main.sent.length, before, 'the store was not asked')
    const json = {
      method: 'POST',
      url: '/sign-out',
      headers: { 'content-type': 'application/json' },
      payload: '{}',
    } as const
    t.ok(
      (await app.inject({ ...json, headers: { ...json.headers, host: 'x' } })).statusCode >= 400,
      'no other body is a form',
    )
  },
)

t.test('each path that takes a form refuses one without our token; to look at it changes nothing', async (t) => {
  const { app, main, posts } = await pagesFixture()
  t.ok(posts.length > 25, `${posts.length} paths`)
  const visitor = new Visitor(app)
  await visitor.get('/sign-in')
  await visitor.post('/sign-in', { code: CODE })
  for (const path of posts.map((url) => url.replace(':id', APP_ID))) {
    main.sent.length = 0
    t.equal((await visitor.post(path, { csrf: 'x' })).statusCode, 403, path)
    t.same(main.sent.filter((message) => !isReading(message)).length, 0, path)
    await visitor.get(path)
    t.same(main.sent.filter((message) => !isReading(message)).length, 0, `GET ${path}`)
  }
})

const READINGS = [
  'session',
  'sessions',
  'devices',
  'apps',
  'app',
  'client',
  'passkeys',
  'browser',
  'read',
  'deliveries',
]

/** Whether a message to the main thread asks and changes nothing. */
function isReading(message: FromSidecar): boolean {
  if (message.kind === 'directory' || message.kind === 'webhook') return READINGS.includes(message.ask.kind)
  if (message.kind === 'test-persons') return message.change === null
  return message.kind === 'hub' && message.request.kind === 'person'
}

t.test('open redirect: one is led to our own pages only', async (t) => {
  const { app } = await pagesFixture()
  for (const next of [
    ...['https://evil.example/', '//evil.example', '/\\evil.example', '/\t/evil.example', 'javascript:alert(1)'],
    ...['/\n/evil.example', '\\\\evil.example', '/panel/../..//evil.example', '/v1/apps', '/@evil.example', ''],
    ...['/%2f%2fevil.example', '/panel@evil.example', '/sign-out', 'panel', '///evil.example/panel'],
  ]) {
    const visitor = new Visitor(app)
    await visitor.get(`/sign-in?next=${encodeURIComponent(next)}`)
    const { headers } = await visitor.post('/sign-in', { code: CODE, next })
    t.match(headers['location'], /^\/(panel)?$/, JSON.stringify(next))
    await visitor.get('/')
    const language = await visitor.post('/language', { language: 'de', next })
    t.match(language.headers['location'], /^\/$/, JSON.stringify(next))
  }
})

t.test('each page: strict policy, no frame, nothing inline, words escaped, at most 100 KB', async (t) => {
  const { app, main } = await pagesFixture()
  const usual = main.directory
  const evil = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
  main.directory = (ask) => {
    const answer = usual(ask)
    if (answer?.kind === 'sessions')
      return { ...answer, sessions: answer.sessions.map((row) => ({ ...row, label: evil })) }
    return answer
  }
  const visitor = new Visitor(app, { 'accept-encoding': 'br' })
  await visitor.get('/sign-in')
  await visitor.post('/sign-in', { code: CODE })
  const asked = new URLSearchParams({
    ...{ response_type: 'code', client_id: APP_ID, redirect_uri: 'https://chat.example/cb' },
    ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256', state: evil },
  })
  const signedIn = [
    '/account',
    '/account/delete',
    '/panel',
    '/developers',
    `/developers/${APP_ID}`,
    `/authorize?${asked}`,
  ]
  for (const path of [
    '/',
    ...signedIn,
    '/developers/app_0',
    '/guides/errors',
    '/guides/nothing',
    '/reference',
    '/errors',
  ]) {
    const page = await visitor.get(path)
    const policy = String(page.headers['content-security-policy'])
    t.match(policy, "default-src 'none'")
    t.match(policy, "frame-ancestors 'none'")
    t.notMatch(policy.replace(/form-action [^;]*/, ''), /unsafe|https?:|\*/)
    t.match(page.headers, {
      'x-frame-options': 'DENY',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    t.notMatch(page.body, /<script (?!type="module" )/, 'nothing is painted after a script')
    t.notMatch(page.body, /<script>|<style|style="| on[a-z]+="|<img src=x/)
    t.notMatch(page.body, /(?:src|href|action)="(?:https?:)?\/\//, 'nothing of others')
    let bytes = page.rawPayload.length
    for (const [, url = ''] of page.body.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
      const asset = await visitor.get(url)
      t.equal(asset.statusCode, 200)
      t.match(asset.headers['cache-control'], 'immutable')
      bytes += asset.rawPayload.length
    }
    t.ok(bytes < 100_000, `${path}: ${bytes} B`)
  }
})

t.test('guides: the build made pages of them, and they lead to one another', async (t) => {
  const { app } = await pagesFixture()
  const visitor = new Visitor(app)
  for (const name of readdirSync(join(ROOT, 'docs/guides'))) {
    const path = `/guides/${name.replace('.md', '')}`
    t.match((await visitor.get('/')).body, `href="${path}"`)
    const { statusCode, body } = await visitor.get(path)
    t.equal(statusCode, 200)
    const [, title = ''] = /^# (.+)/.exec(readFileSync(join(ROOT, 'docs/guides', name), 'utf8')) ?? []
    t.match(body, `<h1>${title}</h1>`)
    for (const [, link = ''] of body.matchAll(/href="(\/guides\/[^"]+)"/g))
      t.equal((await visitor.get(link)).statusCode, 200)
  }
  t.equal((await visitor.get('/guides/..%2Ferrors')).statusCode, 404)
})

t.test('words: as the browser asks, as the person chose; German has every text', async (t) => {
  const { app } = await pagesFixture()
  const visitor = new Visitor(app, { 'accept-language': 'fr, de-AT;q=0.8, en;q=0.5' })
  const german = await visitor.get('/')
  t.match(german.body, '<html lang="de">')
  t.equal(german.headers['content-language'], 'de')
  t.match(await visitor.post('/language', { language: 'en', next: '/' }), {
    statusCode: 303,
    headers: { location: '/' },
  })
  t.match((await visitor.get('/')).body, '<html lang="en">')
  await visitor.post('/language', { language: '../../etc', next: '/' })
  t.match((await visitor.get('/')).body, '<html lang="en">')
  t.match((await new Visitor(app, { 'accept-language': 'de;q=0, *' }).get('/')).body, '<html lang="en">')
})

t.test('over plain HTTP from elsewhere, and while the server does not serve, a page says so', async (t) => {
  const { app } = await pagesFixture()
  const far = await app.inject({
    url: '/sign-in',
    headers: { host: 'x', accept: 'text/html' },
    remoteAddress: '192.0.2.1',
  })
  t.equal(far.statusCode, 403)
  t.match(far.body, 'https-required')
  t.match(far.headers['content-type'], 'text/html')
  const many = await pagesFixture({ personRequestsPerMinute: 2 })
  const visitor = new Visitor(many.app)
  await visitor.get('/')
  await visitor.get('/')
  const refused = await visitor.get('/')
  t.match(refused, { statusCode: 429, headers: { 'retry-after': /\d+/ } })
  t.match(refused.body, 'rate-limited')
})

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
