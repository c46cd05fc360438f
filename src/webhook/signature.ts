/** Signatures after Standard Webhooks 1.0: HMAC-SHA-256 over id, timestamp and body, one for each secret in use. */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { base64url, fromBase64url } from '../base/base64.js'
import { equalBytes } from '../base/bytes.js'
import { utf8Bytes } from '../base/text.js'

/** How every secret begins. */
export const SECRET_PREFIX = 'whsec_'

/** Bytes of a secret that we make; Standard Webhooks wants 24 to 64. */
export const SECRET_BYTES = 32

/** What tells one kind of signature from others. */
const VERSION = 'v1,'

/** The text of a secret. @param bytes 24 to 64 B. */
export function secretText(bytes: Uint8Array): string {
  return `${SECRET_PREFIX}${base64(bytes)}`
}

/** The bytes of a secret, or null if it is not `whsec_` and base64 of 24 to 64 bytes. */
export function secretBytes(secret: string): Uint8Array | null {
  if (!secret.startsWith(SECRET_PREFIX)) return null
  const text = secret.slice(SECRET_PREFIX.length).replace(/={1,2}$/, '')
  if (/[-_]/.test(text)) return null
  const bytes = fromBase64url(text.replaceAll('+', '-').replaceAll('/', '_'))
  return bytes !== null && bytes.length >= 24 && bytes.length <= 64 ? bytes : null
}

/**
 * The header `webhook-signature`.
 *
 * @param id        `webhook-id`.
 * @param timestamp `webhook-timestamp`, Unix seconds.
 * @param body      as it is sent.
 * @param secrets   each makes one signature; one that is not well formed makes none.
 */
export function signatures(id: string, timestamp: number, body: string, secrets: readonly string[]): string {
  const content = utf8Bytes(`${id}.${timestamp}.${body}`)
  const keys = secrets.flatMap((secret) => secretBytes(secret) ?? [])
  return keys.map((key) => `${VERSION}${base64(hmac(sha256, key, content))}`).join(' ')
}

/** Whether one of the signatures of a header was made with one of the secrets. Compares in constant time. */
export function isSigned(
  header: string,
  id: string,
  timestamp: number,
  body: string,
  secrets: readonly string[],
): boolean {
  const content = utf8Bytes(`${id}.${timestamp}.${body}`)
  const given = header.split(' ').filter((one) => one.startsWith(VERSION))
  const sums = given.map((one) => bytesOf(one.slice(VERSION.length)))
  let isOne = false
  for (const secret of secrets) {
    const key = secretBytes(secret)
    if (key === null) continue
    const sum = hmac(sha256, key, content)
    for (const one of sums) if (one !== null && equalBytes(sum, one)) isOne = true
  }
  return isOne
}

function base64(bytes: Uint8Array): string {
  const text = base64url(bytes).replaceAll('-', '+').replaceAll('_', '/')
  return text + '='.repeat((4 - (text.length % 4)) % 4)
}

function bytesOf(text: string): Uint8Array | null {
  return fromBase64url(text.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_'))
}
