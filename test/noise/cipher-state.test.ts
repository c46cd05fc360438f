import t from 'tap'
import { CipherState } from '../../src/noise/cipher-state.js'
import { testCrypto } from '../support/crypto.js'

const crypto = await testCrypto()
const KEY = new Uint8Array(32).fill(1)
const AD = Uint8Array.of(1, 2, 3)
const TEXT = Uint8Array.of(9, 9)
const MAX_NONCE = 2n ** 64n - 1n

t.test('a forged message is refused and the nonce stays', async (t) => {
  const sender = new CipherState(crypto, KEY)
  const receiver = new CipherState(crypto, KEY)
  const first = sender.encryptWithAd(AD, TEXT)
  const second = sender.encryptWithAd(AD, TEXT)
  for (let bit = 0; bit < first.length * 8; bit++) {
    const forged = first.with(bit >> 3, (first[bit >> 3] ?? 0) ^ (1 << (bit & 7)))
    if (receiver.decryptWithAd(AD, forged) !== null) t.fail(`accepted with bit ${bit} flipped`)
  }
  for (let length = 0; length < first.length; length++) {
    const cut = first.subarray(0, length)
    if (receiver.decryptWithAd(AD, cut) !== null) t.fail(`accepted when cut to ${length}`)
  }
  t.equal(receiver.decryptWithAd(AD.subarray(1), first), null)
  t.equal(receiver.decryptWithAd(AD, second), null, 'out of order')
  t.equal(receiver.nonce, 0n)
  t.strictSame(receiver.decryptWithAd(AD, first), TEXT)
  t.equal(receiver.nonce, 1n)
  t.equal(receiver.decryptWithAd(AD, first), null, 'replayed')
  t.strictSame(receiver.decryptWithAd(AD, second), TEXT)
})

t.test('the nonce is 4 zero bytes and 8 little-endian ones', async (t) => {
  const state = new CipherState(crypto, KEY)
  state.setNonce(0x0102030405060708n)
  const nonce = Uint8Array.of(0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1)
  t.strictSame(state.encryptWithAd(AD, TEXT), crypto.seal(KEY, nonce, AD, TEXT))
})

t.test('nonce 2^64 - 1 is never used for a message', async (t) => {
  const sender = new CipherState(crypto, KEY)
  const receiver = new CipherState(crypto, KEY)
  for (const state of [sender, receiver]) state.setNonce(MAX_NONCE - 1n)
  t.strictSame(receiver.decryptWithAd(AD, sender.encryptWithAd(AD, TEXT)), TEXT)
  t.equal(sender.nonce, MAX_NONCE)
  t.throws(() => sender.encryptWithAd(AD, TEXT), RangeError)
  const last = new Uint8Array(12).fill(0xff, 4)
  t.equal(receiver.decryptWithAd(AD, crypto.seal(KEY, last, AD, TEXT)), null)
  t.equal(receiver.nonce, MAX_NONCE)
  t.throws(() => sender.setNonce(MAX_NONCE + 1n), RangeError)
  t.throws(() => sender.setNonce(-1n), RangeError)
})

t.test('rekey takes 32 bytes sealed under nonce 2^64 - 1 and keeps the nonce', async (t) => {
  const state = new CipherState(crypto, KEY)
  state.encryptWithAd(AD, TEXT)
  state.rekey()
  const last = new Uint8Array(12).fill(0xff, 4)
  const next = crypto.seal(KEY, last, new Uint8Array(0), new Uint8Array(32)).slice(0, 32)
  const nonce = Uint8Array.of(0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0)
  t.strictSame(state.encryptWithAd(AD, TEXT), crypto.seal(next, nonce, AD, TEXT))
})

t.test('without a key text passes unchanged and there is nothing to rekey', async (t) => {
  const state = new CipherState(crypto)
  t.notOk(state.hasKey())
  t.equal(state.encryptWithAd(AD, TEXT), TEXT)
  t.equal(state.decryptWithAd(AD, TEXT), TEXT)
  t.equal(state.nonce, 0n)
  t.throws(() => state.rekey(), Error)
  state.initializeKey(KEY)
  t.ok(state.hasKey())
})

t.test('a copy goes its own way', async (t) => {
  const state = new CipherState(crypto, KEY)
  state.setNonce(5n)
  const copy = state.copy()
  copy.encryptWithAd(AD, TEXT)
  copy.rekey()
  t.equal(state.nonce, 5n)
  t.equal(copy.nonce, 6n)
  const nonce = Uint8Array.of(0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0)
  t.strictSame(state.encryptWithAd(AD, TEXT), crypto.seal(KEY, nonce, AD, TEXT))
})
