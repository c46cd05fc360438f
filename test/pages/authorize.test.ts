/** The door, attacked: nobody is led to where the application is not, no form of others counts, programs get what they got. */
import t from 'tap'
import { SERVER_KEY } from '../../src/hub/ring-links.js'
import { APP_ID, APP_ROW, CODE, ringView, usualDirectory } from '../sidecar/fake-main.js'
import { pagesFixture, Visitor } from './visitor.js'

const CALLBACK = 'https://chat.example/cb'
const ASKED = {
  response_type: 'code',
  client_id: APP_ID,
  redirect_uri: CALLBACK,
  state: 's"><script>alert(1)</script>',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
}

const link = (more: Record<string, string> = {}) => `/authorize?${new URLSearchParams({ ...ASKED, ...more })}`

async function signedIn(options = {}) {
  const { app, main } = await pagesFixture(options)
  const visitor = new Visitor(app)
  await visitor.get('/sign-in')
  await visitor.post('/sign-in', { code: CODE })
  await visitor.get('/')
  return { app, main, visitor }
}

t.test('open redirect: no answer names a place that is not registered, signed in or not', async (t) => {
  const { app, visitor } = await signedIn()
  const bad = [
    'https://evil.example/',
    'https://chat.example/cb/../x',
    'https://chat.example/cb?x',
    `${CALLBACK}#`,
    '//x',
  ]
  for (const redirect_uri of [
    ...bad,
    'https://chat.example.evil.example/cb',
    'javascript:alert(1)',
    '',
    '\nhttps://x',
  ]) {
    for (const one of [visitor, new Visitor(app)]) {
      const shown = await one.get(link({ redirect_uri }))
      t.match(shown, { statusCode: 400 }, redirect_uri)
      t.notOk(shown.headers['location'])
      t.notMatch(shown.body, /(?:href|action|src)="[^"]*evil/)
    }
    const sent = await visitor.post('/authorize', { ...ASKED, redirect_uri, decision: 'allow' })
    t.equal(sent.statusCode, 400)
    t.notOk(sent.headers['location'])
  }
})

t.test('who is not signed in is led to sign in and nowhere else, whatever else is wrong', async (t) => {
  const { app } = await pagesFixture()
  const right = await new Visitor(app).get(link())
  t.equal(right.statusCode, 303)
  const next = new URL(`http://x${right.headers['location']}`).searchParams.get('next')
  t.equal(new URL(`http://x${next}`).searchParams.get('state'), ASKED.state)
  t.match(await new Visitor(app).get(link({ response_type: 'token' })), {
    statusCode: 400,
    headers: { location: undefined },
  })
  t.match(await new Visitor(app).get(link({ client_id: 'app_0000000000000000' })), { statusCode: 400 })
})

t.test('the answer: code, state and issuer go back; not now says so; the state is as it was', async (t) => {
  const { main, visitor } = await signedIn()
  const page = await visitor.get(link())
  t.equal(page.statusCode, 200)
  t.notMatch(page.body, '<script>alert')
  t.match(page.headers['content-security-policy'], /form-action 'self' https:\/\/chat\.example;/)
  t.match(page.headers['content-security-policy'], "frame-ancestors 'none'")
  const allowed = await visitor.post('/authorize', { ...ASKED, decision: 'allow' })
  const back = new URL(String(allowed.headers['location']))
  t.equal(`${back.origin}${back.pathname}`, CALLBACK)
  t.same(Object.fromEntries(back.searchParams), { code: CODE, state: ASKED.state, iss: 'http://pages.example' })
  t.match(main.asked.at(-1), { kind: 'consent', app: 7, person: 3, windows: [], zone: '' })
  const hours = { start: '21:00', end: '23:30', day: ['0', '4', '9'], zone: 'Europe/Berlin' }
  t.equal((await visitor.post('/authorize', { ...ASKED, decision: 'hours', ...hours })).statusCode, 303)
  t.match(main.asked.at(-1), { windows: [[0b10001, 1260, 1410]], zone: 'Europe/Berlin' })
  const no = await visitor.post('/authorize', { ...ASKED, decision: 'refuse' })
  t.match(new URL(String(no.headers['location'])).searchParams.get('error'), 'access_denied')
})

t.test('no agreement by a word that is none, hours that are none, or a form of others', async (t) => {
  const { main, visitor } = await signedIn()
  await visitor.get(link())
  const before = main.asked.length
  for (const wrong of [
    { decision: '' },
    { decision: 'yes' },
    { decision: 'hours', start: '25:00', end: '23:00', zone: 'UTC' },
    { decision: 'hours', start: '21:00', end: '21:00', zone: 'UTC' },
    { decision: 'hours', start: '21:00', end: '22:00', zone: 'Mars/Olympus' },
  ]) {
    t.equal((await visitor.post('/authorize', { ...ASKED, ...wrong })).statusCode, 400)
  }
  t.equal((await visitor.post('/authorize', { ...ASKED, decision: 'allow', csrf: 'forged' })).statusCode, 403)
  const cross = { origin: 'https://evil.example' }
  t.equal((await visitor.post('/authorize', { ...ASKED, decision: 'allow' }, cross)).statusCode, 403)
  t.same(
    main.asked.slice(before).filter((asked) => (asked as { kind: string }).kind === 'consent'),
    [],
  )
})

