import t from 'tap'
import { fromHex } from '../../src/base/bytes.js'
import { applyEdit, compacted, type ListEdit } from '../../src/client/list-edit.js'
import type { GrantFrame } from '../../src/frame/frame.js'
import { EMPTY_LIST, type PersonList } from '../../src/frame/person-list.js'
import { testCrypto } from '../support/crypto.js'
import { ListServer } from './list-server.js'
import { APP, Rig } from './rig.js'

const crypto = await testCrypto()
const R = 1_800_000_000

function ready(): { rig: Rig; lists: ListServer } {
  const rig = new Rig(crypto)
  rig.start()
  rig.finishHandshake()
  const lists = new ListServer(rig)
  rig.send(lists.state())
  lists.serve()
  return { rig, lists }
}

function grant(rig: Rig, more: Partial<GrantFrame> = {}): GrantFrame {
  const id = rig.server.id()
  const base = { grant: new Uint8Array(16).fill(1), app: fromHex(APP), rotation: R, what: 0, windows: [], zone: '' }
  return { kind: 'grant', id, ...base, ...more } as GrantFrame
}

/** Serves and collects GRANTED. */
function granted(rig: Rig, lists: ListServer): number[] {
  const answers: number[] = []
  for (let rounds = 0; rounds < 50; rounds++) {
    const packets = rig.takePackets()
    for (const packet of packets) {
      for (const frame of packet.frames) if (frame.kind === 'granted') answers.push(frame.what)
      lists.answer(packet)
    }
    if (packets.length === 0) break
  }
  return answers
}

const listWith = (flags: number, rotation: number): PersonList => {
  return { ...EMPTY_LIST, entries: [{ app: fromHex(APP), flags, rotation, windows: [] }] }
}

t.test('[R-10.1-1] a grant goes into the list, and then GRANTED', async (t) => {
  const { rig, lists } = ready()
  rig.send(grant(rig, { windows: [[127, 60, 120]], zone: 'Europe/Berlin' }))
  t.strictSame(granted(rig, lists), [0])
  const expected = { zone: 'Europe/Berlin', entries: [{ flags: 1, rotation: R, windows: [{ days: 127 }] }] }
  t.match(lists.visible, expected)
  t.match(rig.eventsOf('granted'), [{ app: APP, isWithdrawn: false }])
  rig.send(grant(rig))
  t.strictSame(granted(rig, lists), [0], 'a late repeat is answered, and nothing changes')
  t.equal(lists.frames.filter(({ kind }) => kind === 'list').length, 1)
  rig.send(grant(rig, { grant: new Uint8Array(16).fill(2), what: 1, rotation: R - 1 }))
  t.strictSame(granted(rig, lists), [0])
  t.equal(lists.visible?.entries.length, 1, 'another rotation is not taken out')
  rig.send(grant(rig, { grant: new Uint8Array(16).fill(3), what: 1 }))
  granted(rig, lists)
  t.equal(lists.visible?.entries.length, 0)
})

t.test('[R-10.1-1] the change that a grant makes', async (t) => {
  const edit: ListEdit = { kind: 'grant', app: APP, rotation: R, windows: [], zone: '' }
  const after = (flags: number, rotation: number) => applyEdit(listWith(flags, rotation), edit).entries[0]
  t.match(applyEdit(EMPTY_LIST, edit).entries[0], { flags: 1, rotation: R })
  t.match(after(0 | 4, R - 1), { flags: 1, rotation: R }, 'another consent: what was shared is asked anew')
  t.match(after(4 | 8, R), { flags: 5, rotation: R }, 'the same: blocked no more, still shared')
  t.match(after(0, R + 1), { flags: 0, rotation: R + 1 }, 'overtaken by another pseudonym')
})

t.test('[R-10.1-2] a grant is not stored, and given up after its time and with its session', async (t) => {
  const { rig, lists } = ready()
  lists.loses = (frame) => frame.kind === 'list-result'
  rig.send(grant(rig))
  rig.takePackets()
  t.equal(rig.machine.parts.list.pending.length, 1)
  t.equal(rig.restarted().machine.parts.list.pending.length, 0, 'not in the store')
  for (let ms = 0; ms < 31_000; ms += 500) {
    rig.advance(500)
    rig.takePackets()
  }
  t.equal(rig.machine.parts.list.pending.length, 0)
})

t.test('[R-10.1-1] a device without the list key says that it cannot', async (t) => {
  const { rig, lists } = ready()
  lists.commit(EMPTY_LIST, 1, new Uint8Array(32).fill(9))
  rig.send(lists.state())
  lists.serve()
  rig.send(grant(rig))
  const answers = rig.takePackets().flatMap(({ frames }) => frames.filter(({ kind }) => kind === 'granted'))
  t.match(answers, [{ what: 1 }])
})

