/** A device machine among bytes that are not its server's: nothing goes out, nothing happens, and the true ones still work. */
import fc from 'fast-check'
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { Rig } from '../client/rig.js'
import type { FirstMessage } from '../client/scripted-server.js'
import { testCrypto } from '../support/crypto.js'
import { serverFrames } from '../support/frames.js'
import { fuzzing } from '../support/fuzzing.js'
import { withHostileBytes } from '../support/hostile-bytes.js'

const crypto = await testCrypto()

/** Delivers hostile copies of good datagrams: what is not one of them has no effect. */
function expectNoEffect(rig: Rig, goods: readonly Uint8Array[]): void {
  const known = new Set(goods.map(hex))
  const before = { events: rig.events.length, disk: rig.disk, timeoutMs: rig.machine.nextTimeout() }
  for (const good of goods) {
    withHostileBytes(good, (bytes) => {
      if (known.has(hex(bytes))) return
      rig.deliver(bytes)
      const after = { events: rig.events.length, disk: rig.disk, timeoutMs: rig.machine.nextTimeout() }
      const isUnchanged =
        after.events === before.events && after.disk === before.disk && after.timeoutMs === before.timeoutMs
      if (!isUnchanged || rig.take().length > 0) throw new Error(`effect of ${hex(bytes)}`)
    })
  }
}

t.test('[R-3-4] before its handshake: answers to message 1', async (t) => {
  const rig = new Rig(crypto)
  rig.start()
  const bytes = rig.takeOne()
  const read = (): FirstMessage => rig.server.readMessage1(bytes) as FirstMessage
  const goods = [rig.server.refuse(read(), 1, rig.wallMs), rig.server.cookieReply(bytes), rig.server.reset()]
  const accepted = rig.server.accept(read())
  expectNoEffect(rig, [accepted, ...goods])
  rig.deliver(accepted)
  rig.deliver(rig.server.answer(rig.takePacket()))
  t.equal(rig.eventsOf('online').length, 1, 'the true one is taken')
})

t.test('[R-3-4] [R-5.5-1] in its session: packets of the server and resets', async (t) => {
  const rig = Rig.online(crypto)
  rig.advance(100)
  rig.take()
  const goods = [rig.server.seal([rig.server.state()]), rig.server.reset()]
  expectNoEffect(rig, goods)
  rig.send({ kind: 'challenge', challenge: new Uint8Array(8) })
  t.match(rig.takePacket().frames.at(-1), { kind: 'response' }, 'a true one is answered')
})

t.test('frames that nobody asked for, in any order: the channel goes on, or is closed', async (t) => {
  const frame = fc.oneof(...Object.values(serverFrames))
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.array(frame, { maxLength: 3 }), fc.nat(20_000)), { maxLength: 30 }), (packets) => {
      const rig = Rig.online(crypto)
      for (const [frames, ms] of packets) {
        rig.send(...frames)
        rig.advance(ms)
      }
      // Whatever became of the session, the device asks again by itself.
      rig.take()
      rig.advance(3_600_000)
      if (rig.take().length === 0 && rig.eventsOf('closed').length === 0) throw new Error('the device is mute')
    }),
    fuzzing(30),
  )
  t.pass('never mute')
})
