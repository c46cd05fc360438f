import t from 'tap'
import { fromHex, hex } from '../../src/base/bytes.js'
import { entryOf } from '../../src/client/list-edit.js'
import { RingBook } from '../../src/client/ring-book.js'
import { SeenRings } from '../../src/client/seen-rings.js'
import { ServerClock } from '../../src/client/server-clock.js'
import type { ServerFrame } from '../../src/frame/frame.js'
import { EMPTY_LIST } from '../../src/frame/person-list.js'
import { SERVER_APP } from '../../src/packet/constants.js'
import { testCrypto } from '../support/crypto.js'
import { ListServer } from './list-server.js'
import { APP, Rig } from './rig.js'
import type { Packet } from './scripted-server.js'

const crypto = await testCrypto()

/** A device that knows the server's clock (exactly: nothing takes time here) and shows itself to APP. */
function ready(options: ConstructorParameters<typeof Rig>[1] = {}): Rig {
  const rig = new Rig(crypto, options)
  rig.start()
  rig.finishHandshake()
  const lists = new ListServer(rig)
  rig.send(lists.state())
  rig.do((machine, now) => machine.allow(APP, {}, now))
  lists.serve()
  rig.server.rotation = rotationOf(rig)
  rig.events.length = 0
  return rig
}

/** Of the pseudonym that is in force on the device. */
function rotationOf({ machine }: Rig): number {
  return entryOf(machine.parts.list.current, APP)!.rotation
}

function verdicts(packets: readonly Packet[]): { id: number; what: number; ask: boolean; reply: string | null }[] {
  return packets.flatMap(({ frames, ask }) =>
    frames.flatMap((frame) =>
      frame.kind === 'verdict' ? [{ id: frame.id, what: frame.what, ask, reply: frame.reply && hex(frame.reply) }] : [],
    ),
  )
}

function ringOf(frame: ServerFrame & { kind: 'notify' }): string {
  return hex(frame.ring)
}

t.test('a ring is told with all it brings, acked, shown, accepted with a reply, and ends by OUTCOME', async (t) => {
  const rig = ready()
  const notify = rig.server.notify({
    deadlineMs: rig.wallMs + 30_000,
    body: 'b',
    url: 'u:x',
    payload: new Uint8Array([7]),
  })
  const ring = ringOf(notify)
  rig.send(notify)
  t.match(rig.events, [
    {
      kind: 'ring',
      ring,
      app: APP,
      title: 'Ann calls',
      body: 'b',
      url: 'u:x',
      payload: new Uint8Array([7]),
      remainingMs: 30_000,
    },
  ])
  rig.do((machine) => machine.shown(ring, rig.now))
  const shown = rig.takePacket()
  t.match(shown.frames, [{ kind: 'ping' }, { kind: 'ack', id: notify.id }, { kind: 'verdict', id: notify.id, what: 2 }])
  rig.deliver(rig.server.answer(shown))
  rig.do((machine) => machine.accept(ring, new Uint8Array([1, 2]), rig.now))
  const accepted = rig.takePacket()
  t.match(verdicts([accepted]), [{ id: notify.id, what: 0, ask: true, reply: '0102' }])
  t.equal(accepted.bytes.length, 128, '[R-7-6] padded, as it holds a reply')
  rig.deliver(rig.server.answer(accepted, { kind: 'outcome', id: 700, ring: notify.ring, what: 0 }))
  t.match(rig.events.at(-1), { kind: 'ring-ended', ring, outcome: 'accepted' })
  rig.advance(20_000)
  t.equal(verdicts(rig.takePackets()).length, 0)
  t.throws(() => rig.machine.accept(ring, null, rig.now), { code: 'PL_RING_OVER' })
})

