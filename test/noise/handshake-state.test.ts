import t from 'tap'
import { ascii } from '../../src/base/text.js'
import { type KeyPair, keyPair } from '../../src/crypto/key-pair.js'
import { type HandshakeOptions, HandshakeState } from '../../src/noise/handshake-state.js'
import { parsePattern } from '../../src/noise/pattern.js'
import { testCrypto } from '../support/crypto.js'

const crypto = await testCrypto()
const named = (pattern: string) => parsePattern(`Noise_${pattern}_25519_ChaChaPoly_BLAKE2s`)
const secret = (byte: number) => new Uint8Array(32).fill(byte)
const device = keyPair(crypto, secret(1))
const server = keyPair(crypto, secret(2))
const psk = secret(3)
const PING = ascii('ping')
const PONG = ascii('pong')

/** Points that X25519 sends to zero: u = 0, 1, p - 1, p and one of order 8. */
const LOW_ORDER_KEYS = [
  secret(0),
  secret(0).with(0, 1),
  secret(0xff).with(0, 0xec).with(31, 0x7f),
  secret(0xff).with(0, 0xed).with(31, 0x7f),
  Uint8Array.from(Buffer.from('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157', 'hex')),
]

interface Keys {
  readonly s?: KeyPair
  readonly rs?: Uint8Array
}

function initiator(name: string, { s, rs }: Keys, more: Partial<HandshakeOptions> = {}) {
  const keys = { ...(s && { s }), ...(rs && { rs }) }
  return new HandshakeState(crypto, {
    pattern: named(name),
    initiator: true,
    e: secret(11),
    ...keys,
    ...more,
  })
}

function responder(name: string, { s, rs }: Keys, more: Partial<HandshakeOptions> = {}) {
  return initiator(
    name,
    { ...(s && { s }), ...(rs && { rs }) },
    {
      initiator: false,
      e: secret(12),
      ...more,
    },
  )
}

const ikDevice = (more: Partial<HandshakeOptions> = {}) =>
  initiator('IKpsk2', { s: device, rs: server.publicKey }, { psks: [psk], ...more })
const ikServer = (more: Partial<HandshakeOptions> = {}) => responder('IKpsk2', { s: server }, more)

function written(message: Uint8Array | null): Uint8Array {
  if (message === null) throw new Error('message was not written')
  return message
}

/** Truncated at every length, longer by one, every single bit flipped. */
function* damaged(message: Uint8Array): Generator<[string, Uint8Array]> {
  for (let length = 0; length < message.length; length++) {
    yield [`cut to ${length}`, message.subarray(0, length)]
  }
  yield ['one byte more', Uint8Array.of(...message, 0)]
  for (let bit = 0; bit < message.length * 8; bit++) {
    const at = bit >> 3
    yield [`bit ${bit}`, message.with(at, (message[at] ?? 0) ^ (1 << (bit & 7)))]
  }
}

t.test('the server learns the device, sets its psk, and both agree', async (t) => {
  const [ours, theirs] = [ikDevice(), ikServer()]
  const first = written(ours.writeMessage(PING))
  t.equal(first.length, 32 + 48 + PING.length + 16)
  t.strictSame(theirs.readMessage(first), PING)
  t.strictSame(theirs.remoteStatic, device.publicKey)
  t.throws(() => theirs.writeMessage(PONG), /needs psk 0/)
  theirs.setPsk(0, psk)
  const second = written(theirs.writeMessage(PONG))
  t.equal(second.length, 32 + PONG.length + 16)
  t.strictSame(ours.readMessage(second), PONG)
  t.strictSame(ours.exportRoot(), theirs.exportRoot())
  const [a, b] = [ours.split(), theirs.split()]
  t.strictSame(a.handshakeHash, b.handshakeHash)
  t.strictSame(b.receive.decryptWithAd(PING, a.send.encryptWithAd(PING, PONG)), PONG)
  t.strictSame(a.receive.decryptWithAd(PING, b.send.encryptWithAd(PING, PING)), PING)
  t.strictSame(ours.exportRoot(), theirs.exportRoot(), 'also after the split')
})

t.test('every damaged message is refused, and the good one is read after all of them', async (t) => {
  const [ours, theirs] = [ikDevice(), ikServer({ psks: [psk] })]
  const accepted: string[] = []
  const first = written(ours.writeMessage(PING))
  for (const [name, bad] of damaged(first)) {
    if (theirs.readMessage(bad) !== null) accepted.push(`message 1 ${name}`)
  }
  t.equal(theirs.remoteStatic, null)
  t.equal(theirs.messageCount, 0)
  t.strictSame(theirs.readMessage(first), PING)
  const second = written(theirs.writeMessage(PONG))
  for (const [name, bad] of damaged(second)) {
    if (ours.readMessage(bad) !== null) accepted.push(`message 2 ${name}`)
  }
  t.strictSame(ours.readMessage(second), PONG)
  t.strictSame(accepted, [])
  t.strictSame(ours.split().handshakeHash, theirs.split().handshakeHash)
})

