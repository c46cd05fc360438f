/** What a ring does in each state of a person, and what its outcome says: docs/rings.md, as one table over a whole hub. */
import t from 'tap'
import { base64url } from '../../src/base/base64.js'
import type { PersonList } from '../../src/frame/person-list.js'
import { APPEAR_OFFLINE, BLOCKED, House, homely, listFor, OTHER_APP, type Phone, SHOWN } from './house.js'

interface Row {
  /** brings the person into the state; they have one device, and are online before */
  enter(phone: Phone, house: House): void
  /** what the sender sees at once */
  first: { state: string; reason: string }
  /** NOTIFYs before the deadline */
  rings: number
  /** the outcome if nobody answers, and what the device is told at the deadline, with NOTIFYs till then */
  end: { notifies: number; outcomes: number[]; isDelivered: boolean }
}

const list = (rest: Partial<PersonList>, flags = SHOWN) => {
  return (phone: Phone) => {
    phone.putList(listFor([{ flags }], rest))
  }
}
const rung = { first: { state: 'sent', reason: '' }, rings: 1, end: { notifies: 1, outcomes: [3], isDelivered: true } }
const held = {
  first: { state: 'queued', reason: 'offline' },
  rings: 0,
  end: { notifies: 0, outcomes: [], isDelivered: false },
}
const kept = {
  first: { state: 'queued', reason: 'unavailable' },
  rings: 0,
  end: { notifies: 1, outcomes: [3], isDelivered: false },
}
// One minute at night, UTC: the house is at 10 o'clock.
const NIGHT = [{ days: 127, start: 0, end: 1 }]

const table: Record<string, Row> = {
  online: { enter: () => {}, ...rung },
  away: {
    enter: (phone, house) => {
      phone.thresholds(60, 0).contact('idle')
      house.advance(61_000)
    },
    ...rung,
  },
  unavailable: { enter: list({ choice: 1 }), ...kept },
  invisible: { enter: list({ choice: 2 }), ...held },
  'appear offline': { enter: list({}, SHOWN | APPEAR_OFFLINE), ...held },
  'outside hours': { enter: (phone) => phone.putList(listFor([{ windows: NIGHT }])), ...held },
  blocked: { enter: list({}, SHOWN | BLOCKED), ...held },
  revoked: { enter: (phone) => phone.putList(listFor([])), ...held },
  'idle past the offline threshold': {
    enter: (phone, house) => {
      phone.thresholds(60, 120).contact('idle')
      house.advance(121_000)
    },
    ...held,
  },
  'out of contact': { enter: (phone) => phone.lose(), ...held },
  'gone for good': { enter: (_, house) => house.ask({ kind: 'account-removed', person: 1, devices: [] }), ...held },
  'unknown, after a restart': { enter: (_, house) => house.crash(), ...held },
}

t.test('a ring in each state', (t) => {
  for (const [name, { enter, first, rings, end }] of Object.entries(table)) {
    const house = new House()
    const phone = house.person(1)[0] as Phone
    phone.contact('active', true).putList(listFor([{}]))
    enter(phone, house)
    phone.frames.length = 0
    house.replies = []
    const ring = house.ring(1)
    t.match(ring, first, name)
    house.advance(29_999)
    t.equal(phone.notifies.length, rings, `${name}: rings`)
    t.not(house.readRing(ring?.ring ?? '')?.state, 'missed', `${name}: not before its deadline`)
    house.advance(1)
    const { notifies, outcomes, isDelivered } = end
    const view = house.readRing(ring?.ring ?? '')
    t.match(view, { state: 'missed', reason: '', endedMs: ring?.deadlineMs, by: '', deviceClass: '', device: '' }, name)
    t.equal(view?.deliveredMs !== 0, isDelivered, `${name}: receipt`)
    t.equal(view?.shownMs, 0, `${name}: nobody showed it`)
    t.equal(phone.notifies.length, notifies, `${name}: NOTIFY`)
    t.same(
      phone.outcomes.map(({ what }) => what),
      outcomes,
      `${name}: OUTCOME`,
    )
  }
  t.end()
})

t.test('who accepted or dismissed, on what kind of device, when, with what reply; when it was shown', (t) => {
  for (const [what, deviceClass, name] of [
    [0, 1, 'phone'],
    [0, 5, 'watch'],
    [0, 23, 'other'],
    [1, 3, 'desktop'],
  ] as const) {
    const { house, phones } = homely(2)
    const [first, second] = phones as [Phone, Phone]
    first.deviceClass = 2
    second.deviceClass = deviceClass
    const ring = house.ring(1)?.ring ?? ''
    house.advance(1_000)
    const shownMs = house.wallMs
    first.verdict(2)
    house.advance(1_000)
    second.verdict(2)
    house.advance(1_000)
    t.match(house.readRing(ring), { shownMs, deviceClass: '', device: '', deviceUntilMs: 0 })
    second.verdict(what, Uint8Array.of(7))
    const isAccepted = what === 0
    const view = house.readRing(ring)
    t.match(view, {
      state: isAccepted ? 'accepted' : 'dismissed',
      by: house.puid(1),
      deviceClass: name,
      shownMs,
      endedMs: house.wallMs,
      reply: isAccepted ? base64url(Uint8Array.of(7)) : '',
      deviceUntilMs: isAccepted ? house.wallMs + 600_000 : 0,
    })
    t.match(view?.device, isAccepted ? /^d_[\w-]{64}$/ : /^$/)
    house.crash()
    t.same(house.readRing(ring), view, 'after a restart too')
  }
  t.end()
})

