import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Now } from '../../src/base/time.js'
import type { DeviceMachine } from '../../src/client/device-machine.js'
import { entryOf } from '../../src/client/list-edit.js'
import { nextListVersion } from '../../src/client/list-version.js'
import { decodePersonList, EMPTY_LIST, type PersonList } from '../../src/frame/person-list.js'
import { openList } from '../../src/frame/sealed-list.js'
import { testCrypto } from '../support/crypto.js'
import { ListServer } from './list-server.js'
import { APP, Rig, START_WALL_MS } from './rig.js'
import type { Packet } from './scripted-server.js'

const crypto = await testCrypto()
const OTHER = 'bbbbbbbbbbbbbbbb'

function ready(options: ConstructorParameters<typeof Rig>[1] = {}): { rig: Rig; lists: ListServer } {
  const rig = new Rig(crypto, options)
  rig.start()
  rig.finishHandshake()
  const lists = new ListServer(rig)
  rig.send(lists.state())
  return { rig, lists }
}

function keyOf(rig: Rig): Uint8Array {
  return rig.machine.parts.list.listKey as Uint8Array
}

/** As `allow` makes it: the rotation is the second of the consent. */
function entry(app: string, rotation = START_WALL_MS / 1000): PersonList['entries'][0] {
  return { app: Uint8Array.from(Buffer.from(app, 'hex')), flags: 1, rotation, windows: [] }
}

/** The server after a restart: it holds no visibility. */
function forgetful(lists: ListServer): ListServer {
  lists.visible = null
  return lists
}

t.test(
  '[R-10-3] [R-10-4] a change goes out sealed with base and a higher version, then in plain; both are answered',
  async (t) => {
    const { rig, lists } = ready()
    const hours = [{ days: 127, start: 1260, end: 1380 }]
    const edit = rig.do((machine, now) => machine.allow(APP, { hours, shareMessages: true }, now))
    lists.serve()
    t.match(lists.frames, [
      { kind: 'list', base: 0, version: lists.version, index: 0, count: 1 },
      { kind: 'visibility', version: lists.version, index: 0, count: 1 },
    ])
    t.equal((lists.frames[0] as { part: Uint8Array }).part.length, 1024, 'sealed in steps of 1 KiB')
    t.match(rig.eventsOf('list-changed'), [{ version: lists.version, own: true, settled: [edit] }])
    const expected = { choice: 0, entries: [{ flags: 5, windows: hours }] }
    t.match(lists.opened(keyOf(rig)), expected)
    t.match(lists.visible, expected)
    for (const { bytes } of rig.take()) t.ok(bytes.length === 1200 || bytes.length < 100, '[R-7-6]')
  },
)

t.test('[R-10-2] the list key is durable before a list is sealed with it', async (t) => {
  const { rig, lists } = ready()
  rig.holdsSaves = true
  rig.do((machine, now) => machine.allow(APP, {}, now))
  rig.advance(2000)
  t.notOk(rig.takePackets().some(({ frames }) => frames.some(({ kind }) => kind === 'list')))
  rig.holdsSaves = false
  while (rig.heldSaves.length > 0) rig.save()
  lists.serve()
  t.ok(openList(crypto, restartedKey(rig), lists.version, lists.sealed as Uint8Array) !== null)
})

function restartedKey(rig: Rig): Uint8Array {
  return keyOf(rig.restarted())
}

t.test('[R-10-2] each sealing has a fresh salt', async (t) => {
  const { rig, lists } = ready()
  const salts = new Set<string>()
  for (let round = 0; round < 5; round++) {
    rig.do((machine, now) => machine.setMessages(`${round}`, '', now))
    lists.serve()
    salts.add(hex((lists.sealed as Uint8Array).subarray(0, 16)))
  }
  t.equal(salts.size, 5)
})

t.test('[R-10-3] many parts go in order, one at a time, and survive loss', async (t) => {
  for (const seed of ['1', '2', '3']) {
    const { rig, lists } = ready({ seed })
    let count = 0
    lists.loses = () => count++ % 3 === 0
    for (let app = 0; app < 250; app++) {
      rig.do((machine, now) => machine.allow(app.toString(16).padStart(16, '0'), {}, now))
    }
    lists.serveFor(400_000)
    t.equal(rig.machine.parts.list.pending.length, 0)
    t.equal(lists.opened(keyOf(rig)).entries.length, 250)
    t.equal(lists.visible?.entries.length, 250)
    const parts = lists.frames.filter((frame) => frame.kind === 'list').map(({ index }) => index)
    t.ok(Math.max(...parts) >= 2)
  }
})

