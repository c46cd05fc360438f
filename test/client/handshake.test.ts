import t from 'tap'
import { concat } from '../../src/base/bytes.js'
import { datagramKind } from '../../src/packet/header.js'
import { testCrypto } from '../support/crypto.js'
import { Rig, START_WALL_MS } from './rig.js'
import type { FirstMessage } from './scripted-server.js'

const crypto = await testCrypto()

function firstMessage(rig: Rig): FirstMessage {
  return rig.server.readMessage1(rig.takeOne()) as FirstMessage
}

t.test('a first start: message 1 of 120 B, message 2 of 67 B, a PING that asks, online', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  const message1 = firstMessage(rig)
  t.equal(message1.bytes.length, 120)
  t.equal(message1.ping, 2, 'active, class 2: 30 s')
  const message2 = rig.server.accept(message1)
  t.equal(message2.length, 67)
  rig.deliver(message2)
  t.equal(rig.eventsOf('online').length, 0)
  const first = rig.takePacket()
  rig.deliver(rig.server.answer(first))
  t.match(rig.events, [{ kind: 'online', handshakeBytes: [120, 67] }])
  t.equal(rig.take().length, 0)
})

t.test('[R-3-1] datagrams of other kinds, directions and lengths are dropped and counted', async (t) => {
  const rig = Rig.online(crypto)
  const wrong = [
    [],
    [0],
    [6, 1, 2],
    [1, ...new Array(119).fill(0)],
    [3],
    [4, 1],
    [5, 1],
    [0x80],
    new Array(1201).fill(0x80),
  ]
  for (const bytes of wrong) rig.deliver(Uint8Array.from(bytes))
  t.equal(rig.take().length, 0)
  t.equal(rig.machine.drops.total, wrong.length)
})

t.test('[R-4.1-2] the stamp grows with each message 1, and is durable before it is sent', async (t) => {
  const rig = new Rig(crypto)
  rig.holdsSaves = true
  rig.start()
  t.equal(rig.take().length, 0, 'nothing is sent before the stamp is stored')
  rig.save()
  const first = firstMessage(rig)
  t.equal(first.stampMs, START_WALL_MS)
  t.match(JSON.parse(new TextDecoder().decode(rig.disk as Uint8Array)), { stamp: START_WALL_MS })
  rig.holdsSaves = false
  rig.stepWall(-3_600_000)
  rig.advance(60_000)
  const later = rig.takeMessages1()
  t.ok(later.length > 3)
  let last = first.stampMs
  for (const { stampMs } of later) {
    t.ok(stampMs > last, 'grows although the clock went back')
    last = stampMs
  }
})

t.test('[R-4.1-2] the stamp grows over a restart with a clock that went back', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  const { stampMs } = firstMessage(rig)
  const next = rig.restarted({ wallMs: START_WALL_MS - 86_400_000 })
  t.equal(firstMessage(next).stampMs, stampMs + 1)
})

t.test('[R-4.1-6] each message 1 has a fresh ephemeral key', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.advance(300_000)
  const ephemerals = rig.take().map(({ bytes }) => bytes.subarray(1, 33).join())
  t.ok(ephemerals.length > 5)
  t.equal(new Set(ephemerals).size, ephemerals.length)
})

t.test('[R-4.2-1] the first packet starts with PING, asks, and is retried', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.deliver(rig.server.accept(firstMessage(rig)))
  rig.advance(20_000)
  const packets = rig.takePackets()
  t.same(
    packets.map(({ atMs }) => atMs),
    [0, 1000, 3000, 7000],
  )
  for (const packet of packets) {
    t.equal(packet.frames[0]?.kind, 'ping')
    t.ok(packet.ask && packet.long)
  }
  t.same(packets[0]?.cid, rig.server.cid)
})

