import { fromBase64url } from '../base/base64.js'
import { utf8Length } from '../base/text.js'
import type { NewRing, RingContent } from './ring.js'

/** Title, body, url and payload together, encoded, at most: docs/rings.md. */
export const RING_BYTES_MAX = 1100
/** PUIDs of a pool at most. */
export const POOL_MAX = 64
/** Characters of an idempotency key at most. */
export const IDEMPOTENCY_KEY_MAX = 255
/** Characters of a collapse key at most. */
export const COLLAPSE_KEY_MAX = 64
/** Least time of one step of a sequence, ms. */
export const STEP_MIN_MS = 5_000
/** Least time to the deadline, ms. */
export const DEADLINE_MIN_MS = 5_000
/** Most time to the deadline, ms. */
export const DEADLINE_MAX_MS = 600_000

/** What is wrong with a request. */
export interface RingFault {
  code: 'ring-invalid' | 'ring-too-large'
  detail: string
}

/** https with a host and without user information, spaces or controls; http for the own machine only. */
const HTTPS_URL = /^https:\/\/[^\s/?#@\\\p{Cc}]+(?:[/?#][^\s\p{Cc}]*)?$/iu
const LOOPBACK_URL = /^http:\/\/(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?(?:[/?#][^\s\p{Cc}]*)?$/iu

/**
 * Checks a request by itself: sizes, deadline, address. PUIDs are checked elsewhere.
 *
 * @returns what devices show, or the fault.
 */
export function checkRing(ring: NewRing): RingContent | RingFault {
  const { to, title, body, url, deadlineInMs, idempotencyKey } = ring
  if (to.length < 1 || to.length > POOL_MAX) return invalid(`to: 1 to ${POOL_MAX} PUIDs`)
  if (new Set(to).size !== to.length) return invalid('to: a PUID stands there twice')
  if (!Number.isInteger(deadlineInMs) || deadlineInMs < DEADLINE_MIN_MS || deadlineInMs > DEADLINE_MAX_MS) {
    return invalid(`deadline: ${DEADLINE_MIN_MS} to ${DEADLINE_MAX_MS} ms`)
  }
  if (!isStep(ring)) return invalid(`step: ${STEP_MIN_MS} to ${DEADLINE_MAX_MS} ms in a sequence, else none`)
  if (ring.collapseKey.length > COLLAPSE_KEY_MAX) return invalid(`collapse key: at most ${COLLAPSE_KEY_MAX} characters`)
  if (idempotencyKey.length > IDEMPOTENCY_KEY_MAX)
    return invalid(`idempotency key: at most ${IDEMPOTENCY_KEY_MAX} characters`)
  if (url !== '' && !HTTPS_URL.test(url) && !LOOPBACK_URL.test(url)) return invalid('url: https, or http on loopback')
  const payload = fromBase64url(ring.payload)
  if (payload === null) return invalid('payload: base64url')
  const bytes = [utf8Length(title), utf8Length(body), utf8Length(url), payload.length].reduce(
    (sum, length) => sum + encodedBytes(length),
    0,
  )
  if (bytes <= RING_BYTES_MAX) return { title, body, url, payload }
  return { code: 'ring-too-large', detail: `${bytes} bytes encoded, at most ${RING_BYTES_MAX}` }
}

function isStep({ strategy, stepMs }: NewRing): boolean {
  if (strategy !== 'sequence') return strategy === 'all' && stepMs === 0
  return Number.isInteger(stepMs) && stepMs >= STEP_MIN_MS && stepMs <= DEADLINE_MAX_MS
}

/** Bytes of a CBOR string of so many bytes: RFC 8949 §3. */
function encodedBytes(length: number): number {
  return length + (length < 24 ? 1 : length < 256 ? 2 : 3)
}

function invalid(detail: string): RingFault {
  return { code: 'ring-invalid', detail }
}