t.test('[R-10.1-4] what another device took out stays out; a new consent and a block make an entry', async (t) => {
  const edits: [ListEdit, number][] = [
    [{ kind: 'entry', app: APP, visible: true }, 0],
    [{ kind: 'entry', app: APP, windows: [{ days: 1, start: 0, end: 1 }] }, 0],
    [{ kind: 'entry', app: APP, visible: false }, 0],
    [{ kind: 'rotate', app: APP, rotation: R }, 0],
    [{ kind: 'revoke', app: APP }, 0],
    [{ kind: 'entry', app: APP, blocked: true }, 1],
    [{ kind: 'entry', app: APP, visible: true, rotation: R }, 1],
  ]
  for (const [edit, entries] of edits) {
    t.equal(applyEdit(EMPTY_LIST, edit).entries.length, entries, JSON.stringify(edit))
  }
  const told = applyEdit(listWith(5, R), { kind: 'revoke', app: APP })
  t.match(told.entries, [{ flags: 16, rotation: R }])
  t.equal(applyEdit(told, { kind: 'entry', app: APP, visible: true }), told)
  const again: ListEdit = { kind: 'entry', app: APP, visible: true, rotation: R + 1 }
  t.match(applyEdit(told, again).entries, [{ flags: 1, rotation: R + 1 }])
})

t.test('[R-10.1-4] on a device: a new consent has a new pseudonym, and the person can change it', async (t) => {
  const { rig, lists } = ready()
  const rotation = () => lists.visible?.entries[0]?.rotation ?? 0
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  const first = rotation()
  t.ok(first >= R, 'seconds')
  rig.do((machine, now) => machine.deny(APP, now))
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  t.equal(rotation(), first, 'hidden for a while is no revocation')
  rig.do((machine, now) => machine.rotatePuid(APP, now))
  lists.serve()
  const second = rotation()
  t.ok(second > first)
  rig.do((machine, now) => machine.revoke(APP, now))
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  t.ok(rotation() > second)
  t.equal(lists.visible?.entries[0]?.flags, 1)
})

t.test(
  '[R-10.1-4] a device that knows no clock but its own, which is wrong, leaves room for the next consents',
  async (t) => {
    const YEAR_2200_MS = Date.UTC(2200, 0)
    for (const [wallMs, expected] of [
      [YEAR_2200_MS, 4_000_000_000],
      [0, 1],
    ] as const) {
      const { machine, now } = new Rig(crypto, { wallMs })
      const rotation = () => machine.parts.list.current.entries[0]?.rotation
      machine.allow(APP, {}, now)
      t.equal(rotation(), expected)
      machine.rotatePuid(APP, now)
      t.equal(rotation(), expected + 1)
      machine.revoke(APP, now)
      machine.allow(APP, {}, now)
      t.equal(rotation(), expected + 2)
    }
  },
)

t.test('[R-10.1-5] allowed again in the same second, the person has a pseudonym that they never had', async (t) => {
  const { rig, lists } = ready()
  const seen = new Set<number>()
  const isNew = (why: string) => {
    lists.serve()
    const rotation = lists.visible?.entries[0]?.rotation ?? 0
    t.notOk(seen.has(rotation), why)
    seen.add(rotation)
  }
  rig.do((machine, now) => machine.allow(APP, {}, now))
  isNew('the first')
  for (const how of ['forget', 'revoke', 'forget'] as const) {
    rig.do((machine, now) => machine.rotatePuid(APP, now))
    isNew('chosen')
    rig.do((machine, now) => machine[how](APP, now))
    lists.serve()
    rig.do((machine, now) => machine.allow(APP, {}, now))
    isNew(`after ${how}`)
  }
})

t.test(
  '[R-10.1-5] another pseudonym, chosen while another device took the consent back, changes nothing',
  async (t) => {
    const rotate: ListEdit = { kind: 'rotate', app: APP, rotation: R + 9 }
    const revoke: ListEdit = { kind: 'revoke', app: APP }
    for (const list of [EMPTY_LIST, listWith(16, R), listWith(8, 0)]) t.equal(applyEdit(list, rotate), list)
    for (const order of [
      [rotate, revoke],
      [revoke, rotate],
    ]) {
      const [entry] = order.reduce(applyEdit, listWith(1, R)).entries
      t.equal(entry?.flags, 16, 'revoked, whichever came first')
    }
    for (const order of [
      [rotate, { ...revoke, kind: 'forget' as const }],
      [{ ...revoke, kind: 'forget' as const }, rotate],
    ]) {
      t.equal(order.reduce(applyEdit, listWith(1, R)).entries.length, 0)
    }
  },
)

t.test('fewer edits do the same', async (t) => {
  const edits: ListEdit[] = [
    { kind: 'entry', app: APP, visible: true, rotation: R },
    { kind: 'rotate', app: APP, rotation: R + 5 },
    { kind: 'revoke', app: APP },
    { kind: 'entry', app: APP, visible: true, rotation: R + 9 },
    { kind: 'entry', app: APP, shareMessages: true },
  ]
  const apply = (list: PersonList, some: readonly ListEdit[]) => some.reduce(applyEdit, list)
  const few = compacted(edits)
  t.equal(few.length, 2)
  for (const list of [EMPTY_LIST, listWith(1, 3)]) t.strictSame(apply(list, few), apply(list, edits))
})
