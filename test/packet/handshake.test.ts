import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { fromHex, hex } from '../../src/base/bytes.js'
import { ascii } from '../../src/base/text.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { HandshakeState } from '../../src/noise/handshake-state.js'
import { parsePattern } from '../../src/noise/pattern.js'
import { RefusalCode } from '../../src/packet/constants.js'
import {
  HANDSHAKE_PROLOGUE,
  HANDSHAKE_PROTOCOL,
  isMac1Valid,
  MESSAGE1_NOISE_BYTES,
  MESSAGE2_NOISE_BYTES,
  mac1Key,
  mac1Of,
  noiseOfMessage1,
  noiseOfMessage2,
  parseMessage1Payload,
  parseMessage2Payload,
  writeAcceptance,
  writeMessage1,
  writeMessage1Payload,
  writeMessage2,
  writeRefusal,
} from '../../src/packet/handshake.js'
import { flipped, withHostileBytes } from '../support/hostile-bytes.js'

const crypto = nobleCrypto
const filled = (byte: number, length = 32) => new Uint8Array(length).fill(byte)

t.test('[R-3-3] both messages over Noise have the bytes that the spec says', async (t) => {
  const server = keyPair(crypto, filled(1))
  const pattern = parsePattern(HANDSHAKE_PROTOCOL)
  const common = { pattern, prologue: HANDSHAKE_PROLOGUE, psks: [filled(4)] }
  const device = new HandshakeState(crypto, {
    ...common,
    initiator: true,
    s: keyPair(crypto, filled(2)),
    e: filled(3),
    rs: server.publicKey,
  })
  const responder = new HandshakeState(crypto, { ...common, initiator: false, s: server, e: filled(5) })
  const key = mac1Key(crypto, server.publicKey)

  const noise1 = device.writeMessage(writeMessage1Payload(1_700_000_000_000, 0x04)) as Uint8Array
  t.equal(noise1.length, MESSAGE1_NOISE_BYTES)
  const message1 = writeMessage1(crypto, key, noise1, null)
  t.equal(message1.length, 120)
  t.ok(isMac1Valid(crypto, key, message1))
  const payload1 = responder.readMessage(noiseOfMessage1(message1)) as Uint8Array
  t.strictSame(parseMessage1Payload(payload1), { stampMs: 1_700_000_000_000, pingByte: 4 })

  const noise2 = responder.writeMessage(writeAcceptance(filled(6, 5), filled(7, 12))) as Uint8Array
  t.equal(noise2.length, MESSAGE2_NOISE_BYTES)
  const message2 = writeMessage2(noise2)
  t.equal(message2.length, 67)
  t.ok(message2.length <= 0.6 * message1.length)
  const payload2 = device.readMessage(noiseOfMessage2(message2)) as Uint8Array
  t.strictSame(parseMessage2Payload(payload2), { kind: 'acceptance', cid: filled(6, 5), token: filled(7, 12) })
  t.strictSame(device.exportRoot(), responder.exportRoot())
})

t.test('[R-4.1-1] mac1 covers every byte before it and needs the public key', async (t) => {
  const key = mac1Key(crypto, filled(1))
  t.equal(hex(key), hex(crypto.hash(Buffer.concat([ascii('pilotlight draft-1 mac1'), filled(1)]))))
  for (const cookie of [null, filled(9, 16)]) {
    const message = writeMessage1(crypto, key, filled(7, 103), cookie)
    t.equal(message[0], cookie === null ? 1 : 2)
    t.strictSame(mac1Of(message), crypto.mac(key, message.slice(0, 104), 16))
    if (cookie !== null) t.strictSame(message.slice(120), crypto.mac(cookie, message.slice(0, 120), 16))
    t.notOk(isMac1Valid(crypto, mac1Key(crypto, filled(2)), message))
    for (let bit = 0; bit < 120 * 8; bit += 3) {
      if (isMac1Valid(crypto, key, flipped(message, bit))) t.fail(`bit ${bit}`)
    }
    for (let length = 0; length < message.length; length++) {
      if (isMac1Valid(crypto, key, message.slice(0, length))) t.fail(`length ${length}`)
    }
  }
  const swapped = writeMessage1(crypto, key, filled(7, 103), null)
  t.notOk(isMac1Valid(crypto, key, Uint8Array.from([2, ...swapped.slice(1), ...filled(0, 16)])), 'the type is covered')
  t.notOk(isMac1Valid(crypto, key, new Uint8Array(0)))
})

t.test('payloads go there and back', async (t) => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.nat(255), fc.nat(255), (big, ping, code) => {
      const value = big % 2 ** 48
      assert.deepEqual(parseMessage1Payload(writeMessage1Payload(value, ping)), { stampMs: value, pingByte: ping })
      assert.deepEqual(parseMessage2Payload(writeRefusal(code, value)), { kind: 'refusal', code, value })
    }),
  )
  t.equal(hex(writeRefusal(RefusalCode.busy, 0x010203)), `0104000000010203${'00'.repeat(10)}`)
  t.equal(hex(writeAcceptance(filled(1, 5), filled(2, 12))), `00${'01'.repeat(5)}${'02'.repeat(12)}`)
  t.equal(parseMessage2Payload(fromHex(`02${'00'.repeat(17)}`)), null)
})

t.test('hostile payloads return', async () => {
  withHostileBytes(writeMessage1Payload(1, 0), parseMessage1Payload)
  withHostileBytes(writeAcceptance(filled(1, 5), filled(2, 12)), parseMessage2Payload)
})