t.test('[R-12.2-2] a ring is shown once, whatever the number of NOTIFYs, also under other ids', async (t) => {
  const rig = ready()
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
  for (let i = 0; i < 5; i++) rig.send(notify)
  rig.send({ ...notify, id: rig.server.id() })
  rig.send({ kind: 'outcome', id: 700, ring: rig.server.bytes(16), what: 4 })
  rig.send(notify)
  rig.send({ ...notify, id: rig.server.id() })
  t.equal(rig.eventsOf('ring').length, 1)
  const next = rig.restarted()
  next.deliver(next.server.answer(next.takePacket(), next.server.state({ version: 1 })))
  next.send(notify)
  next.send({ ...notify, id: next.server.id() })
  t.equal(next.eventsOf('ring').length, 0, 'nor by another process')
})

t.test('[R-12.2-2] the mark is durable before the ring is told', async (t) => {
  const rig = ready()
  const before = rig.disk
  rig.holdsSaves = true
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
  rig.send(notify)
  t.equal(rig.eventsOf('ring').length, 0)
  const crashed = rig.restarted({ stored: before })
  crashed.deliver(crashed.server.answer(crashed.takePacket(), crashed.server.state({ version: 1 })))
  crashed.send(notify)
  t.equal(crashed.eventsOf('ring').length, 1, 'a crash before: it was not told, so it may be')
  rig.save()
  t.equal(rig.eventsOf('ring').length, 1)
})

t.test('a ring that was on the screen when the process ended is missed', async (t) => {
  const rig = ready()
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
  rig.send(notify)
  t.match(rig.restarted().machine.parts.seen.missed, [{ ring: ringOf(notify), title: 'Ann calls' }])
  rig.do((machine) => machine.dismiss(ringOf(notify), rig.now))
  t.same(rig.restarted().machine.parts.seen.missed, [], 'not one that was answered')
})

t.test('[R-12.2-1] a ring is not shown when the upper bound is past the deadline', async (t) => {
  for (const [askedMs, leftMs, isShown] of [
    [0, 1000, true],
    [900, 1000, true],
    [1100, 1000, false],
  ] as const) {
    const rig = new Rig(crypto)
    rig.start()
    rig.deliver(rig.server.accept(rig.server.readMessage1(rig.takeOne()) as never))
    const first = rig.takePacket()
    rig.advance(askedMs) // the STATE comes so long after the packet that asked for it
    rig.take()
    const lists = new ListServer(rig)
    rig.deliver(rig.server.answer(first, lists.state()))
    rig.do((machine, now) => machine.allow(APP, {}, now))
    lists.serve()
    rig.server.rotation = rotationOf(rig)
    rig.send(rig.server.notify({ deadlineMs: rig.wallMs + leftMs }))
    t.equal(rig.eventsOf('ring').length, isShown ? 1 : 0, `asked ${askedMs} ms before`)
    t.equal(rig.eventsOf('missed').length, isShown ? 0 : 1)
    if (isShown) t.equal(rig.eventsOf('ring')[0]?.remainingMs, leftMs - askedMs)
  }
})

t.test('[R-12.2-1] a ring stops when the upper bound passes the deadline, and is missed', async (t) => {
  const rig = ready()
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
  rig.send(notify)
  rig.advance(30_000)
  t.equal(rig.eventsOf('ring-ended').length, 0)
  rig.advance(1)
  t.match(rig.eventsOf('ring-ended'), [{ ring: ringOf(notify), outcome: 'missed' }])
  t.match(rig.eventsOf('missed'), [{ ring: ringOf(notify), app: APP, title: 'Ann calls' }])
  t.throws(() => rig.machine.accept(ringOf(notify), null, rig.now), { code: 'PL_RING_OVER' })
  t.match(rig.machine.parts.seen.missed, [{ ring: ringOf(notify) }])
  rig.do((machine) => machine.clearMissed(null))
  t.same(rig.restarted().machine.parts.seen.missed, [])
})

