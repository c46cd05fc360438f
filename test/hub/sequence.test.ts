/** Rings to a pool one after another: docs/rings.md. */
import t from 'tap'
import { House, listFor, type Phone } from './house.js'

const SEQUENCE = { strategy: 'sequence' as const, stepMs: 10_000, deadlineInMs: 60_000 }

/** Four persons who can be rung, the last with two devices. */
function pool(): { house: House; phones: Phone[] } {
  const house = new House()
  const phones = [1, 2, 3].map((person) => house.person(person)[0] as Phone)
  phones.push(...house.person(4, 2))
  for (const phone of phones) phone.contact('active', true)
  for (const phone of phones.slice(0, 4)) phone.putList(listFor([{}]))
  for (const phone of phones) phone.frames.length = 0
  house.replies = []
  return { house, phones }
}

/** NOTIFYs of each device. */
const rung = (phones: Phone[]) => phones.map(({ notifies }) => notifies.length).join('')
/** What each device was told, `-` nothing. */
const told = (phones: Phone[]) =>
  phones.map(({ outcomes }) => outcomes.map(({ what }) => what).join('') || '-').join(' ')

t.test('one after another in the order of the pool, each for one step; the last until the deadline', (t) => {
  const { house, phones } = pool()
  house.subscribe()
  const ring = house.ring([3, 1, 4], SEQUENCE)
  t.match(ring, { state: 'sent', reason: '' })
  t.equal(rung(phones), '00100')
  house.advance(9_999)
  t.equal(rung(phones), '00100')
  house.advance(1)
  t.equal(rung(phones), '10100')
  t.equal(told(phones), '- - 3 - -', 'the first stops when the second begins')
  house.advance(10_000)
  t.equal(rung(phones), '10111', 'all devices of a person')
  house.advance(39_999)
  t.match(house.readRing(ring?.ring ?? ''), { state: 'delivered' })
  house.advance(1)
  t.match(house.readRing(ring?.ring ?? ''), { state: 'missed', by: '', endedMs: ring?.deadlineMs })
  t.equal(told(phones), '3 - 3 3 3')
  t.same(
    house.take('ring-change').map(({ ring: { state } }) => state),
    ['delivered', 'missed'],
    'whose turn it is, is not told',
  )
  house.advance(60_000)
  t.equal(house.metrics()['ringsTelling'], 0)
  t.equal(house.metrics()['timers'], 1, 'that which forgets ended rings')
  t.end()
})

t.test('who declines, cannot be rung or does not ack is passed over at once', (t) => {
  const { house, phones } = pool()
  const [first, second, third] = phones as [Phone, Phone, Phone]
  second.lose()
  const ring = house.ring([1, 2, 3, 4], SEQUENCE)?.ring ?? ''
  house.advance(1_000)
  third.acks = false
  first.verdict(1)
  t.equal(rung(phones), '10100', 'the second is out of contact')
  t.equal(told(phones), '2 - - - -')
  house.advance(7_999)
  t.equal(rung(phones), '10100')
  house.advance(1)
  t.equal(rung(phones), '10111', 'no ack for 8 s')
  phones[4]?.verdict(0)
  t.match(house.readRing(ring), { state: 'accepted', by: house.puid(4) })
  t.equal(told(phones), '2 - 3 1 0')
  t.end()
})

t.test(
  'who comes late has their turn at the next step, in the order of the pool, or at once if nobody has one',
  (t) => {
    const { house, phones } = pool()
    const [first, , third] = phones as [Phone, Phone, Phone]
    first.lose()
    house.ring([1, 2, 3], SEQUENCE)
    t.equal(rung(phones), '01000')
    house.advance(4_000)
    first.contact()
    t.equal(rung(phones), '01000', 'the turn of the second goes on')
    house.advance(6_000)
    t.equal(rung(phones), '11000', 'then the first, as the pool says')
    third.lose()
    house.advance(30_000)
    t.equal(rung(phones), '11000', 'nobody else is there: it goes on ringing')
    t.equal(told(phones), '- 3 - - -')
    third.contact()
    t.equal(rung(phones), '11100')
    t.equal(told(phones), '3 3 - - -')
    third.lose()
    third.contact()
    house.advance(10_000)
    t.match(
      house.take('ring').map(({ ring }) => ring.state),
      ['sent'],
    )
    t.equal(rung(phones), '11100', 'nobody is rung twice')
    t.end()
  },
)

t.test('nobody there: the first who comes', (t) => {
  const { house, phones } = pool()
  for (const phone of phones) phone.lose()
  t.match(house.ring([1, 2, 3], SEQUENCE), { state: 'queued', reason: 'offline' })
  house.advance(30_000)
  phones[1]?.contact()
  t.equal(rung(phones), '01000')
  phones[0]?.contact()
  house.advance(9_999)
  t.equal(rung(phones), '01000')
  house.advance(1)
  t.equal(rung(phones), '11000')
  t.end()
})

t.test('all decline; or the last one, after the turns of the others', (t) => {
  for (const wait of [0, 10_000]) {
    const { house, phones } = pool()
    const ring = house.ring([1, 2], SEQUENCE)?.ring ?? ''
    if (wait === 0) phones[0]?.verdict(1)
    house.advance(wait)
    phones[1]?.verdict(1)
    t.match(house.readRing(ring), { state: 'dismissed', by: house.puid(2), endedMs: house.wallMs })
    t.equal(told(phones), wait === 0 ? '2 2 - - -' : '3 2 - - -')
  }
  t.end()
})

