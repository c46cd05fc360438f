import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { testCrypto } from '../support/crypto.js'
import { Rig } from './rig.js'

const crypto = await testCrypto()
const KEEPALIVE_MS = 30_000

/** Passes time until the device sends, at most `ms`; its packets. */
function untilSent(rig: Rig, ms = KEEPALIVE_MS): ReturnType<Rig['takePackets']> {
  for (let passed = 0; passed < ms; passed += 100) {
    rig.advance(100)
    const packets = rig.takePackets()
    if (packets.length > 0) return packets
  }
  return []
}

t.test('[R-5.1-3] the steady state is a ping of 24 B and a pong of 19 B', async (t) => {
  const rig = Rig.online(crypto)
  for (let round = 0; round < 5; round++) {
    const [packet] = untilSent(rig)
    t.equal(packet?.bytes.length, 24)
    const pong = rig.server.answer(packet as NonNullable<typeof packet>)
    if (round > 0) t.equal(pong.length, 19)
    rig.deliver(pong)
  }
})

t.test('[R-9.1] a PING at least every interval, and at once when the state changes', async (t) => {
  const rig = Rig.online(crypto)
  let last = rig.atMs
  const gaps: number[] = []
  for (let round = 0; round < 30; round++) {
    const [packet] = untilSent(rig)
    if (packet === undefined) break
    gaps.push(packet.atMs - last)
    last = packet.atMs
    rig.deliver(rig.server.answer(packet))
  }
  t.equal(gaps.length, 30)
  t.ok(Math.max(...gaps) <= KEEPALIVE_MS)
  t.ok(Math.min(...gaps) >= KEEPALIVE_MS * 0.89, 'no more often than the jitter wants')
  t.ok(new Set(gaps).size > 10, 'jitter')
  rig.do((machine, now) => machine.setState('idle', now))
  const idle = rig.takePacket()
  t.match(idle.ping, { state: 'idle' })
  rig.deliver(rig.server.answer(idle))
  rig.do((machine, now) => machine.setState('idle', now))
  t.equal(rig.take().length, 0, 'no change, no packet')
})

t.test('[R-7.1-3] the promise is the smallest class that covers the interval; every ping asks', async (t) => {
  for (const [keepaliveS, silenceClass] of [
    [1, 0],
    [15, 0],
    [16, 1],
    [30, 2],
    [31, 3],
    [300, 9],
    [1800, 14],
  ] as const) {
    const rig = new Rig(crypto, { keepaliveS })
    rig.start()
    const first = rig.finishHandshake()
    t.equal(first.ping?.silenceClass, silenceClass, `${keepaliveS} s`)
    const [packet] = untilSent(rig, keepaliveS * 1000)
    t.ok(packet?.ask)
  }
  t.throws(() => new Rig(crypto, { keepaliveS: 0 }), { code: 'PL_BAD_OPTION' })
  t.throws(() => new Rig(crypto, { keepaliveS: 1801 }), { code: 'PL_BAD_OPTION' })
})

t.test('[R-7.1-1] acks and other packets without PING never stretch the silence that was promised', async (t) => {
  const rig = Rig.online(crypto)
  const startMs = rig.atMs
  const pings: number[] = []
  for (let second = 0; second < 120; second++) {
    rig.send(rig.server.state())
    rig.advance(1000)
    for (const packet of rig.takePackets()) {
      if (packet.ping !== null) pings.push(packet.atMs)
      if (packet.ask) rig.deliver(rig.server.answer(packet))
    }
  }
  let last = startMs
  for (const at of pings) {
    t.ok(at - last <= KEEPALIVE_MS, `ping after ${at - last} ms`)
    last = at
  }
  t.ok(pings.length >= 4)
})