t.test('[R-12.2-1] a wall clock that is stepped moves no deadline', async (t) => {
  for (const stepMs of [-3_600_000, 3_600_000]) {
    const rig = ready()
    const truth = rig.wallMs - rig.now.monotonicMs
    const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
    rig.send(notify)
    rig.advance(10_000)
    rig.take()
    rig.stepWall(stepMs)
    rig.do((machine, now) => machine.handleTimeout(now))
    const sync = rig.takePacket()
    t.match(
      sync.frames.find(({ kind }) => kind === 'sync'),
      { kind: 'sync', version: rig.machine.parts.list.version },
      'asks for the time',
    )
    t.equal(rig.eventsOf('ring-ended').length, 0)
    rig.server.clock = () => rig.now.monotonicMs + truth
    rig.deliver(rig.server.answer(sync))
    rig.advance(20_000)
    t.equal(rig.eventsOf('ring-ended').length, 0)
    rig.advance(1)
    t.equal(rig.eventsOf('ring-ended').length, 1)
  }
})

t.test(
  '[R-12.2-1] after a sleep in which the monotonic clock stood still a ring is judged by a fresh CLOCK',
  async (t) => {
    const rig = ready()
    rig.stepWall(600_000) // what a sleep of 10 min looks like
    const notify = rig.server.notify({ deadlineMs: rig.wallMs - 1000 })
    rig.send(notify)
    t.equal(rig.eventsOf('ring').length, 0, 'held')
    const sync = rig.takePacket()
    t.equal(sync.frames.at(-1)?.kind, 'sync')
    rig.deliver(rig.server.answer(sync, rig.server.state({ version: 1 })))
    t.equal(rig.eventsOf('ring').length, 0)
    t.equal(rig.eventsOf('missed').length, 1, 'late')
  },
)

t.test('[R-12.2-1] a CLOCK that was asked for before a sleep, and waited in the socket, is not believed', async (t) => {
  const rig = ready()
  rig.stepWall(3000)
  rig.do((machine, now) => machine.handleTimeout(now))
  const asked = rig.takePacket()
  const answer = rig.server.answer(asked)
  rig.stepWall(600_000) // asleep, and the monotonic clock stood still
  rig.send(rig.server.notify({ deadlineMs: rig.wallMs - 1000 }))
  rig.deliver(answer)
  t.equal(rig.eventsOf('ring').length, 0, 'held')
  const again = rig.takePackets().at(-1)!
  t.equal(again.frames.find(({ kind }) => kind === 'sync')?.kind, 'sync', 'asks anew')
  rig.deliver(rig.server.answer(again))
  t.equal(rig.eventsOf('ring').length, 0)
  t.equal(rig.eventsOf('missed').length, 1, 'late')
})

t.test('[R-12.2-1] while no CLOCK comes after a step of the clocks a ring stops by the monotonic clock', async (t) => {
  for (const stepMs of [-3_600_000, 15_000]) {
    const rig = ready()
    rig.send(rig.server.notify({ deadlineMs: rig.wallMs + 30_000 }))
    rig.advance(10_000)
    rig.stepWall(stepMs)
    rig.do((machine, now) => machine.handleTimeout(now))
    rig.advance(stepMs < 0 ? 20_000 : 5000)
    t.equal(rig.eventsOf('ring-ended').length, 0)
    rig.advance(1)
    t.match(rig.eventsOf('ring-ended'), [{ outcome: 'missed' }], `${stepMs}`)
  }
})

t.test(
  '[R-12.2-1] after a sleep that may have outlasted the deadline a ring stops, should no CLOCK come',
  async (t) => {
    const rig = ready()
    rig.send(rig.server.notify({ deadlineMs: rig.wallMs + 30_000 }))
    rig.stepWall(60_000)
    rig.do((machine, now) => machine.handleTimeout(now))
    t.equal(rig.eventsOf('ring-ended').length, 0, 'the CLOCK may be on its way')
    rig.advance(2000)
    t.match(rig.eventsOf('ring-ended'), [{ outcome: 'missed' }])
  },
)