t.test('[R-4.2-3] a message 2 that does not verify changes nothing; the good one still counts', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  const message2 = rig.server.accept(firstMessage(rig))
  for (let at = 1; at < message2.length; at++) {
    const forged = message2.slice()
    forged[at] = (forged[at] as number) ^ 1
    rig.deliver(forged)
  }
  t.equal(rig.take().length, 0)
  t.equal(rig.machine.drops.of('noise'), 66)
  rig.deliver(message2)
  t.ok(rig.takePacket().ask)
})

t.test('[R-4.2-3] a message 2 to an earlier message 1 is dropped', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  const message2 = rig.server.accept(firstMessage(rig))
  rig.advance(1300)
  t.equal(rig.takeMessages1().length, 1)
  rig.deliver(message2)
  t.equal(rig.take().length, 0)
  t.equal(rig.machine.drops.of('noise'), 1)
})

t.test('a message 2 that nobody asked for is dropped', async (t) => {
  const rig = Rig.online(crypto)
  rig.deliver(concat(new Uint8Array([3]), new Uint8Array(66)))
  t.equal(rig.machine.drops.of('unexpected'), 1)
})

t.test('[R-4.3] clock-ahead: told in words, and the next stamp is the server time', async (t) => {
  const rig = new Rig(crypto, { wallMs: START_WALL_MS + 42 * 60_000 })
  rig.start()
  rig.deliver(rig.server.refuse(firstMessage(rig), 1, START_WALL_MS))
  t.equal(firstMessage(rig).stampMs, START_WALL_MS, 'at once, by the server time')
  const [refused] = rig.eventsOf('refused')
  t.match(refused, { code: 1, willRetry: true, error: { code: 'PL_CLOCK_AHEAD' } })
  t.match(refused?.error.message, /clock is 42 minutes ahead of the server/)
  rig.advance(100_000)
  const [next] = rig.takeMessages1()
  t.ok((next?.stampMs as number) < START_WALL_MS + 100_000, 'goes on by the server time')
})

t.test('[R-4.3] stamp-old: the next stamp is above the value', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.deliver(rig.server.refuse(firstMessage(rig), 2, START_WALL_MS + 200_000))
  t.equal(firstMessage(rig).stampMs, START_WALL_MS + 200_001)
  t.match(rig.eventsOf('refused'), [{ code: 2, error: { code: 'PL_STAMP_OLD' } }])
})

t.test('[R-4.3-3] refusals cannot drive the device into a loop: one answer at once, then the timer', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  let sent = 0
  for (let round = 0; round < 50; round++) {
    const [message1] = rig.takeMessages1()
    if (message1 === undefined) break
    sent++
    rig.deliver(rig.server.refuse(message1, 2, message1.stampMs + 10))
  }
  t.equal(sent, 2)
})

t.test('[R-4.3-1] the zero psk is believed for a refusal with code 3 only', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.deliver(rig.server.acceptWithoutPsk(firstMessage(rig)))
  t.equal(rig.take().length, 0)
  t.equal(rig.machine.drops.of('malformed'), 1)
  rig.advance(1300)
  rig.deliver(rig.server.refuse(firstMessage(rig), 4, 5, true))
  t.equal(rig.machine.drops.of('malformed'), 2)
  t.equal(rig.eventsOf('refused').length, 0)
})

t.test('[R-4.3-2] after code 3 no other message 1 is sent, and the host is told', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.deliver(rig.server.refuse(firstMessage(rig), 3, 0, true))
  t.match(rig.eventsOf('refused'), [{ code: 3, willRetry: false, error: { code: 'PL_DEVICE_UNKNOWN' } }])
  rig.advance(86_400_000)
  rig.do((machine, now) => machine.networkChanged(now))
  t.equal(rig.take().length, 0)
  t.equal(rig.machine.nextTimeout(), Infinity)
})

t.test('[R-4.3] busy: waits so long', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.deliver(rig.server.refuse(firstMessage(rig), 4, 90))
  t.match(rig.eventsOf('refused'), [{ code: 4, willRetry: true, error: { code: 'PL_BUSY' } }])
  rig.advance(89_999)
  t.equal(rig.take().length, 0)
  rig.advance(2)
  t.equal(rig.takeMessages1().length, 1)
})

