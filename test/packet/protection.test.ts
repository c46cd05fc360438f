import { createDecipheriv } from 'node:crypto'
import t from 'tap'
import { fromHex, hex } from '../../src/base/bytes.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { writeHeader } from '../../src/packet/header.js'
import {
  deviceToServerKey,
  openPacket,
  sealPacket,
  serverToDeviceKey,
  writeNonce,
} from '../../src/packet/protection.js'
import { flipped } from '../support/hostile-bytes.js'

const KEY = new Uint8Array(32).fill(3)
const HEADER = writeHeader({ cid: fromHex('0102030405'), boot: null, long: false, ask: true, number: 9, grease: 2 })

t.test('the nonce is six zero bytes and the number', async (t) => {
  const nonce = new Uint8Array(12).fill(0xff)
  writeNonce(nonce, 2 ** 48 - 2)
  t.equal(hex(nonce), '000000000000fffffffffffe')
  writeNonce(nonce, 1)
  t.equal(hex(nonce), '000000000000000000000001')
})

t.test('a packet is the header and what another library opens', async (t) => {
  const packet = sealPacket(nobleCrypto, KEY, HEADER, 0x123456789abc, fromHex('00'))
  t.equal(packet.length, 24)
  t.strictSame(packet.slice(0, 7), HEADER)
  const decipher = createDecipheriv('chacha20-poly1305', KEY, fromHex('000000000000123456789abc'), {
    authTagLength: 16,
  })
  decipher.setAAD(HEADER, { plaintextLength: 1 })
  decipher.setAuthTag(packet.slice(8))
  t.equal(hex(decipher.update(packet.slice(7, 8))), '00')
  decipher.final()
})

t.test('[R-5.2-1] any change of packet, number or key is noticed', async (t) => {
  const packet = sealPacket(nobleCrypto, KEY, HEADER, 9, fromHex('00190100'))
  t.equal(hex(openPacket(nobleCrypto, KEY, packet, HEADER.length, 9) as Uint8Array), '00190100')
  for (let bit = 0; bit < packet.length * 8; bit++) {
    if (openPacket(nobleCrypto, KEY, flipped(packet, bit), HEADER.length, 9) !== null) t.fail(`bit ${bit}`)
  }
  for (let length = HEADER.length; length < packet.length; length++) {
    if (openPacket(nobleCrypto, KEY, packet.slice(0, length), HEADER.length, 9) !== null) t.fail(`length ${length}`)
  }
  t.equal(openPacket(nobleCrypto, KEY, packet, HEADER.length, 10), null)
  t.equal(openPacket(nobleCrypto, new Uint8Array(32), packet, HEADER.length, 9), null)
})

t.test('[R-5.3-4] each boot value and direction has a key of its own', async (t) => {
  const zero = new Uint8Array(12)
  const one = new Uint8Array(12).fill(1)
  const keys = [
    deviceToServerKey(nobleCrypto, KEY, zero),
    deviceToServerKey(nobleCrypto, KEY, one),
    serverToDeviceKey(nobleCrypto, KEY, zero, zero),
    serverToDeviceKey(nobleCrypto, KEY, one, zero),
    serverToDeviceKey(nobleCrypto, KEY, zero, one),
  ].map(hex)
  t.equal(new Set(keys).size, 5)
  const message = Buffer.concat([Buffer.from('pilotlight s2d\0'), one, zero])
  t.equal(keys[3], hex(nobleCrypto.mac(KEY, message, 32)))
})