t.test('[R-12.2-2] a ring that comes before the first STATE waits for it', async (t) => {
  const rig = ready()
  const next = rig.restarted()
  const first = next.takePacket()
  const notify = next.server.notify({ deadlineMs: next.wallMs + 30_000 })
  next.deliver(next.server.answer(first, notify))
  t.equal(next.eventsOf('ring').length, 0)
  next.send(next.server.state({ version: next.machine.parts.list.version }))
  t.equal(next.eventsOf('ring').length, 1)
})

t.test('[R-12.2-2] a ring that comes while a newer list is fetched waits for it', async (t) => {
  const rig = ready()
  const lists = new ListServer(rig)
  lists.commit(rig.machine.parts.list.committed, rig.machine.parts.list.version)
  const other = 'bbbbbbbbbbbbbbbb'
  lists.change((list) => ({
    ...list,
    entries: [{ app: new Uint8Array(8).fill(0xbb), flags: 1, rotation: 0, windows: [] }],
  }))
  const names = { app: new Uint8Array(8).fill(0xbb), rotation: 0 }
  rig.send(lists.state(), rig.server.notify({ ...names, deadlineMs: rig.wallMs + 30_000 }))
  t.equal(rig.eventsOf('ring').length, 0)
  lists.serve()
  t.match(rig.eventsOf('ring'), [{ app: other }])
})

t.test('[R-10-7] an application that our list does not show the person to is refused and not shown', async (t) => {
  const changes: ((rig: Rig) => void)[] = [
    (rig) => rig.machine.allow(APP, { appearOffline: true }, rig.now),
    (rig) => rig.machine.setChoice('invisible', rig.now),
    (rig) => rig.machine.revoke(APP, rig.now),
    (rig) => rig.machine.deny(APP, rig.now),
    (rig) => rig.machine.block(APP, rig.now),
    (rig) => rig.machine.forget(APP, rig.now),
  ]
  for (const change of changes) {
    const rig = ready()
    change(rig) // not yet committed: our own list counts at once
    rig.drain()
    rig.take()
    const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
    rig.send(notify)
    t.equal(rig.eventsOf('ring').length, 0)
    t.match(verdicts(rig.takePackets()), [{ id: notify.id, what: 3, ask: true }])
  }
  const rig = ready()
  // Another device wrote this: revoked counts, whatever stands beside it.
  const lists = new ListServer(rig)
  const entry = { app: new Uint8Array(8).fill(0xaa), flags: 17, rotation: 1, windows: [] }
  lists.commit({ ...EMPTY_LIST, entries: [entry] }, rig.machine.parts.list.version + 1)
  rig.send(lists.state())
  lists.serve()
  rig.send(rig.server.notify({ deadlineMs: rig.wallMs + 30_000 }))
  t.match(verdicts(rig.takePackets()), [{ what: 3 }])
  rig.send(rig.server.notify({ app: new Uint8Array(8).fill(1), deadlineMs: rig.wallMs + 30_000 }))
  t.equal(rig.eventsOf('ring').length, 0, 'one that was never in it')
  t.match(verdicts(rig.takePackets()), [{ what: 3 }])
})

t.test('[R-10-7] a ring by a pseudonym that is no longer in force, or not yet, is refused and not shown', async (t) => {
  const rig = ready()
  const { rotation } = rig.server
  rig.do((machine, now) => machine.rotatePuid(APP, now)) // not yet committed
  const inForce = rotationOf(rig)
  t.ok(inForce > rotation)
  rig.take()
  for (const wrong of [rotation, inForce + 1, 0]) {
    const notify = rig.server.notify({ rotation: wrong, deadlineMs: rig.wallMs + 30_000 })
    rig.send(notify)
    const refused = verdicts(rig.takePackets()).filter(({ what }) => what === 3)
    t.ok(refused.some(({ id }) => id === notify.id))
  }
  t.equal(rig.eventsOf('ring').length, 0)
  rig.send(rig.server.notify({ rotation: inForce, deadlineMs: rig.wallMs + 30_000 }))
  t.equal(rig.eventsOf('ring').length, 1)
})

