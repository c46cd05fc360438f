import t from 'tap'
import { hex, readU32 } from '../../src/base/bytes.js'
import type { ServerFrame } from '../../src/frame/frame.js'
import { testCrypto } from '../support/crypto.js'
import { Rig, START_WALL_MS } from './rig.js'
import type { Packet } from './scripted-server.js'

const crypto = await testCrypto()
const START_S = START_WALL_MS / 1000

/** Passes time until the device pings; answers it. */
function ping(rig: Rig, ...frames: readonly ServerFrame[]): Packet {
  for (let second = 0; second < 31; second++) {
    rig.advance(1000)
    const [packet] = rig.takePackets()
    if (packet === undefined) continue
    rig.deliver(rig.server.answer(packet, ...frames))
    return packet
  }
  throw new Error('no ping')
}

/** Brings a spare; the device acks it. */
function giveSpare(rig: Rig): ServerFrame & { kind: 'new-cid' } {
  const frame = rig.server.newCid()
  rig.send(frame)
  rig.advance(200)
  t.match(rig.takePacket().frames.at(-1), { kind: 'ack', id: frame.id })
  return frame
}

t.test('[R-5.3] the seconds of the boot value are durable before any packet with it', async (t) => {
  const rig = Rig.online(crypto)
  const next = new Rig(crypto, { stored: rig.disk, server: rig.server, wallMs: START_WALL_MS + 60_000 })
  next.holdsSaves = true
  next.start()
  t.equal(next.take().length, 0)
  next.advance(60_000)
  t.equal(next.take().length, 0, 'however long it takes')
  next.save()
  const { boot } = next.takePacket()
  t.equal(readU32(boot as Uint8Array, 0), START_S + 60)
  t.match(JSON.parse(new TextDecoder().decode(next.disk as Uint8Array)), { boot: START_S + 60 })
})

t.test('[R-5.3] boot seconds grow although the clock went back or two starts share a second', async (t) => {
  let rig = Rig.online(crypto)
  let last = START_S
  for (const wallMs of [START_WALL_MS, START_WALL_MS, START_WALL_MS - 86_400_000, START_WALL_MS + 5000]) {
    rig = rig.restarted({ wallMs })
    const boot = rig.takePacket().boot as Uint8Array
    t.ok(readU32(boot, 0) > last)
    last = readU32(boot, 0)
  }
})

t.test('[R-5.3-1] BOOT on every packet until one of the server opens under a key with it', async (t) => {
  const rig = Rig.online(crypto).restarted()
  rig.advance(1000)
  const packets = rig.takePackets()
  t.equal(packets.length, 2)
  for (const { boot, long } of packets) t.ok(boot !== null && long)
  rig.do((machine, now) => machine.setThresholds(1, 2, now))
  const third = rig.takePacket()
  t.ok(third.boot !== null)
  rig.deliver(rig.server.answer(third))
  t.match(rig.eventsOf('online').at(-1), { handshakeBytes: null })
  t.equal(ping(rig).boot, null)
})

t.test('[R-5.3-6] a new S is taken with greater seconds only, and after the tag verified', async (t) => {
  const rig = Rig.online(crypto)
  const before = rig.server.view.snapshot()
  rig.server.restart(1_700_000_500)
  rig.send({ kind: 'challenge', challenge: rig.server.bytes(8) })
  const packet = rig.takePacket()
  t.match(packet.frames, [{ kind: 'ping' }, { kind: 'response' }])
  rig.server.confirm()
  const forged = rig.server.seal([{ kind: 'challenge', challenge: rig.server.bytes(8) }])
  forged[3] = 0xff
  rig.deliver(forged)
  t.equal(rig.machine.drops.of('tag'), 1)
  rig.server.restart(1_700_000_400)
  rig.send({ kind: 'challenge', challenge: rig.server.bytes(8) })
  t.equal(rig.machine.drops.of('boot-old'), 1)
  t.equal(rig.take().length, 0)
  t.ok(before.length > 0)
})