t.test('a ping rides on an ack when half of the interval is over: one wake-up less', async (t) => {
  const rig = Rig.online(crypto)
  rig.advance(10_000)
  rig.send(rig.server.state())
  rig.advance(200)
  t.equal(rig.takePacket().ping, null, 'too early')
  rig.advance(10_000)
  rig.send(rig.server.state())
  rig.advance(200)
  const packet = rig.takePacket()
  t.ok(packet.ping !== null && packet.ask)
  rig.deliver(rig.server.answer(packet))
  rig.advance(25_000)
  t.equal(rig.take().length, 0, 'the keepalive starts from there')
})

t.test('[R-9.2-1] repeats after 1, 2 and 4 s with BOOT, LONG and the current PING; failed 8 s later', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.setState('idle', now))
  const startMs = rig.atMs
  rig.advance(2000)
  rig.do((machine, now) => machine.setThresholds(60, 600, now))
  rig.advance(12_999)
  const packets = rig.takePackets()
  t.same(
    packets.map(({ atMs }) => atMs - startMs),
    [0, 1000, 2000, 3000, 7000],
  )
  t.same(
    packets.map(({ boot }) => boot !== null),
    [false, true, true, true, true],
  )
  t.same(
    packets.map(({ long }) => long),
    [false, true, true, true, true],
  )
  for (const packet of packets.slice(2))
    t.match(packet.frames, [{ kind: 'ping', state: 'idle' }, { kind: 'thresholds' }])
  t.equal(rig.eventsOf('contact-lost').length, 0)
  rig.advance(1)
  t.match(rig.eventsOf('contact-lost'), [{ error: { code: 'PL_NO_ANSWER' } }])
})

t.test('[R-9.2-2] the next round starts 15 s later, or at once when the network changes', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.setState('idle', now))
  const startMs = rig.atMs
  rig.advance(30_000)
  t.same(
    rig.takePackets().map(({ atMs }) => atMs - startMs),
    [0, 1000, 3000, 7000, 30_000],
  )
  rig.advance(20_000)
  rig.take()
  rig.do((machine, now) => machine.networkChanged(now))
  t.equal(rig.takePackets().length, 1, 'at once')
  rig.advance(7000)
  t.equal(rig.takePackets().length, 3, 'a whole round')
})

t.test(
  '[R-9.2-3] [R-4.2-4] after 3 failed rounds and 60 s a handshake; an answer on the old session still counts',
  async (t) => {
    const rig = Rig.online(crypto)
    rig.do((machine, now) => machine.setState('idle', now))
    const startMs = rig.atMs
    rig.advance(75_000 - 1)
    const asks = rig.takePackets()
    t.equal(asks.length, 12)
    rig.advance(5001)
    const [message1] = rig.takeMessages1()
    t.ok(message1 !== undefined)
    t.ok((message1?.atMs as number) - startMs >= 75_000)
    t.equal(rig.eventsOf('contact-lost').length, 1, 'told once')
    rig.deliver(rig.server.answer(asks.at(-1) as NonNullable<(typeof asks)[0]>))
    t.equal(rig.eventsOf('online').length, 2)
    rig.advance(20_000)
    t.equal(rig.takeMessages1().length, 0, 'the handshake is given up')
  },
)

t.test('[R-4.2-4] the old session is read until the new one is confirmed', async (t) => {
  const rig = Rig.online(crypto)
  rig.advance(120_000)
  const message1 = rig.takeMessages1().at(-1)
  t.ok(message1 !== undefined)
  const message2 = rig.server.accept(message1 as NonNullable<typeof message1>)
  rig.deliver(message2)
  rig.server.keepOld()
  const state = rig.server.state()
  rig.send(state)
  t.equal(rig.machine.drops.total, 0)
  t.equal(rig.eventsOf('server-time').length, 1, 'opened')
  rig.server.keepOld()
  const first = rig.server.open((rig.take()[0] as { bytes: Uint8Array }).bytes)
  rig.deliver(rig.server.answer(first))
  rig.server.keepOld()
  rig.send(rig.server.state())
  t.equal(rig.machine.drops.of('tag'), 1, 'closed when the new one was confirmed')
})

