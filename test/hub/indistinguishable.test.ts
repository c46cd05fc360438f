/**
 * Nobody can tell who revoked, blocks or hides from who is out of contact: docs/presence.md, docs/rings.md. Each case runs the same
 * course as a person who really loses contact, and everything that the application gets is compared, with its time.
 */
import t from 'tap'
import type { HubReply } from '../../src/hub/message.js'
import {
  APP,
  APPEAR_OFFLINE,
  BLOCKED,
  type House,
  homely,
  listFor,
  OTHER_APP,
  OTHER_APP_ID,
  type Phone,
  SHOWN,
} from './house.js'

const other = { app: OTHER_APP_ID }

interface Way {
  leave(phone: Phone): void
  comeBack(phone: Phone): void
}

const ways: Record<string, Way> = {
  'out of contact': { leave: (phone) => phone.lose(), comeBack: (phone) => phone.contact() },
  revoked: {
    leave: (phone) => phone.putList(listFor([other])),
    comeBack: (phone) => phone.putList(listFor([{}, other])),
  },
  'not visible': {
    leave: (phone) => phone.putList(listFor([{ flags: 0 }, other])),
    comeBack: (phone) => phone.putList(listFor([{}, other])),
  },
  blocked: {
    leave: (phone) => phone.putList(listFor([{ flags: SHOWN | BLOCKED }, other])),
    comeBack: (phone) => phone.putList(listFor([{}, other])),
  },
  'appears offline': {
    leave: (phone) => phone.putList(listFor([{ flags: SHOWN | APPEAR_OFFLINE }, other])),
    comeBack: (phone) => phone.putList(listFor([{}, other])),
  },
  invisible: {
    leave: (phone) => phone.putList(listFor([{}, other], { choice: 2 })),
    comeBack: (phone) => phone.putList(listFor([{}, other])),
  },
}

/** All that the application gets, with the time at which it gets it. Ids that are random are made equal. */
class Tape {
  readonly lines: [number, unknown][] = []
  readonly #house: House
  readonly #startMs: number

  constructor(house: House) {
    this.#house = house
    this.#startMs = house.monotonicMs
  }

  step(ms: number): void {
    for (let left = ms; left > 0; left -= Math.min(left, 1_000)) {
      this.#house.advance(Math.min(left, 1_000))
      this.take()
    }
  }