t.test('[R-5.5-1] a packet that comes twice is dropped, and one that does not open changes nothing', async (t) => {
  const rig = Rig.online(crypto)
  const notify = rig.server.seal([{ kind: 'challenge', challenge: rig.server.bytes(8) }])
  rig.deliver(notify)
  t.equal(rig.takePackets().length, 1)
  rig.deliver(notify)
  t.equal(rig.take().length, 0)
  t.equal(rig.machine.drops.of('replay'), 1)
  const dueMs = rig.machine.nextTimeout()
  const forged = rig.server.seal([{ kind: 'close', code: 2 }])
  forged[forged.length - 1] = (forged.at(-1) as number) ^ 1
  rig.deliver(forged)
  t.equal(rig.machine.drops.of('tag'), 1)
  t.equal(rig.machine.nextTimeout(), dueMs, 'no timer moved')
})

t.test(
  '[R-6-1] [R-6-2] a change of network takes the spare from the first packet on, once for each NEW_CID',
  async (t) => {
    const rig = Rig.online(crypto)
    const first = hex(rig.server.cid)
    const spare = giveSpare(rig)
    t.equal(hex(ping(rig).cid), first)
    rig.do((machine, now) => machine.networkChanged(now))
    const moved = rig.takePacket()
    t.equal(hex(moved.cid), hex(spare.cid))
    t.ok(moved.long, '[R-5.4-5] with LONG')
    rig.deliver(rig.server.answer(moved))
    rig.do((machine, now) => machine.networkChanged(now))
    const again = rig.takePacket()
    t.equal(hex(again.cid), hex(spare.cid), 'without a spare it keeps the ID')
    rig.deliver(rig.server.answer(again))
    const next = giveSpare(rig)
    rig.do((machine, now) => machine.networkChanged(now))
    t.equal(hex(rig.takePacket().cid), hex(next.cid))
  },
)

t.test('[R-5.4-5] numbers skip by 2^16 to 2^32 - 2^17 when the ID changes', async (t) => {
  for (const seed of ['1', '2', '3', '4', '5']) {
    const rig = Rig.online(crypto, { seed })
    giveSpare(rig)
    const { number } = ping(rig)
    rig.do((machine, now) => machine.networkChanged(now))
    const skip = rig.takePacket().number - number
    t.ok(skip > 2 ** 16 && skip <= 2 ** 32 - 2 ** 17 + 1, `${skip}`)
  }
})

t.test('[R-5.3-7] each network sees another boot value, with greater seconds', async (t) => {
  const rig = Rig.online(crypto).restarted()
  const first = rig.takePacket()
  rig.deliver(rig.server.answer(first))
  rig.take()
  giveSpare(rig)
  rig.do((machine, now) => machine.networkChanged(now))
  const moved = rig.takePacket()
  t.equal(moved.boot, null, 'not needed yet')
  rig.advance(1000)
  const repeat = rig.takePacket()
  t.ok(readU32(repeat.boot!, 0) > readU32(first.boot!, 0))
  t.not(hex(repeat.boot!.subarray(4)), hex(first.boot!.subarray(4)))
  rig.deliver(rig.server.answer(repeat))
  t.equal(ping(rig).boot, null, 'answered')
})

t.test('[R-5.3-7] a boot value that was never answered stays behind on the network that saw it', async (t) => {
  const online = Rig.online(crypto)
  giveSpare(online)
  const rig = online.restarted()
  const first = rig.takePacket()
  rig.do((machine, now) => machine.networkChanged(now))
  const moved = rig.takePacket()
  t.ok(readU32(moved.boot!, 0) > readU32(first.boot!, 0))
  rig.deliver(rig.server.answer(moved))
  t.equal(ping(rig).boot, null, 'answered')
})

t.test('[R-6-2] the move is durable before a packet goes out on the new ID', async (t) => {
  const rig = Rig.online(crypto)
  giveSpare(rig)
  rig.holdsSaves = true
  rig.do((machine, now) => machine.networkChanged(now))
  rig.advance(5000)
  t.equal(rig.take().length, 0)
  rig.holdsSaves = false
  rig.save()
  t.equal(rig.takePackets().length, 1)
})

