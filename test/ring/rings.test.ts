/** Rings by themselves, with everything around them as plain objects. */
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import type { NotifyFrame, OutcomeFrame } from '../../src/frame/frame.js'
import { NOTIFY_ID_TRIES, notifyId } from '../../src/ring/notify-id.js'
import type { NewRing, RingView } from '../../src/ring/ring.js'
import type { Reach } from '../../src/ring/ring-behaviour.js'
import { RING_LIMITS_DEFAULT } from '../../src/ring/ring-limits.js'
import type { FrameOwner } from '../../src/ring/ring-ports.js'
import { readRingRow } from '../../src/ring/ring-row.js'
import { Rings } from '../../src/ring/rings.js'

const PERSON = 5
const DEVICE = 70_000
const APP = 3
const NEW_RING: NewRing = {
  to: ['p'],
  title: 'x',
  body: '',
  url: '',
  payload: '',
  deadlineInMs: 30_000,
  strategy: 'all',
  stepMs: 0,
  collapseKey: '',
  idempotencyKey: '',
}

/** Rings to one person with one device. Timers fire by hand. */
function bench() {
  const sent: (NotifyFrame | OutcomeFrame)[] = []
  const owners = new Map<number, FrameOwner>()
  const busy = new Set<number>()
  const answers: RingView[] = []
  const rows = new Map<string, Uint8Array>()
  const timers = new Map<number, () => void>()
  const state = { reach: 'online' as Reach, isInContact: true, nowMs: 0, requests: 0, names: 0, dropped: 0 }
  const now = () => ({ monotonicMs: state.nowMs, wallMs: 1_000_000 + state.nowMs })
  const make = () =>
    new Rings({
      crypto: nobleCrypto,
      random: new SeededRandom(state.names),
      limits: RING_LIMITS_DEFAULT,
      people: {
        reach: () => state.reach,
        devicesInContact: () => (state.isInContact ? [DEVICE] : []),
        isInContact: () => state.isInContact,
        appId: () => new Uint8Array(8),
        readPuid: (_, puid) => (puid === 'p' ? { person: PERSON, rotation: 0 } : null),
        writePuid: () => 'p',
        readAlias: () => null,
        writeAlias: () => 'd_',
      },
      channel: {
        isIdFree: (_, id) => !busy.has(id) && !owners.has(id),
        newId: () => 60_000 + sent.length,
        send: (_, frames, __, owner) => {
          for (const frame of frames) owners.set(frame.id, owner)
          sent.push(...frames)
        },
        cancel: (_, id) => owners.delete(id),
      },
      outlet: {
        put: (ring, _, row) => {
          rows.set(ring.join('.'), row)
          return ++state.requests
        },
        drop: () => state.dropped++,
        answer: (_, ring) => answers.push(ring),
        refuse: () => {},
        changed: () => {},
      },
      timers: (onDue) => ({
        arm: (key) => {
          timers.set(++state.names, () => onDue(key, now()))
          return state.names
        },
        disarm: (timer) => timers.delete(timer),
      }),
    })
  const rings = make()
  const commit = (to = rings) => to.handleStored(state.requests, true, now())
  const fire = () => {
    const due = [...timers.values()]
    timers.clear()
    for (const callback of due) callback()
  }
  return { rings, make, sent, owners, busy, answers, rows, state, now, commit, fire, timers }
}

t.test('a ring that cannot go out is tried again as often as it takes', (t) => {
  const { rings, sent, busy, rows, now, commit, timers } = bench()
  rings.handleRing(1, APP, NEW_RING, now())
  const seed = readRingRow([...rows.values()][0] as Uint8Array)?.seed as Uint8Array
  for (let tries = 0; tries < NOTIFY_ID_TRIES; tries++) busy.add(notifyId(nobleCrypto, seed, DEVICE, tries))
  commit()
  const retry = () => {
    const [name, callback] = [...timers].at(-1) as [number, () => void]
    timers.delete(name)
    callback()
  }
  retry()
  retry()
  t.equal(sent.length, 0)
  busy.clear()
  retry()
  t.match(sent, [{ kind: 'notify' }])
  t.end()
})

