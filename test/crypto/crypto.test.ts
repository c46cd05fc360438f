import t from 'tap'
import { type Crypto, KEY_BYTES, NONCE_BYTES, TAG_BYTES } from '../../src/crypto/crypto.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { nativeCrypto } from '../../src/native/crypto-native.js'
import { everyCrypto, hex, testCrypto } from '../support/crypto.js'

/** Repeatable bytes: each call hashes the seed and a count. Test material, not for keys. */
function seededBytes(seed: string): (length: number) => Uint8Array {
  let count = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const block = nobleCrypto.hash(Uint8Array.from(Buffer.from(`${seed} ${count++}`)))
      bytes.set(block.subarray(0, length - at), at)
    }
    return bytes
  }
}

const providers = await everyCrypto()
const native = await nativeCrypto()

t.equal(native.name, 'native', 'every native part loads here and agrees with noble')

/** RFC 7748 §6.1. */
const ALICE_SECRET = hex('77076d0a7318a57d3c16c17251b26645' + 'df4c2f87ebc0992ab177fba51db92c2a')
const ALICE_PUBLIC = hex('8520f0098930a754748b7ddcb43ef75a' + '0dbf3a0d26381af4eba4a98eaa9b4e6a')
const BOB_SECRET = hex('5dab087e624a8a4b79e17f8b83800ee6' + '6f3bb1292618b6fd1c2f8b27ff88e0eb')
const BOB_PUBLIC = hex('de9edb7d7b7dc1b4d35b61c2ece43537' + '3f8343c85b78674dadfc7e146f882b4f')
const SHARED = hex('4a5d9d5ba4ce2de1728e3bf480350f25' + 'e07e21c947d19e3376f09b3c1e161742')

const KEY = new Uint8Array(KEY_BYTES).fill(7)
const NONCE = new Uint8Array(NONCE_BYTES).fill(9)
const AAD = new Uint8Array(7).fill(1)

for (const crypto of providers) {
  const { name } = crypto

  t.test(`${name} agrees with RFC 7748 §6.1`, async (t) => {
    t.strictSame(crypto.publicKey(ALICE_SECRET), ALICE_PUBLIC)
    t.strictSame(crypto.publicKey(BOB_SECRET), BOB_PUBLIC)
    t.strictSame(crypto.sharedSecret(ALICE_SECRET, BOB_PUBLIC), SHARED)
    t.strictSame(crypto.sharedSecret(BOB_SECRET, ALICE_PUBLIC), SHARED)
    t.strictSame(keyPair(crypto, BOB_SECRET), { secretKey: BOB_SECRET, publicKey: BOB_PUBLIC })
    t.throws(() => keyPair(crypto, new Uint8Array(31)), RangeError)
  })

  t.test(`${name} sees a new key in the same array`, async (t) => {
    const secret = ALICE_SECRET.slice()
    const peer = BOB_PUBLIC.slice()
    t.strictSame(crypto.sharedSecret(secret, peer), SHARED)
    secret.set(BOB_SECRET)
    t.strictSame(crypto.publicKey(secret), BOB_PUBLIC)
    peer.set(ALICE_PUBLIC)
    t.strictSame(crypto.sharedSecret(secret, peer), SHARED)
  })

  t.test(`${name} opens only what was sealed`, async (t) => {
    const sealed = crypto.seal(KEY, NONCE, AAD, Uint8Array.of(5))
    t.equal(sealed.length, 1 + TAG_BYTES)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      t.equal(crypto.open(KEY, NONCE, AAD, flipped(sealed, bit)), null)
    }
    for (let length = 0; length < sealed.length; length++) {
      t.equal(crypto.open(KEY, NONCE, AAD, sealed.subarray(0, length)), null)
    }
    t.equal(crypto.open(KEY, NONCE, AAD.subarray(1), sealed), null)
    t.strictSame(crypto.open(KEY, NONCE, AAD, sealed), Uint8Array.of(5))
  })

  t.test(`${name} borrows its inputs and gives away its outputs`, async (t) => {
    const text = new Uint8Array(64).fill(3)
    const outputs = [
      () => crypto.seal(KEY, NONCE, AAD, text),
      () => crypto.open(KEY, NONCE, AAD, crypto.seal(KEY, NONCE, AAD, text)),
      () => crypto.publicKey(KEY),
      () => crypto.sharedSecret(ALICE_SECRET, BOB_PUBLIC),
      () => crypto.hash(text),
      () => crypto.mac(KEY, text, 16),
    ].map((run) => {
      const first = run()
      const before = first?.slice()
      t.strictSame(run(), before)
      t.strictSame(first, before, 'a second call leaves the first result alone')
      return first
    })
    for (const output of outputs) {
      t.equal(Object.getPrototypeOf(output), Uint8Array.prototype, 'no Buffer')
      t.equal(output?.buffer.byteLength, output?.length, 'no view of something larger')
    }
    t.ok(text.every((byte) => byte === 3) && KEY.every((byte) => byte === 7))
  })

  t.test(`${name} works on views at any offset`, async (t) => {
    const random = seededBytes('offsets')
    for (let offset = 0; offset < 8; offset++) {
      const view = (length: number) => random(offset + length).subarray(offset)
      const [key, nonce, aad, text] = [view(32), view(12), view(offset), view(33)]
      const sealed = nobleCrypto.seal(key.slice(), nonce.slice(), aad.slice(), text.slice())
      t.strictSame(crypto.seal(key, nonce, aad, text), sealed)
      const shifted = new Uint8Array(offset + sealed.length)
      shifted.set(sealed, offset)
      t.strictSame(crypto.open(key, nonce, aad, shifted.subarray(offset)), text.slice())
      t.strictSame(crypto.mac(key, text, 7), nobleCrypto.mac(key.slice(), text.slice(), 7))
    }
  })

  t.test(`${name} refuses arguments of the wrong length`, async (t) => {
    const short = new Uint8Array(31)
    t.throws(() => crypto.seal(short, NONCE, AAD, AAD), RangeError)
    t.throws(() => crypto.seal(KEY, NONCE.subarray(1), AAD, AAD), RangeError)
    t.throws(() => crypto.open(short, NONCE, AAD, AAD), RangeError)
    t.throws(() => crypto.open(KEY, NONCE.subarray(1), AAD, AAD), RangeError)
    t.throws(() => crypto.publicKey(short), RangeError)
    t.throws(() => crypto.sharedSecret(short, KEY), RangeError)
    t.throws(() => crypto.sharedSecret(KEY, short), RangeError)
    t.throws(() => crypto.mac(new Uint8Array(0), AAD, 16), RangeError)
    t.throws(() => crypto.mac(new Uint8Array(33), AAD, 16), RangeError)
    for (const bytes of [0, 33, 1.5, -1, Number.NaN]) {
      t.throws(() => crypto.mac(KEY, AAD, bytes), RangeError)
    }
  })
}

