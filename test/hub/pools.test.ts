import t from 'tap'
import { House, listFor, type Phone } from './house.js'

/** Three helpers, two of them with two devices, and one who is out of contact. */
function helpers(): { house: House; phones: Phone[][] } {
  const house = new House()
  const phones = [house.person(1, 2), house.person(2, 2), house.person(3, 1), house.person(4, 1)]
  for (const [index, own] of phones.entries()) {
    for (const phone of own) phone.contact('active', true)
    own[0]?.putList(listFor([{}]))
    if (index === 3) own[0]?.lose()
    for (const phone of own) phone.frames.length = 0
  }
  house.replies = []
  return { house, phones }
}

const whats = (phones: Phone[]) => phones.map(({ outcomes }) => outcomes.map(({ what }) => what))

t.test('the first to accept stops the others', (t) => {
  const { house, phones } = helpers()
  const ring = house.ring([1, 2, 3, 4])?.ring ?? ''
  t.same(
    phones.flat().map(({ notifies }) => notifies.length),
    [1, 1, 1, 1, 1, 0],
  )
  phones[1]?.[1]?.verdict(0)
  phones[0]?.[0]?.verdict(0)
  t.match(house.readRing(ring), { state: 'accepted', by: house.puid(2) })
  t.same(whats(phones.flat()), [[1], [1], [1], [0], [1], []])
  t.end()
})

t.test('a dismissal stops the devices of that person only', (t) => {
  const { house, phones } = helpers()
  const ring = house.ring([1, 2, 3])?.ring ?? ''
  phones[0]?.[1]?.verdict(1)
  t.match(house.readRing(ring), { state: 'delivered', by: '' })
  t.same(whats(phones.flat()), [[1], [2], [], [], [], []])
  phones[0]?.[0]?.verdict(0)
  t.equal(house.readRing(ring)?.state, 'delivered', 'they said no')
  phones[2]?.[0]?.verdict(0)
  t.match(house.readRing(ring), { state: 'accepted', by: house.puid(3) })
  t.same(whats(phones.flat()), [[1], [2], [1], [1], [0], []])
  t.end()
})

t.test('dismissed when everybody has', (t) => {
  const { house, phones } = helpers()
  const ring = house.ring([1, 2, 3])?.ring ?? ''
  for (const index of [2, 0, 1]) phones[index]?.[0]?.verdict(1)
  t.match(house.readRing(ring), { state: 'dismissed', by: house.puid(2) })
  t.same(whats(phones.flat()), [[2], [1], [2], [1], [2], []])
  t.end()
})

t.test('one who is not there keeps it open until the deadline', (t) => {
  const { house, phones } = helpers()
  const ring = house.ring([1, 4])?.ring ?? ''
  phones[0]?.[0]?.verdict(1)
  t.equal(house.readRing(ring)?.state, 'delivered')
  house.advance(10_000)
  phones[3]?.[0]?.contact()
  t.equal(phones[3]?.[0]?.notifies.length, 1)
  house.advance(20_000)
  t.match(house.readRing(ring), { state: 'missed', by: '' })
  t.same(whats(phones.flat()), [[2], [1], [], [], [], [3]])
  t.end()
})

t.test('a dismissal survives a crash, and is not told before it would', (t) => {
  const { house, phones } = helpers()
  const ring = house.ring([1, 2])?.ring ?? ''
  const first = phones[0]?.[0] as Phone
  house.isStoreHeld = true
  first.verdict(1)
  t.same(first.outcomes, [])
  house.releaseStore()
  t.match(first.outcomes, [{ what: 2 }])
  house.crash()
  first.frames.length = 0
  first.contact('active', true)
  t.equal(first.notifies.length, 0, 'not rung again')
  const second = phones[1]?.[0] as Phone
  second.contact('active', true).tellList(listFor([{}]), 1)
  second.verdict(1)
  t.match(house.readRing(ring), { state: 'dismissed', by: house.puid(2) })
  t.end()
})

t.test('reasons of a pool: ring if one can be rung, else unavailable if one is', (t) => {
  const { house, phones } = helpers()
  phones[0]?.[0]?.putList(listFor([{}], { choice: 1 }))
  t.match(house.ring([1, 4]), { state: 'queued', reason: 'unavailable' })
  t.match(house.ring([4]), { state: 'queued', reason: 'offline' })
  t.match(house.ring([1, 2, 4]), { state: 'sent', reason: '' })
  t.end()
})
