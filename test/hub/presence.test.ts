import t from 'tap'
import { APP, APP_ID, House, homely, listFor, OTHER_APP, OTHER_APP_ID, type Phone, SHARE, SHOWN } from './house.js'

t.test('active, idle, away and offline by the server clock, without a packet', (t) => {
  const { house, phone } = homely()
  house.subscribe()
  phone.thresholds(300, 900)
  phone.contact('idle')
  house.advance(299_999)
  t.same(house.changes(), [])
  house.advance(1)
  t.same(house.changes(), ['away/idle'])
  house.advance(599_999)
  t.same(house.changes(), [])
  house.advance(1)
  t.same(house.changes(), ['offline/idle'])
  house.advance(86_400_000)
  t.same(house.changes(), [], 'nothing follows')
  phone.contact('active')
  t.same(house.changes(), ['online/device'])
  t.equal(house.view(1).sinceMs, house.wallMs)
  t.end()
})

t.test('gone is offline at once, lost is contact lost, a handshake without a change is no event', (t) => {
  const { house, phone } = homely()
  house.subscribe()
  phone.contact('gone')
  t.same(house.changes(), ['offline/device'])
  phone.contact('active')
  t.same(house.changes(), ['online/device'])
  const { version } = house.view(1)
  phone.contact('active', true).contact('active')
  t.same(house.changes(), [])
  t.equal(house.view(1).version, version)
  house.advance(60_000) // the transfer of the list is forgotten
  phone.contact('idle')
  t.equal(house.metrics()['timers'], 1)
  phone.lose()
  t.same(house.changes(), ['offline/contact-lost'])
  t.equal(house.metrics()['timers'], 0)
  t.end()
})

t.test('a session that ends and comes back within the grace makes no event', (t) => {
  const { house, phone } = homely()
  house.subscribe()
  phone.end()
  house.advance(9_999)
  phone.contact('active', true)
  house.advance(60_000)
  t.same(house.changes(), [])
  phone.end()
  house.advance(10_000)
  t.same(house.changes(), ['offline/contact-lost'])
  t.end()
})

t.test('several devices: the most present counts; thresholds are per device', (t) => {
  const { house, phones } = homely(2)
  const [first, second] = phones as [Phone, Phone]
  house.subscribe()
  first.thresholds(60, 0)
  second.thresholds(120, 0)
  first.contact('idle')
  house.advance(30_000)
  second.contact('idle')
  house.advance(119_999)
  t.same(house.changes(), [], 'the second one is still online')
  house.advance(1)
  t.same(house.changes(), ['away/idle'])
  first.contact('active')
  t.same(house.changes(), ['online/device'])
  first.lose()
  t.same(house.changes(), ['away/contact-lost'])
  second.lose()
  t.same(house.changes(), ['offline/contact-lost'])
  t.end()
})

t.test('an idle device that was lost and comes back idle is idle since then', (t) => {
  const { house, phone } = homely()
  phone.contact('idle')
  house.advance(400_000)
  t.equal(house.view(1).state, 'away')
  phone.lose()
  house.advance(60_000)
  phone.contact('idle')
  t.equal(house.view(1).state, 'away')
  t.end()
})

t.test('new thresholds count from the begin of idleness', (t) => {
  const { house, phone } = homely()
  phone.contact('idle')
  house.advance(100_000)
  phone.thresholds(60, 0)
  t.equal(house.view(1).state, 'away')
  phone.thresholds(0, 90)
  t.equal(house.view(1).state, 'offline', 'without away')
  phone.thresholds(0, 0)
  t.equal(house.view(1).state, 'online', '0 is never')
  t.end()
})

t.test('the choice holds for all devices: unavailable in contact, invisible offline', (t) => {
  const { house, phone } = homely(2)
  house.subscribe()
  phone.putList(listFor([{}], { choice: 1 }))
  t.same(house.changes(), ['unavailable/user'])
  phone.contact('idle')
  house.advance(1_000_000)
  t.same(house.changes(), [], 'idleness does not show')
  phone.putList(listFor([{}], { choice: 2 }))
  t.same(house.changes(), ['offline/contact-lost'], 'hiding reads like contact lost')
  phone.putList(listFor([{}], { choice: 0 }))
  t.same(house.changes(), ['online/device'], 'and coming back like coming back')
  t.end()
})