t.test('[R-10-3] conflict: the newer list is fetched, and the edit is made again on top of it', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  const first = lists.version
  rig.do((machine, now) => machine.setMessages('mine', '', now))
  const [packet] = rig.takePackets()
  lists.change((list) => ({ ...list, choice: 2, entries: [...list.entries, entry(OTHER)] })) // another device was first
  lists.answer(packet as NonNullable<typeof packet>)
  lists.serve()
  t.ok(lists.version > first + 1)
  t.match(lists.opened(keyOf(rig)), { choice: 2, status: 'mine', entries: [entry(APP), entry(OTHER)] })
  t.match(lists.visible, { choice: 2, status: 'mine' })
  t.match(
    rig.eventsOf('list-changed').map(({ version, own }) => [version, own]),
    [
      [first, true],
      [first + 1, false],
      [lists.version, true],
    ],
  )
})

t.test('a commit whose LIST_RESULT was lost is not made twice', async (t) => {
  const { rig, lists } = ready()
  lists.loses = (frame) => frame.kind === 'list-result' && frame.code === 0
  const edit = rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serveFor(30_000)
  const commits = lists.frames.flatMap((frame) => (frame.kind === 'list' ? [frame.version] : []))
  t.same(new Set(commits), new Set([lists.version]))
  t.match(lists.visible, { entries: [entry(APP)] })
  t.ok(rig.eventsOf('list-changed').some(({ settled }) => settled.includes(edit)))
})

t.test(
  '[R-10-3] without LIST_RESULT: the last part again, then the same parts from 0, each wait twice the last',
  async (t) => {
    const { rig, lists } = ready()
    for (let app = 0; app < 80; app++) {
      rig.do((machine, now) => machine.allow(app.toString(16).padStart(16, '0'), {}, now))
    }
    lists.serve()
    rig.do((machine, now) => machine.setMessages('mine', '', now))
    const sent: [number, number, string][] = []
    for (let passed = 0; passed < 20_000; passed += 100) {
      for (const packet of rig.takePackets()) {
        for (const frame of packet.frames) {
          if (frame.kind === 'list') sent.push([packet.atMs, frame.index, hex(frame.part)])
        }
        if (packet.ask) rig.deliver(rig.server.answer(packet))
      }
      rig.advance(100)
    }
    const last = Math.max(...sent.map(([, index]) => index))
    t.ok(last > 0)
    const whole = Array.from({ length: last + 1 }, (_, index) => index)
    t.same(
      sent.map(([, index]) => index),
      [...whole, last, ...whole, last],
    )
    for (const [, index, part] of sent) t.equal(part, sent[index]?.[2], 'the same sealing')
    const lasts = sent.filter(([, index]) => index === last).map(([atMs]) => atMs)
    const starts = sent.filter(([, index]) => index === 0).map(([atMs]) => atMs)
    t.ok(Math.abs((lasts[1] as number) - (lasts[0] as number) - 2000) <= 200)
    t.ok(Math.abs((starts[1] as number) - (lasts[1] as number) - 4000) <= 200)
  },
)

t.test('[R-10-3] a STATE with the version that is being committed is not taken for our own commit', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  rig.do((machine, now) => machine.setMessages('mine', '', now))
  const [packet] = rig.takePackets() // a version goes out,
  const sent = packet?.frames.find((frame) => frame.kind === 'list')?.version ?? 0
  const others = { ...rig.machine.parts.list.committed, choice: 2 as const }
  lists.commit(others, sent) // but another device's with the same number was first, and the STATE says so
  rig.deliver(rig.server.answer(packet as NonNullable<typeof packet>))
  rig.send(lists.state())
  lists.serve()
  t.ok(lists.version > sent, 'at once, not after a wait')
  t.match(lists.opened(keyOf(rig)), { choice: 2, status: 'mine' })
})