t.test('another psk, prologue or server key is refused', async (t) => {
  const first = written(ikDevice().writeMessage(PING))
  t.equal(ikServer({ prologue: PING }).readMessage(first), null)
  t.equal(ikServer({ s: device }).readMessage(first), null)
  const [ours, theirs] = [ikDevice(), ikServer({ psks: [secret(4)] })]
  theirs.readMessage(written(ours.writeMessage(PING)))
  t.equal(ours.readMessage(written(theirs.writeMessage(PONG))), null)
})

t.test('a key of low order fails the message and changes nothing', async (t) => {
  for (const low of LOW_ORDER_KEYS) {
    const theirs = ikServer({ psks: [psk] })
    const forged = new Uint8Array(200)
    forged.set(low)
    t.equal(theirs.readMessage(forged), null)
    t.equal(ikDevice({ rs: low }).writeMessage(PING), null)

    const xxServer = responder('XX', { s: server })
    t.strictSame(xxServer.readMessage(Uint8Array.of(...low, ...PING)), PING)
    t.equal(xxServer.writeMessage(PONG), null)
    t.equal(xxServer.messageCount, 1)
    t.ok(xxServer.isOurTurn)
  }
})

t.test('a static key of low order inside a sealed message is refused', async (t) => {
  const low = secret(0)
  const ours = ikDevice({ s: { secretKey: device.secretKey, publicKey: low } })
  const theirs = ikServer({ psks: [psk] })
  t.equal(theirs.readMessage(written(ours.writeMessage(PING))), null)
  t.equal(theirs.remoteStatic, null)
})

t.test('messages in the clear are refused below their fixed part only', async (t) => {
  const first = written(initiator('IX', { s: device }).writeMessage(PING))
  for (let length = 0; length < first.length; length++) {
    const payload = responder('IX', { s: server }).readMessage(first.subarray(0, length))
    t.strictSame(payload, length < 64 ? null : PING.subarray(0, length - 64))
  }
})

t.test('a payload belongs to the reader, not to the datagram it came in', async (t) => {
  const [ours, theirs] = [initiator('IX', { s: device }), responder('IX', { s: server })]
  const first = written(ours.writeMessage(PING))
  const payload = theirs.readMessage(first)
  first.fill(0)
  t.strictSame(payload, PING)
  t.strictSame(theirs.remoteStatic, device.publicKey)
  t.strictSame(ours.readMessage(written(theirs.writeMessage(PONG))), PONG)
})

t.test('each psk goes to its own place', async (t) => {
  const psks = [secret(5), secret(6)]
  const ours = initiator('NNpsk0+psk2', {}, { psks })
  const theirs = responder('NNpsk0+psk2', {}, { psks: [secret(5), null] })
  t.strictSame(theirs.readMessage(written(ours.writeMessage(PING))), PING)
  theirs.setPsk(1, secret(6))
  t.strictSame(ours.readMessage(written(theirs.writeMessage(PONG))), PONG)
  t.strictSame(ours.exportRoot(), theirs.exportRoot())
})

t.test('65535 bytes are the most', async (t) => {
  const payload = new Uint8Array(65535 - 32)
  const ours = initiator('NN', {})
  t.throws(() => ours.writeMessage(new Uint8Array(65536 - 32)), RangeError)
  const longest = written(ours.writeMessage(payload))
  t.equal(responder('NN', {}).readMessage(Uint8Array.of(...longest, 0)), null)
  t.strictSame(responder('NN', {}).readMessage(longest), payload)
})

t.test('steps out of order are mistakes of the caller', async (t) => {
  const [ours, theirs] = [ikDevice(), ikServer({ psks: [psk] })]
  t.throws(() => ours.readMessage(PING), /not our turn to read/)
  t.throws(() => theirs.writeMessage(PING), /not our turn to write/)
  t.throws(() => ours.split(), /before the last message/)
  t.throws(() => ours.exportRoot(), /before the last message/)
  theirs.readMessage(written(ours.writeMessage(PING)))
  ours.readMessage(written(theirs.writeMessage(PONG)))
  t.throws(() => ours.writeMessage(PING), /complete/)
  t.throws(() => ours.readMessage(PING), /complete/)
  t.notOk(ours.isOurTurn || theirs.isOurTurn)
  ours.split()
  t.throws(() => ours.split(), /split twice/)
})

t.test('missing, needless and misshapen keys are mistakes of the caller', async (t) => {
  const short = new Uint8Array(31)
  t.throws(() => initiator('IK', { s: device }), /rs missing/)
  t.throws(() => initiator('XX', { s: device, rs: server.publicKey }), /rs not wanted/)
  t.throws(() => initiator('IK', { s: device, rs: short }), RangeError)
  t.throws(() => initiator('NN', {}, { e: short }), RangeError)
  t.throws(() => initiator('NN', {}, { psks: [psk] }), RangeError)
  t.throws(() => initiator('KN', {}), /needs s/)
  t.throws(() => initiator('IX', {}).writeMessage(PING), /needs s/)
  const withoutEphemeral = { pattern: named('NN'), initiator: true }
  t.throws(() => new HandshakeState(crypto, withoutEphemeral).writeMessage(PING), /needs e/)
  t.throws(() => ikServer().setPsk(1, psk), RangeError)
  t.throws(() => ikServer().setPsk(0, short), RangeError)
})
