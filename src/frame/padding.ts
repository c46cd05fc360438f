import { assert } from '../base/assert.js'
import { PADDED_DATAGRAM_BYTES, TAG_BYTES } from '../packet/constants.js'
import { PADDING_BYTE } from './cbor.js'
import type { Frame } from './frame.js'

const PADDED_KINDS: ReadonlySet<Frame['kind']> = new Set([
  'notify',
  'list',
  'visibility',
  'list-part',
  'key-request',
  'key-offer',
  'key-sealed',
  'key-given',
  'grant',
  'granted',
])

/** Whether a packet with these frames must be padded: their lengths would tell what they are. [R-7-6] */
export function needsPadding(frames: readonly Frame[]): boolean {
  return frames.some((frame) => PADDED_KINDS.has(frame.kind) || (frame.kind === 'verdict' && frame.reply !== null))
}

/**
 * Pads a plaintext with `null`, so that header, plaintext and tag have 128, 256, 512 or 1200 B. [R-7-6]
 *
 * @param headerBytes bytes of the header that it will have.
 * @param plaintext   encoded frames; at most 1200 - 16 - headerBytes B, or it is our bug.
 * @returns fresh bytes, or the plaintext itself if it fits exactly.
 */
export function padTo(headerBytes: number, plaintext: Uint8Array): Uint8Array {
  const frameless = headerBytes + TAG_BYTES
  const datagramBytes = PADDED_DATAGRAM_BYTES.find((bytes) => bytes >= frameless + plaintext.length)
  assert(datagramBytes !== undefined, `frames of ${plaintext.length} bytes do not fit in a datagram`)
  if (datagramBytes === frameless + plaintext.length) return plaintext
  const padded = new Uint8Array(datagramBytes - frameless).fill(PADDING_BYTE)
  padded.set(plaintext)
  return padded
}