t.test('a late conflict about an earlier commit does not hold up the next one', async (t) => {
  const { rig, lists } = ready()
  for (let app = 0; app < 80; app++) {
    rig.do((machine, now) => machine.allow(app.toString(16).padStart(16, '0'), {}, now))
  }
  lists.serve()
  rig.do((machine, now) => machine.setMessages('mine', '', now))
  rig.send({ kind: 'list-result', version: lists.version, code: 1 })
  const before = lists.version
  lists.serve()
  t.ok(lists.version > before)
  rig.send(forgetful(lists).state(), { kind: 'list-result', version: lists.version, code: 1 })
  lists.serve()
  t.equal(lists.visible?.status, 'mine')
})

t.test('[R-10-1] when no version is left, the host is told of each edit once, also after a restart', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  lists.commit(rig.machine.parts.list.committed, 2 ** 48 - 1)
  rig.send(lists.state())
  lists.serve()
  const edits = [
    rig.do((machine, now) => machine.deny(APP, now)),
    rig.do((machine, now) => machine.setMessages('x', '', now)),
  ]
  rig.send(forgetful(lists).state())
  lists.serveFor(100_000)
  t.match(rig.eventsOf('error'), [
    { error: { code: 'PL_LIST_SPENT' }, edits: edits.slice(0, 1) },
    { error: { code: 'PL_LIST_SPENT' }, edits: edits.slice(1) },
  ])
  t.equal(rig.eventsOf('error').length, 2)
  t.notOk(rig.machine.parts.list.isVisible(APP), 'what the person did here holds here')
  const next = rig.restarted()
  next.deliver(next.server.answer(next.takePacket(), next.server.state({ version: 2 ** 48 - 1 })))
  t.match(next.eventsOf('error'), [{ error: { code: 'PL_LIST_SPENT' }, edits: [1, 2] }])
})

t.test(
  '[R-10-5] a STATE of another device while a LIST is under way: the newer list first, then ours on top',
  async (t) => {
    const { rig, lists } = ready()
    rig.do((machine, now) => machine.allow(APP, {}, now))
    lists.serve()
    rig.do((machine, now) => machine.setMessages('mine', '', now))
    const [packet] = rig.takePackets()
    lists.change((list) => ({ ...list, choice: 2 }))
    lists.change((list) => ({ ...list, choice: 1 }))
    lists.frames.length = 0
    rig.send(lists.state())
    rig.deliver(rig.server.answer(packet as NonNullable<typeof packet>)) // the LIST itself was lost
    lists.serve()
    t.match(
      lists.frames.map(({ kind }) => kind),
      ['want-list', 'list', 'visibility'],
    )
    t.match(lists.opened(keyOf(rig)), { choice: 1, status: 'mine' })
  },
)

t.test('[R-10-6] a version that changes between two parts: the new one is fetched from index 0', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  const entries = Array.from({ length: 200 }, (_, i) => entry(i.toString(16).padStart(16, '0'), 0))
  lists.change((list) => ({ ...list, entries }))
  lists.frames.length = 0
  let parts = 0
  lists.loses = (frame) => {
    if (frame.kind === 'list-part' && ++parts === 1) lists.change((list) => ({ ...list, choice: 2 }))
    return false
  }
  rig.send(lists.state())
  lists.serve()
  const wanted = lists.frames.flatMap((frame) => (frame.kind === 'want-list' ? [frame.index] : []))
  t.same(wanted, [0, 1, 0, 2])
  t.equal(rig.machine.parts.list.version, lists.version)
  t.match(rig.machine.parts.list.committed, { choice: 2 })
})

t.test('[R-10-5] [R-10-6] flag 1 and an equal version: the plaintext is sent', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  lists.frames.length = 0
  rig.send(lists.state())
  lists.serve()
  t.same(lists.frames, [], 'the server holds it')
  rig.send(forgetful(lists).state())
  lists.serve()
  t.match(lists.frames, [{ kind: 'visibility', version: lists.version }])
})

t.test('[R-10-6] a lower version: the parts are fetched, index 0 first, through loss; never a lower one', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  lists.frames.length = 0
  const entries = Array.from({ length: 200 }, (_, i) => entry(i.toString(16).padStart(16, '0'), 0))
  lists.change((list) => ({ ...list, entries }))
  let count = 0
  lists.loses = () => count++ % 2 === 0
  rig.send(forgetful(lists).state())
  lists.serveFor(60_000)
  t.equal(rig.machine.parts.list.version, lists.version)
  t.equal(rig.machine.parts.list.committed.entries.length, 200)
  const wanted = lists.frames.flatMap((frame) => (frame.kind === 'want-list' ? [frame.index] : []))
  t.equal(wanted[0], 0)
  t.same(
    [...new Set(wanted)],
    [...new Set(wanted)].sort((a, b) => a - b),
  )
  t.ok(lists.visible !== null, 'and shown to the server that had lost it')
  const stored = rig.restarted()
  t.equal(stored.machine.parts.list.version, lists.version)
})