t.test('[R-6-3] an ID that was left is never used again, by late repeats or after a crash', async (t) => {
  const rig = Rig.online(crypto)
  const first = hex(rig.server.cid)
  const spare = giveSpare(rig)
  rig.do((machine, now) => machine.networkChanged(now))
  rig.deliver(rig.server.answer(rig.takePacket()))
  rig.send({ ...spare, id: rig.server.id() }) // a late repeat
  rig.do((machine, now) => machine.networkChanged(now))
  t.equal(hex(rig.takePacket().cid), hex(spare.cid), 'the current ID is no spare')
  const second = giveSpare(rig)
  rig.do((machine, now) => machine.networkChanged(now))
  rig.take()
  rig.send({ ...spare, id: rig.server.id() })
  rig.do((machine, now) => machine.networkChanged(now))
  t.equal(hex(rig.takePacket().cid), hex(second.cid), 'nor is one that was left')
  t.equal(hex(rig.restarted().takePacket().cid), hex(second.cid))
  t.not(first, hex(second.cid))
})

t.test('[R-7.4] a spare is acked when it is durable', async (t) => {
  const rig = Rig.online(crypto)
  rig.holdsSaves = true
  const spare = rig.server.newCid()
  rig.send(spare)
  rig.advance(5000)
  t.equal(rig.take().length, 0)
  rig.holdsSaves = false
  rig.save()
  rig.advance(200)
  t.match(rig.takePacket().frames, [{ kind: 'ack', id: spare.id }])
  const next = rig.restarted()
  next.deliver(next.server.answer(next.takePacket()))
  next.do((machine, now) => machine.networkChanged(now))
  t.equal(hex(next.takePacket().cid), hex(spare.cid))
})

t.test('[R-6.1-2] a reset with another token is dropped', async (t) => {
  const rig = Rig.online(crypto)
  const spare = giveSpare(rig)
  rig.deliver(rig.server.reset(rig.server.bytes(12)))
  rig.deliver(rig.server.reset(spare.token))
  t.equal(rig.machine.drops.of('reset-token'), 2)
  t.equal(rig.take().length, 0)
})

t.test('[R-6.1-3] a reset is believed only after an asking packet stayed unanswered for 2 s', async (t) => {
  const rig = Rig.online(crypto)
  rig.deliver(rig.server.reset())
  const asked = rig.takePacket()
  t.ok(asked.ask, 'asks at once')
  rig.advance(1900)
  rig.deliver(rig.server.answer(asked))
  rig.take()
  rig.advance(20_000)
  t.equal(rig.takeMessages1().length, 0, 'answered: a replay')

  rig.deliver(rig.server.reset())
  const startMs = rig.atMs
  for (let i = 0; i < 10; i++) {
    rig.deliver(rig.server.reset())
    rig.advance(100)
  }
  rig.advance(10_000)
  const [message1] = rig.takeMessages1()
  t.ok(message1 !== undefined)
  const waitedMs = (message1?.atMs as number) - startMs
  t.ok(waitedMs >= 2000 && waitedMs <= 7001, `${waitedMs}`)
})

t.test('[R-6.1-3] an asking packet that was out before the reset does not count', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.setState('idle', now))
  rig.advance(900)
  rig.take()
  rig.deliver(rig.server.reset())
  t.equal(rig.takePackets().length, 1, 'a new one goes out')
  rig.advance(1900)
  t.equal(rig.take().filter(({ bytes }) => bytes[0] === 1).length, 0)
})

t.test('resets in a row cause at most one asking packet each 2 s', async (t) => {
  const rig = Rig.online(crypto)
  for (let i = 0; i < 100; i++) rig.deliver(rig.server.reset())
  t.equal(rig.take().length, 1)
})

