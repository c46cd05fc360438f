import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fromHex, hex } from '../../src/base/bytes.js'
import { openListKey } from '../../src/client/key-transfer.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import { decodeFrames } from '../../src/frame/frame-codec.js'
import { HandshakeState } from '../../src/noise/handshake-state.js'
import { parsePattern } from '../../src/noise/pattern.js'
import { HANDSHAKE_PROLOGUE, HANDSHAKE_PROTOCOL, noiseOfMessage1, noiseOfMessage2 } from '../../src/packet/handshake.js'
import { emptyHeader, parseHeader } from '../../src/packet/header.js'
import { openPacket } from '../../src/packet/protection.js'
import { changeDeviceBoot, changeServerBoot, startKeys, takeDeviceBoot } from '../../src/session/keys.js'
import { confirmSession, Receiver } from '../../src/session/receiver.js'
import type { Role } from '../../src/session/record.js'
import { loadSession, saveSession } from '../../src/session/saved.js'
import { SessionSlab } from '../../src/session/slab.js'
import { SAMPLE_D2S, SAMPLE_S2D } from '../support/frame-vectors.js'
import { deviceFrames, serverFrames } from '../support/frames.js'
import { ROOT } from '../support/root.js'
import { keyTransfer, RESTART, RETRY } from '../support/session-vectors.js'
import { STEPS } from '../support/step-example.js'
import { DEVICE_BOOT, type ExamplePacket, HANDSHAKE, PACKETS, SERVER_BOOT } from '../support/wire-example.js'
import { wireVectors } from '../support/wire-vectors.js'
import { workedExamples } from '../support/worked-examples.js'

const FOLDER = join(ROOT, 'test/vectors/wire')
const SPEC = join(ROOT, 'wire-spec.md')
const EXAMPLES = /(<!-- examples:begin -->\n)[\s\S]*?(\n<!-- examples:end -->)/
const UPDATE = process.env['UPDATE_VECTORS'] === '1'

t.test('the checked-in vectors are what the code makes (UPDATE_VECTORS=1 rewrites them)', async (t) => {
  const vectors = wireVectors()
  for (const [name, contents] of Object.entries(vectors)) {
    const file = join(FOLDER, name)
    const text = `${JSON.stringify(contents, null, 2)}\n`
    if (UPDATE) writeFileSync(file, text)
    t.equal(existsSync(file) ? readFileSync(file, 'utf8') : '', text, name)
  }
  t.strictSame(
    readdirSync(FOLDER)
      .filter((name) => name.endsWith('.json'))
      .sort(),
    Object.keys(vectors).sort(),
  )
})

t.test('section 15 of wire-spec is what the code makes', async (t) => {
  const examples = `\n${workedExamples()}\n`
  const spec = readFileSync(SPEC, 'utf8')
  t.match(spec, EXAMPLES)
  if (UPDATE)
    writeFileSync(
      SPEC,
      spec.replace(EXAMPLES, (_, begin: string, end: string) => begin + examples + end),
    )
  t.equal(
    readFileSync(SPEC, 'utf8').match(EXAMPLES)?.[0],
    `<!-- examples:begin -->\n${examples}\n<!-- examples:end -->`,
  )
})

t.test('noise/ makes the same handshake as the one written out step by step', async (t) => {
  const { input, trace, message1, message2 } = HANDSHAKE
  const server = keyPair(crypto, input.serverStatic)
  const common = { pattern: parsePattern(HANDSHAKE_PROTOCOL), prologue: HANDSHAKE_PROLOGUE, psks: [input.psk] }
  const device = new HandshakeState(crypto, {
    ...common,
    initiator: true,
    s: keyPair(crypto, input.deviceStatic),
    e: input.deviceEphemeral,
    rs: server.publicKey,
  })
  const responder = new HandshakeState(crypto, { ...common, initiator: false, s: server, e: input.serverEphemeral })
  t.strictSame(device.writeMessage(input.payload1), noiseOfMessage1(message1))
  t.strictSame(responder.readMessage(noiseOfMessage1(message1)), input.payload1)
  t.strictSame(responder.writeMessage(input.payload2), noiseOfMessage2(message2))
  t.strictSame(device.readMessage(noiseOfMessage2(message2)), input.payload2)
  t.equal(hex(device.exportRoot()), hex(trace.root))
})