t.test('[R-10-6] a higher version (the server was restored): ours goes up as it is', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  const backup = { version: lists.version, sealed: lists.sealed }
  for (const status of ['a', 'b', 'c']) {
    rig.do((machine, now) => machine.setMessages(status, '', now))
    lists.serve()
  }
  const { version } = lists
  Object.assign(lists, backup)
  lists.frames.length = 0
  rig.send(forgetful(lists).state())
  lists.serve()
  t.match(lists.frames, [
    { kind: 'list', base: backup.version, version },
    { kind: 'visibility', version },
  ])
  t.match(lists.opened(keyOf(rig)), { status: 'c' })
})

t.test('[R-10-6] a list that a restored server has no more is not waited for', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  const backup = { version: lists.version, sealed: lists.sealed }
  lists.change((list) => ({ ...list, status: 'lost' }))
  rig.send(lists.state())
  const asking = rig.takePackets().at(-1) as Packet
  t.ok(asking.frames.some(({ kind }) => kind === 'want-list'))
  rig.deliver(rig.server.answer(asking)) // the part is lost
  rig.do((machine, now) => machine.deny(APP, now)) // waits for the list
  Object.assign(lists, backup)
  rig.server.restart(1_700_000_500)
  rig.send({ kind: 'challenge', challenge: rig.server.bytes(8) })
  rig.server.confirm()
  rig.send(forgetful(lists).state())
  lists.serve()
  t.ok(lists.version > backup.version)
  t.match(lists.visible, { status: '', entries: [{ flags: 0 }] })
})

t.test('[R-10-1] with an edit that waits, a restored server gets a higher version than any', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  const backup = { version: lists.version, sealed: lists.sealed }
  rig.do((machine, now) => machine.setMessages('a', '', now))
  lists.serve()
  const { version } = lists
  rig.send({ kind: 'close', code: 0 })
  rig.do((machine, now) => machine.setMessages('b', '', now))
  Object.assign(lists, backup)
  rig.advance(5001)
  const message1 = rig.takeMessages1().at(-1)
  rig.deliver(rig.server.accept(message1 as NonNullable<typeof message1>))
  rig.deliver(rig.server.answer(rig.takePacket(), lists.state()))
  lists.serve()
  t.ok(lists.version > version)
  t.match(lists.opened(keyOf(rig)), { status: 'b' })
})

t.test('[R-10-1] what was changed at a restored server has another version, and the later change wins', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  const backup = { version: lists.version, sealed: lists.sealed }
  for (const status of ['a', 'b', 'c', 'd']) {
    rig.do((machine, now) => machine.setMessages(status, '', now))
    lists.serve()
  }
  const lost = lists.version
  rig.advance(3000)
  Object.assign(lists, backup)
  const hidden = { ...rig.machine.parts.list.committed, entries: [{ ...entry(APP), flags: 0 }] }
  lists.commit(hidden, nextListVersion(backup.version, rig.wallMs + 3_600_000, new SeededRandom('another device')))
  t.ok(lists.version > lost, 'however much was changed before')
  rig.send(forgetful(lists).state())
  lists.serve()
  t.equal(rig.machine.parts.list.version, lists.version)
  t.notOk(rig.machine.parts.list.isVisible(APP))
  t.match(lists.visible, { entries: [{ flags: 0 }] })
})

t.test('[R-10-1] versions: above all that are known, of the hour by the server, drawn', async (t) => {
  const hours = 500_000
  const ofNow = hours * 235_929_600
  const random = new SeededRandom('versions')
  const drawn = Array.from({ length: 200 }, () => nextListVersion(5, hours * 3_600_000 + 3_599_999, random))
  t.ok(drawn.every((version) => version > ofNow && version <= ofNow + 65_536))
  t.ok(new Set(drawn).size > 190)
  const high = nextListVersion(ofNow + 10_000_000, hours * 3_600_000, random)
  t.ok(high > ofNow + 10_000_000 && high <= ofNow + 10_065_536)
  const unknown = nextListVersion(7, null, random)
  t.ok(unknown > 7 && unknown <= 7 + 65_536)
  t.equal(nextListVersion(2 ** 48 - 2, null, random), 2 ** 48 - 1)
  t.equal(nextListVersion(2 ** 48 - 1, null, random), 2 ** 48)
})

