/** UDP and WebSocket as one transport, against the real endpoint in virtual time. wire-spec §8.3 */
import t from 'tap'
import type { Device } from '../../src/client/index.js'
import { entryOf } from '../../src/client/list-edit.js'
import { APP } from './rig.js'
import { type Setting, setting } from './two-paths.js'

const MINUTE_MS = 60_000

function notify({ world, phone, device }: Setting, ring: number): void {
  world.hub.send(phone.device.handle, {
    kind: 'notify',
    id: 0x2000 + ring,
    ring: new Uint8Array(16).fill(ring),
    app: Uint8Array.from(Buffer.from(APP, 'hex')),
    rotation: entryOf(device.list, APP)!.rotation,
    deadlineMs: world.now.wallMs + MINUTE_MS,
    title: 'Ann',
    body: '',
    url: '',
    payload: new Uint8Array(0),
  })
}

/** Rings that are shown, by their first byte. */
function shown(device: Device): string[] {
  const rings: string[] = []
  device.on('ring', ({ id }) => rings.push(id.slice(0, 2)))
  return rings
}

async function allowed(one: Setting): Promise<Setting> {
  const settled = one.device.allow(APP)
  await one.run(12_000)
  await settled
  return one
}

t.test('[R-8.3-9] where UDP passes, no connection is opened', async (t) => {
  const one = await setting()
  await one.run(10 * MINUTE_MS)
  t.ok(one.device.isOnline)
  t.equal(one.tcp.opens, 0)
  t.equal(one.paths.kind, 'udp')
})

t.test('[R-8.3-9] UDP blocked from the start: the handshake goes on over WebSocket', async (t) => {
  const one = await setting((udp) => {
    udp.isBlocked = true
  })
  await one.run(6900)
  t.equal(one.tcp.opens, 0, 'not before the repeats of a round')
  await one.run(1000)
  t.ok(one.device.isOnline)
  t.equal(one.paths.kind, 'tcp')
  t.equal(one.handshakes(), 1)
})

t.test(
  '[R-8.3-9] UDP blocked in a session: it moves within a round, the ring of the meantime comes, no handshake',
  async (t) => {
    const one = await allowed(await setting())
    const rings = shown(one.device)
    one.udp.isBlocked = true
    notify(one, 0x51)
    one.device.idle() // asks: 7 s later the other path is opened
    await one.run(8000)
    t.equal(one.paths.kind, 'tcp')
    await one.run(1000)
    t.same(rings, ['51'])
    notify(one, 0x52)
    await one.run(200)
    t.same(rings, ['51', '52'])
    t.equal(one.handshakes(), 1)
    const pings = one.tcp.sent.length
    await one.run(4 * MINUTE_MS)
    t.ok(one.tcp.sent.length - pings <= 4, 'pings at the interval of TCP paths')
  },
)

t.test('[R-8.3-10] UDP is tried again after 10, 20, 40 minutes, by one small packet that is due anyway', async (t) => {
  const one = await setting((udp) => {
    udp.isBlocked = true
  })
  await one.run(9000)
  const movedMs = one.world.now.monotonicMs
  one.udp.sent = []
  const atMin: number[] = []
  for (let minute = 1; minute <= 75; minute++) {
    await one.run(MINUTE_MS)
    for (const datagram of one.udp.sent.splice(0)) {
      t.ok(datagram.length <= 64)
      atMin.push(Math.floor((one.world.now.monotonicMs - movedMs) / MINUTE_MS))
    }
  }
  t.equal(atMin.length, 3)
  for (const [i, minutes] of [10, 30, 70].entries()) t.ok(atMin[i]! >= minutes && atMin[i]! <= minutes + 5, `${atMin}`)
  t.equal(one.paths.kind, 'tcp')
  t.ok(one.device.isOnline)
})

t.test(
  '[R-8.3-10] UDP answers a trial: the session is back without a handshake, the connection is closed',
  async (t) => {
    const one = await allowed(
      await setting((udp) => {
        udp.isBlocked = true
      }),
    )
    await one.run(9000)
    t.equal(one.paths.kind, 'tcp')
    one.udp.isBlocked = false
    await one.run(13 * MINUTE_MS)
    t.equal(one.paths.kind, 'udp')
    t.notOk(one.tcp.isOpen)
    const rings = shown(one.device)
    notify(one, 0x53)
    await one.run(200)
    t.same(rings, ['53'])
    t.equal(one.handshakes(), 1)
  },
)