t.test('noble and native agree on seeded input of every size', async (t) => {
  const random = seededBytes('agreement')
  for (const size of [0, 1, 15, 16, 17, 24, 63, 64, 65, 128, 255, 1200, 5000, 70_000]) {
    const [key, nonce, aad, text] = [random(32), random(12), random(size % 97), random(size)]
    const sealed = nobleCrypto.seal(key, nonce, aad, text)
    t.strictSame(native.seal(key, nonce, aad, text), sealed, `seal ${size}`)
    t.strictSame(native.open(key, nonce, aad, sealed), text, `open ${size}`)
    t.equal(native.open(key, nonce, aad, random(size)), null, `noise ${size}`)
    t.strictSame(native.hash(text), nobleCrypto.hash(text), `hash ${size}`)
    t.strictSame(native.mac(key, text, 8), nobleCrypto.mac(key, text, 8), `mac ${size}`)
  }
  for (let count = 0; count < 20; count++) {
    const [ours, theirs] = [random(32), random(32)]
    t.strictSame(native.publicKey(ours), nobleCrypto.publicKey(ours))
    t.strictSame(native.sharedSecret(ours, theirs), nobleCrypto.sharedSecret(ours, theirs))
  }
})

t.test('noble stands in for a part that cannot load or does not agree', async (t) => {
  const absent = await nativeCrypto(async () => null)
  const wrong = await nativeCrypto(async () => ({ seal: () => KEY, open: () => KEY }))
  const throwing = await nativeCrypto(async () => ({
    seal: () => {
      throw new Error('broken')
    },
    open: () => KEY,
  }))
  for (const crypto of [absent, wrong, throwing] satisfies Crypto[]) {
    t.equal(crypto.name, 'native without libsodium')
    t.equal(crypto.seal, nobleCrypto.seal)
    t.equal(crypto.publicKey, native.publicKey)
  }
})

t.test('PILOTLIGHT_CRYPTO chooses the primitives of other tests', async (t) => {
  const before = process.env['PILOTLIGHT_CRYPTO']
  t.teardown(() => {
    if (before === undefined) delete process.env['PILOTLIGHT_CRYPTO']
    else process.env['PILOTLIGHT_CRYPTO'] = before
  })
  delete process.env['PILOTLIGHT_CRYPTO']
  t.equal((await testCrypto()).name, 'native')
  process.env['PILOTLIGHT_CRYPTO'] = 'noble'
  t.equal((await testCrypto()).name, 'noble')
  process.env['PILOTLIGHT_CRYPTO'] = 'other'
  await t.rejects(testCrypto(), /noble or native/)
})

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice()
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}
