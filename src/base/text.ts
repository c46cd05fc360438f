/**
 * Text as bytes. TextEncoder and TextDecoder are not part of ECMAScript, and the pure core runs where there is nothing
 * else; besides, TextDecoder repairs what must be refused.
 */
import { assert } from './assert.js'

/** What stands for a lone surrogate when text is encoded. */
const REPLACEMENT = '\ufffd'

/** Code units turned into a string at once; bounded because each is an argument on the stack. */
const UNITS_PER_CHUNK = 4096

/**
 * ASCII text as bytes: labels and protocol names.
 *
 * @param text ASCII only; anything else is our bug.
 * @returns one byte for each character.
 */
export function ascii(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    assert(unit < 0x80, `not ASCII: ${text}`)
    bytes[i] = unit
  }
  return bytes
}

/**
 * Replaces each lone surrogate by U+FFFD, so that the text has a UTF-8 form. (`String.prototype.toWellFormed` is too
 * young for the phones.)
 */
export function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udfff]/gu, REPLACEMENT) // with `u`, a pair is one character and does not match
}

/**
 * Text as UTF-8 (RFC 3629). A lone surrogate becomes U+FFFD, as in every platform's encoder.
 *
 * @returns a fresh array.
 */
export function utf8Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8Length(text))
  let at = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) {
      bytes[at++] = unit
      continue
    }
    const code = codePointAt(text, i)
    if (code < 0x800) bytes[at++] = 0xc0 | (code >> 6)
    else {
      if (code < 0x1_0000) bytes[at++] = 0xe0 | (code >> 12)
      else {
        bytes[at++] = 0xf0 | (code >> 18)
        bytes[at++] = 0x80 | ((code >> 12) & 0x3f)
        i++
      }
      bytes[at++] = 0x80 | ((code >> 6) & 0x3f)
    }
    bytes[at++] = 0x80 | (code & 0x3f)
  }
  return bytes
}

/** Bytes that `utf8Bytes` would give. */
export function utf8Length(text: string): number {
  let length = 0
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) < 0x80) {
      length++ // nearly all text is ASCII
      continue
    }
    const code = codePointAt(text, i)
    if (code < 0x800) length += 2
    else if (code < 0x1_0000) length += 3
    else {
      length += 4
      i++
    }
  }
  return length
}

/**
 * Whether bytes are UTF-8 as RFC 3629 §4 has it: no overlong form, no surrogate, nothing above U+10FFFF, nothing cut.
 *
 * @param bytes any.
 * @param start first byte looked at.
 * @param end   one past the last.
 */
export function isUtf8(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
  let at = start
  while (at < end) {
    if ((bytes[at] as number) < 0x80) at++
    else {
      const length = sequenceLength(bytes, at, end)
      if (length === 0) return false
      at += length
    }
  }
  return true
}

/**
 * UTF-8 as text.
 *
 * @param bytes any.
 * @returns the text, or null if `isUtf8` is false. A leading U+FEFF is kept.
 */
export function utf8Text(bytes: Uint8Array): string | null {
  if (!isUtf8(bytes)) return null
  let text = ''
  let units: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const code = codePointOf(bytes, at)
    if (code < 0x1_0000) units.push(code)
    else units.push(0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff))
    at += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4
    if (units.length >= UNITS_PER_CHUNK) {
      text += String.fromCharCode(...units)
      units = []
    }
  }
  return text + String.fromCharCode(...units)
}

/** The code point at code unit `i`; U+FFFD for a lone surrogate. */
function codePointAt(text: string, i: number): number {
  const code = text.codePointAt(i) as number
  return code >= 0xd800 && code <= 0xdfff ? 0xfffd : code
}

/** Bytes of the well-formed sequence of two to four at `at`, or 0. RFC 3629 §4. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const lead = bytes[at] as number
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2
  if (lead < 0xc2 || lead > 0xf4 || at + length > end) return 0
  const second = bytes[at + 1] as number
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = at + 2; i < at + length; i++) if (((bytes[i] as number) & 0xc0) !== 0x80) return 0
  return length
}

/** The code point of the well-formed sequence at `at`. */
function codePointOf(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] as number
  if (lead < 0x80) return lead
  const second = (bytes[at + 1] as number) & 0x3f
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | second
  const third = (bytes[at + 2] as number) & 0x3f
  if (lead < 0xf0) return ((lead & 0x0f) << 12) | (second << 6) | third
  return ((lead & 0x07) << 18) | (second << 12) | (third << 6) | ((bytes[at + 3] as number) & 0x3f)
}
