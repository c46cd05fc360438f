import fc from 'fast-check'
import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { PUID_CHARACTERS, PuidCodec } from '../../src/presence/puid.js'
import { everyCrypto } from '../support/crypto.js'

const key = new Uint8Array(32).fill(1)
const appId = Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1)
const codec = new PuidCodec(nobleCrypto, key, appId)
const other = new PuidCodec(nobleCrypto, key, Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 2))

t.test('a PUID is authentic for its application, and the same each time', (t) => {
  const contents = fc.record({ person: fc.integer({ min: 1, max: 2 ** 32 - 1 }), rotation: fc.nat(2 ** 32 - 1) })
  fc.assert(
    fc.property(contents, (content) => {
      const puid = codec.write(content)
      const read = codec.read(puid)
      return (
        puid.length === PUID_CHARACTERS &&
        /^p_[A-Za-z0-9_-]{48}$/.test(puid) &&
        puid === codec.write(content) &&
        read?.person === content.person &&
        read.rotation === content.rotation &&
        other.read(puid) === null
      )
    }),
    { numRuns: 200, seed: 1 },
  )
  t.equal(new PuidCodec(nobleCrypto, new Uint8Array(32), appId).read(codec.write({ person: 1, rotation: 0 })), null)
  t.end()
})

t.test('two applications cannot link a person, and rotations of one look unrelated', (t) => {
  const mine = codec.write({ person: 7, rotation: 0 })
  const yours = other.write({ person: 7, rotation: 0 })
  const next = codec.write({ person: 7, rotation: 1 })
  for (const [a, b] of [
    [mine, yours],
    [mine, next],
  ] as const) {
    const same = [...a].filter((character, i) => i >= 2 && character === b[i]).length
    t.ok(same < 8, `${same} of 48 characters agree`)
  }
  t.end()
})

t.test('no bit of a PUID may be changed, nothing cut or added', (t) => {
  const puid = codec.write({ person: 7, rotation: 3 })
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  for (let i = 2; i < puid.length; i++) {
    const digit = alphabet.indexOf(puid[i] as string)
    for (let bit = 1; bit < 64; bit *= 2) {
      const forged = puid.slice(0, i) + alphabet[digit ^ bit] + puid.slice(i + 1)
      if (codec.read(forged) !== null) t.fail(`bit ${bit} of character ${i}`)
    }
  }
  for (let length = 0; length < puid.length; length++)
    if (codec.read(puid.slice(0, length)) !== null) t.fail(`cut ${length}`)
  for (const text of [`${puid}A`, puid.toLowerCase(), puid.slice(2), `q${puid.slice(1)}`, puid.replace('p_', 'p+')]) {
    t.equal(codec.read(text), null)
  }
  const random = new SeededRandom(1)
  for (let i = 0; i < 200; i++) {
    const text = `p_${Buffer.from(random.fill(new Uint8Array(36))).toString('base64url')}`
    if (codec.read(text) !== null) t.fail('a random text')
  }
  t.end()
})

t.test('every implementation of the primitives gives the same PUID', async (t) => {
  for (const crypto of await everyCrypto()) {
    t.equal(
      new PuidCodec(crypto, key, appId).write({ person: 2 ** 32 - 1, rotation: 2 ** 32 - 1 }),
      codec.write({ person: 2 ** 32 - 1, rotation: 2 ** 32 - 1 }),
    )
  }
})

t.test('one content has one PUID: the same under another nonce, although sealed with the key, is none', (t) => {
  const derived = nobleCrypto.mac(key, new Uint8Array([...Buffer.from('puid\0'), ...appId]), 32)
  const plain = Uint8Array.of(0, 0, 0, 9, 0, 0, 0, 3)
  const sealed = (nonce: Uint8Array) => {
    const bytes = Buffer.concat([nonce, nobleCrypto.seal(derived, nonce, new Uint8Array(0), plain)])
    return `p_${bytes.toString('base64url')}`
  }
  const own = Buffer.from(codec.write({ person: 9, rotation: 3 }).slice(2), 'base64url').subarray(0, 12)
  t.equal(sealed(new Uint8Array(own)), codec.write({ person: 9, rotation: 3 }), 'this is how one is made')
  t.equal(codec.read(sealed(new Uint8Array(12).fill(5))), null)
  t.end()
})