t.test('texts are told where shared: status while online or unavailable, away message while away', (t) => {
  const { house, phone } = homely()
  const texts = { status: 'at work', away: 'at lunch' }
  house.subscribe(1, APP)
  house.subscribe(2, OTHER_APP)
  house.replies = []
  phone.putList(listFor([{ flags: SHOWN | SHARE }, { app: OTHER_APP_ID }], texts))
  const shared = house.take('change')
  t.same(
    shared.map(({ stream, view }) => [stream, view.state, view.message, view.cause]),
    [[1, 'online', 'at work', 'user']],
  )
  t.equal(house.view(1).message, 'at work')
  t.equal(house.view(1, OTHER_APP).message, '')
  phone.contact('idle')
  house.advance(300_000)
  t.same(
    house.take('change').map(({ stream, view }) => [stream, view.state, view.message]),
    [
      [1, 'away', 'at lunch'],
      [2, 'away', ''],
    ],
  )
  phone.putList(listFor([{ flags: SHOWN | SHARE }, { app: OTHER_APP_ID }], { ...texts, choice: 1 }))
  t.equal(house.view(1).message, 'at work')
  phone.putList(listFor([{ flags: SHOWN | SHARE }, { app: OTHER_APP_ID }], { ...texts, choice: 2 }))
  t.equal(house.view(1).message, '', 'nothing while offline')
  t.end()
})

t.test('a message that changes keeps since and raises the version', (t) => {
  const { house, phone } = homely()
  phone.putList(listFor([{ flags: SHOWN | SHARE }], { status: 'one' }))
  const before = house.view(1)
  house.advance(5_000)
  phone.putList(listFor([{ flags: SHOWN | SHARE }], { status: 'two' }))
  const after = house.view(1)
  t.equal(after.sinceMs, before.sinceMs)
  t.ok(after.version > before.version)
  t.end()
})

t.test('a change that an application does not see is no event for it and does not move its view', (t) => {
  const { house, phone } = homely()
  house.subscribe(1, APP)
  const before = house.view(1)
  phone.putList(listFor([{}])) // the other application is revoked
  phone.putList(listFor([{}, { app: OTHER_APP_ID, flags: SHOWN | 4 }], { status: 'secret' }))
  t.same(house.changes(), [])
  t.same(house.view(1), before)
  t.end()
})

t.test('a new rotation is another name: the old one goes offline, the new one appears', (t) => {
  const { house, phone } = homely()
  house.subscribe()
  house.replies = []
  phone.putList(listFor([{ rotation: 1 }]))
  const told = house.take('change').map(({ view }) => [view.puid, view.state])
  t.same(told, [
    [house.puid(1), 'offline'],
    [house.puid(1, APP, 1), 'online'],
  ])
  t.equal(house.view(1).state, 'offline')
  t.equal(house.view(1, APP, 1).state, 'online')
  t.end()
})

t.test('hours: offline outside, with cause window, by the clock of the zone', (t) => {
  const { house, phone } = homely()
  house.subscribe()
  // It is Monday 12:00 in Berlin.
  phone.putList(listFor([{ windows: [{ days: 127, start: 21 * 60, end: 23 * 60 }] }], { zone: 'Europe/Berlin' }))
  t.same(house.changes(), ['offline/window'])
  house.advance(9 * 3_600_000 - 1)
  t.same(house.changes(), [])
  house.advance(1)
  t.same(house.changes(), ['online/window'])
  t.equal(house.view(1).sinceMs, house.wallMs)
  house.advance(2 * 3_600_000)
  t.same(house.changes(), ['offline/window'])
  t.equal(house.view(1, APP).cause, 'window')
  phone.lose()
  house.advance(22 * 3_600_000)
  t.same(house.changes(), [], 'hours begin while out of contact: still offline')
  phone.contact()
  t.same(house.changes(), ['online/device'])
  t.end()
})

t.test('a step of the clock is noticed within the hour', (t) => {
  const { house, phone } = homely()
  phone.putList(listFor([{ windows: [{ days: 127, start: 21 * 60, end: 23 * 60 }] }], { zone: 'Europe/Berlin' }))
  house.wallMs += 9 * 3_600_000
  house.advance(3_600_000)
  t.equal(house.view(1).state, 'online')
  t.end()
})

t.test('a list with an application that is not here, and removal of one that is', (t) => {
  const { house, phone } = homely()
  phone.putList(listFor([{ app: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9) }, {}]))
  t.equal(house.view(1).state, 'online')
  t.equal(house.metrics()['visibilityEntries'], 1)
  house.subscribe(5)
  house.replies = []
  house.ask({ kind: 'app-removed', app: APP })
  t.same(house.take('stream-ended'), [{ kind: 'stream-ended', stream: 5, code: 'app-removed' }])
  phone.contact('idle')
  house.advance(400_000)
  t.same(house.take('change'), [])
  t.same(house.views([house.puid(1)]), [])
  t.end()
})

