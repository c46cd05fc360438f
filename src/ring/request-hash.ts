import { concat, writeU32 } from '../base/bytes.js'
import { utf8Bytes } from '../base/text.js'
import type { Crypto } from '../crypto/crypto.js'
import { type NewRing, REQUEST_HASH_BYTES } from './ring.js'

/**
 * What tells two requests with one idempotency key apart: a hash over all they say, each text with its length in front.
 *
 * @returns 16 B.
 */
export function requestHash(crypto: Crypto, ring: NewRing): Uint8Array {
  const { title, body, url, payload, deadlineInMs, strategy, stepMs, collapseKey, to } = ring
  const texts = [title, body, url, payload, `${deadlineInMs}`, strategy, `${stepMs}`, collapseKey, ...to]
  return crypto.hash(concat(...texts.flatMap(counted))).slice(0, REQUEST_HASH_BYTES)
}

function counted(text: string): Uint8Array[] {
  const bytes = utf8Bytes(text)
  const length = new Uint8Array(4)
  writeU32(length, 0, bytes.length)
  return [length, bytes]
}
