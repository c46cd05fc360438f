/** A device on Node against the real endpoint over a real socket on loopback. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { addressFrom } from '../../../src/base/address.js'
import type { Credentials } from '../../../src/client/index.js'
import { connect, systemHost } from '../../../src/client/node/index.js'
import { testCrypto } from '../../support/crypto.js'
import { Pair } from '../../support/pair.js'

const crypto = await testCrypto()

t.test('connect, online, close; the second start needs no handshake', async (t) => {
  const pair = new Pair(crypto)
  pair.now.wallMs = Date.now()
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  socket.on('message', (bytes, { port, address }) => {
    for (const one of pair.deliver(bytes, addressFrom(address, port))) socket.send(one.bytes, port, address)
  })
  const device = pair.enrol()
  const credentials: Credentials = {
    deviceId: 'dev_1',
    secretKey: device.keys.secretKey,
    publicKey: device.keys.publicKey,
    psk: device.psk,
    serverKeys: pair.staticKeys.map(({ publicKey }) => publicKey),
    endpoints: [`udp://127.0.0.1:${(socket.address() as AddressInfo).port}`],
  }
  const storage = join(t.testdir(), 'state.json')
  const handshakes: unknown[] = []
  for (let start = 0; start < 2; start++) {
    const phone = await connect({ credentials, storage })
    phone.on('online', ({ handshakeBytes }) => handshakes.push(handshakeBytes))
    await phone.whenOnline()
    t.ok(phone.counters().received.all.bytes > 0)
    await phone.close()
  }
  t.same(handshakes, [[120, 67], null])
})

t.test('clocks and timers of Node', async (t) => {
  const host = systemHost()
  const before = host.now()
  const cancel = host.setTimer(60_000, () => t.fail('cancelled'))
  cancel()
  await new Promise<void>((resolve) => host.setTimer(5, resolve))
  const after = host.now()
  t.ok(after.monotonicMs > before.monotonicMs)
  t.ok(Number.isInteger(after.monotonicMs) && Number.isInteger(after.wallMs))
  t.notSame(host.random.fill(new Uint8Array(16)), host.random.fill(new Uint8Array(16)))
})
