import t from 'tap'
import { Agenda } from '../../src/hub/agenda.js'
import { Damper, type Damping } from '../../src/hub/damper.js'
import type { PresenceLine, PresenceState } from '../../src/presence/state.js'
import { APP, homely } from './house.js'

/** A damper in virtual time for application 1, and what it told, as 'ms:state'. */
function scene(damping: Damping) {
  const agenda = new Agenda(0)
  const told: string[] = []
  let nowMs = 0
  const now = () => ({ monotonicMs: nowMs, wallMs: nowMs })
  const damper = new Damper(
    (onDue) => agenda.line(onDue),
    (_app, person, _rotation, { state, message }, at) => told.push(`${at.monotonicMs}:${person}:${state}${message}`),
  )
  damper.set(1, damping, now())
  const before = new Map<number, PresenceLine>()
  const line = (state: PresenceState, message = ''): PresenceLine => ({
    ...{ state, message, sinceMs: nowMs, count: 1, cause: 'device' },
  })
  return {
    damper,
    told,
    to(state: PresenceState, { app = 1, person = 5, message = '' } = {}): void {
      const was = before.get(person) ?? line('offline')
      const next = line(state, message)
      before.set(person, next)
      damper.handleChange(app, person, 0, next, now(), was)
    },
    at(ms: number): void {
      while (agenda.nextMs() <= ms) {
        nowMs = Math.max(nowMs, agenda.nextMs())
        agenda.expire(now())
      }
      nowMs = ms
    },
    now,
    agenda,
  }
}

t.test('without damping all is told at once, and nothing is kept', (t) => {
  const { to, told, damper } = scene({ minHoldMs: 0, coalesceMs: 0 })
  to('online')
  to('away')
  t.same(told, ['0:5:online', '0:5:away'])
  t.equal(damper.size, 0)
  t.end()
})

t.test('a state is told when it has held; one that came and went is not', (t) => {
  const { to, told, at, damper } = scene({ minHoldMs: 1000, coalesceMs: 0 })
  to('online')
  to('online', { person: 6 })
  at(999)
  t.same(told, [])
  to('offline', { person: 6 })
  at(1000)
  t.same(told, ['1000:5:online'])
  to('away')
  at(1500)
  to('unavailable')
  at(2499)
  t.equal(told.length, 1, 'each state has its own time')
  at(5000)
  t.same(told, ['1000:5:online', '2500:5:unavailable'])
  t.equal(damper.size, 0, 'nothing is kept')
  t.end()
})

t.test(
  'a message of a state that was told is not held; one that changes while it is held does not prolong that',
  (t) => {
    const { to, told, at } = scene({ minHoldMs: 1000, coalesceMs: 0 })
    to('online')
    at(600)
    to('online', { message: '!' })
    at(1000)
    t.same(told, ['1000:5:online!'])
    to('online', { message: '?' })
    t.same(told.slice(1), ['1000:5:online?'])
    t.end()
  },
)

t.test('changes that follow soon are told as one, the latest', (t) => {
  const { to, told, at, damper } = scene({ minHoldMs: 0, coalesceMs: 1000 })
  to('online')
  at(100)
  to('away')
  at(200)
  to('offline')
  to('online', { person: 6 })
  at(1100)
  t.same(told, ['0:5:online', '200:6:online', '1000:5:offline'])
  to('away')
  at(1500)
  to('offline')
  at(9000)
  t.equal(told.length, 3, 'it came back to what was told')
  t.equal(damper.size, 0)
  t.end()
})

t.test('an application that wants no damping any more is told what was held back; one that is gone is not', (t) => {
  const { to, told, damper, now, agenda } = scene({ minHoldMs: 1000, coalesceMs: 0 })
  damper.set(2, { minHoldMs: 1000, coalesceMs: 0 }, now())
  to('online')
  to('online', { app: 2, person: 7 })
  damper.set(1, { minHoldMs: 0, coalesceMs: 0 }, now())
  damper.forget(2)
  t.same(told, ['0:5:online'])
  t.equal(agenda.armed, 0)
  t.end()
})

const LISTEN = { kind: 'listen', app: APP, presence: true, rings: false, outcomes: true } as const

t.test('webhooks and streams of an application see the same damped changes', (t) => {
  const { house, phone } = homely()
  house.subscribe(1)
  house.ask({ ...LISTEN, minHoldMs: 5_000, coalesceMs: 0 })
  house.replies = []
  phone.lose().contact()
  house.advance(60_000)
  t.same([house.take('change'), house.take('webhook-presence')], [[], []], 'a short gap is not told')
  phone.lose()
  house.advance(5_000)
  const [told] = house.take('webhook-presence')
  t.match(told, { app: APP, view: { puid: house.puid(1), state: 'offline', cause: 'contact-lost' } })
  t.match(house.take('change'), [{ stream: 1, view: told?.view }])
  t.end()
})

t.test('an outcome is put with the end of its ring, for those who want it, once', (t) => {
  const { house, phone } = homely()
  const puts = () => house.held.flatMap((one) => (one.kind === 'put-ring' ? [one.outcome != null] : []))
  house.ask({ ...LISTEN, minHoldMs: 0, coalesceMs: 0 })
  house.ring(1)
  house.isStoreHeld = true
  phone.verdict(1)
  t.same(puts(), [true])
  t.same(house.take('webhook-ring'), [], 'not told before it is committed')
  house.releaseStore()
  t.match(house.take('webhook-ring'), [{ app: APP, isEnd: true, ring: { state: 'dismissed' } }])
  house.ask({ ...LISTEN, presence: false, outcomes: false, minHoldMs: 0, coalesceMs: 0 })
  house.ring(1)
  house.isStoreHeld = true
  phone.verdict(1)
  t.same(puts(), [false])
  house.releaseStore()
  t.same(house.take('webhook-ring'), [])
  t.equal(house.metrics()['webhookApps'], 0)
  for (const notWantedAnyMore of [
    { ...LISTEN, presence: false, outcomes: false, minHoldMs: 0, coalesceMs: 0 },
    { kind: 'app-removed', app: APP },
  ] as const) {
    house.ask({ ...LISTEN, minHoldMs: 0, coalesceMs: 0 })
    house.ring(1)
    house.isStoreHeld = true
    phone.verdict(1)
    house.ask(notWantedAnyMore)
    t.ok(puts().includes(true))
    const before = house.disk.outcomes.size
    house.releaseStore()
    t.equal(house.disk.outcomes.size, before, `${notWantedAnyMore.kind}: it does not stay in the store, untold`)
    t.same(house.take('webhook-ring'), [])
  }
  t.end()
})
