/** The device's part of a key step against a server that says what the test wants. wire-spec §5.6. */
import t from 'tap'
import { keyPair } from '../../src/crypto/key-pair.js'
import type { DeviceFrame } from '../../src/frame/frame.js'
import { FAILED_OPENS_STEP, Flag } from '../../src/packet/constants.js'
import { keyedRoot, symmetricRoot } from '../../src/packet/step-root.js'
import { changeRoot } from '../../src/session/keys.js'
import { Offset, SessionFlag } from '../../src/session/record.js'
import { testCrypto } from '../support/crypto.js'
import { Rig } from './rig.js'
import type { Packet } from './scripted-server.js'

const crypto = await testCrypto()
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** The STEP in a packet, or null. */
const stepIn = ({ frames }: Packet): (DeviceFrame & { kind: 'step' }) | null =>
  frames.find((frame): frame is DeviceFrame & { kind: 'step' } => frame.kind === 'step') ?? null

/** Answers every ping for so long, at once, without STEPPED; returns the packets with STEP. */
function pass(rig: Rig, ms: number): Packet[] {
  const endMs = rig.now.monotonicMs + ms
  const steps: Packet[] = []
  while (rig.now.monotonicMs < endMs) {
    rig.advance(Math.min(rig.machine.nextTimeout(), endMs) - rig.now.monotonicMs)
    for (const packet of rig.takePackets()) {
      if (packet.ask) rig.deliver(rig.server.answer(packet))
      if (stepIn(packet) !== null) steps.push(packet)
    }
  }
  return steps
}

/** The server's session takes the step of a STEP; returns the STEPPED that says so, sealed under the old root. */
function step({ server }: Rig, frame: DeviceFrame & { kind: 'step' }): Uint8Array {
  const own = keyPair(crypto, server.bytes(32))
  const root = server.view.read(Offset.root, new Uint8Array(32))
  const deviceKey = frame.key?.slice()
  const next =
    deviceKey === undefined
      ? symmetricRoot(crypto, root)
      : keyedRoot(crypto, root, own.secretKey, deviceKey, { deviceKey, serverKey: own.publicKey })
  const stepped = server.seal([{ kind: 'stepped', key: deviceKey === undefined ? null : own.publicKey }])
  const { random, boot } = server
  const D = server.view.read(Offset.deviceBoot, new Uint8Array(12))
  changeRoot(server.view, { crypto, random, boot }, next as Uint8Array, D)
  return stepped
}

const epochOf = (rig: Rig): number => rig.machine.parts.channel.view.epoch

function online(): Rig {
  return Rig.online(crypto, { keepaliveS: 300 })
}

t.test('[R-5.6-1] [R-9.2-4] STEP after an hour, in each packet that asks, until STEPPED', async (t) => {
  const rig = online()
  t.equal(pass(rig, HOUR_MS - 400_000).length, 0)
  const steps = pass(rig, HOUR_MS)
  t.ok(steps.length >= 10)
  t.ok(steps.every((packet) => stepIn(packet)?.key === null && packet.ping !== null && packet.ask))
  t.equal(steps[0]?.bytes.length, 26, 'two bytes more than a ping')
})

t.test('[R-5.6-1] with a key after a day, which is the same in each repeat', async (t) => {
  const rig = online()
  for (let round = 0; round < 22; round++) {
    for (const packet of pass(rig, HOUR_MS + 300_000).slice(-1)) {
      t.equal(stepIn(packet)?.key, null)
      rig.deliver(step(rig, stepIn(packet)!))
      for (const { bytes } of rig.take()) rig.deliver(rig.server.answer(rig.server.open(bytes)))
    }
  }
  t.ok(epochOf(rig) >= 21 && epochOf(rig) <= 22, `${epochOf(rig)}`)
  const keys = pass(rig, 3 * HOUR_MS).flatMap((packet) => [...(stepIn(packet)?.key ?? [])])
  t.ok(keys.length > 32, 'repeated')
  t.ok(keys.every((byte, i) => byte === keys[i % 32]))
})

t.test('[R-5.6-5] STEPPED: nothing goes out before the root is stored, then a ping that asks', async (t) => {
  const rig = online()
  const [packet] = pass(rig, HOUR_MS + 300_000).slice(-1)
  rig.holdsSaves = true
  rig.deliver(step(rig, stepIn(packet as Packet)!))
  rig.advance(1_000_000)
  t.same(rig.take(), [])
  rig.holdsSaves = false
  while (rig.heldSaves.length > 0) rig.save()
  const [first] = rig.take()
  t.equal(first!.bytes[0]! & (Flag.boot | Flag.long), Flag.boot | Flag.long)
  const opened = rig.server.open(first!.bytes)
  t.equal(opened.ask, true)
  t.match(opened.ping, { kind: 'ping' })
  t.ok(rig.machine.parts.channel.view.has(SessionFlag.lastRoot))
  rig.deliver(rig.server.answer(opened))
  t.notOk(rig.machine.parts.channel.view.has(SessionFlag.hasLastKey))
  t.same(rig.machine.parts.channel.view.read(Offset.lastReceiveKey, new Uint8Array(32)), new Uint8Array(32))
})

