/** Root keys that follow from each other: wire-spec §5.6. The old root is wiped by who holds it. */
import { type Crypto, expectBytes, KEY_BYTES } from '../crypto/crypto.js'
import { deriveKey, hkdf } from '../crypto/hkdf.js'

/**
 * Root after a symmetric step.
 *
 * @param root 32 B, the present one.
 * @returns 32 B, fresh.
 */
export function symmetricRoot(crypto: Crypto, root: Uint8Array): Uint8Array {
  return deriveKey(crypto, root, 'pilotlight step')
}

/** The two public keys of a step with keys, 32 B each. */
export interface StepKeys {
  readonly deviceKey: Uint8Array
  readonly serverKey: Uint8Array
}

/**
 * Root after a step with keys, at the end whose secret key is given.
 *
 * @param root      32 B, the present one.
 * @param secretKey 32 B, of our key of this step.
 * @param peerKey   32 B, the other end's public key; never trusted.
 * @param keys      both public keys; one of them is `peerKey`.
 * @returns 32 B, fresh; null if the shared secret is all zero: the peer's key is of low order. [R-5.6-8]
 */
export function keyedRoot(
  crypto: Crypto,
  root: Uint8Array,
  secretKey: Uint8Array,
  peerKey: Uint8Array,
  { deviceKey, serverKey }: StepKeys,
): Uint8Array | null {
  expectBytes('device key of a step', deviceKey, KEY_BYTES)
  expectBytes('server key of a step', serverKey, KEY_BYTES)
  const shared = crypto.sharedSecret(secretKey, peerKey)
  if (shared === null) return null
  const [mixed, unused] = hkdf(crypto, root, shared, 2)
  const next = deriveKey(crypto, mixed, 'pilotlight step keys', deviceKey, serverKey)
  for (const secret of [shared, mixed, unused]) secret.fill(0)
  return next
}