t.test('[R-9.3-2] a handshake of the device itself waits for a random time of at most 5 s', async (t) => {
  const waits: number[] = []
  for (const seed of ['1', '2', '3', '4', '5', '6']) {
    const rig = Rig.online(crypto, { seed })
    rig.send({ kind: 'close', code: 0 })
    const startMs = rig.atMs
    rig.advance(5001)
    const sent = rig.takeMessages1()
    t.ok(sent.length >= 1)
    waits.push((sent[0]?.atMs as number) - startMs)
  }
  t.ok(Math.max(...waits) <= 5000 && Math.max(...waits) - Math.min(...waits) > 1000)
})

t.test('[R-5.3-2] BOOT and LONG on asking packets while an earlier one is unanswered; then none', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.setState('idle', now))
  rig.do((machine, now) => machine.setState('active', now))
  const [first, second] = rig.takePackets()
  t.equal(first?.boot, null)
  t.ok(second?.boot !== null && second?.long)
  rig.deliver(rig.server.answer(second as NonNullable<typeof second>))
  rig.do((machine, now) => machine.setState('idle', now))
  const third = rig.takePacket()
  t.equal(third.boot, null)
  t.ok(third.long, '[R-5.4-2] the answer came with BOOT')
  rig.deliver(rig.server.answer(third))
  rig.do((machine, now) => machine.setState('active', now))
  t.notOk(rig.takePacket().long, 'the PONG said that the peer opened it')
})

t.test('[R-5.3-2] an answer under the last s2d key is still taken after D changed', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.setState('idle', now))
  const first = rig.takePacket()
  const lateAnswer = rig.server.answer(first) // sealed before the server hears of the boot value
  rig.advance(1000)
  t.equal(rig.take().length, 1, 'the first repeat, with the boot value')
  rig.deliver(lateAnswer)
  t.equal(rig.machine.drops.total, 0)
  rig.advance(10_000)
  t.equal(rig.take().length, 0, 'the round is answered')
})

t.test('[R-5.4-2] one byte of packet number only within 64 of the last that a PONG named', async (t) => {
  const rig = Rig.online(crypto)
  const [ping] = untilSent(rig)
  rig.deliver(rig.server.answer(ping as NonNullable<typeof ping>))
  const confirmed = ping?.number as number
  for (let round = 0; round < 80; round++) {
    rig.send(rig.server.state())
    rig.advance(150)
  }
  const acks = rig.takePackets().filter(({ ask }) => !ask)
  t.ok(acks.length > 64)
  for (const { number, long } of acks) t.equal(long, number - confirmed >= 64, `${number - confirmed}`)
})

t.test('[R-7.4] RETRY_AFTER: nothing but acks, verdicts and responses', async (t) => {
  const rig = Rig.online(crypto)
  rig.send({ kind: 'retry-after', seconds: 100 })
  const startMs = rig.atMs
  rig.do((machine, now) => machine.setState('idle', now))
  rig.do((machine, now) => machine.setThresholds(1, 2, now))
  rig.advance(50_000)
  t.equal(rig.take().length, 0)
  rig.send(rig.server.state())
  rig.advance(200)
  t.match(rig.takePacket().frames, [{ kind: 'ack' }])
  const challenge = new Uint8Array(8).fill(3)
  rig.send({ kind: 'challenge', challenge })
  const response = rig.takePacket()
  t.match(response.frames, [{ kind: 'ping' }, { kind: 'response' }])
  t.equal(response.frames.length, 2)
  rig.deliver(rig.server.answer(response))
  rig.advance(startMs + 100_000 - rig.atMs - 1)
  t.equal(rig.take().length, 0)
  rig.advance(1)
  t.match(rig.takePacket().frames, [{ kind: 'ping', state: 'idle' }, { kind: 'thresholds' }])
  t.equal(rig.eventsOf('contact-lost').length, 0)
})