  take(): void {
    for (const reply of this.#house.replies)
      this.lines.push([this.#house.monotonicMs - this.#startMs, anonymous(reply)])
    this.#house.replies = []
  }
}

function anonymous(reply: HubReply): unknown {
  return 'ring' in reply ? { ...reply, ring: { ...reply.ring, ring: 'x' } } : reply
}

/** What an application gets while somebody leaves, is away for a while (living their life), and comes back. */
function course(way: Way): Tape {
  const { house, phone } = homely()
  house.subscribe(1)
  const tape = new Tape(house)
  house.advance(10_000)
  way.leave(phone)
  tape.take()
  const ring = (rest = {}) => house.ring(1, rest)?.ring ?? ''
  for (let round = 0; round < 4; round++) {
    house.view(1)
    house.subscribe(2 + round)
    house.subscribe(20 + round, APP, [house.puid(1)])
    tape.take()
    const missed = ring({ deadlineInMs: 7_000 })
    const withdrawn = ring({ idempotencyKey: `key ${round}` })
    ring({ collapseKey: 'call', deadlineInMs: 50_000 + round })
    ring({ collapseKey: 'call', deadlineInMs: 40_000 + round })
    ring({ idempotencyKey: `key ${round}` })
    house.ask({ kind: 'ring-get', request: house.nextRequest(), app: APP, ring: missed, waitMs: 60_000 })
    tape.step(3_000)
    house.withdraw(withdrawn)
    tape.step(100_000)
    // What they do meanwhile is nobody's business.
    if (way !== ways['out of contact']) phone.contact('idle').contact('active').frame({ kind: 'sync', version: 9 })
    house.readRing(missed)
    house.view(1)
    tape.take()
  }
  // A ring is on its way when they come back.
  ring({ deadlineInMs: 60_000 })
  tape.step(10_000)
  way.comeBack(phone)
  tape.take()
  house.view(1)
  tape.step(120_000)
  return tape
}

t.test('every way of hiding reads like being out of contact', (t) => {
  const reference = course(ways['out of contact'] as Way).lines
  t.ok(reference.length > 40)
  for (const [name, way] of Object.entries(ways)) t.same(course(way).lines, reference, name)
  t.end()
})

t.test('after a restart too, before and after the common instant', (t) => {
  const after = (way: Way): Tape => {
    const { house, phone } = homely()
    house.advance(10_000)
    way.leave(phone)
    house.crash()
    const tape = new Tape(house)
    house.subscribe(1)
    if (way !== ways['out of contact']) {
      phone.contact('active', true)
      // A ring before the list is here: the device must decide, and refuses.
      house.advance(2_000)
    } else house.advance(2_000)
    const early = house.ring(1, { deadlineInMs: 9_000 })
    tape.take()
    if (way !== ways['out of contact']) {
      house.advance(2_500)
      phone.verdict(3)
      const lists: Record<string, Parameters<typeof listFor>> = {
        revoked: [[other]],
        'not visible': [[{ flags: 0 }, other]],
        blocked: [[{ flags: SHOWN | BLOCKED }, other]],
        'appears offline': [[{ flags: SHOWN | APPEAR_OFFLINE }, other]],
        invisible: [[{}, other], { choice: 2 }],
      }
      const name = Object.keys(ways).find((key) => ways[key] === way) as string
      phone.tellList(listFor(...(lists[name] as Parameters<typeof listFor>)), 2)
    } else house.advance(2_500)
    tape.step(20_000)
    house.readRing(early?.ring ?? '')
    house.view(1)
    house.ring(1, { deadlineInMs: 5_000 })
    tape.step(1_800_000)
    house.view(1)
    house.ring(1, { deadlineInMs: 5_000 })
    tape.step(10_000)
    way.comeBack(phone)
    tape.take()
    return tape
  }
  // Who was really out of contact comes back with the list of version 1.
  const lost: Way = {
    leave: (phone) => phone.lose(),
    comeBack: (phone) => phone.contact('active', true).tellList(listFor([{}, other]), 1),
  }
  ways['out of contact'] = lost
  const reference = after(lost).lines
  t.ok(reference.length > 8)
  for (const [name, way] of Object.entries(ways)) t.same(after(way).lines, reference, name)
  t.end()
})

t.test('in pools too: whoever else is rung, is rung at the same time', (t) => {
  for (const steps of [{}, { strategy: 'sequence', stepMs: 10_000 } as const]) {
    const after = (way: Way, isRestarted: boolean): Tape => {
      const { house, phone } = homely()
      const [second, third] = [2, 3].map((person) => house.person(person)[0] as Phone) as [Phone, Phone]
      for (const one of [second, third]) one.contact('active', true).putList(listFor([{}]))
      way.leave(phone)
      if (isRestarted) {
        house.crash()
        // Their list is not here yet; who is out of contact is silent.
        if (way !== ways['out of contact']) phone.contact('active', true)
        for (const one of [second, third]) one.contact('active', true).tellList(listFor([{}]), 1)
      }
      house.subscribe(1)
      const tape = new Tape(house)
      const to = [house.puid(2), house.puid(1), house.puid(3)]
      for (const deadlineInMs of [30_000, 45_000]) {
        house.ring([], { to, deadlineInMs, ...steps })
        tape.step(1_000)
        second.verdict(1)
        tape.take()
        tape.step(3_000)
        if (isRestarted && way !== ways['out of contact'] && phone.notifies.length > 0) phone.verdict(3)
        tape.lines.push([0, third.notifies.length])
        tape.step(15_000)
        if (deadlineInMs === 45_000) third.verdict(0)
        tape.step(60_000)
      }
      return tape
    }
    for (const isRestarted of [false, true]) {
      const reference = after(ways['out of contact'] as Way, isRestarted).lines
      t.ok(reference.length > 6)
      for (const [name, way] of Object.entries(ways)) t.same(after(way, isRestarted).lines, reference, name)
    }
  }
  t.end()
})

t.test('a PUID that is unknown, foreign or was never given is refused alike, alone and among others', (t) => {
  const { house, phone } = homely()
  const [, , blank] = [2, 3, 4].map((person) => house.person(person)[0] as Phone)
  blank?.contact('active', true)
  const good = house.puid(1)
  const never = {
    garbled: `${good.slice(0, -2)}${good.endsWith('AA') ? 'BB' : 'AA'}`,
    foreign: house.puid(1, OTHER_APP),
    'of nobody': `p_${'A'.repeat(good.length - 2)}`,
  }
  const refusals = Object.values(never).map((puid) => {
    const tape = new Tape(house)
    for (const rest of [{}, { collapseKey: 'call' }, { strategy: 'sequence', stepMs: 10_000 } as const]) {
      for (const to of [[puid], [good, puid], [puid, good]]) house.ring([], { to, ...rest })
    }
    house.views([puid])
    tape.step(60_000)
    return tape.lines.map(([ms, line]) => [
      ms,
      JSON.stringify({ ...(line as object), request: 0 }).replaceAll(puid, 'x'),
    ])
  })
  t.equal(refusals[0]?.length, 9)
  for (const lines of refusals) t.same(lines, refusals[0])
  t.equal(phone.notifies.length, 0)
  t.end()
})
