import { PilotlightError } from './errors.js'

/** 2^32, the weight of the upper 16 bits of a u48. */
const U32_SPAN = 0x1_0000_0000

/**
 * Joins byte strings.
 *
 * @param parts any number, any lengths.
 * @returns a fresh array; the parts are copied.
 */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/**
 * Compares without telling by its time where the first difference is. The lengths are not secret.
 *
 * @returns whether both have the same length and bytes.
 */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] as number) ^ (b[i] as number)
  return difference === 0
}

/** Bytes as lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += (byte < 16 ? '0' : '') + byte.toString(16)
  return text
}

/**
 * Hexadecimal as bytes.
 *
 * @param text an even number of hexadecimal digits, either case, nothing else.
 * @throws PilotlightError PL_BAD_HEX.
 */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new PilotlightError('PL_BAD_HEX')
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16)
  return bytes
}

/** Reads a big-endian u16; the caller has checked that `offset + 2` bytes are there. */
export function readU16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] as number) << 8) | (bytes[offset + 1] as number)
}

/** Reads a big-endian u32; the caller has checked that `offset + 4` bytes are there. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return ((readU16(bytes, offset) << 16) | readU16(bytes, offset + 2)) >>> 0
}

/** Reads a big-endian u48; the caller has checked that `offset + 6` bytes are there. */
export function readU48(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset) * U32_SPAN + readU32(bytes, offset + 2)
}

/** Writes the low 16 bits of `value`, big-endian. */
export function writeU16(out: Uint8Array, offset: number, value: number): void {
  out[offset] = value >>> 8
  out[offset + 1] = value
}

/** Writes the low 32 bits of `value`, big-endian. */
export function writeU32(out: Uint8Array, offset: number, value: number): void {
  writeU16(out, offset, value >>> 16)
  writeU16(out, offset + 2, value & 0xffff)
}

/** Writes `value`, 0 to 2^48 - 1, big-endian. */
export function writeU48(out: Uint8Array, offset: number, value: number): void {
  writeU16(out, offset, Math.floor(value / U32_SPAN))
  writeU32(out, offset + 2, value % U32_SPAN)
}
