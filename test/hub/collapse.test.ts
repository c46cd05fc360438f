/** A new ring with the same collapse key takes the place of the old one: docs/rings.md. */
import t from 'tap'
import { House, homely, listFor, OTHER_APP, type Phone } from './house.js'

const CALL = { collapseKey: 'call' }
const whats = ({ outcomes }: Phone) => outcomes.map(({ what }) => what).join('')

t.test('the old one is withdrawn with reason replaced, its devices stop, the new one rings', (t) => {
  const { house, phones } = homely(2)
  house.subscribe()
  const old = house.ring(1, CALL)?.ring ?? ''
  const other = house.ring(1, { collapseKey: 'chat' })?.ring ?? ''
  const none = house.ring(1)?.ring ?? ''
  const foreign = house.ring(1, CALL, OTHER_APP)?.ring ?? ''
  house.take('ring-change')
  const next = house.ring(1, CALL)?.ring ?? ''
  t.match(house.readRing(old), { state: 'withdrawn', reason: 'replaced', by: '' })
  for (const ring of [other, none, next]) t.match(house.readRing(ring), { state: 'delivered' })
  t.match(house.readRing(foreign, OTHER_APP), { state: 'delivered' })
  for (const phone of phones) {
    t.equal(phone.notifies.length, 5)
    t.match(phone.outcomes, [{ ring: phone.notifies[0]?.ring, what: 4 }])
  }
  t.equal(house.take('ring-change').filter(({ ring }) => ring.state === 'withdrawn').length, 1)
  phones[0]?.verdict(0)
  t.match(house.readRing(next), { state: 'accepted' })
  const after = house.ring(1, CALL)?.ring ?? ''
  t.match(house.readRing(next), { state: 'accepted' }, 'what has ended stays as it ended')
  t.match(house.readRing(after), { state: 'delivered' })
  t.end()
})

t.test('the same request again replaces nothing', (t) => {
  const { house } = homely()
  const first = house.ring(1, { ...CALL, idempotencyKey: 'k' })?.ring ?? ''
  t.equal(house.ring(1, { ...CALL, idempotencyKey: 'k' })?.ring, first)
  t.match(house.readRing(first), { state: 'delivered' })
  t.end()
})

t.test('a pool loses those whom the new ring is for; it ends when nobody is left', (t) => {
  const house = new House()
  const phones = [1, 2, 3].map((person) => house.person(person)[0] as Phone)
  for (const phone of phones) phone.contact('active', true).putList(listFor([{}]))
  const pool = house.ring([1, 2, 3], CALL)?.ring ?? ''
  house.ring(1, CALL)
  t.match(house.readRing(pool), { state: 'delivered' })
  t.same(phones.map(whats), ['4', '', ''])
  phones[2]?.verdict(1)
  t.same(phones.map(whats), ['4', '', '2'])
  house.ring([2, 1], CALL)
  t.match(house.readRing(pool), { state: 'withdrawn', reason: 'replaced', by: '' })
  t.same(phones.map(whats), ['44', '4', '2'])
  t.end()
})

t.test('in a sequence the turn of who is replaced goes on to the next', (t) => {
  const house = new House()
  const phones = [1, 2].map((person) => house.person(person)[0] as Phone)
  for (const phone of phones) phone.contact('active', true).putList(listFor([{}]))
  house.ring([1, 2], { ...CALL, strategy: 'sequence', stepMs: 20_000 })
  t.same(
    phones.map(({ notifies }) => notifies.length),
    [1, 0],
  )
  house.ring(1, CALL)
  t.same(
    phones.map(({ notifies }) => notifies.length),
    [2, 1],
  )
  t.same(phones.map(whats), ['4', ''])
  t.end()
})

t.test('two names of one person are two: nobody learns that they belong together', (t) => {
  const { house } = homely()
  const old = house.ring(1, CALL)?.ring ?? ''
  house.ring(1, { ...CALL, to: [house.puid(1, 1, 7)] })
  t.match(house.readRing(old), { state: 'delivered' })
  t.end()
})

t.test('nothing is replaced before the new ring is committed, or if it cannot be', (t) => {
  const { house, phone } = homely()
  const old = house.ring(1, CALL)?.ring ?? ''
  house.isStoreBroken = true
  house.ring(1, CALL)
  t.equal(house.lastError(), 'unavailable')
  house.isStoreBroken = false
  t.match(house.readRing(old), { state: 'delivered' })
  house.isStoreHeld = true
  house.ring(1, CALL)
  phone.contact()
  t.match(house.readRing(old), { state: 'delivered' })
  t.equal(whats(phone), '')
  house.releaseStore()
  t.match(house.readRing(old), { state: 'withdrawn', reason: 'replaced' })
  t.end()
})

t.test('kill -9 between the two commits, also when the clock was set back: the new one stays', (t) => {
  for (const backMs of [0, 3_600_000]) {
    const { house, phone } = homely()
    const old = house.ring(1, CALL)?.ring ?? ''
    house.wallMs -= backMs
    house.isStoreHeld = true
    house.ring(1, { ...CALL, title: 'new' })
    // The new one reaches the disk, the end of the old one does not, and nobody hears of either.
    house.commit(house.held.shift() as (typeof house.held)[number])
    house.drain()
    const next = house.take('ring').at(-1)?.ring.ring ?? ''
    t.not(next, old)
    house.crash(1_000)
    house.isStoreHeld = false
    house.advance(0)
    t.match(house.readRing(old), { state: 'withdrawn', reason: 'replaced' })
    phone.frames.length = 0
    phone.contact('active', true).tellList(listFor([{}]), 1)
    t.match(phone.notifies, [{ title: 'new' }])
    phone.verdict(0)
    t.match(house.readRing(next), { state: 'accepted' })
  }
  t.end()
})
