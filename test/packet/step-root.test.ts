import t from 'tap'
import { concat, hex } from '../../src/base/bytes.js'
import { hkdf, hmac } from '../../src/crypto/hkdf.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { keyedRoot, symmetricRoot } from '../../src/packet/step-root.js'
import { everyCrypto } from '../support/crypto.js'

const ROOT = new Uint8Array(32).fill(0x77)
const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'ascii'))

for (const crypto of await everyCrypto()) {
  const device = keyPair(crypto, new Uint8Array(32).fill(0x11))
  const server = keyPair(crypto, new Uint8Array(32).fill(0x22))
  const keys = { deviceKey: device.publicKey, serverKey: server.publicKey }

  t.test(`${crypto.name}: a symmetric step is one derivation, as written in §5.6`, async (t) => {
    const expected = crypto.mac(ROOT, concat(ascii('pilotlight step'), Uint8Array.of(0)), 32)
    t.equal(hex(symmetricRoot(crypto, ROOT)), hex(expected))
    t.same(ROOT, new Uint8Array(32).fill(0x77), 'the root is borrowed')
  })

  t.test(`${crypto.name}: both ends of a step with keys come to one root, as written in §5.6`, async (t) => {
    const shared = crypto.sharedSecret(device.secretKey, server.publicKey) as Uint8Array
    const t1 = hmac(crypto, hmac(crypto, ROOT, shared), Uint8Array.of(1))
    t.equal(hex(hkdf(crypto, ROOT, shared, 2)[0]), hex(t1))
    const context = concat(ascii('pilotlight step keys'), Uint8Array.of(0), device.publicKey, server.publicKey)
    const expected = hex(crypto.mac(t1, context, 32))
    t.equal(hex(keyedRoot(crypto, ROOT, device.secretKey, server.publicKey, keys) ?? ROOT), expected)
    t.equal(hex(keyedRoot(crypto, ROOT, server.secretKey, device.publicKey, keys) ?? ROOT), expected)
  })

  t.test(`${crypto.name}: [R-5.6-8] a key of low order gives no root`, async (t) => {
    const zero = new Uint8Array(32)
    t.equal(keyedRoot(crypto, ROOT, device.secretKey, zero, { ...keys, serverKey: zero }), null)
    t.throws(() =>
      keyedRoot(crypto, ROOT, device.secretKey, server.publicKey, { ...keys, serverKey: zero.subarray(1) }),
    )
    t.throws(() =>
      keyedRoot(crypto, ROOT, device.secretKey, server.publicKey, { ...keys, deviceKey: zero.subarray(1) }),
    )
  })

  t.test(`${crypto.name}: every input counts`, async (t) => {
    const other = keyPair(crypto, new Uint8Array(32).fill(0x33))
    const roots = [
      keyedRoot(crypto, ROOT, device.secretKey, server.publicKey, keys),
      keyedRoot(crypto, new Uint8Array(32), device.secretKey, server.publicKey, keys),
      keyedRoot(crypto, ROOT, other.secretKey, server.publicKey, keys),
      keyedRoot(crypto, ROOT, device.secretKey, server.publicKey, { ...keys, deviceKey: other.publicKey }),
      keyedRoot(crypto, ROOT, device.secretKey, server.publicKey, { ...keys, serverKey: other.publicKey }),
      symmetricRoot(crypto, ROOT),
    ]
    t.equal(new Set(roots.map((root) => hex(root as Uint8Array))).size, roots.length)
  })
}
