import t from 'tap'
import { fromHex, hex } from '../../src/base/bytes.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { parseReset, resetToken, writeReset } from '../../src/packet/reset.js'
import { withHostileBytes } from '../support/hostile-bytes.js'

const KEY = new Uint8Array(32).fill(9)

t.test('a token belongs to one node, slot and rotation', async (t) => {
  const token = resetToken(nobleCrypto, KEY, 1, 0x020304, 0x0105)
  t.equal(hex(token), hex(nobleCrypto.mac(KEY, fromHex('010203040105'), 12)))
  const others = [
    [2, 0x020304, 0x0105],
    [1, 0x020305, 0x0105],
    [1, 0x020304, 0x0106],
    [1, 0x030204, 0x0105],
  ] as const
  for (const [node, slot, rotation] of others)
    t.not(hex(resetToken(nobleCrypto, KEY, node, slot, rotation)), hex(token))
})

t.test('[R-6.1-2] a reset is 13 B: type and token', async (t) => {
  const token = resetToken(nobleCrypto, KEY, 0, 0, 0)
  const datagram = writeReset(token)
  t.equal(hex(datagram), `05${hex(token)}`)
  t.strictSame(parseReset(datagram), token)
  t.equal(parseReset(datagram.subarray(0, 12)), null)
  t.equal(parseReset(fromHex(`04${hex(token)}`)), null)
  withHostileBytes(datagram, (bytes) => {
    const found = parseReset(bytes)
    if (found !== null && (bytes.length !== 13 || bytes[0] !== 5)) t.fail(hex(bytes))
  })
})