t.test('[R-4.4-1] a cookie: message 1 of 136 B at once and for 120 s', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  const bytes = rig.takeOne()
  const forged = rig.server.cookieReply(bytes)
  forged[20] = (forged[20] as number) ^ 1
  rig.deliver(forged)
  t.equal(rig.take().length, 0, 'a cookie that does not open')
  rig.deliver(rig.server.cookieReply(bytes))
  const second = rig.takeOne()
  t.equal(second.length, 136)
  t.ok(rig.server.isMac2Valid(second))
  t.ok((rig.server.readMessage1(second) as FirstMessage).stampMs > START_WALL_MS)
  rig.advance(400_000)
  const later = rig.take()
  t.ok(later.some(({ atMs }) => atMs < 120_000) && later.some(({ atMs }) => atMs > 120_000))
  for (const { atMs, bytes: each } of later) t.equal(each.length, atMs < 120_000 ? 136 : 120, `at ${atMs}`)
})

t.test(
  '[R-4.3-3] a cookie and a refusal in a row: the second waits for the pause, and neither makes it longer',
  async (t) => {
    const rig = new Rig(crypto)
    rig.start()
    rig.deliver(rig.server.cookieReply(rig.takeOne()))
    const second = firstMessage(rig)
    t.ok(second.hasCookie)
    rig.deliver(rig.server.refuse(second, 2, second.stampMs + 10))
    t.equal(rig.take().length, 0)
    rig.advance(1250)
    const third = firstMessage(rig)
    t.ok(third.hasCookie && third.stampMs > second.stampMs + 10)
  },
)

t.test('[R-4.4-1] cookies cannot drive the device into a loop', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  let sent = 0
  for (let round = 0; round < 50; round++) {
    const [datagram] = rig.take()
    if (datagram === undefined) break
    sent++
    rig.deliver(rig.server.cookieReply(datagram.bytes))
  }
  t.equal(sent, 2)
})

t.test('[R-9.3-1] pauses of 1, 2, 4 .. 600 s, each times 0.75 to 1.25', async (t) => {
  const factors: number[] = []
  for (const seed of ['a', 'b', 'c']) {
    const rig = new Rig(crypto, { seed })
    rig.start()
    rig.advance(7_200_000)
    const times = rig.take().map(({ atMs }) => atMs)
    for (let i = 1; i < times.length; i++) {
      const factor = ((times[i] as number) - (times[i - 1] as number)) / Math.min(1000 * 2 ** (i - 1), 600_000)
      t.ok(factor >= 0.74 && factor <= 1.26, `pause ${i} of ${seed}: ${factor}`)
      factors.push(factor)
    }
  }
  t.ok(Math.max(...factors) - Math.min(...factors) > 0.3, 'random')
})

t.test('a silent server is told once, in words: wrong key, blocked or down', async (t) => {
  const rig = new Rig(crypto, { serverKeys: [new Uint8Array(32).fill(9)] })
  rig.start()
  rig.advance(600_000)
  const sent = rig.take()
  t.ok(sent.length > 5)
  for (const { bytes } of sent) t.equal(rig.server.readMessage1(bytes), null, 'mac1 is for another key')
  t.match(rig.events, [{ kind: 'contact-lost', error: { code: 'PL_NO_HANDSHAKE', message: /server key/ } }])
})

t.test('a wrong psk is told once, in words, also after silence; the device tries on quietly', async (t) => {
  for (const silentFirst of [false, true]) {
    const rig = new Rig(crypto, { psk: new Uint8Array(32).fill(9) })
    rig.start()
    if (silentFirst) {
      rig.advance(20_000)
      rig.take() // nobody hears these
    }
    let answered = 0
    for (let passed = 0; passed < 600_000; passed += 250) {
      for (const message1 of rig.takeMessages1()) {
        answered++
        const message2 = rig.server.accept(message1)
        for (let copies = 0; copies < 4; copies++) rig.deliver(message2)
        if (answered <= 2) t.notOk(rig.eventsOf('contact-lost').some(isUnreadable), 'one forged answer says nothing')
      }
      rig.advance(250)
    }
    t.ok(answered > 3)
    t.equal(rig.eventsOf('contact-lost').filter(isUnreadable).length, 1)
    t.equal(rig.events.length, silentFirst ? 2 : 1)
    t.match(rig.events.at(-1), { error: { message: /psk/ } })
  }
})