t.test('withdrawn, or at its deadline, at any step: those who ring stop, the others were never told', (t) => {
  for (const step of [0, 1, 2]) {
    const { house, phones } = pool()
    const ring = house.ring([1, 2, 3], SEQUENCE)?.ring ?? ''
    house.advance(step * 10_000)
    house.withdraw(ring)
    t.match(house.readRing(ring), { state: 'withdrawn', reason: '' })
    t.equal(told(phones), ['4 - - - -', '3 4 - - -', '3 3 4 - -'][step])
    const missed = house.ring([1, 2, 3], { ...SEQUENCE, deadlineInMs: 5_000 + step * 10_000 })?.ring ?? ''
    house.advance(60_000)
    t.match(house.readRing(missed), { state: 'missed' })
    t.equal(rung(phones), ['20000', '22000', '22200'][step])
  }
  t.end()
})

t.test('an accept in the millisecond of the step or later is too late, wherever it is decided', (t) => {
  for (const [afterMs, isTimerFirst] of [
    [9_999, false],
    [10_000, false],
    [10_000, true],
    [10_001, true],
  ] as const) {
    const { house, phones } = pool()
    const ring = house.ring([1, 2], SEQUENCE)?.ring ?? ''
    const id = phones[0]?.notifies[0]?.id ?? 0
    if (isTimerFirst) house.advance(afterMs)
    else {
      house.monotonicMs += afterMs
      house.wallMs += afterMs
    }
    phones[0]?.verdict(0, null, id)
    const isInTime = afterMs < 10_000
    t.equal(house.readRing(ring)?.state, isInTime ? 'accepted' : 'delivered', `${afterMs}`)
    t.equal(phones[0]?.outcomes.map(({ what }) => what).join(), isInTime ? '0' : '3')
    t.equal(rung(phones), isInTime ? '10000' : '11000')
  }
  t.end()
})

t.test('a turn is told to nobody before it is committed', (t) => {
  const { house, phones } = pool()
  house.ring([1, 2, 3], SEQUENCE)
  house.isStoreHeld = true
  house.advance(10_000)
  phones[1]?.contact()
  t.equal(rung(phones), '10000')
  t.equal(told(phones), '- - - - -')
  house.releaseStore()
  t.equal(rung(phones), '11000')
  t.equal(told(phones), '3 - - - -')
  t.end()
})

t.test('kill -9 at each step: the turn goes on with the time that was left', (t) => {
  for (const step of [0, 1, 2]) {
    const { house, phones } = pool()
    const ring = house.ring([1, 2, 3], SEQUENCE)?.ring ?? ''
    house.advance(step * 10_000 + 4_000)
    house.crash(1_000)
    for (const phone of phones.slice(0, 3)) {
      phone.frames.length = 0
      phone.contact('active', true).tellList(listFor([{}]), 1)
    }
    const again = ['10000', '01000', '00100'][step]
    t.equal(rung(phones), again, 'whose turn it was, under a new id')
    house.advance(4_999)
    t.equal(rung(phones), again)
    house.advance(1)
    t.equal(rung(phones), ['11000', '01100', '00100'][step])
    phones[Math.min(step + 1, 2)]?.verdict(0)
    t.match(house.readRing(ring), { state: 'accepted', by: house.puid(Math.min(step + 2, 3)) })
  }
  t.end()
})

t.test('the accept of who was rung before kill -9 finds the ring, and stops it; one after the step does not', (t) => {
  for (const downMs of [1_000, 20_000]) {
    const { house, phones } = pool()
    const ring = house.ring([1, 2], SEQUENCE)?.ring ?? ''
    const id = phones[0]?.notifies[0]?.id ?? 0
    house.crash(downMs)
    phones[1]?.contact('active', true).tellList(listFor([{}]), 1)
    const isInTime = downMs < 10_000
    t.equal(phones[1]?.notifies.length, isInTime ? 0 : 1)
    phones[0]?.contact('active', true)
    phones[0]?.verdict(0, null, id)
    t.equal(house.readRing(ring)?.by, isInTime ? house.puid(1) : '')
    t.equal(phones[0]?.outcomes.at(-1)?.what, isInTime ? 0 : 3)
  }
  t.end()
})

t.test('who was passed over before kill -9 and answers after it is told so at once', (t) => {
  const { house, phones } = pool()
  const ring = house.ring([1, 2], SEQUENCE)?.ring ?? ''
  const id = phones[0]?.notifies[0]?.id ?? 0
  house.advance(12_000)
  house.crash(1_000)
  for (const phone of phones) phone.frames.length = 0
  phones[0]?.contact('active', true)
  phones[0]?.verdict(0, null, id)
  t.match(phones[0]?.outcomes, [{ what: 3 }])
  t.match(house.readRing(ring), { by: '' })
  t.end()
})

t.test('a sequence of one is a ring like any other', (t) => {
  const { house, phones } = pool()
  house.ring(1, SEQUENCE)
  house.crash()
  phones[0]?.contact('active', true)
  house.advance(2_000)
  t.equal(phones[0]?.notifies.length, 2, 'tried without the list')
  t.end()
})

t.test('unavailable: passed over, and listed as missed', (t) => {
  const { house, phones } = pool()
  phones[0]?.putList(listFor([{}], { choice: 1 }))
  const ring = house.ring([1, 2], { ...SEQUENCE, deadlineInMs: 20_000 })?.ring ?? ''
  t.equal(rung(phones), '01000')
  house.advance(20_000)
  t.match(house.readRing(ring), { state: 'missed' })
  t.equal(rung(phones), '11000')
  t.equal(told(phones), '3 3 - - -')
  t.end()
})
