/**
 * X25519 is two fifths of a simulated life. Here the key agreement is an ideal one: a public key is a hash of the secret
 * key, and the shared secret a hash of both public keys, which each of the two can make. Nobody attacks it in the
 * simulator; everything else is the real thing. `--crypto noble` keeps X25519 too.
 */
import { hex } from '../base/bytes.js'
import type { Crypto } from '../crypto/crypto.js'

/** @param crypto the real primitives, of which all others are kept. */
export function withIdealDh(crypto: Crypto): Crypto {
  const publicKey = (secretKey: Uint8Array): Uint8Array => {
    const image = crypto.hash(secretKey)
    image[31] = (image[31] as number) & 0x7f
    return image
  }
  return {
    ...crypto,
    publicKey,
    sharedSecret(secretKey, theirs) {
      const own = publicKey(secretKey)
      const peer = theirs.slice()
      peer[31] = (peer[31] as number) & 0x7f // the top bit does not count, RFC 7748 §5
      const both = new Uint8Array(64)
      const ownFirst = hex(own) < hex(peer)
      both.set(ownFirst ? own : peer)
      both.set(ownFirst ? peer : own, 32)
      return crypto.hash(both)
    },
  }
}