t.test('[R-7.4] RETRY_AFTER ends with its session: the first packet of the next one goes at once', async (t) => {
  const rig = Rig.online(crypto)
  rig.send({ kind: 'retry-after', seconds: 3600 })
  rig.send({ kind: 'close', code: 0 })
  rig.advance(5001)
  const message1 = rig.takeMessages1().at(-1)
  rig.deliver(rig.server.accept(message1 as NonNullable<typeof message1>))
  const first = rig.takePacket()
  t.ok(first.ask)
  rig.deliver(rig.server.answer(first))
  t.equal(untilSent(rig).length, 1, 'and the keepalive goes on')
})

t.test('[R-7.4] RETRY_AFTER: the last one holds, and does not stop repeats of what may go', async (t) => {
  const rig = Rig.online(crypto)
  rig.send({ kind: 'retry-after', seconds: 1000 })
  rig.send({ kind: 'retry-after', seconds: 20 })
  const startMs = rig.atMs
  rig.send({ kind: 'challenge', challenge: rig.server.bytes(8) })
  rig.advance(19_999)
  const packets = rig.takePackets()
  t.same(
    packets.map(({ atMs }) => atMs - startMs),
    [0, 1000, 3000, 7000],
  )
  for (const { frames } of packets) t.match(frames, [{ kind: 'ping' }, { kind: 'response' }])
})

t.test('[R-7.4] RETRY_AFTER holds at most an hour', async (t) => {
  const rig = Rig.online(crypto)
  rig.send({ kind: 'retry-after', seconds: 1_000_000 })
  rig.advance(3_600_000)
  t.equal(rig.takePackets().length, 1)
})

t.test('[R-8.1-2] CHALLENGE is answered at once by PING and RESPONSE in a packet that asks', async (t) => {
  const rig = Rig.online(crypto)
  const challenge = rig.server.bytes(8)
  rig.send({ kind: 'challenge', challenge })
  const packet = rig.takePacket()
  t.ok(packet.ask)
  t.match(packet.frames, [{ kind: 'ping' }, { kind: 'response' }])
  t.equal(hex((packet.frames[1] as { challenge: Uint8Array }).challenge), hex(challenge))
  rig.send({ kind: 'challenge', challenge })
  t.equal(rig.takePackets().length, 1, 'a challenge that came again is answered again')
})

t.test('[R-8.1-2] a later CHALLENGE takes the place of one whose RESPONSE still waits', async (t) => {
  const rig = Rig.online(crypto)
  const [first, second] = [rig.server.bytes(8), rig.server.bytes(8)]
  rig.send({ kind: 'challenge', challenge: first })
  rig.take() // lost on the way
  rig.send({ kind: 'challenge', challenge: second })
  rig.advance(5000)
  for (const { frames } of rig.takePackets()) {
    t.match(frames, [{ kind: 'ping' }, { kind: 'response', challenge: second }])
    t.equal(frames.length, 2)
  }
})

t.test('[R-9.2-4] frames whose PONG came with a CHALLENGE go again with the RESPONSE', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.setThresholds(60, 600, now))
  const packet = rig.takePacket()
  t.match(packet.frames, [{ kind: 'ping' }, { kind: 'thresholds' }])
  rig.deliver(rig.server.answer(packet, { kind: 'challenge', challenge: rig.server.bytes(8) }))
  const again = rig.takePacket()
  t.match(again.frames, [{ kind: 'ping' }, { kind: 'response' }, { kind: 'thresholds' }])
  t.equal(again.boot, null, 'the earlier one was answered')
  rig.deliver(rig.server.answer(again))
  rig.do((machine, now) => machine.setState('idle', now))
  t.same(
    rig.takePacket().frames.map(({ kind }) => kind),
    ['ping'],
    'and then no more',
  )
})

t.test('[R-7.1-4] gone: at once, with the longest promise, and no keepalive after it', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.setState('gone', now))
  const packet = rig.takePacket()
  t.match(packet.ping, { state: 'gone', silenceClass: 14 })
  rig.deliver(rig.server.answer(packet))
  rig.advance(3_600_000)
  t.equal(rig.take().length, 0)
  rig.do((machine, now) => machine.setState('active', now))
  t.match(rig.takePacket().ping, { state: 'active', silenceClass: 2 })
})