t.test('[R-10-7] a device that cannot open the newer list judges by its own, at first an empty one', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.finishHandshake(rig.server.state({ version: 5 }))
  rig.take()
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
  rig.send(notify)
  t.equal(rig.eventsOf('ring').length, 0)
  t.match(verdicts(rig.takePackets()), [{ id: notify.id, what: 3 }])
})

t.test('[R-12.2-3] accepted and dismissed are repeated in asking packets until OUTCOME', async (t) => {
  for (const what of [0, 1] as const) {
    const rig = ready()
    const notify = rig.server.notify({ deadlineMs: rig.wallMs + 60_000 })
    rig.send(notify)
    const startMs = rig.atMs
    rig.do((machine) =>
      what === 0 ? machine.accept(ringOf(notify), null, rig.now) : machine.dismiss(ringOf(notify), rig.now),
    )
    const times: number[] = []
    for (let second = 0; second < 40; second++) {
      for (const packet of rig.takePackets()) {
        for (const verdict of verdicts([packet])) {
          t.match(verdict, { id: notify.id, what, ask: true })
          times.push(packet.atMs - startMs)
        }
        if (packet.ask) rig.deliver(rig.server.answer(packet)) // answered, but the OUTCOME is lost
      }
      rig.advance(1000)
    }
    t.same(times, [0, 1000, 3000, 7000, 15_000, 23_000, 31_000, 39_000])
    rig.send({ kind: 'outcome', id: 700, ring: notify.ring, what: what === 0 ? 1 : 2 })
    t.match(rig.eventsOf('ring-ended'), [{ outcome: what === 0 ? 'answered-elsewhere' : 'dismissed' }])
    rig.advance(60_000)
    t.equal(verdicts(rig.takePackets()).length, 0)
  }
})

t.test('[R-9.2-6] an answer without a PONG goes out every 8 s, in rounds, pauses and handshakes', async (t) => {
  const rig = ready()
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 150_000 })
  rig.send(notify)
  const startMs = rig.atMs
  rig.do((machine, now) => machine.accept(ringOf(notify), null, now))
  rig.advance(100_000)
  const sent = rig.take()
  const isMessage1 = ({ bytes }: { bytes: Uint8Array }): boolean => bytes[0] === 1
  const packets = sent.filter((one) => !isMessage1(one))
  const times = packets.map(({ atMs }) => atMs - startMs)
  t.same(
    times.filter((atMs) => atMs < 45_000),
    [0, 1000, 3000, 7000, 15_000, 23_000, 30_000, 31_000, 33_000, 37_000, 39_000],
  )
  for (const [at, time] of times.entries()) t.ok(time - (times[at - 1] ?? 0) <= 8000, `${time}`)
  t.ok((times.at(-1) as number) > 92_000, 'also while a handshake is under way')
  for (const { bytes } of packets) t.match(verdicts([rig.server.open(bytes)]), [{ id: notify.id, what: 0, ask: true }])
  const [message1] = sent.filter(isMessage1)
  const handshakeMs = (message1?.atMs as number) - startMs
  t.ok(handshakeMs >= 75_000 && handshakeMs <= 80_000, 'rounds and the handshake keep their times')
})

t.test('[R-9.2-6] a server that is back in the pause after a failed round has the answer 8 s later', async (t) => {
  const rig = ready()
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
  rig.send(notify)
  rig.do((machine, now) => machine.accept(ringOf(notify), null, now))
  rig.advance(16_000)
  rig.take() // the server was away
  rig.advance(8000)
  const packets = rig.takePackets()
  t.match(verdicts(packets), [{ id: notify.id, what: 0, ask: true }])
  t.equal(rig.eventsOf('ring-ended').length, 0, 'in time')
})