t.test('removing a device or the account reads like contact lost', (t) => {
  const { house, phones } = homely(2)
  house.subscribe()
  house.ask({ kind: 'device-removed', device: (phones[0] as Phone).handle, code: 2 })
  t.same(house.changes(), [])
  phones[0]?.contact()
  t.equal(house.metrics()['eventsOfStrangers'], 1)
  house.ask({ kind: 'account-removed', person: 1, devices: [] })
  t.same(house.changes(), ['offline/contact-lost'])
  t.equal(house.view(1).state, 'offline')
  t.equal(house.view(1).cause, 'contact-lost')
  t.same(
    house.commands
      .filter(({ kind }) => kind === 'remove')
      .map((command) => (command.kind === 'remove' ? command.code : -1)),
    [2, 3],
  )
  t.equal(house.metrics()['devices'], 0)
  t.equal(house.metrics()['persons'], 0)
  t.end()
})

t.test('a PUID that is not authentic is left out of the answer', (t) => {
  const { house } = homely()
  const puids = ['p_nobody', house.puid(1, OTHER_APP), house.puid(1), `${house.puid(1)}x`]
  t.same(
    house.views(puids).map(({ puid }) => puid),
    [house.puid(1)],
  )
  t.end()
})

t.test('versions are safe integers and grow with every change', (t) => {
  const { house, phone } = homely()
  house.subscribe()
  house.replies = []
  for (let round = 0; round < 50; round++) {
    phone.contact('gone').contact('active')
    house.advance(round * 10_000)
    phone.lose().contact('idle')
  }
  const versions = house.take('change').map(({ view }) => view.version)
  t.ok(versions.length >= 200)
  t.ok(versions.every(Number.isSafeInteger))
  t.ok(versions.every((version, i) => i === 0 || version > (versions[i - 1] as number)))
  t.end()
})

t.test('many persons: who listens to one application hears of it only', (t) => {
  const house = new House()
  for (let person = 1; person <= 20; person++) {
    const [phone] = house.person(person) as [Phone]
    phone.contact('active', true).putList(listFor([{ app: person % 2 === 0 ? APP_ID : OTHER_APP_ID }]))
  }
  house.subscribe()
  t.equal(house.take('snapshot')[0]?.views.length, 10)
  for (const phone of house.phones) phone.lose()
  t.equal(house.changes().length, 10)
  t.end()
})

t.test('a question for many persons is answered in slices, so that nothing else waits for it', (t) => {
  const { house, phone } = homely()
  const puids = Array.from({ length: 1000 }, (_, i) => house.puid(i + 1))
  house.ask({ kind: 'presence', request: 1, app: APP, puids: [...puids, 'p_nobody'] })
  house.ask({ kind: 'presence', request: 2, app: APP, puids: puids.slice(0, 100) })
  t.same(house.take('presence'), [], 'not where it is asked')
  t.equal(house.metrics()['presenceQuestionPuids'], 1101)
  phone.contact('idle')
  t.equal(house.view(1).state, 'online', 'a small question does not wait for the large one')
  const slices = []
  while (house.hub.nextTimeout() <= house.monotonicMs) {
    house.hub.handleTimeout(house.now)
    house.drain()
    const replies = house.take('presence')
    t.ok(replies.length === 1 && (replies[0]?.views.length ?? 999) <= 64, 'one slice in each go')
    slices.push(...replies)
  }
  t.same(
    slices.slice(0, 4).map(({ request, isLast }) => [request, isLast]),
    [
      [1, false],
      [2, false],
      [1, false],
      [2, true],
    ],
    'in turn',
  )
  const views = slices.filter(({ request }) => request === 1).flatMap((reply) => reply.views)
  t.same(
    views.map(({ puid }) => puid),
    puids,
    'in the order asked; who is not authentic is left out',
  )
  t.equal(slices.filter(({ request, isLast }) => request === 1 && isLast).length, 1)
  t.equal(house.metrics()['presenceQuestionPuids'], 0)
  t.end()
})

t.test('questions that wait are bounded', (t) => {
  const { house } = homely(1, { limits: { questionPuidsMax: 150 } })
  const puids = Array.from({ length: 100 }, (_, i) => house.puid(i + 1))
  house.ask({ kind: 'presence', request: 1, app: APP, puids })
  house.ask({ kind: 'presence', request: 2, app: APP, puids })
  t.match(house.take('error'), [{ request: 2, code: 'unavailable', retryAfterS: 1 }])
  house.advance(0)
  house.ask({ kind: 'presence', request: 3, app: APP, puids })
  house.advance(0)
  t.same(
    house.take('presence').map(({ request, isLast }) => [request, isLast]),
    [
      [1, false],
      [1, true],
      [3, false],
      [3, true],
    ],
  )
  t.end()
})
