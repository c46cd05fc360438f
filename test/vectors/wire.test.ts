import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import { decodeFrames } from '../../src/frame/frame-codec.js'
import { HandshakeState } from '../../src/noise/handshake-state.js'
import { parsePattern } from '../../src/noise/pattern.js'
import { HANDSHAKE_PROLOGUE, HANDSHAKE_PROTOCOL, noiseOfMessage1, noiseOfMessage2 } from '../../src/packet/handshake.js'
import { emptyHeader, parseHeader } from '../../src/packet/header.js'
import { openPacket } from '../../src/packet/protection.js'
import { SAMPLE_D2S, SAMPLE_S2D } from '../support/frame-vectors.js'
import { deviceFrames, serverFrames } from '../support/frames.js'
import { HANDSHAKE, PACKETS } from '../support/wire-example.js'
import { wireVectors } from '../support/wire-vectors.js'
import { workedExamples } from '../support/worked-examples.js'

const FOLDER = join(import.meta.dirname, 'wire')
const SPEC = join(import.meta.dirname, '../../wire-spec.md')
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
  t.strictSame(lengths, [27, 22, 24, 19, 128, 27, 27, 19, 39, 34])
  for (const { direction, key, number, header, frames, datagram } of PACKETS) {
    const parsed = emptyHeader()
    t.equal(parseHeader(datagram, direction, parsed), null)
    t.equal(parsed.headerBytes, header.length)
    const plaintext = openPacket(crypto, key, datagram, parsed.headerBytes, number) as Uint8Array
    t.strictSame(direction === 'd2s' ? decodeFrames(plaintext, 'd2s') : decodeFrames(plaintext, 's2d'), frames)
  }
})

t.test('every kind of frame is among the vectors', async (t) => {
  t.strictSame(new Set(SAMPLE_D2S.map(({ kind }) => kind)), new Set(['ping', ...Object.keys(deviceFrames)]))
  t.strictSame(new Set(SAMPLE_S2D.map(({ kind }) => kind)), new Set(['pong', ...Object.keys(serverFrames)]))
})