t.test('[R-7-2] a packet that breaks the frame rules ends the session with CLOSE 1; a handshake follows', async (t) => {
  const rig = Rig.online(crypto)
  const malformed = [
    [0xf5], // true
    [0x82, 0x18, 0x17, 0x00], // a longer head than needed
    [0x83, 0x02, 0x41, 0x00], // CHALLENGE of 1 B
    [0x83, 0x10, 0x19], // cut
    [0x82, 0x01, 0x19, 0x01, 0x00], // VERDICT, of the other direction
    [0x00, 0x00], // two PONGs
  ]
  for (const [index, bytes] of malformed.entries()) {
    const one = Rig.online(crypto, { seed: `${index}` })
    one.deliver(one.server.sealBytes(Uint8Array.from(bytes)))
    t.match(one.takePacket().frames, [{ kind: 'close', code: 1 }])
    t.match(one.eventsOf('closed'), [{ code: 1, own: true, willRetry: true, error: { code: 'PL_PROTOCOL' } }])
    t.match(JSON.parse(new TextDecoder().decode(one.disk as Uint8Array)), { session: null }, 'forgotten')
    one.advance(5001)
    t.ok(one.takeMessages1().length > 0)
  }
  t.ok(rig)
})

t.test('[R-7-3] [R-7-4] [R-7-5] unknown frames, more items and padding are ignored', async (t) => {
  const rig = Rig.online(crypto)
  const bytes = [0x82, 0x18, 0x80, 0x01, 0x83, 0x02, 0x48, ...new Array(8).fill(5), 0x07, 0xf6, 0xf6]
  rig.deliver(rig.server.sealBytes(Uint8Array.from(bytes)))
  t.match(rig.takePacket().frames, [{ kind: 'ping' }, { kind: 'response', challenge: new Uint8Array(8).fill(5) }])
})

t.test('[R-7.4] CLOSE 0 and 4: the session is over, a handshake follows', async (t) => {
  for (const [code, error] of [
    [0, 'PL_CLOSED'],
    [4, 'PL_KEY_LIMIT'],
    [99, 'PL_CLOSED'],
  ] as const) {
    const rig = Rig.online(crypto)
    rig.send({ kind: 'close', code })
    t.match(rig.eventsOf('closed'), [{ code, own: false, willRetry: true, error: { code: error } }])
    t.match(JSON.parse(new TextDecoder().decode(rig.disk as Uint8Array)), { session: null })
    rig.advance(5001)
    t.ok(rig.takeMessages1().length > 0)
  }
})

t.test('[R-7.4] CLOSE 2 and 3: the device stops and tells its host', async (t) => {
  for (const [code, error] of [
    [2, 'PL_DEVICE_REMOVED'],
    [3, 'PL_ACCOUNT_REMOVED'],
  ] as const) {
    const rig = Rig.online(crypto)
    rig.send({ kind: 'close', code })
    t.match(rig.eventsOf('closed'), [{ code, willRetry: false, error: { code: error } }])
    rig.advance(86_400_000)
    t.equal(rig.take().length, 0)
  }
})

t.test('[R-7.4] CLOSE 1 twice within an hour: the host is told, and the next handshake waits', async (t) => {
  const rig = Rig.online(crypto)
  rig.send({ kind: 'close', code: 1 })
  rig.advance(5001)
  const message1 = rig.takeMessages1().at(-1)
  rig.deliver(rig.server.accept(message1 as NonNullable<typeof message1>))
  rig.deliver(rig.server.answer(rig.takePacket()))
  rig.send({ kind: 'close', code: 1 })
  t.equal(rig.eventsOf('closed').length, 2)
  rig.advance(599_000)
  t.equal(rig.take().length, 0)
  rig.advance(2000)
  t.equal(rig.takeMessages1().length, 1)
})