t.test('the example packets are read as they were meant', async (t) => {
  const lengths = PACKETS.map(({ datagram }) => datagram.length)
  t.strictSame(lengths, [30, 34, 24, 19, 128, 27, 27, 19, 42, 46])
  t.strictSame(
    STEPS.packets.map(({ datagram }) => datagram.length),
    [60, 55, 27, 22, 26, 21, 27, 22],
  )
  for (const { direction, key, number, header, frames, datagram } of [...PACKETS, ...STEPS.packets]) {
    const parsed = emptyHeader()
    t.equal(parseHeader(datagram, direction, parsed), null)
    t.equal(parsed.headerBytes, header.length)
    const plaintext = openPacket(crypto, key, datagram, parsed.headerBytes, number) as Uint8Array
    t.strictSame(direction === 'd2s' ? decodeFrames(plaintext, 'd2s') : decodeFrames(plaintext, 's2d'), frames)
  }
})

/** Both ends of the example's session, with receivers for what the other one sends. */
function ends(deviceBoot: Uint8Array, serverBoot: Uint8Array) {
  const end = (role: Role, boot: Uint8Array) => {
    const context = { crypto, random: { fill: <T>(bytes: T) => bytes }, boot }
    const view = new SessionSlab(role, 1).view().at(0)
    startKeys(view, context, HANDSHAKE.trace.root)
    return { context, view, receiver: new Receiver(context) }
  }
  return { device: end('device', deviceBoot), server: end('server', serverBoot) }
}

/** Opens a packet at the end that it goes to. */
function openAt({ device, server }: ReturnType<typeof ends>, { direction, datagram }: ExamplePacket): unknown {
  const { receiver, view } = direction === 'd2s' ? server : device
  const header = emptyHeader()
  const wrong = parseHeader(datagram, direction, header)
  const plaintext = wrong ?? receiver.open(view, header, datagram)
  if (typeof plaintext === 'string') return plaintext
  return direction === 'd2s' ? decodeFrames(plaintext, 'd2s') : decodeFrames(plaintext, 's2d')
}

t.test('[R-5.3-4] [R-5.3-6] [R-8.2-2] the exchange after a restart of both ends opens as it was meant', async (t) => {
  const both = ends(RESTART.deviceBoot, RESTART.serverBoot)
  for (const { context, view } of Object.values(both)) {
    changeDeviceBoot(view, context, DEVICE_BOOT)
    if (view.role === 'device') changeServerBoot(view, context, SERVER_BOOT)
    t.ok(loadSession(view, context, saveSession(view)))
  }
  for (const [index, packet] of RESTART.packets.entries()) {
    t.strictSame(openAt(both, packet), packet.frames, packet.title)
    if (index === 2) confirmSession(both.server.view, both.server.receiver.number)
  }
})

t.test('[R-5.3-2] the retry of a first packet, where D becomes the boot value, opens as it was meant', async (t) => {
  const both = ends(DEVICE_BOOT, SERVER_BOOT)
  const { context, view } = both.device
  for (const [index, packet] of RETRY.entries()) {
    if (index === 1) takeDeviceBoot(view, context)
    t.strictSame(openAt(both, packet), packet.frames, packet.title)
    if (index === 2) t.ok(both.device.receiver.byLastKey)
  }
  t.equal(openAt(both, RETRY[0] as ExamplePacket), 'tag', 'the key with D zero is gone at the server')
})

t.test('[R-11-2] the new device opens the list key of the vector', async (t) => {
  const vector = keyTransfer() as unknown as Record<'nonce' | 'sealed' | 'list key', string> &
    Record<'new device static' | 'old device static', { secret: string; public: string }>
  const own = keyPair(crypto, fromHex(vector['new device static'].secret))
  const sender = fromHex(vector['old device static'].public)
  const listKey = openListKey(crypto, own, sender, fromHex(vector.nonce), fromHex(vector.sealed))
  t.equal(listKey === null ? null : hex(listKey), vector['list key'])
})

t.test('every kind of frame is among the vectors', async (t) => {
  t.strictSame(new Set(SAMPLE_D2S.map(({ kind }) => kind)), new Set(['ping', ...Object.keys(deviceFrames)]))
  t.strictSame(new Set(SAMPLE_S2D.map(({ kind }) => kind)), new Set(['pong', ...Object.keys(serverFrames)]))
})