t.test('edits outlive the process and the network', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  rig.do((machine, now) => machine.deny(APP, now))
  rig.take() // nobody hears it
  const next = rig.restarted()
  t.notOk(next.machine.parts.list.isVisible(APP), 'it holds here at once')
  const served = new ListServer(next)
  Object.assign(served, { version: lists.version, sealed: lists.sealed })
  next.deliver(next.server.answer(next.takePacket(), served.state()))
  served.serve()
  t.ok(served.version > lists.version)
  t.match(served.visible, { entries: [{ flags: 0 }] })
})

t.test('a late repeat of an older STATE does not look like a restored server', async (t) => {
  const { rig, lists } = ready()
  const old = lists.state()
  rig.advance(1000)
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  rig.send(lists.state())
  lists.frames.length = 0
  rig.send(old)
  lists.serve()
  t.same(lists.frames, [])
})

t.test('two first devices: the one that comes second throws its key away and asks for the other', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  const [packet] = rig.takePackets()
  lists.commit({ ...EMPTY_LIST, entries: [entry(OTHER)] }, 1, new Uint8Array(32).fill(5))
  lists.answer(packet as NonNullable<typeof packet>)
  lists.serve()
  t.equal(rig.machine.parts.list.listKey, null)
  t.match(rig.eventsOf('list-key-wanted'), [{ code: /^[A-Z2-7]{10}$/ }])
  t.equal(lists.version, 1, 'nothing was overwritten')
  t.equal(rig.machine.parts.list.pending.length, 1, 'the edit waits for the key')
})

t.test('a new list, when nobody can give the key of the present one', async (t) => {
  const { rig, lists } = ready()
  t.notOk(rig.machine.startNewList(rig.now), 'there is none to be replaced')
  rig.do((machine, now) => machine.allow(APP, {}, now))
  rig.take()
  lists.commit({ ...EMPTY_LIST, entries: [entry(OTHER)] }, 7, new Uint8Array(32).fill(5))
  rig.take()
  rig.send(lists.state())
  lists.serve()
  t.equal(rig.eventsOf('list-key-wanted').length, 1)
  t.ok(rig.do((machine, now) => machine.startNewList(now)))
  lists.serve()
  t.ok(lists.version > 7)
  t.match(lists.opened(keyOf(rig)).entries, [entry(APP)])
})

t.test('a list that does not open, or breaks the rules, is not taken', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  lists.change((list) => ({ ...list, status: 'x' }))
  const sealed = lists.sealed as Uint8Array
  sealed[500] = (sealed[500] as number) ^ 1
  rig.send(lists.state())
  lists.serve()
  t.equal(rig.machine.parts.list.version, lists.version - 1)
  t.ok(keyOf(rig) !== null, 'a key that was used is kept')
  t.equal(rig.eventsOf('list-key-wanted').length, 1)
})

t.test('edits: what each does, and what is refused', async (t) => {
  const { rig, lists } = ready()
  const { machine, now } = rig
  machine.setChoice('invisible', now)
  machine.setMessages('hello', 'away', now)
  machine.setZone('Europe/Berlin', now)
  machine.allow(APP.toUpperCase(), { appearOffline: true }, now)
  machine.allow(OTHER, { hours: [{ days: 1, start: 0, end: 60 }] }, now)
  machine.deny(OTHER, now)
  machine.block('cccccccccccccccc', now)
  machine.allow('dddddddddddddddd', {}, now)
  machine.forget('dddddddddddddddd', now)
  rig.drain()
  lists.serve()
  t.match(lists.visible, {
    choice: 2,
    status: 'hello',
    away: 'away',
    zone: 'Europe/Berlin',
    entries: [{ flags: 3 }, { flags: 0, windows: [{ days: 1 }] }, { flags: 8 }],
  })
  rig.do((each, at) => each.allow(APP, { shareMessages: true }, at))
  lists.serve()
  t.equal(lists.visible?.entries[0]?.flags, 7, 'what is left out stays')
  t.throws(() => machine.allow('xyz', {}, now), { code: 'PL_BAD_HEX' })
  t.throws(() => machine.setMessages('ä'.repeat(65), '', now), { code: 'PL_BAD_LIST' })
  t.throws(() => machine.allow(APP, { hours: [{ days: 0, start: 0, end: 0 }] }, now), { code: 'PL_BAD_LIST' })
  t.throws(() => machine.setThresholds(-1, 0, now), { code: 'PL_BAD_OPTION' })
  for (let app = 0; app < 253; app++) machine.allow(app.toString(16).padStart(16, '0'), {}, now)
  t.throws(() => machine.allow('eeeeeeeeeeeeeeee', {}, now), { code: 'PL_LIST_FULL' })
})