t.test(
  '[R-7.5-2] SYNC goes with the first packet of a session, of a process, and with the RESPONSE after a restart',
  async (t) => {
    const rig = new Rig(crypto)
    rig.start()
    rig.deliver(rig.server.accept(rig.server.readMessage1(rig.takeOne()) as never))
    const first = rig.takePacket()
    t.ok(
      first.frames.some(({ kind }) => kind === 'sync'),
      'session',
    )
    rig.deliver(rig.server.answer(first))
    t.equal(rig.eventsOf('server-time').length, 1)
    rig.server.restart(1_700_000_500)
    rig.send({ kind: 'challenge', challenge: rig.server.bytes(8) })
    const response = rig.takePacket()
    t.same(
      response.frames
        .map(({ kind }) => kind)
        .filter((kind) => kind !== 'ping')
        .sort(),
      ['response', 'sync'],
    )
    const next = Rig.online(crypto).restarted()
    t.ok(
      next.takePacket().frames.some(({ kind }) => kind === 'sync'),
      'process',
    )
  },
)

t.test('thresholds are told again to a server that was restarted, whatever its STATE says then', async (t) => {
  const rig = Rig.online(crypto)
  const thresholds = { kind: 'thresholds', awayAfterS: 60, offlineAfterS: 600 }
  rig.do((machine, now) => machine.setThresholds(60, 600, now))
  rig.deliver(rig.server.answer(rig.takePacket()))
  rig.server.restart(1_700_000_500)
  rig.send({ kind: 'challenge', challenge: rig.server.bytes(8) })
  const response = rig.takePacket()
  t.match(response.frames.slice(0, 2), [{ kind: 'ping' }, { kind: 'response' }])
  t.match(
    response.frames.find(({ kind }) => kind === 'thresholds'),
    thresholds,
  )
  rig.server.confirm()
  rig.deliver(rig.server.answer(response, rig.server.state()))
  rig.do((machine, now) => machine.setState('idle', now))
  t.notOk(rig.takePacket().frames.some(({ kind }) => kind === 'thresholds'))
})

t.test('[R-7.3-1] every reliable frame is acked, also repeats, within 200 ms', async (t) => {
  const rig = Rig.online(crypto)
  const frames: ServerFrame[] = [
    rig.server.state(),
    rig.server.notify({ deadlineMs: rig.wallMs + 60_000 }),
    { kind: 'outcome', id: rig.server.id(), ring: rig.server.bytes(16), what: 3 },
    { kind: 'server-key', id: rig.server.id(), key: rig.server.bytes(32) },
    {
      kind: 'key-offer',
      id: rig.server.id(),
      request: 1,
      deviceKey: rig.server.bytes(32),
      nonce: rig.server.bytes(16),
      name: 'x',
    },
    {
      kind: 'key-given',
      id: rig.server.id(),
      senderKey: rig.server.bytes(32),
      nonce: rig.server.bytes(16),
      sealed: rig.server.bytes(80),
    },
    rig.server.newCid(),
  ]
  for (const round of [1, 2]) {
    for (const frame of frames) rig.send(frame)
    rig.advance(200)
    const ids = rig
      .takePackets()
      .flatMap((packet) => packet.frames.flatMap((frame) => (frame.kind === 'ack' ? [frame.id] : [])))
    t.same([...new Set(ids)].sort(), frames.map((frame) => (frame as { id: number }).id).sort(), `round ${round}`)
  }
})

t.test('[R-3-4] dropped datagrams are counted by reason', async (t) => {
  const rig = Rig.online(crypto)
  rig.deliver(Uint8Array.from([0x84, ...new Array(30).fill(0)]))
  rig.deliver(Uint8Array.from([0x88, ...new Array(30).fill(0)]))
  t.equal(rig.machine.drops.of('unexpected'), 1, '[R-9.4-6]')
  t.equal(rig.machine.drops.of('reserved-bit'), 1, '[R-5.1-1]')
  rig.deliver(Uint8Array.from([0xd0, ...new Array(30).fill(0)]))
  t.equal(rig.machine.drops.of('tag'), 1)
})

