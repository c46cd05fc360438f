import t from 'tap'
import { APP, House, homely, listFor, OTHER_APP, type Phone } from './house.js'

t.test('restarted, snapshot, then ordered changes', (t) => {
  const { house, phone } = homely()
  const away = house.person(2)[0]?.contact('active', true) as Phone
  away.putList(listFor([{}])).lose()
  house.subscribe(4)
  phone.lose().contact()
  t.same(
    house.replies.map(({ kind }) => kind),
    ['restarted', 'snapshot', 'change', 'change'],
  )
  const [snapshot] = house.take('snapshot')
  t.same(
    snapshot?.views.map(({ puid, state }) => [puid, state]),
    [[house.puid(1), 'online']],
    'who is offline is left out, as who revoked is',
  )
  const versions = house.take('change').map(({ view }) => view.version)
  t.ok((versions[0] as number) < (versions[1] as number))
  house.ask({ kind: 'unsubscribe', stream: 4 })
  phone.lose()
  t.same(
    house.replies.filter(({ kind }) => kind === 'change'),
    [],
  )
  t.equal(house.metrics()['streams'], 0)
  t.end()
})

t.test('a stream about named persons: all of them in the snapshot, and nobody else', (t) => {
  const { house, phone } = homely()
  const other = house.person(2)[0]?.contact('active', true) as Phone
  other.putList(listFor([{}]))
  house.subscribe(1, APP, [house.puid(1), house.puid(3), 'p_nobody', house.puid(1, OTHER_APP)])
  t.same(
    house.take('snapshot')[0]?.views.map(({ puid, state }) => [puid, state]),
    [
      [house.puid(1), 'online'],
      [house.puid(3), 'unknown'],
    ],
  )
  other.lose()
  t.same(house.changes(), [])
  phone.lose()
  t.same(house.changes(), ['offline/contact-lost'])
  t.end()
})

t.test('rings are told to every stream of the application, and to no other', (t) => {
  const { house, phone } = homely()
  house.subscribe(1)
  house.subscribe(2, APP, [])
  house.subscribe(3, OTHER_APP)
  house.ring(1)
  phone.verdict(1)
  t.same(
    house.take('ring-change').map(({ stream, ring }) => [stream, ring.state]),
    [
      [1, 'delivered'],
      [2, 'delivered'],
      [1, 'dismissed'],
      [2, 'dismissed'],
    ],
  )
  t.end()
})

t.test('a large snapshot is made in steps; what changes meanwhile is in it', (t) => {
  const house = new House()
  const persons = 600
  for (let person = 1; person <= persons; person++) {
    house
      .person(person)[0]
      ?.contact('active', true)
      .putList(listFor([{}]))
  }
  house.replies = []
  house.subscribe()
  t.same(house.take('snapshot'), [], 'not at once')
  house.phones[0]?.lose()
  const late = house.person(persons + 1)[0]?.contact('active', true) as Phone
  late.putList(listFor([{}]))
  t.same(house.changes(), [])
  house.advance(0)
  const views = house.take('snapshot')[0]?.views ?? []
  t.equal(views.length, persons)
  t.notOk(views.some(({ puid }) => puid === house.puid(1)))
  t.ok(views.some(({ puid }) => puid === house.puid(persons + 1)))
  house.phones[1]?.lose()
  t.equal(house.changes().length, 1)
  house.subscribe(2)
  house.ask({ kind: 'unsubscribe', stream: 2 })
  house.advance(1_000)
  t.same(house.take('snapshot'), [], 'given up')
  t.end()
})

t.test('bounds: streams of an application, replies that nobody polls', (t) => {
  const { house, phone } = homely(1, { limits: { streamsPerApp: 2, repliesMax: 10 } })
  for (const stream of [1, 2, 3]) house.subscribe(stream)
  t.same(house.take('stream-ended'), [{ kind: 'stream-ended', stream: 3, code: 'too-many-streams' }])
  house.subscribe(9, 99)
  t.same(house.take('stream-ended'), [{ kind: 'stream-ended', stream: 9, code: 'app-removed' }])
  for (let i = 0; i < 20; i++) {
    house.hub.handleEvent({ kind: 'lost', device: phone.handle }, house.now)
    house.hub.handleEvent({ kind: 'contact', device: phone.handle, state: 'active', fresh: false }, house.now)
  }
  house.replies = []
  house.drain()
  t.same(
    house.take('stream-ended').map(({ stream, code }) => [stream, code]),
    [
      [1, 'buffer-full'],
      [2, 'buffer-full'],
    ],
  )
  t.ok(house.replies.length <= 10)
  t.equal(house.metrics()['streams'], 0)
  t.end()
})

t.test('the same number again is a new stream', (t) => {
  const { house } = homely()
  house.subscribe(1)
  house.subscribe(1)
  t.equal(house.metrics()['streams'], 1)
  t.equal(house.take('snapshot').length, 2)
  t.end()
})
