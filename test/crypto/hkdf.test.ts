import { createHmac, hkdfSync } from 'node:crypto'
import t from 'tap'
import { ascii } from '../../src/base/text.js'
import { deriveKey, hkdf, hmac } from '../../src/crypto/hkdf.js'
import { everyCrypto, hex } from '../support/crypto.js'

/** Bytes 0, 1, 2 and on. */
const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i)

const KEY = counting(32)
const ABC = ascii('abc')

/** BLAKE2s, unkeyed: RFC 7693 appendix B, and the empty message of the BLAKE2 reference. */
const HASHES = [
  { message: ABC, hash: '508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982' },
  { message: counting(0), hash: '69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9' },
]

/** BLAKE2s with the key 00..1f: known answers of the BLAKE2 reference (blake2s-kat). */
const KEYED_HASHES = [
  { length: 0, hash: '48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49' },
  { length: 1, hash: '40d15fee7c328830166ac3f918650f807e7e01e177258cdc0a39b11f598066f1' },
  { length: 64, hash: '8975b0577fd35566d750b362b0897a26c399136df07bababbde6203ff2954ed4' },
  { length: 255, hash: '3fb735061abc519dfe979e54c1ee5bfad0a9d858b3315bad34bde999efd724dd' },
]

for (const crypto of await everyCrypto()) {
  t.test(`${crypto.name} gives the known answers of BLAKE2s`, async (t) => {
    for (const { message, hash } of HASHES) t.strictSame(crypto.hash(message), hex(hash))
    for (const { length, hash } of KEYED_HASHES) {
      t.strictSame(crypto.mac(KEY, counting(length), 32), hex(hash))
    }
  })

  t.test(`${crypto.name} gives shorter codes and shorter keys as Python's hashlib`, async (t) => {
    t.strictSame(crypto.mac(KEY, counting(0), 16), hex('9536f9b267655743dee97b8a670f9f53'))
    t.strictSame(crypto.mac(KEY, counting(255), 16), hex('cd075928ab7e6883e697fe7fd3ac43ee'))
    t.strictSame(crypto.mac(Uint8Array.of(7), ABC, 1), hex('ac'))
  })

  t.test(`HMAC on ${crypto.name} agrees with node:crypto and Python`, async (t) => {
    t.strictSame(hmac(crypto, KEY, ABC), hex('82623be5bc0a391b24dce53e67d028eff92d586de0485ac37822e597d049c74f'))
    t.strictSame(
      hmac(crypto, counting(65), ABC),
      hex('44d87b3939dec16bc76cbd83e3982ac0a4eafab8a5b87c8c2adbd0da7d5c9695'),
    )
    for (const keyBytes of [0, 1, 32, 63, 64, 65, 200]) {
      for (const messageBytes of [0, 1, 32, 33, 128]) {
        const [key, message] = [counting(keyBytes), counting(messageBytes)]
        const expected = createHmac('blake2s256', key).update(message).digest()
        t.strictSame(hmac(crypto, key, message), Uint8Array.from(expected))
      }
    }
  })

  t.test(`HKDF on ${crypto.name} agrees with node:crypto`, async (t) => {
    for (const inputBytes of [0, 32]) {
      const input = counting(inputBytes)
      const expected = new Uint8Array(hkdfSync('blake2s256', input, KEY, '', 96))
      const three = hkdf(crypto, KEY, input, 3)
      t.strictSame(three, [expected.slice(0, 32), expected.slice(32, 64), expected.slice(64)])
      t.strictSame(hkdf(crypto, KEY, input, 2), three.slice(0, 2))
    }
    t.throws(() => hkdf(crypto, counting(31), KEY, 2), RangeError)
  })

  t.test(`derived keys on ${crypto.name} are keyed BLAKE2s of label, NUL, context`, async (t) => {
    const key = deriveKey(crypto, KEY, 'pilotlight test', Uint8Array.of(1, 2), Uint8Array.of(3))
    t.strictSame(key, hex('396b2c5fb325d17f95935011cad1417caaf4e8426023b95c1d6a141a00ca4b53'))
    t.strictSame(deriveKey(crypto, KEY, 'x'), hex('de7438b797809c4fe48c9f1d95e390667551192e53b1194235b47b058f937706'))
    t.throws(() => deriveKey(crypto, counting(31), 'x'), RangeError)
    t.throws(() => deriveKey(crypto, KEY, 'a\0b'), RangeError)
    t.throws(() => deriveKey(crypto, KEY, 'é'), /ASCII/)
  })
}
