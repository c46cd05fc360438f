/**
 * Every ring ends exactly once, whatever is lost, repeated, late or out of order on the way, and wherever the server
 * crashes: docs/rings.md. Random courses against a store that commits late and loses what it had not committed.
 */
import fc from 'fast-check'
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import type { OutcomeFrame, ServerFrame } from '../../src/frame/frame.js'
import type { HubReply } from '../../src/hub/message.js'
import type { RingRecord } from '../../src/ring/ring.js'
import { readRingRow } from '../../src/ring/ring-row.js'
import { isTerminal, type RingState } from '../../src/ring/ring-state.js'
import { fuzzing } from '../support/fuzzing.js'
import { House, listFor, type Phone } from './house.js'

type Op =
  | { do: 'ring'; to: number[]; deadlineInMs: number; key: number; isSequence: boolean; collapse: number }
  | { do: 'withdraw'; ring: number }
  | { do: 'read'; ring: number }
  | { do: 'advance'; ms: number }
  | { do: 'commit'; count: number }
  | { do: 'hold'; isHeld: boolean }
  | { do: 'break'; isBroken: boolean }
  | { do: 'crash'; committed: number; downMs: number }
  | { do: 'contact'; phone: number; isIdle: boolean; isFresh: boolean }
  | { do: 'lose'; phone: number; how: 'lost' | 'ended' | 'gone' }
  | { do: 'verdict'; phone: number; frame: number; what: 0 | 1 | 2 | 3 }
  | { do: 'ack'; phone: number; frame: number }
  | { do: 'unack'; phone: number; frame: number }
  | { do: 'list'; phone: number; variant: number }