t.test('a notify id that is in use on the device is passed over; when none is free it is tried later', (t) => {
  const { rings, sent, busy, rows, state, now, commit, timers } = bench()
  rings.handleRing(1, APP, NEW_RING, now())
  const seed = readRingRow([...rows.values()][0] as Uint8Array)?.seed as Uint8Array
  const ids = Array.from({ length: NOTIFY_ID_TRIES }, (_, tries) => notifyId(nobleCrypto, seed, DEVICE, tries))
  for (const id of ids) busy.add(id)
  const armed = timers.size
  commit()
  t.equal(sent.length, 0)
  t.equal(timers.size, armed + 1, 'a retry')
  busy.delete(ids[2] as number)
  rings.handleReach(PERSON, now())
  t.match(sent, [{ kind: 'notify', id: ids[2] }])
  state.nowMs = 1
  t.ok(
    rings.handleVerdict(
      DEVICE,
      PERSON,
      { kind: 'verdict', id: ids[2] as number, what: 0, deviceClass: 1, reply: null },
      now(),
    ),
  )
  t.end()
})

t.test('after a restart a verdict finds its ring under any of the ids that it may have had', (t) => {
  const { rings, make, sent, rows, answers, state, now, commit } = bench()
  rings.handleRing(1, APP, NEW_RING, now())
  const row = [...rows.values()][0] as Uint8Array
  const seed = readRingRow(row)?.seed as Uint8Array
  const id = notifyId(nobleCrypto, seed, DEVICE, 3)
  const again = make()
  t.ok(again.load(row, () => true, now()))
  again.handleReach(PERSON, now())
  t.not(sent[0]?.id, notifyId(nobleCrypto, seed, DEVICE, 0), 'a new one')
  t.notOk(
    again.handleVerdict(DEVICE, PERSON, { kind: 'verdict', id: 300, what: 0, deviceClass: 1, reply: null }, now()),
  )
  t.notOk(again.handleVerdict(DEVICE, PERSON + 1, { kind: 'verdict', id, what: 0, deviceClass: 1, reply: null }, now()))
  t.ok(again.handleVerdict(DEVICE, PERSON, { kind: 'verdict', id, what: 0, deviceClass: 1, reply: null }, now()))
  commit(again)
  t.match(sent.at(-1), { kind: 'outcome', ring: readRingRow(row)?.id, what: 0 })
  again.handleGet(2, APP, hex(readRingRow(row)?.id as Uint8Array), 0, now())
  t.equal(answers.at(-1)?.state, 'accepted')
  t.equal(state.dropped, 0)
  t.end()
})

t.test('rows that are not loaded: unreadable, of a removed application, ended a day ago', (t) => {
  const { rings, make, rows, state, now, commit, fire } = bench()
  rings.handleRing(1, APP, NEW_RING, now())
  commit()
  state.nowMs = 30_000
  fire()
  const row = [...rows.values()][0] as Uint8Array
  t.equal(readRingRow(row)?.state, 'missed')
  const again = make()
  t.notOk(again.load(Uint8Array.of(9), () => true, now()))
  t.equal(state.dropped, 0)
  t.notOk(again.load(row, () => false, now()))
  t.equal(state.dropped, 1)
  state.nowMs = 86_400_000
  t.notOk(again.load(row, () => true, now()))
  t.equal(state.dropped, 2)
  state.nowMs = 86_399_999
  t.ok(again.load(row, () => true, now()))
  t.equal(again.numbers.ended, 1)
  t.equal(again.numbers.telling, 0, 'long over')
  t.end()
})

t.test('somebody who can be rung but has no device in contact: queued, without a reason', (t) => {
  const { rings, answers, state, now, commit } = bench()
  state.isInContact = false
  rings.handleRing(1, APP, NEW_RING, now())
  commit()
  t.match(answers[0], { state: 'queued', reason: '' })
  t.end()
})
