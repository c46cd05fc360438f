/**
 * The subset of CBOR that the wire uses (wire-spec §7, [R-7-1]): a strict bounded check of our own, then cbor-x.
 *
 * cbor-x alone is too generous for bytes from strangers (tags that build objects, long heads, invalid UTF-8, depth),
 * and it is not told to read what the check has refused. What it gets wrong even then is kept away from it here:
 * integers of 8 bytes come as BigInt (its `int64AsNumber` cuts negative ones to 32 bits), numbers above 2^32 would be
 * written as floats, and a U+FEFF at the start of a long text is lost where the platform has TextDecoder.
 */
import { Encoder } from 'cbor-x/encode'
import { assert } from '../base/assert.js'
import { concat } from '../base/bytes.js'
import { isUtf8, wellFormed } from '../base/text.js'

/** An item that [R-7-1] allows. Read byte strings alias the bytes they were read from. */
export type CborItem = number | string | Uint8Array | readonly CborItem[]

/** Bounds of one sequence. */
export interface CborLimits {
  /** items at the top level, without padding */
  frames: number
  /** items in all: each frame, each array in it, each item of an array; without padding */
  items: number
  /** levels of arrays */
  depth: number
}

/** `null`, the padding. */
export const PADDING_BYTE = 0xf6

const U32_MAX = 0xffff_ffff
const MAJOR_NEGATIVE = 1
const MAJOR_TEXT = 3
const MAJOR_ARRAY = 4

const encoder = new Encoder({ useRecords: false, mapsAsObjects: false, variableMapSize: true, tagUint8Array: false })

/**
 * Reads a CBOR sequence. [R-7-1], [R-7-5]
 *
 * @param bytes  any; never trusted.
 * @param limits bounds.
 * @returns the items before the padding, or null if anything breaks the rules. Never throws.
 */
export function readSequence(bytes: Uint8Array, limits: CborLimits): CborItem[] | null {
  const end = checkedLength(bytes, limits)
  if (end < 0) return null
  if (end === 0) return []
  const values: unknown[] = []
  encoder.decodeMultiple(bytes.subarray(0, end), (value: unknown) => {
    values.push(value)
  })
  return values.map(withoutBigInt)
}

/**
 * Writes a CBOR sequence in core deterministic encoding (RFC 8949 §4.2.1).
 *
 * @param items integers below 2^53 either way, byte strings, arrays, and text: leading U+FEFF is left out and a lone
 *   surrogate becomes U+FFFD, so that what is written can be read.
 * @returns fresh bytes.
 */
export function writeSequence(items: readonly CborItem[]): Uint8Array {
  return concat(...items.map((item) => encoder.encode(forEncoder(item))))
}

/** Whether an item is a byte string; true also for one of another realm (a host that runs this in a bare context). */
export function isByteString(item: CborItem): item is Uint8Array {
  return ArrayBuffer.isView(item)
}

/**
 * Checks a CBOR sequence against [R-7-1] and [R-7-5]: only integers below 2^53, byte strings, UTF-8 text without a
 * byte order mark and arrays, in shortest form, within the limits; then nothing but padding.
 *
 * @param bytes  any.
 * @param limits bounds.
 * @returns bytes before the padding, or -1.
 */
export function checkedLength(bytes: Uint8Array, limits: CborLimits): number {
  const open: number[] = [] // items still to come on each level of arrays
  let items = 0
  let frames = 0
  let at = 0
  while (at < bytes.length) {
    const initial = bytes[at] as number
    if (open.length === 0) {
      if (initial === PADDING_BYTE) return isPadding(bytes, at) ? at : -1
      if (++frames > limits.frames) return -1
    }
    if (++items > limits.items) return -1
    const major = initial >> 5
    const argument = readArgument(bytes, at)
    if (argument < 0 || major > MAJOR_ARRAY) return -1
    at += headBytes(initial)
    if (major <= MAJOR_NEGATIVE) {
      if (argument + major > Number.MAX_SAFE_INTEGER) return -1 // -1 - argument for a negative one
    } else if (argument > bytes.length - at) return -1
    else if (major === MAJOR_ARRAY) {
      if (open.length === limits.depth) return -1
      if (argument > 0) {
        open.push(argument)
        continue
      }
    } else {
      if (major === MAJOR_TEXT && !isPlainText(bytes, at, at + argument)) return -1
      at += argument
    }
    while (open.length > 0) {
      const rest = (open[open.length - 1] as number) - 1
      if (rest > 0) {
        open[open.length - 1] = rest
        break
      }
      open.pop()
    }
  }
  return open.length === 0 ? at : -1
}

/** Bytes of a head, by its first byte. RFC 8949 §3. */
function headBytes(initial: number): number {
  const short = initial & 0x1f
  return short < 24 ? 1 : 1 + 2 ** (short - 24)
}

/** The argument of the head at `at`, or -1 if it is cut, indefinite, longer than needed or 2^53 and above. */
function readArgument(bytes: Uint8Array, at: number): number {
  const short = (bytes[at] as number) & 0x1f
  if (short < 24) return short
  if (short > 27) return -1
  const end = at + 1 + 2 ** (short - 24)
  if (end > bytes.length) return -1
  let argument = 0
  for (let i = at + 1; i < end; i++) argument = argument * 256 + (bytes[i] as number)
  const least = short === 24 ? 24 : short === 25 ? 0x100 : short === 26 ? 0x1_0000 : U32_MAX + 1
  return argument >= least && argument <= Number.MAX_SAFE_INTEGER ? argument : -1
}

function isPadding(bytes: Uint8Array, start: number): boolean {
  for (let at = start; at < bytes.length; at++) if (bytes[at] !== PADDING_BYTE) return false
  return true
}

/** UTF-8 that does not start with U+FEFF (RFC 3629 §6 asks protocols to forbid it). */
function isPlainText(bytes: Uint8Array, start: number, end: number): boolean {
  const marked = end - start >= 3 && bytes[start] === 0xef && bytes[start + 1] === 0xbb && bytes[start + 2] === 0xbf
  return !marked && isUtf8(bytes, start, end)
}

function withoutBigInt(value: unknown): CborItem {
  if (typeof value === 'bigint') return Number(value)
  return Array.isArray(value) ? value.map(withoutBigInt) : (value as CborItem)
}

function forEncoder(item: CborItem): unknown {
  if (typeof item === 'number') {
    assert(Number.isSafeInteger(item), `no integer below 2^53: ${item}`)
    return item > U32_MAX || item < -U32_MAX - 1 ? BigInt(item) : item
  }
  if (typeof item === 'string') return wellFormed(item).replace(/^\ufeff+/, '')
  if (!isByteString(item)) return item.map(forEncoder)
  return item instanceof Uint8Array ? item : new Uint8Array(item)
}
