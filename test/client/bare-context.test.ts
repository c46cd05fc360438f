import t from 'tap'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { loadBare } from '../support/bare-context.js'
import { START_WALL_MS } from '../support/pair.js'
import { type FirstMessage, ScriptedServer } from './scripted-server.js'

const PSK = new Uint8Array(32).fill(3)
const SECRET = new Uint8Array(32).fill(4)

/** A device inside the context; bytes cross the border as arrays of numbers. */
interface BareDevice {
  start(): void
  deliver(bytes: number[]): void
  advance(ms: number): void
  /** Datagrams and kinds of events since the last call. */
  take(): { datagrams: number[][]; events: string[] }
}

const CODE = `
  let state = 12345
  const random = { fill(out) {
    for (let i = 0; i < out.length; i++) { state = (state * 1103515245 + 12345) % 2147483648; out[i] = state >>> 8 }
    return out
  } }
  const now = { monotonicMs: 0, wallMs: ${START_WALL_MS} }
  return (secret, publicKey, psk, serverKey) => {
    const bytes = (array) => Uint8Array.from(array)
    const credentials = { deviceId: 'd', secretKey: bytes(secret), publicKey: bytes(publicKey), psk: bytes(psk),
      serverKeys: [bytes(serverKey)], endpoints: ['udp://192.0.2.1:7350'] }
    const machine = new m.DeviceMachine({ credentials, stored: null, crypto: m.nobleCrypto, random }, now)
    const save = () => {
      for (let r = machine.pollSave(); r !== null; r = machine.pollSave()) machine.handleSaved(r, now)
    }
    return {
      start() { machine.start(now); save() },
      deliver(array) { machine.handleDatagram(bytes(array), now); save() },
      advance(ms) { now.monotonicMs += ms; now.wallMs += ms; machine.handleTimeout(now); save() },
      take() {
        const datagrams = [], events = []
        for (let d = machine.pollTransmit(); d !== null; d = machine.pollTransmit()) datagrams.push([...d])
        for (let e = machine.pollEvent(); e !== null; e = machine.pollEvent()) events.push(e.kind)
        return { datagrams, events }
      },
    }
  }`

t.test('pilotlight/client needs ECMAScript and nothing else: a handshake, a ping, a list, on noble', async (t) => {
  const bare = loadBare('client/index.ts')
  t.notOk(
    bare.files.some((file) => file.includes('/node/') && file.includes('src/')),
    'no Node part',
  )
  const packages = bare.files.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? [])
  t.same([...new Set(packages)].sort(), ['@noble/ciphers', '@noble/curves', '@noble/hashes', 'cbor-x'])

  const make = bare.run(CODE) as (...keys: number[][]) => BareDevice
  const server = new ScriptedServer(nobleCrypto, PSK)
  const { publicKey } = keyPair(nobleCrypto, SECRET)
  const serverKey = (server.staticKeys[0] as { publicKey: Uint8Array }).publicKey
  const device = make([...SECRET], [...publicKey], [...PSK], [...serverKey])

  const one = (): Uint8Array => {
    const { datagrams } = device.take()
    t.equal(datagrams.length, 1)
    return Uint8Array.from(datagrams[0] as number[])
  }
  device.start()
  device.deliver([...server.accept(server.readMessage1(one()) as FirstMessage)])
  const first = server.open(one())
  device.deliver([...server.answer(first, server.state())])
  t.same([...device.take().events], ['online', 'server-time'])
  device.advance(200)
  t.match(server.open(one()).frames, [{ kind: 'ack' }])
  device.advance(30_000)
  const ping = server.open(one())
  t.match(ping.frames, [{ kind: 'ping', state: 'active' }])
  t.equal(ping.bytes.length, 24)
})
