/** What a developer reads of their application's use; over `inject`. The rest of the page is in browser.test.ts. */
import t from 'tap'
import { APP_ID, AUTH, CODE, PUID } from '../sidecar/fake-main.js'
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
  const cells = [...used.matchAll(/<td class="number">(\d+)<\/td>/g)].map(([, cell]) => cell)
  t.same(cells, ['2', '0', '1'], 'units of live keys, of test keys, refused requests')
  t.match(used, '2 units in 60 s, for live and for test keys. A request takes one, or one for each 10 PUIDs')
  t.match(used, 'Left now: 0 live, 2 test.')
  t.match(used, '<dt>Streams at a time</dt><dd>3</dd>')
  t.match(used, '<dt>Open rings</dt><dd>1000</dd>')
  t.match(used, '30 at once, and one every 2 s on average')
  const stranger = await new Visitor(app).get(`/developers/${APP_ID}/deliveries`)
  t.match(stranger, { statusCode: 303, headers: { location: /^\/sign-in/ } })
})