function isUnreadable({ error }: { error: { code: string } }): boolean {
  return error.code === 'PL_HANDSHAKE_UNREADABLE'
}

t.test('[R-12.3-1] the next server key is stored, and used when the current one stays unanswered', async (t) => {
  const rig = Rig.online(crypto)
  const [, nextKey] = rig.server.staticKeys
  rig.holdsSaves = true
  const frame = {
    kind: 'server-key',
    id: rig.server.id(),
    key: (nextKey as { publicKey: Uint8Array }).publicKey,
  } as const
  rig.send(frame)
  rig.advance(1000)
  t.equal(rig.take().length, 0, 'no ack before it is durable')
  rig.holdsSaves = false
  rig.save()
  rig.advance(200)
  t.match(rig.takePacket().frames, [{ kind: 'ack', id: frame.id }])
  const next = rig.restarted({ stored: withoutSession(rig.disk as Uint8Array) })
  next.advance(30_000)
  const keys = next.takeMessages1().map(({ key }) => key)
  t.same(keys.slice(0, 4), [0, 1, 0, 1])
})

t.test('[R-12.3-1] a server key that answered stays the first', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  rig.finishHandshake({
    kind: 'server-key',
    id: 300,
    key: (rig.server.staticKeys[1] as { publicKey: Uint8Array }).publicKey,
  })
  const second = rig.restarted({ stored: withoutSession(rig.disk as Uint8Array) })
  second.advance(1300)
  const messages = second.takeMessages1()
  t.same(
    messages.map(({ key }) => key),
    [0, 1],
  )
  second.deliver(second.server.accept(messages[1] as FirstMessage))
  second.take()
  const third = second.restarted({ stored: withoutSession(second.disk as Uint8Array) })
  t.equal(firstMessage(third).key, 1)
})

t.test('[R-12.3-1] a third server key takes the place of the other one', async (t) => {
  const rig = Rig.online(crypto)
  const serverKey = (key: Uint8Array) => ({ kind: 'server-key', id: rig.server.id(), key }) as const
  rig.send(serverKey(new Uint8Array(32).fill(9)))
  rig.send(serverKey((rig.server.staticKeys[1] as { publicKey: Uint8Array }).publicKey))
  const next = rig.restarted({ stored: withoutSession(rig.disk as Uint8Array) })
  next.advance(30_000)
  t.same(
    next
      .takeMessages1()
      .map(({ key }) => key)
      .slice(0, 4),
    [0, 1, 0, 1],
  )
})

t.test('[R-5.1-2] GREASE bits are random, and ignored when they come', async (t) => {
  const rig = Rig.online(crypto)
  const seen = new Set<number>()
  for (let round = 0; round < 120; round++) {
    rig.advance(30_000)
    for (const packet of rig.takePackets()) {
      seen.add(packet.grease)
      rig.deliver(rig.server.answer(packet))
    }
  }
  t.same(
    [...seen].sort((a, b) => a - b),
    [0, 1, 2, 3, 16, 17, 18, 19],
  )
  t.equal(rig.machine.drops.total, 0)
})

t.test('[R-3-2] nothing above 1200 B is sent, and kinds are those of a device', async (t) => {
  const rig = Rig.online(crypto)
  rig.advance(400_000)
  for (const { bytes } of rig.take()) {
    t.ok(bytes.length <= 1200)
    t.ok(['channel', 'message-1'].includes(datagramKind(bytes, 'd2s')))
  }
})

/** A store from which only the session was lost. */
function withoutSession(stored: Uint8Array): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ ...JSON.parse(new TextDecoder().decode(stored)), session: null }))
}