t.test('a device handle rings that device alone, for ten minutes, for that application', (t) => {
  const { house, phones } = homely(2)
  const [first, second] = phones as [Phone, Phone]
  const accepted = house.ring(1)?.ring ?? ''
  second.verdict(0)
  const handle = house.readRing(accepted)?.device ?? ''
  for (const phone of phones) phone.frames.length = 0
  const alone = house.ring([], { to: [handle] })
  t.match(alone, { state: 'sent' })
  t.same(
    phones.map(({ notifies }) => notifies.length),
    [0, 1],
  )
  first.contact()
  first.verdict(0, null, second.notifies[0]?.id)
  t.match(house.readRing(alone?.ring ?? ''), { state: 'delivered' }, 'the other device cannot take it')
  house.crash()
  for (const phone of phones) phone.contact('active', true).tellList(listFor([{}]), 1)
  t.equal(first.notifies.length, 0)
  second.verdict(0)
  const view = house.readRing(alone?.ring ?? '')
  t.match(view, { state: 'accepted', by: house.puid(1) })
  t.not(view?.device, handle, 'two accepts do not tell that they were of one device')
  second.lose()
  t.match(
    house.ring([], { to: [handle] }),
    { state: 'queued', reason: 'offline' },
    'the person is there, the device is not',
  )
  house.ask({ kind: 'device-removed', device: second.handle, code: 2 })
  t.match(house.ring([], { to: [handle] }), { state: 'queued', reason: 'offline' })
  const refused = (to: string, app?: number) => {
    t.equal(house.ring([], { to: [to] }, app), null)
    return house.lastError()
  }
  t.equal(refused(handle, OTHER_APP), 'unknown-device-handle')
  t.equal(refused(`${handle.slice(0, -1)}${handle.endsWith('A') ? 'B' : 'A'}`), 'unknown-device-handle')
  t.equal(refused('d_'), 'unknown-device-handle')
  const once = { to: [handle], idempotencyKey: 'screen-7' }
  const kept = house.ring([], once)
  house.advance(600_000)
  t.equal(refused(handle), 'unknown-device-handle', 'expired')
  t.equal(house.ring([], once)?.ring, kept?.ring, 'a request that is repeated has its ring for 24 h')
  t.end()
})

t.test('a device handle of somebody who hides meanwhile is like one of somebody out of contact', (t) => {
  const course = (leave: (phone: Phone) => void): unknown[] => {
    const { house, phone } = homely()
    const ring = house.ring(1)?.ring ?? ''
    phone.verdict(0)
    const handle = house.readRing(ring)?.device ?? ''
    leave(phone)
    house.replies = []
    house.ring([], { to: [handle], deadlineInMs: 9_000 })
    house.advance(9_000)
    return house.replies.map((reply) => ('ring' in reply ? { ...reply, ring: { ...reply.ring, ring: '' } } : reply))
  }
  const reference = course((phone) => phone.lose())
  for (const flags of [0, SHOWN | BLOCKED, SHOWN | APPEAR_OFFLINE])
    t.same(
      course((phone) => phone.putList(listFor([{ flags }]))),
      reference,
    )
  t.same(
    course((phone) => phone.putList(listFor([]))),
    reference,
    'revoked',
  )
  t.same(
    course((phone) => phone.putList(listFor([{}], { choice: 2 }))),
    reference,
    'invisible',
  )
  t.end()
})

t.test('all devices of the person have the verdict in the first packet after it: one round trip', (t) => {
  for (const what of [0, 1] as const) {
    const { house, phones } = homely(5)
    house.ring(1)
    house.isStoreHeld = true
    phones[2]?.verdict(what)
    t.same(
      phones.flatMap(({ outcomes }) => outcomes),
      [],
      'not before the commit',
    )
    const atMs = house.monotonicMs
    house.releaseStore()
    t.same(
      phones.map(({ outcomes }) => outcomes.length),
      [1, 1, 1, 1, 1],
    )
    t.equal(house.monotonicMs, atMs, 'no timer between')
  }
  t.end()
})

t.test('accept in the millisecond of the deadline: one answer, whatever comes first', (t) => {
  for (const [atMs, isTimerFirst] of [
    [4_999, false],
    [5_000, false],
    [5_000, true],
    [5_001, false],
  ] as const) {
    const { house, phones } = homely(2)
    house.subscribe()
    const ring = house.ring(1, { deadlineInMs: 5_000 })?.ring ?? ''
    house.ask({ kind: 'ring-get', request: house.nextRequest(), app: 1, ring, waitMs: 60_000 })
    house.replies = []
    if (isTimerFirst) house.advance(atMs)
    else {
      house.monotonicMs += atMs
      house.wallMs += atMs
    }
    phones[0]?.verdict(0)
    house.withdraw(ring)
    const state = atMs < 5_000 ? 'accepted' : 'missed'
    t.equal(house.readRing(ring)?.state, state)
    const told = house.replies.flatMap((reply) => ('ring' in reply ? [reply.ring.state] : []))
    t.ok(told.length >= 1)
    t.ok(
      told.every((one) => one === state),
      `${atMs}: ${told}`,
    )
    t.equal(house.lastError(), 'ring-ended')
    t.same(
      phones.map(({ outcomes }) => outcomes.map(({ what }) => what).join()),
      state === 'accepted' ? ['0', '1'] : ['3', '3'],
    )
    house.crash()
    t.equal(house.readRing(ring)?.state, state)
  }
  t.end()
})