t.test('stop: says gone, waits for the answer at most 3 s, then is silent', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.stop(now))
  const packet = rig.takePacket()
  t.match(packet.ping, { state: 'gone' })
  rig.deliver(rig.server.answer(packet))
  t.match(rig.eventsOf('stopped'), [{ confirmed: true }])
  const deaf = Rig.online(crypto)
  deaf.do((machine, now) => machine.stop(now))
  deaf.advance(60_000)
  t.equal(deaf.take().length, 3)
  t.match(deaf.eventsOf('stopped'), [{ confirmed: false }])
  t.equal(deaf.machine.nextTimeout(), Infinity)
})

t.test('another way to the server: what is unanswered goes out at once as a new packet', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.advance(250)
  rig.do((machine, now) => machine.retry(now))
  const [first, second] = rig.takeMessages1()
  t.ok(first !== undefined && second !== undefined && second.stampMs > first.stampMs)
  const online = Rig.online(crypto)
  online.do((machine, now) => machine.retry(now))
  t.equal(online.take().length, 0, 'nothing is unanswered')
  online.do((machine, now) => machine.setState('idle', now))
  online.do((machine, now) => machine.retry(now))
  t.equal(online.takePackets().length, 2)
})

t.test('[R-9.2-2] [R-9.2-3] rounds before a change of network do not count', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.setState('idle', now))
  const startMs = rig.atMs
  rig.advance(15_000)
  for (let round = 0; round < 2; round++) {
    rig.do((machine, now) => machine.networkChanged(now))
    rig.advance(15_000)
  }
  rig.take()
  rig.advance(startMs + 89_000 - rig.atMs)
  t.equal(rig.takeMessages1().length, 0, 'more than three rounds have failed, but not since')
  rig.advance(30_000)
  t.ok(rig.takeMessages1().length > 0)
})

t.test('[R-9.2-3] after an answer the rounds and the 60 s count anew', async (t) => {
  const rig = Rig.online(crypto)
  for (let times = 0; times < 3; times++) {
    rig.do((machine, now) => machine.setState(times % 2 === 0 ? 'idle' : 'active', now))
    rig.advance(70_000)
    const packets = rig.takePackets()
    t.ok(packets.every(({ bytes }) => (bytes[0] as number) >= 0x80))
    rig.deliver(rig.server.answer(packets.at(-1) as NonNullable<(typeof packets)[0]>))
    t.equal(rig.eventsOf('contact-lost').length, times + 1, 'told again after it was online')
    t.equal(rig.eventsOf('online').length, times + 2)
  }
})

t.test(
  '[R-9.2-5] [R-9.2-1] frames that the answered packet did not hold are repeated from when they left',
  async (t) => {
    const rig = Rig.online(crypto)
    rig.do((machine, now) => machine.setState('idle', now))
    const first = rig.takePacket()
    rig.advance(400)
    rig.do((machine, now) => machine.setThresholds(60, 600, now))
    rig.take() // lost on the way
    rig.advance(100)
    const startMs = rig.atMs
    rig.deliver(rig.server.answer(first))
    rig.advance(5000)
    const packets = rig.takePackets()
    t.same(
      packets.map(({ atMs }) => atMs - startMs),
      [900, 2900],
    )
    for (const packet of packets) t.match(packet.frames, [{ kind: 'ping' }, { kind: 'thresholds' }])
  },
)

t.test('[R-9.2-5] a late PONG ends the round, and settles what the packet held that it names, no more', async (t) => {
  const rig = Rig.online(crypto)
  const sent = (): ReturnType<Rig['takePackets']>[0] => rig.takePackets().at(-1) as ReturnType<Rig['takePackets']>[0]
  rig.do((machine, now) => machine.setThresholds(60, 600, now))
  const older = sent()
  const lateAnswer = rig.server.answer(older)
  rig.advance(1000)
  const repeat = sent()
  rig.do((machine, now) => machine.checkApp('aa'.repeat(8), now))
  const newest = sent()
  t.same(
    [older, repeat, newest].map(({ frames }) => frames.length),
    [2, 2, 3],
  )
  rig.deliver(lateAnswer)
  rig.advance(999)
  t.equal(rig.take().length, 0, 'the thresholds are settled by their first packet')
  rig.advance(1)
  t.match(sent().frames, [{ kind: 'ping' }, { kind: 'puid-request' }], 'the rest counts from its own packet')
})

