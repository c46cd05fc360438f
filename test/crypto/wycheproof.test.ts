import t from 'tap'
import { NONCE_BYTES } from '../../src/crypto/crypto.js'
import { everyCrypto, hex } from '../support/crypto.js'
import { loadVectors, VECTORS_MISSING } from '../support/vectors.js'

interface AeadFile {
  readonly numberOfTests: number
  readonly testGroups: readonly {
    readonly tagSize: number
    readonly tests: readonly AeadCase[]
  }[]
}

interface AeadCase {
  readonly tcId: number
  readonly comment: string
  readonly flags: readonly string[]
  readonly key: string
  readonly iv: string
  readonly aad: string
  readonly msg: string
  readonly ct: string
  readonly tag: string
  readonly result: 'valid' | 'invalid'
}

interface AgreementFile {
  readonly numberOfTests: number
  readonly testGroups: readonly { readonly tests: readonly AgreementCase[] }[]
}

interface AgreementCase {
  readonly tcId: number
  readonly comment: string
  readonly flags: readonly string[]
  readonly public: string
  readonly private: string
  readonly shared: string
  readonly result: 'valid' | 'acceptable'
}

const aeadFile = loadVectors('wycheproof-chacha20-poly1305.json') as AeadFile | null
const agreementFile = loadVectors('wycheproof-x25519.json') as AgreementFile | null
const aeadSkip = aeadFile === null && VECTORS_MISSING
const agreementSkip = agreementFile === null && VECTORS_MISSING

for (const crypto of await everyCrypto()) {
  t.test(`${crypto.name} passes Wycheproof's ChaCha20-Poly1305`, { skip: aeadSkip }, async (t) => {
    if (aeadFile === null) return
    let [opened, refused, nonceSizes] = [0, 0, 0]
    for (const { tagSize, tests } of aeadFile.testGroups) {
      t.equal(tagSize, 128)
      for (const { tcId, comment, result, ...test } of tests) {
        const name = `${tcId} ${comment}`
        const [key, nonce, aad] = [hex(test.key), hex(test.iv), hex(test.aad)]
        const [plaintext, ciphertext] = [hex(test.msg), hex(test.ct + test.tag)]
        if (nonce.length !== NONCE_BYTES) {
          nonceSizes++
          t.strictSame(test.flags, ['InvalidNonceSize'], name)
          t.throws(() => crypto.seal(key, nonce, aad, plaintext), RangeError, name)
          t.throws(() => crypto.open(key, nonce, aad, ciphertext), RangeError, name)
        } else if (result === 'valid') {
          opened++
          t.strictSame(crypto.seal(key, nonce, aad, plaintext), ciphertext, name)
          t.strictSame(crypto.open(key, nonce, aad, ciphertext), plaintext, name)
        } else {
          refused++
          t.equal(crypto.open(key, nonce, aad, ciphertext), null, name)
        }
      }
    }
    t.equal(opened + refused + nonceSizes, aeadFile.numberOfTests)
    t.strictSame({ opened, refused, nonceSizes }, { opened: 256, refused: 60, nonceSizes: 9 })
  })

  t.test(`${crypto.name} passes Wycheproof's X25519`, { skip: agreementSkip }, async (t) => {
    if (agreementFile === null) return
    let [agreed, lowOrder] = [0, 0]
    for (const { tcId, comment, flags, ...test } of agreementFile.testGroups.flatMap((group) => group.tests)) {
      const shared = crypto.sharedSecret(hex(test.private), hex(test.public))
      if (flags.includes('ZeroSharedSecret')) {
        lowOrder++
        t.equal(shared, null, `${tcId} ${comment}`)
      } else {
        agreed++
        t.strictSame(shared, hex(test.shared), `${tcId} ${comment}`)
      }
    }
    t.equal(agreed + lowOrder, agreementFile.numberOfTests)
    t.strictSame({ agreed, lowOrder }, { agreed: 487, lowOrder: 31 })
  })
}
