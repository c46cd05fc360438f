/**
 * The server's primitives, each from whatever measured fastest on Node 20:
 *
 * - AEAD: libsodium's WebAssembly, 0.8 us a ping. noble takes 10, node:crypto 11.
 * - X25519: node:crypto, 42 us, 10 more for a new peer, 50 more for a new secret key. libsodium takes
 *   110 to 170, noble 700 to 1300.
 * - BLAKE2s of 100 B: node:crypto without a key, 1.3 us against 4.6; noble with one (6 us), as node
 *   has no keyed mode.
 *
 * Each part must agree with noble on a fixed sample at start, or noble stands in for it.
 */

import { type Crypto, KEY_BYTES, NONCE_BYTES } from '../crypto/crypto.js'
import { nobleCrypto } from '../crypto/noble.js'
import { type Agreement, type Digest, nodeAgreement, nodeDigest } from './crypto-node.js'
import { type Aead, loadSodiumAead } from './crypto-sodium.js'

/**
 * The fast implementation for servers. Loads libsodium's WebAssembly (about 12 ms); after that all
 * calls are synchronous.
 *
 * @param loadAead loads the AEAD, null if it cannot; another one only in tests.
 * @returns the implementation. Its name is 'native', or 'native without ...' and the parts that
 *   noble had to take over, because they could not load or did not agree with it.
 */
export async function nativeCrypto(loadAead: () => Promise<Aead | null> = loadSodiumAead): Promise<Crypto> {
  const missing: string[] = []
  function checked<Part>(name: string, part: Part | null, agrees: (part: Part) => boolean) {
    if (part !== null && agrees(part)) return part
    missing.push(name)
    return nobleCrypto
  }
  const { seal, open } = checked('libsodium', await loadAead(), aeadAgrees)
  const { publicKey, sharedSecret } = checked('x25519', nodeAgreement, agreementAgrees)
  const { hash } = checked('blake2s256', nodeDigest, digestAgrees)
  return {
    name: missing.length === 0 ? 'native' : `native without ${missing.join(', ')}`,
    seal,
    open,
    publicKey,
    sharedSecret,
    hash,
    mac: nobleCrypto.mac,
  }
}

/** Fixed bytes for the comparison at start. */
const SAMPLE_KEY = new Uint8Array(KEY_BYTES).fill(0x42)
const SAMPLE_NONCE = new Uint8Array(NONCE_BYTES).fill(0x24)
const SAMPLE_TEXT = new Uint8Array(100).fill(0x6b)

/** A point of order 4: u = 1. RFC 7748 §6.1 wants the zero that comes of it refused. */
const LOW_ORDER_KEY = new Uint8Array(KEY_BYTES).fill(1, 0, 1)

function aeadAgrees(aead: Aead): boolean {
  return agrees<Aead>(aead, (side) => {
    const aad = SAMPLE_KEY.subarray(0, 7)
    const sealed = side.seal(SAMPLE_KEY, SAMPLE_NONCE, aad, SAMPLE_TEXT)
    const forged = sealed.with(3, (sealed[3] ?? 0) ^ 1)
    return [sealed, side.open(SAMPLE_KEY, SAMPLE_NONCE, aad, sealed), side.open(SAMPLE_KEY, SAMPLE_NONCE, aad, forged)]
  })
}

function agreementAgrees(agreement: Agreement): boolean {
  return agrees<Agreement>(agreement, (side) => {
    const publicKey = side.publicKey(SAMPLE_KEY)
    return [publicKey, side.sharedSecret(SAMPLE_KEY, publicKey), side.sharedSecret(SAMPLE_KEY, LOW_ORDER_KEY)]
  })
}

function digestAgrees(digest: Digest): boolean {
  return agrees<Digest>(digest, (side) => [side.hash(SAMPLE_TEXT)])
}

function agrees<Part>(candidate: Part, sample: (side: Part | Crypto) => (Uint8Array | null)[]): boolean {
  try {
    return sample(candidate).map(String).join(';') === sample(nobleCrypto).map(String).join(';')
  } catch {
    return false
  }
}