t.test('wrong options and stores are told by a code', async (t) => {
  t.throws(() => new Rig(crypto, { serverKeys: [] }), { code: 'PL_BAD_CREDENTIALS' })
  t.throws(() => new Rig(crypto, { serverKeys: [new Uint8Array(3)] }), { code: 'PL_BAD_CREDENTIALS' })
  t.throws(() => new Rig(crypto, { stored: new Uint8Array([1, 2, 3]) }), { code: 'PL_BAD_STORED' })
  const { disk } = Rig.online(crypto)
  const stored = JSON.parse(new TextDecoder().decode(disk as Uint8Array))
  const broken = [
    { form: 2 },
    { boot: -1 },
    { stamp: 'x' },
    { session: '!' },
    { list: {} },
    { seen: 5 },
    { serverKeys: ['AA'] },
  ]
  for (const change of broken) {
    const bytes = new TextEncoder().encode(JSON.stringify({ ...stored, ...change }))
    t.throws(() => new Rig(crypto, { stored: bytes }), { code: 'PL_BAD_STORED' }, JSON.stringify(change))
  }
  const other = new TextEncoder().encode(JSON.stringify({ ...stored, device: 'somebody else' }))
  const rig = new Rig(crypto, { stored: other })
  rig.start()
  t.equal(rig.takeMessages1().length, 1, "another device's store is not used")
})

t.test('[R-6.1-2] after a move the token is that of the new ID', async (t) => {
  const rig = Rig.online(crypto)
  const old = rig.server.token
  const spare = giveSpare(rig)
  rig.do((machine, now) => machine.networkChanged(now))
  rig.deliver(rig.server.answer(rig.takePacket()))
  rig.deliver(rig.server.reset(old))
  t.equal(rig.take().length, 0)
  rig.deliver(rig.server.reset(spare.token))
  t.equal(rig.take().length, 1)
})

t.test('[R-9.2-3] a session from the store is read until a new one is confirmed', async (t) => {
  const rig = Rig.online(crypto).restarted()
  rig.deliver(rig.server.answer(rig.takePacket()))
  rig.advance(120_000)
  const message1 = rig.takeMessages1().at(-1)
  rig.deliver(rig.server.accept(message1 as NonNullable<typeof message1>))
  rig.server.keepOld()
  rig.send(rig.server.state())
  t.equal(rig.machine.drops.total, 0)
})

t.test('an ack that waits for the disk does not go out on a later session', async (t) => {
  const rig = Rig.online(crypto)
  rig.holdsSaves = true
  const spare = rig.server.newCid()
  rig.send(spare)
  rig.send({ kind: 'close', code: 0 })
  rig.holdsSaves = false
  while (rig.heldSaves.length > 0) rig.save()
  rig.advance(5001)
  const message1 = rig.takeMessages1().at(-1)
  rig.deliver(rig.server.accept(message1 as NonNullable<typeof message1>))
  rig.advance(2000)
  for (const { frames } of rig.takePackets()) t.notOk(frames.some(({ kind }) => kind === 'ack'))
})

t.test('[R-5.4-6] packet numbers that are used up: the session is forgotten, a handshake follows', async (t) => {
  const rig = Rig.online(crypto)
  rig.machine.parts.channel.view.sendNumber = 2 ** 48
  rig.do((machine, now) => machine.setState('idle', now))
  t.equal(rig.take().length, 0)
  t.match(JSON.parse(new TextDecoder().decode(rig.disk as Uint8Array)), { session: null })
  rig.advance(5001)
  t.ok(rig.takeMessages1().length > 0)
})

t.test('a stamp that was refused as too far ahead is stored no more', async (t) => {
  const rig = new Rig(crypto, { wallMs: START_WALL_MS + 3_600_000 })
  rig.start()
  const message1 = rig.takeMessages1()[0]
  rig.holdsSaves = true
  rig.deliver(rig.server.refuse(message1 as NonNullable<typeof message1>, 1, START_WALL_MS))
  rig.holdsSaves = false
  while (rig.heldSaves.length > 0) rig.save()
  t.match(JSON.parse(new TextDecoder().decode(rig.disk as Uint8Array)), { stamp: START_WALL_MS })
})