t.test('[R-9.2-2] a frame that comes up in the pause goes out at once; the next round comes at its time', async (t) => {
  const rig = Rig.online(crypto)
  rig.do((machine, now) => machine.setState('idle', now))
  const startMs = rig.atMs
  rig.advance(20_000)
  rig.do((machine, now) => machine.setThresholds(60, 600, now))
  rig.advance(17_000)
  t.same(
    rig.takePackets().map(({ atMs }) => atMs - startMs),
    [0, 1000, 3000, 7000, 20_000, 30_000, 31_000, 33_000, 37_000],
  )
})

t.test('[R-9.2-1] a frame that did not fit goes out as soon as the first packet was answered', async (t) => {
  const rig = Rig.online(crypto)
  for (let app = 0; app < 120; app++) rig.machine.checkApp(app.toString(16).padStart(16, '0'), rig.now)
  rig.drain()
  const asked = new Set<string>()
  for (let rounds = 0; rounds < 200 && asked.size < 120; rounds++) {
    const packet = rig.takePackets().at(-1)
    if (packet === undefined) break
    for (const frame of packet.frames) {
      if (frame.kind !== 'puid-request') continue
      asked.add(frame.app.join())
      rig.send({ kind: 'puid', app: frame.app.slice(), rotation: frame.rotation, puid: 'p' })
    }
    t.ok(packet.bytes.length <= 1200)
    rig.deliver(rig.server.answer(packet))
  }
  t.equal(asked.size, 120, 'without a timer')
})

t.test('a handshake is given up when the device stops, and nothing is kept alive without a session', async (t) => {
  const rig = Rig.online(crypto)
  rig.advance(77_000)
  rig.take()
  rig.do((machine, now) => machine.stop(now))
  rig.advance(60_000)
  t.ok(rig.take().every(({ bytes }) => (bytes[0] as number) >= 0x80))
  const closed = Rig.online(crypto)
  closed.do((machine, now) => machine.setState('idle', now))
  closed.send({ kind: 'close', code: 0 })
  closed.take()
  closed.advance(60_000)
  t.ok(closed.take().every(({ bytes }) => bytes[0] === 1))
})

t.test('a change of network starts the pauses of a handshake anew', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.advance(3_000_000)
  rig.take()
  const startMs = rig.atMs
  rig.do((machine, now) => machine.networkChanged(now))
  rig.advance(10_000)
  const times = rig.takeMessages1().map(({ atMs }) => atMs - startMs)
  t.equal(times[0], 0, 'at once: there is no session')
  t.ok(times.length >= 4)
})

t.test(
  '[R-9.2-2] a session that is dead on UDP and on WebSocket is given up, though its rounds are cut short by moves',
  async (t) => {
    const rig = Rig.online(crypto)
    rig.do((machine, now) => machine.setState('idle', now))
    const startMs = rig.atMs
    let isUdp = true
    let handshakeMs = 0
    while (handshakeMs === 0 && rig.atMs < startMs + 120_000) {
      rig.advance(100)
      if (rig.take().some(({ bytes }) => bytes[0] === 1)) handshakeMs = rig.atMs - startMs
      if ((rig.atMs - startMs) % 7000 >= 100) continue
      isUdp = !isUdp
      rig.do((machine, now) => machine.pathMoved(isUdp ? 'udp' : 'tcp', now))
    }
    t.ok(handshakeMs >= 60_000 && handshakeMs < 75_000, `${handshakeMs} ms`)
  },
)
