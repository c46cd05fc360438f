/** Records of sessions lie side by side: what is done with one leaves every other as it is. */
import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, Pair, type TestDevice } from '../support/pair.js'

const crypto = await testCrypto()

const snapshots = (pair: Pair, but: TestDevice): Uint8Array[] =>
  [0, 1, 2, 3, 4].filter((slot) => slot !== but.slot).map((slot) => pair.slab.view().at(slot).snapshot())

t.test('a session that ends takes no other with it', async (t) => {
  for (const last of [0, 1, 2] as const) {
    const pair = new Pair(crypto)
    const devices = [1, 2, 3].map((n) => pair.join(addressOf(n)))
    const ending = devices[last] as TestDevice
    pair.deliver(ending.seal([{ kind: 'close', code: 0 }], { ask: false }), addressOf(last + 1))
    for (const [index, device] of devices.entries()) {
      if (device === ending) continue
      const [pong] = device.exchange([{ kind: 'ping', state: 'idle', silenceClass: 4 }], addressOf(index + 1))
      t.equal(pong?.kind, 'pong', `${index} after the end of ${last}`)
    }
    t.equal(pair.dropped('tag'), 0)
  }
})

t.test('handshakes at the same time do not disturb each other', async (t) => {
  const pair = new Pair(crypto)
  const devices = [1, 2, 3, 4, 5].map((n) => pair.join(addressOf(n)))
  const accepted = devices.map((device, n) => pair.deliver(device.message1(), addressOf(n + 1))[0])
  for (const [n, device] of devices.entries()) {
    t.equal(device.readMessage2(accepted[n]?.bytes as Uint8Array)?.kind, 'acceptance')
    const frames = device.exchange([{ kind: 'ping', state: 'active', silenceClass: 4 }], addressOf(n + 1))
    t.ok(
      frames.some(({ kind }) => kind === 'pong'),
      `device ${n} is answered`,
    )
  }
  t.equal(pair.dropped('tag'), 0)
})

t.test('whatever a device does, the records of the others stay byte for byte', async (t) => {
  const random = new SeededRandom('neighbours')
  const pair = new Pair(crypto)
  const devices = [1, 2, 3, 4, 5].map((n) => pair.join(addressOf(n)))
  const deeds: Record<string, (device: TestDevice, remote: Uint8Array) => void> = {
    ping: (device, remote) => void device.exchange([{ kind: 'ping', state: 'idle', silenceClass: 7 }], remote),
    end: (device, remote) => void pair.deliver(device.seal([{ kind: 'close', code: 0 }], { ask: false }), remote),
    rubbish: (device, remote) => void pair.deliver(device.sealBytes(Uint8Array.of(0xff, 0xff)), remote),
    handshake: (device, remote) => device.handshake(remote),
    half: (device, remote) => void pair.deliver(device.message1(), remote),
    reboot: (device, remote) => {
      device.reboot()
      device.exchange([{ kind: 'ping', state: 'active', silenceClass: 4 }], remote)
    },
    move: (device) => {
      device.moveToSpare()
      const away = addressOf(100 + random.int(100))
      pair.deliver(device.ping(), away)
    },
    remove: (device) => void pair.command({ kind: 'remove', device: device.handle, code: 3 }),
  }
  for (let round = 0; round < 200; round++) {
    const index = random.int(devices.length)
    const device = devices[index] as TestDevice
    const before = snapshots(pair, device)
    const names = Object.keys(deeds)
    const name = names[random.int(names.length)] as string
    try {
      deeds[name]?.(device, addressOf(index + 1))
    } catch {
      // It has no session any more, or is no device.
    }
    t.same(snapshots(pair, device), before, `${name} of device ${index}`)
    pair.advance(60_000)
    const record = pair.slab.view().at(device.slot)
    if (record.inUse) continue
    if (name === 'remove') {
      devices[index] = pair.enrol(device.slot, record.generation + 1)
      pair.command({ kind: 'add', device: (devices[index] as TestDevice).handle, rotation: record.rotation })
    }
    devices[index]?.handshake(addressOf(index + 1))
  }
})