t.test('[R-12.2-3] or until the deadline passed by 10 s', async (t) => {
  const rig = ready()
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 5000 })
  rig.send(notify)
  rig.do((machine) => machine.accept(ringOf(notify), null, rig.now))
  rig.advance(14_999)
  t.equal(rig.eventsOf('ring-ended').length, 0)
  t.ok(verdicts(rig.takePackets()).length >= 4)
  rig.advance(1)
  t.match(rig.eventsOf('ring-ended'), [{ outcome: 'unconfirmed' }])
  rig.take()
  rig.advance(100_000)
  t.equal(
    verdicts(
      rig
        .take()
        .filter(({ bytes }) => bytes[0] !== 1)
        .map(({ bytes }) => rig.server.open(bytes)),
    ).length,
    0,
  )
})

t.test('[R-12.2-4] OUTCOME stops a ring; each outcome has its word', async (t) => {
  const words = ['accepted', 'answered-elsewhere', 'dismissed', 'missed', 'withdrawn']
  for (const what of [1, 2, 3, 4] as const) {
    const rig = ready()
    const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
    rig.send(notify)
    rig.send({ kind: 'outcome', id: 700, ring: notify.ring, what })
    t.match(rig.eventsOf('ring-ended'), [{ ring: ringOf(notify), outcome: words[what] }])
    t.equal(rig.eventsOf('missed').length, what === 3 ? 1 : 0)
    rig.advance(60_000)
    t.equal(rig.eventsOf('ring-ended').length, 1, 'ends once')
  }
})

t.test('[R-12.2-4] an OUTCOME ends the ring by whatever NOTIFY it came', async (t) => {
  const rig = ready()
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
  rig.send(notify)
  rig.send({ ...notify, id: notify.id + 1 })
  rig.send({ kind: 'outcome', id: 700, ring: notify.ring, what: 1 })
  t.match(rig.eventsOf('ring-ended'), [{ ring: ringOf(notify), outcome: 'answered-elsewhere' }])
})

t.test(
  '[R-12.2-4] an OUTCOME of an unknown ring is acked; its NOTIFY, should it come late, is not shown',
  async (t) => {
    const rig = ready()
    const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
    rig.send({ kind: 'outcome', id: 700, ring: notify.ring, what: 4 })
    rig.advance(200)
    t.match(rig.takePacket().frames.at(-1), { kind: 'ack', id: 700 })
    rig.send(notify)
    t.equal(rig.eventsOf('ring').length, 0)
  },
)

t.test('a ring that is withdrawn while it waits for the clock is never shown', async (t) => {
  const next = ready().restarted()
  const notify = next.server.notify({ deadlineMs: next.wallMs + 30_000 })
  next.deliver(next.server.answer(next.takePacket(), notify))
  next.send({ kind: 'outcome', id: 700, ring: notify.ring, what: 4 })
  next.send(next.server.state({ version: 1 }))
  t.equal(next.eventsOf('ring').length + next.eventsOf('ring-ended').length, 0)
})

t.test('a ring that is withdrawn while its mark is stored is never shown', async (t) => {
  const rig = ready()
  rig.holdsSaves = true
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
  rig.send(notify)
  rig.send({ kind: 'outcome', id: 700, ring: notify.ring, what: 4 })
  rig.save()
  t.equal(rig.eventsOf('ring').length + rig.eventsOf('ring-ended').length, 0)
})

t.test('a ring that ran out here but was answered on another device leaves the missed ones', async (t) => {
  const rig = ready()
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 5000 })
  rig.send(notify)
  rig.advance(5001)
  t.equal(rig.machine.parts.seen.missed.length, 1)
  rig.send({ kind: 'outcome', id: 700, ring: notify.ring, what: 1 })
  t.equal(rig.machine.parts.seen.missed.length, 0)
  t.equal(rig.eventsOf('ring-ended').length, 1)
})

t.test(
  'a ring that was kept while the person was unavailable comes late, with its outcome: missed, not shown',
  async (t) => {
    const rig = ready()
    const notify = rig.server.notify({ deadlineMs: rig.wallMs - 5000 })
    rig.send(notify, { kind: 'outcome', id: 700, ring: notify.ring, what: 3 })
    t.equal(rig.eventsOf('ring').length + rig.eventsOf('ring-ended').length, 0)
    t.match(rig.eventsOf('missed'), [{ ring: ringOf(notify) }])
  },
)

