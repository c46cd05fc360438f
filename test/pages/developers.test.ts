/** What a developer reads of their application's use, and its domain; over `inject`. The rest of the page is in browser.test.ts. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { APP_ID, APP_ROW, AUTH, CODE, PUID, usualDirectory } from '../sidecar/fake-main.js'
import { pagesFixture, Visitor } from './visitor.js'

t.test('usage by the hour, what was refused, and the limits that this server has', async (t) => {
  const { app } = await pagesFixture({ rateRequests: 2, rateWindowMs: 60_000, streamsPerApp: 3 })
  const visitor = new Visitor(app)
  await visitor.get('/sign-in')
  await visitor.post('/sign-in', { code: CODE })
  const page = async () => (await visitor.get(`/developers/${APP_ID}`)).body
  t.match(await page(), 'No request with a key of this application yet.')
  const statuses = []
  for (let i = 0; i < 3; i++) {
    statuses.push((await app.inject({ url: `/v1/presence/${PUID}`, headers: { host: 'x', ...AUTH } })).statusCode)
  }
  t.same(statuses, [200, 200, 429])
  const used = await page()
  t.match(used, '<dd>live keys 2, test keys 0; requests refused 1</dd>')
  t.match(used, '2 units in 60 s, for live and for test keys. A request takes one, or one for each 10 PUIDs')
  t.match(used, 'Left now: 0 live, 2 test.')
  t.match(used, '<dt>Streams at a time</dt><dd>3</dd>')
  t.match(used, '<dt>Open rings</dt><dd>1000</dd>')
  t.match(used, '30 at once, and one every 2 s on average')
  const stranger = await new Visitor(app).get(`/developers/${APP_ID}/deliveries`)
  t.match(stranger, { statusCode: 303, headers: { location: /^\/sign-in/ } })
})

t.test('the domain of an application is looked at, and what is wrong with it stands on the page', async (t) => {
  const { app, main } = await pagesFixture({ privateDomains: true })
  const wellKnown = createServer((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ apps }))
  }).listen(0, '127.0.0.1')
  t.teardown(() => wellKnown.close())
  await once(wellKnown, 'listening')
  const domain = `localhost:${(wellKnown.address() as AddressInfo).port}`
  let apps: string[] = []
  main.directory = (ask) => {
    const answer = usualDirectory(ask)
    return answer?.kind === 'app' ? { ...answer, app: { ...APP_ROW, domain } } : answer
  }
  const visitor = new Visitor(app)
  await visitor.get('/sign-in')
  await visitor.post('/sign-in', { code: CODE })
  t.match((await visitor.get(`/developers/${APP_ID}`)).body, `${domain} is not verified yet. Serve one of these`)
  const check = () => visitor.post(`/developers/${APP_ID}/domain`, {})
  t.match(await check(), { statusCode: 400, body: /role="alert"/ })
  t.notOk(main.sent.some((message) => message.kind === 'directory' && message.ask.kind === 'domain-verified'))
  apps = [APP_ID]
  t.match(await check(), { statusCode: 200, body: /The domain is verified/ })
  t.match(
    main.sent.findLast((message) => message.kind === 'directory' && message.ask.kind === 'domain-verified'),
    { ask: { appId: APP_ID, domain } },
  )
})