t.test('[R-5.6-5] packets of the old root are taken until one of the new came', async (t) => {
  const rig = online()
  const [packet] = pass(rig, HOUR_MS + 300_000).slice(-1)
  const { server } = rig
  const deadlineMs = rig.wallMs + 60_000
  const early = server.seal([server.notify({ deadlineMs })])
  const late = server.seal([server.notify({ deadlineMs })])
  const stepped = step(rig, stepIn(packet as Packet)!)
  rig.deliver(stepped)
  rig.deliver(early)
  rig.deliver(early)
  t.equal(rig.machine.parts.acks.nextTimeout() < Infinity, true, 'the early one is taken')
  t.equal(rig.machine.drops.of('replay'), 1)
  t.equal(epochOf(rig), 1)
  const first = server.open(rig.take()[0]!.bytes)
  rig.deliver(server.answer(first))
  rig.deliver(late)
  t.equal(rig.machine.drops.of('tag'), 1, 'the late one is not')
  t.equal(epochOf(rig), 1)
})

t.test('[R-5.6-3] a STEPPED that nobody asked for, or that does not mirror STEP, is ignored', async (t) => {
  const rig = online()
  rig.send({ kind: 'stepped', key: null })
  rig.send({ kind: 'stepped', key: rig.server.bytes(32) })
  t.equal(epochOf(rig), 0)
  pass(rig, HOUR_MS + 300_000)
  rig.send({ kind: 'stepped', key: rig.server.bytes(32) })
  t.equal(epochOf(rig), 0)
  t.equal(rig.eventsOf('closed').length, 0)
  const [packet] = pass(rig, 600_000).slice(-1)
  const again = rig.server.seal([{ kind: 'stepped', key: null }])
  rig.deliver(step(rig, stepIn(packet as Packet)!))
  rig.deliver(again)
  t.equal(epochOf(rig), 1, 'a repeat is one')
})

t.test('[R-5.6-9] WANT_STEP is answered at once by a STEP with a key', async (t) => {
  const rig = online()
  rig.send({ kind: 'want-step' })
  const packet = rig.takePacket()
  t.equal(stepIn(packet)?.key?.length, 32)
  t.ok(packet.ask)
  rig.send({ kind: 'want-step' })
  t.same(rig.take(), [], 'once')
  rig.deliver(rig.server.answer(packet))
  rig.deliver(step(rig, stepIn(packet)!))
  t.equal(epochOf(rig), 1)
  const first = rig.server.open(rig.takeOne())
  rig.deliver(rig.server.answer(first))
  t.equal(pass(rig, HOUR_MS - 600_000).length, 0)
})

t.test('a device that counts 2^32 failed opens asks for a step with a key by itself', async (t) => {
  const rig = online()
  rig.machine.parts.channel.view.failedOpens = FAILED_OPENS_STEP
  const [packet] = pass(rig, 600_000)
  t.equal(stepIn(packet as Packet)?.key?.length, 32)
})

t.test('[R-5.6-8] a STEPPED of low order ends the session: CLOSE with code 1, then a handshake', async (t) => {
  const rig = online()
  rig.send({ kind: 'want-step' })
  rig.take()
  rig.send({ kind: 'stepped', key: new Uint8Array(32) })
  t.same(rig.takePacket().frames, [{ kind: 'close', code: 1 }])
  t.match(rig.eventsOf('closed'), [{ code: 1, own: true }])
  rig.advance(6000)
  t.ok(rig.takeMessages1().length >= 1)
})

t.test('[R-5.6-6] no step before the server was heard under the root of the last', async (t) => {
  const rig = online()
  const [packet] = pass(rig, HOUR_MS + 300_000).slice(-1)
  rig.deliver(step(rig, stepIn(packet as Packet)!))
  rig.take()
  const packets: Packet[] = []
  for (let i = 0; i < 4; i++) {
    rig.advance(5000)
    packets.push(...rig.takePackets())
  }
  t.ok(packets.length > 1)
  t.ok(packets.every((one) => stepIn(one) === null))
})

t.test('the times of the last steps are stored: a phone that is killed each hour still steps each day', async (t) => {
  let rig = online()
  let steps = 0
  let keyed = 0
  for (let hour = 0; hour < 50; hour++) {
    for (const packet of pass(rig, HOUR_MS).slice(0, 1)) {
      const frame = stepIn(packet)!
      steps++
      if (frame.key !== null) keyed++
      rig.deliver(step(rig, frame))
      for (const { bytes } of rig.take()) rig.deliver(rig.server.answer(rig.server.open(bytes)))
    }
    rig = rig.restarted({ keepaliveS: 300 })
    for (const packet of rig.takePackets()) rig.deliver(rig.server.answer(packet))
  }
  t.ok(steps >= 20, `${steps} steps`)
  t.equal(keyed, 2)
})

t.test('a clock that was set back: a step, not a pause of years', async (t) => {
  const rig = online()
  rig.stepWall(-DAY_MS)
  t.equal(pass(rig, HOUR_MS - 400_000).length, 0, 'the process that sees it goes by its own clock')
  const next = rig.restarted({ keepaliveS: 300, wallMs: rig.wallMs - DAY_MS })
  const [packet] = next.takePackets()
  t.equal(stepIn(packet as Packet)?.key?.length, 32)
})

t.test('the last ping of a device that goes away asks for no step', async (t) => {
  const rig = online()
  rig.machine.parts.channel.view.failedOpens = FAILED_OPENS_STEP
  rig.do((machine, now) => machine.stop(now))
  t.equal(stepIn(rig.takePacket()), null)
})