t.test('[R-8.3-10] a change of network begins with UDP again, on the spare connection ID', async (t) => {
  const one = await setting((udp) => {
    udp.isBlocked = true
  })
  await one.run(20_000)
  const id = one.tcp.sent.at(-1)!.slice(1, 6)
  one.udp.isBlocked = false
  one.udp.sent = []
  one.device.networkChanged()
  await one.run(1000)
  t.equal(one.paths.kind, 'udp')
  t.notOk(one.tcp.isOpen)
  t.ok(one.udp.sent.length > 0)
  for (const datagram of one.udp.sent) t.notSame(datagram.slice(1, 6), id)
  t.ok(one.device.isOnline)
  t.equal(one.handshakes(), 1)
})

t.test('[R-8.3-8] a connection that breaks is opened again, and a ring of the meantime comes', async (t) => {
  const one = await allowed(
    await setting((udp) => {
      udp.isBlocked = true
    }),
  )
  await one.run(9000)
  const rings = shown(one.device)
  one.tcp.break()
  notify(one, 0x54)
  await one.run(2500)
  t.same(rings, ['54'])
  t.equal(one.tcp.opens, 2)
  t.equal(one.handshakes(), 1)
})

t.test('neither answers: both are tried in turn, and whichever comes back first serves', async (t) => {
  const one = await setting()
  await one.run(2000)
  one.udp.isBlocked = true
  one.tcp.isBlocked = true
  one.device.idle()
  await one.run(20_000)
  t.notOk(one.device.isOnline)
  t.equal(one.paths.kind, 'udp')
  one.tcp.isBlocked = false
  await one.run(40_000)
  t.equal(one.paths.kind, 'tcp')
  t.ok(one.device.isOnline)
  one.tcp.isBlocked = true
  one.udp.isBlocked = false
  one.device.active()
  await one.run(20_000)
  t.equal(one.paths.kind, 'udp')
  t.ok(one.device.isOnline)
})

t.test('a server that was down for a while is met again on UDP: no connection stays open', async (t) => {
  const one = await setting()
  await one.run(2000)
  one.udp.isBlocked = true
  one.tcp.isBlocked = true
  one.device.idle()
  await one.run(12_000)
  t.ok(one.tcp.isWanted)
  one.udp.isBlocked = false
  await one.run(30_000)
  t.ok(one.device.isOnline)
  t.notOk(one.tcp.isWanted)
})

t.test('TCP is preferred: it moves there, at the interval of TCP, and back when UDP is preferred', async (t) => {
  const one = await allowed(await setting())
  one.prefer('tcp')
  one.prefer('tcp')
  await one.run(1000)
  t.equal(one.paths.kind, 'tcp')
  one.udp.sent = []
  await one.run(10 * MINUTE_MS)
  t.same(one.udp.sent, [], 'nothing goes by UDP')
  t.equal(one.tcp.opens, 1)
  one.prefer('udp')
  await one.run(3 * MINUTE_MS)
  t.equal(one.paths.kind, 'udp')
  t.notOk(one.tcp.isOpen)
  t.equal(one.handshakes(), 1)
})

t.test('TCP is preferred and does not pass: UDP serves, and TCP is tried again after growing pauses', async (t) => {
  const one = await setting()
  await one.run(2000)
  one.prefer('tcp')
  await one.run(1000)
  t.equal(one.paths.kind, 'tcp')
  one.tcp.isBlocked = true
  one.device.idle()
  await one.run(20_000)
  t.equal(one.paths.kind, 'udp')
  t.ok(one.device.isOnline)
  one.tcp.isBlocked = false
  await one.run(9 * MINUTE_MS)
  t.equal(one.paths.kind, 'udp')
  await one.run(3 * MINUTE_MS)
  t.equal(one.paths.kind, 'tcp')
  one.device.networkChanged()
  await one.run(1000)
  t.equal(one.paths.kind, 'tcp', 'on the next network too, until it is said otherwise')
  t.equal(one.handshakes(), 1)
})

t.test('what closes, closes both', async (t) => {
  const one = await setting()
  await one.run(2000)
  const closed = one.device.close()
  await one.run(4000)
  await closed
  t.notOk(one.tcp.isOpen)
})
