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

/** A house with so many persons who show themselves. */
function crowd(persons: number): House {
  const house = new House()
  for (let person = 1; person <= persons; person++) {
    house
      .person(person)[0]
      ?.contact('active', true)
      .putList(listFor([{}]))
  }
  house.replies = []
  return house
}

t.test('a large snapshot is made in slices; what changes meanwhile is told', (t) => {
  const persons = 600
  const house = crowd(persons)
  house.subscribe()
  const parts = house.take('snapshot')
  t.equal(parts.length, 1, 'one slice at once, and no more')
  t.equal(parts[0]?.views.length, 64)
  t.equal(parts[0]?.isLast, false)
  const told = new Set(parts[0]?.views.map(({ puid }) => puid))
  const isTold = (person: number) => told.has(house.puid(person))
  house.phones.find(({ person }) => !isTold(person))?.lose()
  const early = house.phones.find(({ person }) => isTold(person)) as Phone
  early.lose()
  const late = house.person(persons + 1)[0]?.contact('active', true) as Phone
  late.putList(listFor([{}]))
  t.same(house.changes(), [], 'not before the snapshot is whole')
  house.advance(0)
  const rest = house.take('snapshot')
  t.ok(rest.every(({ views }) => views.length <= 64))
  t.same(
    rest.map(({ isLast }) => isLast),
    rest.map((_, i) => i === rest.length - 1),
  )
  const views = [...parts, ...rest].flatMap((part) => part.views)
  t.equal(views.length, persons, 'one left before being told, one came')
  t.equal(new Set(views.map(({ puid }) => puid)).size, persons)
  t.ok(views.some(({ puid }) => puid === house.puid(persons + 1)))
  const changes = house.take('change')
  t.same(
    changes.map(({ view: { puid, state } }) => [puid, state]),
    [[house.puid(early.person), 'offline']],
    'who was told before leaving is told once more',
  )
  const before = views.find(({ puid }) => puid === house.puid(early.person))
  t.ok((changes[0]?.view.version ?? 0) > (before?.version ?? Infinity))
  house.phones[2]?.lose()
  t.equal(house.changes().length, 1, 'from here on changes are told at once')
  house.subscribe(2)
  house.ask({ kind: 'unsubscribe', stream: 2 })
  house.replies = []
  house.advance(1_000)
  t.same(house.take('snapshot'), [], 'given up')
  t.end()
})

t.test('many streams at once: one slice of one stream in each go', (t) => {
  const house = crowd(200)
  const puids = Array.from({ length: 200 }, (_, i) => house.puid(i + 1))
  house.subscribe(1)
  house.subscribe(2, APP, puids)
  house.subscribe(3)
  t.same(
    house.take('snapshot').map(({ stream }) => stream),
    [1],
  )
  const seen: number[][] = []
  while (house.hub.nextTimeout() <= house.monotonicMs) {
    house.hub.handleTimeout(house.now)
    house.drain()
    seen.push(house.take('snapshot').map(({ stream }) => stream))
  }
  t.ok(seen.every((streams) => streams.length <= 1))
  t.same(seen.flat().slice(0, 5), [1, 2, 3, 1, 2], 'in turn')
  t.equal(seen.flat().length, 11)
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