t.test('an edit that changes nothing is settled without a packet', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  rig.take()
  const edit = rig.do((machine, now) => machine.allow(APP, {}, now))
  t.equal(rig.take().length, 0)
  t.same(rig.eventsOf('list-changed').at(-1)?.settled, [edit])
})

t.test('a PUID is asked for until it comes, and told once', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  rig.advance(1000)
  rig.take()
  const { rotation } = entryOf(rig.machine.parts.list.current, APP)!
  rig.do((machine, now) => machine.requestPuid(APP, now))
  const packet = rig.takePacket()
  t.match(packet.frames, [{ kind: 'ping' }, { kind: 'puid-request', rotation }])
  rig.deliver(rig.server.answer(packet))
  t.equal(rig.take().length, 0, 'no packet of its own')
  rig.do((machine, now) => machine.setState('idle', now))
  const next = rig.takePacket()
  t.match(
    next.frames,
    [{ kind: 'ping' }, { kind: 'puid-request' }],
    '[R-12.4] but it goes along with the next that asks',
  )
  const app = Uint8Array.from(Buffer.from(APP, 'hex'))
  rig.deliver(rig.server.answer(next, { kind: 'puid', app, rotation, puid: 'p_1' }))
  rig.send({ kind: 'puid', app, rotation, puid: 'p_2' })
  t.match(rig.eventsOf('puid'), [{ app: APP, puid: 'p_1' }])
  t.equal(rig.eventsOf('puid').length, 1)
})

t.test(
  '[R-12.4] without a consent there is no pseudonym to ask for, only whether there is such an application',
  async (t) => {
    const { rig, lists } = ready()
    const refuses = (text: string) =>
      t.throws(() => rig.machine.requestPuid(APP, rig.now), { code: 'PL_NO_CONSENT' }, text)
    const change = (edit: (machine: DeviceMachine, now: Now) => void) => {
      rig.do(edit)
      lists.serve()
      rig.advance(1000)
      rig.take()
    }
    const rotations: number[] = []
    refuses('never allowed')
    change((machine, now) => machine.allow(APP, {}, now))
    rotations.push(entryOf(rig.machine.parts.list.current, APP)!.rotation)
    change((machine, now) => machine.deny(APP, now))
    rig.machine.requestPuid(APP, rig.now) // hidden, but it stays
    rig.take()
    change((machine, now) => machine.revoke(APP, now))
    refuses('revoked')
    change((machine, now) => machine.forget(APP, now))
    change((machine, now) => machine.block(APP, now))
    refuses('only blocked')
    change((machine, now) => machine.allow(APP, {}, now))
    rotations.push(entryOf(rig.machine.parts.list.current, APP)!.rotation)
    t.ok(rotations[1]! > rotations[0]! && rotations[0]! > 0, 'a consent after a block has a pseudonym of its own')

    rig.do((machine, now) => machine.checkApp(APP, now))
    const packet = rig.takePacket()
    t.match(packet.frames.at(-1), { kind: 'puid-request', rotation: 0 })
    const app = Uint8Array.from(Buffer.from(APP, 'hex'))
    rig.deliver(rig.server.answer(packet, { kind: 'puid', app, rotation: 0, puid: '' }))
    t.match(rig.eventsOf('app-checked'), [{ app: APP, exists: false }])
    t.equal(rig.eventsOf('puid').length, 0)
  },
)

t.test('the plaintext of a sealed list reads back', async (t) => {
  const { rig, lists } = ready()
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  const plaintext = openList(crypto, keyOf(rig), lists.version, lists.sealed as Uint8Array) as Uint8Array
  t.match(decodePersonList(plaintext), { entries: [entry(APP)] })
})
