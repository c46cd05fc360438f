import type { Crypto } from '../../src/crypto/crypto.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { nativeCrypto } from '../../src/native/crypto-native.js'

/**
 * The primitives for tests that do not care which: the variable PILOTLIGHT_CRYPTO says noble or
 * native. Native unless it is set, for speed.
 *
 * @returns the implementation.
 * @throws Error if the variable says anything else.
 */
export async function testCrypto(): Promise<Crypto> {
  const choice = process.env['PILOTLIGHT_CRYPTO'] ?? 'native'
  if (choice === 'noble') return nobleCrypto
  if (choice === 'native') return nativeCrypto()
  throw new Error(`PILOTLIGHT_CRYPTO must be noble or native, got ${choice}`)
}

/** Both implementations, for tests that hold each to the same vectors. */
export async function everyCrypto(): Promise<readonly Crypto[]> {
  return [nobleCrypto, await nativeCrypto()]
}

/** The bytes of a hex string. */
export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'))
}