t.test('mixed-up requests: a field that stands twice, PKCE left out or weak', async (t) => {
  const { visitor } = await signedIn()
  for (const wrong of ['&state=other', '&response_type=token', '&code_challenge=x']) {
    const { headers } = await visitor.get(`${link()}${wrong}`)
    t.match(new URL(String(headers['location'])).searchParams.get('error'), 'invalid_request')
  }
  t.equal((await visitor.get(`${link()}&redirect_uri=https://evil.example/`)).statusCode, 400)
  const weak = await visitor.get(link({ code_challenge_method: 'plain' }))
  t.match(new URL(String(weak.headers['location'])).searchParams.get('error'), 'invalid_request')
})

t.test('a domain that must be verified: the developer may look, a stranger may not', async (t) => {
  const { app, main, visitor } = await signedIn({ verifiedDomains: true })
  t.equal((await visitor.get(link())).statusCode, 200, 'the owner')
  t.match((await visitor.get(link())).body, 'You registered this application yourself')
  t.equal((await new Visitor(app).get(link())).statusCode, 303, 'to sign in')
  main.directory = (ask) => {
    const answer = usualDirectory(ask)
    return answer?.kind === 'app' ? { ...answer, app: { ...APP_ROW, owner: 99 } } : answer
  }
  t.match((await visitor.get(link())).body, 'domain-unverified')
})

t.test('a domain is named as verified only when it is', async (t) => {
  const { main, visitor } = await signedIn()
  const shown = async (more: Partial<typeof APP_ROW>) => {
    main.directory = (ask) => {
      const answer = usualDirectory(ask)
      return answer?.kind === 'app' ? { ...answer, app: { ...APP_ROW, owner: 99, ...more } } : answer
    }
    return (await visitor.get(link())).body
  }
  t.match(await shown({ domain: 'chat.example', domainVerifiedMs: 1 }), 'Verified: belongs to chat.example')
  const not = await shown({ domain: 'chat.example', domainVerifiedMs: 0 })
  t.match(not, 'Nobody has verified who runs this application')
  t.notMatch(not, 'belongs to')
})

t.test('programs get JSON as before, by any way that is not a browser following a link', async (t) => {
  const { app } = await pagesFixture()
  for (const accept of ['*/*', 'application/json', undefined]) {
    const headers = { host: 'x', ...(accept && { accept }) }
    const answer = await app.inject({ url: link(), headers })
    t.match(answer.json(), { app: { id: APP_ID, name: 'Chat' }, signedIn: false })
  }
  const json = { ...ASKED, decision: 'allow' }
  const answer = await app.inject({ method: 'POST', url: '/authorize', headers: { host: 'x' }, payload: json })
  t.equal(answer.statusCode, 401)
  t.match(answer.headers['content-type'], 'application/problem+json')
})

t.test('the panel: a code for another device, names without a session, devices of others stay', async (t) => {
  const { app, main, visitor } = await signedIn()
  const panel = await visitor.get('/panel')
  t.match(panel.body, 'Phone')
  t.match(panel.body, 'interval in use 10 min, about 144 wake-ups a day to stay reachable')
  t.match(panel.body, /Chat<\/bdi><\/strong><p class="fine">asked 3×/)
  main.answer = (request) => {
    const usual = main.usual(request)
    if (usual?.kind !== 'person') return usual
    return { ...usual, devices: usual.devices.map((device) => ({ ...device, isInContact: false, awayAfterS: 0 })) }
  }
  const away = await visitor.get('/panel/devices')
  t.match(away.body, 'Battery: not known while it is out of contact')
  t.match(away.body, 'When idle: never away, ')
  main.answer = (request) => main.usual(request)
  t.match((await visitor.post('/panel/device-code', {})).body, 'K7QX-3MPA-9TZC')
  const json = await visitor.post('/panel/device-code', {}, { accept: 'application/json' })
  t.match(json.json(), { code: 'K7QX-3MPA-9TZC' })
  const stale = await visitor.post('/panel/device-code', { csrf: 'x' }, { accept: 'application/json' })
  t.match(stale.json(), { status: 403, code: 'form-refused' })
  t.equal((await visitor.post('/panel/devices/remove', { device: 'dev_1' })).statusCode, 303)
  t.match(main.sent.at(-1), { ask: { kind: 'device-remove', account: 'acc_0011223344556677', deviceId: 'dev_1' } })
  t.equal((await visitor.post('/panel/devices/remove', { device: 'dev_2' })).statusCode, 404)
  main.answer = (request) => {
    if (request.kind !== 'ring' || request.app !== SERVER_KEY) return main.usual(request)
    t.match(request.ring, { to: ['3'], title: 'A test ring', deadlineInMs: 30_000, collapseKey: 'test' })
    return { kind: 'ring', request: request.request, ring: ringView({ state: 'queued' }), created: true }
  }
  const rung = []
  for (let i = 0; i < 6; i++) rung.push((await visitor.post('/panel/ring', {})).statusCode)
  t.same(rung, [200, 200, 200, 200, 200, 429], 'test rings')
  t.match(await visitor.post('/panel/ring', { csrf: 'x' }), { statusCode: 403 })
  main.answer = (request) => main.usual(request)
  const name = await app.inject({ url: `/panel/names/${APP_ID}`, headers: { host: 'x' } })
  t.same(name.json(), { id: APP_ID, name: 'Chat', domain: null })
  t.equal((await visitor.get('/panel/names/app_0000000000000000')).statusCode, 400)
  t.equal((await visitor.post('/account/delete', { sure: '' })).headers['location'], '/account/delete')
  const gone = await visitor.post('/account/delete', { sure: 'yes' })
  t.match(gone, { statusCode: 200, headers: { 'clear-site-data': '"storage"' } })
  t.notOk(visitor.cookies.has('pilotlight_session'))
})