t.test('more rings than a device can show at once are acked and not shown; memory is bounded', async (t) => {
  const rig = ready()
  for (let i = 0; i < 400; i++) {
    rig.send(rig.server.notify({ deadlineMs: rig.wallMs + 600_000 }))
    if (i % 8 === 7) rig.advance(200)
  }
  t.equal(rig.eventsOf('ring').length, 64)
  rig.take()
  rig.advance(3_600_000)
  t.ok((rig.disk as Uint8Array).length < 100_000)
})

t.test('a ring that is held to the end of its wait lets go, whatever the fraction of the clock', async (t) => {
  // For these moments (x + 600000) - x is less than 600000: comparing that with the wait would loop for ever.
  const moments = [0.1, 0.3, 0.7, 1 / 3, 0.9, 0.123].map((fraction) => 8_000_000 + fraction)
  const odd = moments.filter((moment) => moment + 600_000 - moment < 600_000)
  t.ok(odd.length > 0)
  for (const moment of odd) {
    const nothing = (): void => {}
    const outlet = { emit: nothing, ask: nothing, askAgain: nothing, askAlong: nothing, unask: nothing, save: nothing }
    const book = new RingBook(outlet, new ServerClock(), new SeenRings(), () => 'unknown', 0)
    const content = { title: '', body: '', url: '', payload: new Uint8Array(0) }
    const names = { id: 300, ring: new Uint8Array(16), app: new Uint8Array(8), rotation: 7, deadlineMs: 1e15 }
    book.handleNotify({ kind: 'notify', ...names, ...content }, { monotonicMs: moment, wallMs: 0 })
    for (let rounds = 0; rounds < 3; rounds++) {
      const dueMs = book.nextTimeout()
      if (dueMs !== Infinity) book.handleTimeout({ monotonicMs: dueMs, wallMs: 0 })
    }
    t.equal(book.nextTimeout(), Infinity)
  }
})

t.test('answers need a ring that is shown, and a reply of at most 256 B', async (t) => {
  const rig = ready()
  t.throws(() => rig.machine.accept('00', null, rig.now), { code: 'PL_RING_OVER' })
  t.throws(() => rig.machine.shown('00', rig.now), { code: 'PL_RING_OVER' })
  const notify = rig.server.notify({ deadlineMs: rig.wallMs + 30_000 })
  rig.send(notify)
  t.throws(() => rig.machine.accept(ringOf(notify), new Uint8Array(257), rig.now), { code: 'PL_BAD_OPTION' })
  rig.do((machine) => machine.dismiss(ringOf(notify), rig.now))
  t.throws(() => rig.machine.accept(ringOf(notify), null, rig.now), { code: 'PL_RING_OVER' }, 'only one answer')
})

t.test('[R-12.2-6] a ring of the server itself is no matter of the list: without one, and invisible', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.finishHandshake()
  const app = fromHex(SERVER_APP)
  rig.send(rig.server.notify({ app, rotation: 0, deadlineMs: rig.wallMs + 30_000, title: 'Sign in: 42?' }))
  rig.send(rig.server.notify({ deadlineMs: rig.wallMs + 30_000 }))
  t.match(ringsTold(rig), ['Sign in: 42?'], 'the other one waits for the list')
  const hidden = ready()
  hidden.do((machine, now) => machine.setChoice('invisible', now))
  hidden.send(hidden.server.notify({ app, rotation: 0, deadlineMs: hidden.wallMs + 30_000, title: 'Sign in: 43?' }))
  t.match(ringsTold(hidden), ['Sign in: 43?'])
})

function ringsTold({ events }: Rig): string[] {
  return events.flatMap((event) => (event.kind === 'ring' ? [event.title] : []))
}
