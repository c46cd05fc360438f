/** "Confirm on one of your devices", attacked; over `inject`. The story with a device is in panel.test.ts. */
import t from 'tap'
import type { HubReply, HubRequest, RingState } from '../../src/hub/message.js'
import { SERVER_KEY } from '../../src/hub/ring-links.js'
import { CODE, type FakeMain, KNOWN, RING_ID, ringView, SESSION } from '../sidecar/fake-main.js'
import { pagesFixture, Visitor } from './visitor.js'

const CHROME = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36' }
const JSON_WANTED = { accept: 'application/json' }

/** What the server itself asked people. */
function rings(main: FakeMain) {
  return main.sent.flatMap((sent) =>
    sent.kind === 'hub' && sent.request.kind === 'ring' ? [{ ...sent.request.ring, app: sent.request.app }] : [],
  )
}

/** As usual, and the server itself may ring. */
function answers(main: FakeMain, state: () => RingState) {
  return (request: HubRequest & { request: number }): HubReply | null => {
    const isRing = (request.kind === 'ring' && request.app === SERVER_KEY) || request.kind === 'ring-get'
    if (!isRing) return main.usual(request)
    return { kind: 'ring', request: request.request, ring: ringView({ state: state() }), created: true }
  }
}

t.test('in a browser where one was signed in before, a device lets one in: this browser, once', async (t) => {
  const { app, main } = await pagesFixture()
  let state: RingState = 'sent'
  main.answer = answers(main, () => state)
  const ada = new Visitor(app, CHROME)
  const stranger = new Visitor(app)
  const ask = (visitor = ada) => visitor.post('/sign-in/device', { next: '/account' })
  const go = (visitor = ada) => visitor.post('/sign-in/device/go', {})
  await ada.get('/sign-in')
  await ada.post('/sign-in', { code: CODE })
  t.equal(ada.cookies.get('pilotlight_known'), KNOWN)
  await ada.get('/')
  await ada.post('/sign-out', {})
  t.notOk(ada.cookies.has('pilotlight_session'))
  t.match((await ada.get('/sign-in?next=%2Faccount')).body, 'action="/sign-in/device"')
  t.notMatch((await stranger.get('/sign-in')).body, 'action="/sign-in/device"')
  main.sent.length = 0

  t.equal((await ada.post('/sign-in/device', { csrf: 'forged' })).statusCode, 403)
  t.equal((await ada.post('/sign-in/device', {}, { origin: 'https://evil.example' })).statusCode, 403)
  t.same(rings(main), [], 'no form of others rings anybody')

  t.match(await ask(), { statusCode: 303, headers: { location: '/sign-in/device' } })
  const page = await ada.get('/sign-in/device')
  const [, number = ''] = /class="big match">(\d+)</.exec(page.body) ?? []
  t.match(number, /^[1-9][0-9]$/)
  t.match(rings(main), [{ app: SERVER_KEY, to: ['3'], title: `Sign in on Chrome, Linux? Number ${number}`, url: '' }])
  t.equal(rings(main)[0]?.deadlineInMs, 60_000)
  t.match(rings(main)[0]?.collapseKey, /./, 'two never ring at a time')
  t.equal((await go()).headers['location'], '/sign-in/device', 'nobody has answered yet')
  t.same((await ada.post('/sign-in/device/go', {}, JSON_WANTED)).json(), { location: '' })

  state = 'accepted'
  stranger.cookies.set('pilotlight_known', KNOWN) // stolen, and still another browser
  await stranger.get('/sign-in')
  t.equal((await go(stranger)).headers['location'], '/sign-in/device')
  t.equal((await stranger.get('/sign-in/device')).headers['location'], '/sign-in', 'it did not ask')
  t.notOk(stranger.cookies.has('pilotlight_session'))
  const token = ada.csrf
  const visit = ada.cookies.get('pilotlight_visit') ?? ''
  const signed = await ada.post('/sign-in/device/go', {}, JSON_WANTED)
  t.same(signed.json(), { location: '/account' })
  t.equal(ada.cookies.get('pilotlight_session'), SESSION)
  const repeated = new Visitor(app)
  repeated.cookies.set('pilotlight_visit', visit)
  await repeated.post('/sign-in/device/go', { csrf: token })
  t.notOk(repeated.cookies.has('pilotlight_session'), 'one agreement is one sign-in')

  for (const [end, says] of [
    ['dismissed', 'was dismissed on one of your devices'],
    ['missed', 'answered within a minute'],
  ] as const) {
    state = end
    const again = new Visitor(app)
    again.cookies.set('pilotlight_known', KNOWN)
    await again.get('/sign-in')
    await ask(again)
    await again.get('/sign-in/device')
    await go(again)
    t.match((await again.get('/sign-in/device')).body, says)
    t.equal((await again.get('/sign-in/device')).headers['location'], '/sign-in', 'told once')
    t.notOk(again.cookies.has('pilotlight_session'))
  }
  const rung = rings(main).length
  t.match(await ask(stranger), { statusCode: 429, headers: { 'retry-after': /\d/ } }, 'a person is not worn down')
  t.equal(rings(main).length, rung)
})

t.test('who is not known sees the same page, and nothing rings; a question can be taken back', async (t) => {
  const { app, main } = await pagesFixture()
  const unknown = new Visitor(app, CHROME)
  for (const known of [`plk_${'x'.repeat(43)}`, 'plk_', '%00', "' OR 1=1"]) {
    unknown.cookies.set('pilotlight_known', known)
    t.match((await unknown.get('/sign-in')).body, 'action="/sign-in/device"')
    t.match(await unknown.post('/sign-in/device', {}), { statusCode: 303, headers: { location: '/sign-in/device' } })
    t.match((await unknown.get('/sign-in/device')).body, /class="big match">[1-9][0-9]</)
    t.same(rings(main), [])
    t.equal((await unknown.post('/sign-in/device/cancel', {})).headers['location'], '/sign-in')
    t.equal((await unknown.get('/sign-in/device')).headers['location'], '/sign-in')
  }
  await unknown.get('/sign-in')
  await unknown.post('/sign-in/device/forget', {})
  t.notOk(unknown.cookies.has('pilotlight_known'))
  t.match(
    main.sent.flatMap((sent) => (sent.kind === 'directory' && sent.ask.kind === 'browser-forget' ? [sent.ask] : [])),
    [{ known: "' OR 1=1" }],
  )

  // Its ring is over for who takes the question back: withdrawn, or ended a moment before.
  const other = await pagesFixture({ heartbeatMs: 14_000 }) // of its own: the limit of a person was reached above
  other.main.answer = answers(other.main, () => 'sent')
  const ada = new Visitor(other.app)
  ada.cookies.set('pilotlight_known', KNOWN)
  await ada.get('/sign-in')
  await ada.post('/sign-in/device', {})
  await ada.get('/sign-in/device')
  await ada.post('/sign-in/device/cancel', {})
  t.match(other.main.asked.at(-1), { kind: 'ring-withdraw', app: SERVER_KEY, ring: RING_ID })
})