const index = fc.nat(7)
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('ring' as const),
      to: fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }),
      deadlineInMs: fc.constantFrom(5_000, 7_000, 30_000),
      key: fc.nat(3),
      isSequence: fc.boolean(),
      collapse: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw' as const), ring: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('read' as const), ring: index }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.constantFrom(0, 1, 900, 2_500, 6_000) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('commit' as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hold' as const), isHeld: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('break' as const), isBroken: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('crash' as const),
      committed: fc.nat(3),
      downMs: fc.constantFrom(0, 500, 8_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('contact' as const),
      phone: index,
      isIdle: fc.boolean(),
      isFresh: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('lose' as const),
      phone: index,
      how: fc.constantFrom('lost' as const, 'ended' as const, 'gone' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('verdict' as const),
      phone: index,
      frame: fc.nat(30),
      what: fc.constantFrom<0 | 1 | 2 | 3>(0, 1, 1, 2, 3),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('ack' as const), phone: index, frame: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unack' as const), phone: index, frame: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('list' as const), phone: index, variant: fc.nat(3) }) },
)

const LISTS = [listFor([{}]), listFor([]), listFor([{}], { choice: 1 }), listFor([{}], { choice: 2 })]

/** Watches all that comes out, from the moment it comes out. */
class Witness {
  readonly house: House
  /** rings that were answered to their sender */
  readonly names: string[] = []
  readonly #ends = new Map<string, RingState>()
  readonly #endEvents = new Map<string, number>()
  readonly faults: string[] = []

  constructor(house: House) {
    this.house = house
    house.onReply = (reply) => this.#reply(reply)
    house.onSend = (phone, frames) => this.#packet(phone, frames)
  }

  #reply(reply: HubReply): void {
    if (reply.kind !== 'ring' && reply.kind !== 'ring-change') return
    const { ring: name, state } = reply.ring
    if (!this.names.includes(name)) this.names.push(name)
    if (!isTerminal(state)) {
      if (this.#ends.has(name)) this.faults.push(`${name} went back to ${state}`)
      return
    }
    const before = this.#ends.get(name)
    if (before !== undefined && before !== state) this.faults.push(`${name} ended as ${before} and as ${state}`)
    this.#ends.set(name, state)
    if (this.#onDisk(name) !== state) this.faults.push(`${name} told as ${state}, on disk ${this.#onDisk(name)}`)
    if (reply.kind !== 'ring-change') return
    const events = (this.#endEvents.get(name) ?? 0) + 1
    this.#endEvents.set(name, events)
    if (events > 1) this.faults.push(`${name} ended ${events} times`)
  }

  #packet(phone: Phone, frames: readonly ServerFrame[]): void {
    const isKept = frames.some(({ kind }) => kind === 'outcome')
    for (const frame of frames) {
      if (frame.kind === 'outcome') this.#outcome(phone, frame)
      if (frame.kind !== 'notify') continue
      const name = hex(frame.ring)
      if (this.#onDisk(name) === null) this.faults.push(`${name} rung before it was on disk`)
      if (isKept) continue
      if (this.house.wallMs >= frame.deadlineMs) this.faults.push(`${name} rung after its deadline`)
      this.#turn(phone, name)
      if (isTerminal(this.#onDisk(name) ?? 'queued')) this.faults.push(`${name} rung after its end`)
    }
  }

  #outcome(phone: Phone, outcome: OutcomeFrame): void {
    const name = hex(outcome.ring)
    const others = phone.outcomes.filter(({ ring, what }) => hex(ring) === name && what !== outcome.what)
    if (others.length > 0) this.faults.push(`two outcomes on a device: ${outcome.what} and ${others[0]?.what}`)
    if (!phone.notifies.some(({ ring }) => hex(ring) === name)) return
    const state = this.#onDisk(name)
    if (this.#hasLeft(name, phone.person, outcome.what)) return
    const expected: Record<number, readonly string[]> = {
      0: ['accepted'],
      1: ['accepted', 'dismissed', 'queued', 'sent', 'delivered', 'missed', 'withdrawn'],
      2: ['accepted', 'dismissed', 'queued', 'sent', 'delivered', 'missed', 'withdrawn'],
      3: ['missed'],
      4: ['withdrawn', 'failed'],
    }
    if (!expected[outcome.what]?.includes(state ?? '')) this.faults.push(`outcome ${outcome.what} of a ${state} ring`)
  }

  /** Whether a person was told that their turn is over, or that another ring took the place of this one. */
  #hasLeft(name: string, person: number, what: number): boolean {
    const left = this.#record(name)?.targets.find((target) => target.person === person)?.left
    return (left === 'passed' && what === 3) || (left === 'replaced' && what === 4)
  }

  #onDisk(name: string): RingState | null {
    return this.#record(name)?.state ?? null
  }

  #record(name: string): RingRecord | null {
    const row = this.house.disk.rings.get(name)
    return row === undefined ? null : readRingRow(row)
  }

  /** In a sequence one person rings at a time, and it is theirs by what is on the disk. */
  #turn(phone: Phone, name: string): void {
    const record = this.#record(name)
    if (record === null || record.stepMs === 0) return
    if (record.targets[record.turn]?.person !== phone.person) this.faults.push(`${name} rung out of turn`)
  }

  /** After everything came to rest. */
  settle(): void {
    for (const name of this.names) {
      const ring = this.house.readRing(name)
      if (ring === null || !isTerminal(ring.state)) this.faults.push(`${name} ended as ${ring?.state}`)
      else if ((this.#ends.get(name) ?? ring.state) !== ring.state) this.faults.push(`${name} changed its end`)
      const accepted = this.house.phones.filter(({ outcomes }) =>
        outcomes.some(({ ring: told, what }) => what === 0 && hex(told) === name),
      )
      if (accepted.length > 1) this.faults.push(`${name} accepted by ${accepted.length} devices`)
      if (accepted.length > 0 && ring?.state !== 'accepted')
        this.faults.push(`${name} is ${ring?.state}, told accepted`)
    }
    const { ringsOpen, ringsTelling, ringWrites } = this.house.metrics()
    if (ringsOpen !== 0 || ringsTelling !== 0 || ringWrites !== 0) this.faults.push('something is still open')
  }
}

function apply(house: House, names: readonly string[], op: Op): void {
  const phone = 'phone' in op ? (house.phones[op.phone % house.phones.length] as Phone) : null
  const ringName = 'ring' in op ? (names[op.ring % Math.max(names.length, 1)] ?? '') : ''
  switch (op.do) {
    case 'ring':
      house.ring(op.to, {
        deadlineInMs: op.deadlineInMs,
        idempotencyKey: op.key === 0 ? '' : `${op.key}/${op.to}`,
        ...(op.isSequence && { strategy: 'sequence', stepMs: 5_000 }),
        collapseKey: op.collapse === 0 ? '' : `${op.collapse}`,
      })
      break
    case 'withdraw':
      house.withdraw(ringName)
      break
    case 'read':
      house.ask({ kind: 'ring-get', request: house.nextRequest(), app: 1, ring: ringName, waitMs: 4_000 })
      break
    case 'advance':
      house.advance(op.ms)
      break
    case 'commit':
      for (const request of house.held.splice(0, op.count)) house.commit(request)
      house.drain()
      break
    case 'hold':
      if (op.isHeld) house.isStoreHeld = true
      else house.releaseStore()
      break
    case 'break':
      house.isStoreBroken = op.isBroken
      break
    case 'crash': {
      // Some of what was asked reaches the disk, but nobody hears of it.
      const handle = house.hub.handleStored.bind(house.hub)
      house.hub.handleStored = () => {}
      for (const request of house.held.splice(0, op.committed)) house.commit(request)
      house.hub.handleStored = handle
      house.crash(op.downMs)
      house.subscribe()
      break
    }
    case 'contact':
      phone?.contact(op.isIdle ? 'idle' : 'active', op.isFresh)
      break
    case 'lose':
      if (op.how === 'lost') phone?.lose()
      else if (op.how === 'ended') phone?.end()
      else phone?.contact('gone')
      break
    case 'verdict':
      phone?.verdict(op.what, null, phone.notifies.at(-1 - (op.frame % Math.max(phone.notifies.length, 1)))?.id ?? 300)
      break
    case 'ack':
    case 'unack': {
      const frames = phone?.frames.filter((frame) => 'id' in frame) ?? []
      const frame = frames.at(-1 - (op.frame % Math.max(frames.length, 1)))
      const id = frame !== undefined && 'id' in frame ? frame.id : 300
      if (phone !== null) house.event({ kind: op.do === 'ack' ? 'acked' : 'unacked', device: phone.handle, id })
      break
    }
    case 'list':
      phone?.tellList(LISTS[op.variant] as (typeof LISTS)[number], house.version(phone.person))
      break
  }
}

function run(ops: readonly Op[]): string[] {
  const house = new House({ limits: { perPersonPerMinute: 1_000 } }, undefined, 7)
  for (const person of [1, 2, 3]) {
    const phones = house.person(person, person === 3 ? 1 : 2)
    phones[0]?.contact('active', true).putList(listFor([{}]))
    for (const phone of phones) phone.acks = false
  }
  const witness = new Witness(house)
  house.subscribe()
  for (const op of ops) {
    apply(house, witness.names, op)
  }
  house.isStoreBroken = false
  house.releaseStore()
  for (let minute = 0; minute < 14; minute++) {
    house.advance(60_000)
  }
  witness.settle()
  return witness.faults
}

t.test('every ring ends exactly once', (t) => {
  const settings = fuzzing(400)
  const property = fc.property(fc.array(op, { minLength: 5, maxLength: 60, size: 'max' }), (ops) => {
    const faults = run(ops)
    if (faults.length > 0) throw new Error(faults.join('\n'))
  })
  fc.assert(property, settings)
  t.pass(`${settings.numRuns} courses`)
  t.end()
})
