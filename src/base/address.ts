/**
 * Addresses as 18 bytes: 16 of IPv6 (IPv4 mapped into it, RFC 4291 §2.5.5.2) and the port, big-endian. One IP has one
 * form, so bytes can be compared, stored and hashed.
 */
import { readU16, readU32, writeU16 } from './bytes.js'
import { PilotlightError } from './errors.js'

/** Bytes of an address. */
export const ADDRESS_BYTES = 18

const PORT_OFFSET = 16
const IPV4_OFFSET = 12

/**
 * Makes an address from text.
 *
 * @param ip   dotted IPv4, or IPv6 in any form of RFC 4291 §2.2, mapped IPv4 included; a zone (`%eth0`) is left out.
 * @param port 0..65535.
 * @returns 18 B, fresh.
 * @throws PilotlightError PL_BAD_ADDRESS.
 */
export function addressFrom(ip: string, port: number): Uint8Array {
  const address = new Uint8Array(ADDRESS_BYTES)
  if (!writeAddress(address, ip, port)) throw new PilotlightError('PL_BAD_ADDRESS', `${ip} ${port}`)
  return address
}

/**
 * Writes an address over another; allocates nothing for IPv4.
 *
 * @param out  18 B; its contents are undefined on failure.
 * @param ip   as for `addressFrom`.
 * @param port 0..65535.
 * @returns whether both were valid.
 */
export function writeAddress(out: Uint8Array, ip: string, port: number): boolean {
  if (!(Number.isInteger(port) && port >= 0 && port <= 0xffff)) return false
  writeU16(out, PORT_OFFSET, port)
  if (ip.indexOf(':') < 0) {
    out.fill(0, 0, 10)
    out[10] = 0xff
    out[11] = 0xff
    return writeIpv4(out, IPV4_OFFSET, ip, 0)
  }
  const zone = ip.indexOf('%')
  return writeIpv6(out, zone < 0 ? ip : ip.slice(0, zone))
}

/** The port of an address. */
export function portOf(address: Uint8Array): number {
  return readU16(address, PORT_OFFSET)
}

/** Whether an address is IPv4. */
export function isIpv4(address: Uint8Array): boolean {
  return (
    readU32(address, 0) === 0 &&
    readU32(address, 4) === 0 &&
    readU16(address, 8) === 0 &&
    readU16(address, 10) === 0xffff
  )
}

/** The IP of an address as text: dotted IPv4, or IPv6 as RFC 5952 has it. */
export function ipText(address: Uint8Array): string {
  if (isIpv4(address)) return `${address[12]}.${address[13]}.${address[14]}.${address[15]}`
  const { start, end } = longestZeroRun(address)
  let text = ''
  for (let at = 0; at < PORT_OFFSET; at += 2) {
    if (at === start) {
      text += '::'
      at = end - 2
    } else text += `${at === 0 || at === end ? '' : ':'}${readU16(address, at).toString(16)}`
  }
  return text
}

/** An address as text with its port, for logs and for people: `192.0.2.1:5683`, `[2001:db8::1]:5683`. */
export function addressText(address: Uint8Array): string {
  const ip = ipText(address)
  return isIpv4(address) ? `${ip}:${portOf(address)}` : `[${ip}]:${portOf(address)}`
}

/** Whether IP and port are the same. */
export function equalAddress(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < ADDRESS_BYTES; i++) if (a[i] !== b[i]) return false
  return true
}

/**
 * What rate limits count by: the whole of an IPv4 address, the /64 of an IPv6 address (one subscriber has that many);
 * never the port.
 *
 * @returns a short opaque string, for a Map.
 */
export function limitKey(address: Uint8Array): string {
  if (isIpv4(address)) return String.fromCharCode(readU16(address, 12), readU16(address, 14))
  return String.fromCharCode(readU16(address, 0), readU16(address, 2), readU16(address, 4), readU16(address, 6))
}

/** Reads dotted IPv4 from `text` at `start` to its end: four decimals of 0..255 without leading zeros. */
function writeIpv4(out: Uint8Array, offset: number, text: string, start: number): boolean {
  let part = 0
  let value = -1
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : 0x2e
    if (code === 0x2e) {
      if (value < 0 || part > 3) return false
      out[offset + part++] = value
      value = -1
      continue
    }
    const digit = code - 0x30
    if (digit < 0 || digit > 9 || value === 0) return false
    value = value < 0 ? digit : value * 10 + digit
    if (value > 255) return false
  }
  return part === 4
}

/** Reads IPv6: up to eight groups of hexadecimal, one `::`, perhaps dotted IPv4 in place of the last two. */
function writeIpv6(out: Uint8Array, text: string): boolean {
  let at = 0
  /** where `::` stands, or -1 */
  let gap = -1
  let i = 0
  if (text.startsWith('::')) {
    gap = 0
    i = 2
  }
  while (i < text.length) {
    if (at === PORT_OFFSET) return false
    let value = 0
    let digits = 0
    for (let digit = hexDigit(text, i); digit >= 0 && digits < 4; digit = hexDigit(text, i + ++digits)) {
      value = value * 16 + digit
    }
    if (text[i + digits] === '.') {
      if (at > IPV4_OFFSET || !writeIpv4(out, at, text, i)) return false
      at += 4
      break
    }
    if (digits === 0) return false
    writeU16(out, at, value)
    at += 2
    i += digits
    if (i === text.length) break
    // A colon, and behind it another group, or the gap.
    if (text[i] !== ':' || i + 1 === text.length) return false
    i++
    if (text[i] !== ':') continue
    if (gap >= 0) return false
    gap = at
    i++
  }
  if (gap < 0) return at === PORT_OFFSET
  if (at > PORT_OFFSET - 2) return false
  out.copyWithin(PORT_OFFSET - (at - gap), gap, at)
  out.fill(0, gap, PORT_OFFSET - (at - gap))
  return true
}

/** Value of a hexadecimal digit of a text, or -1. */
function hexDigit(text: string, index: number): number {
  const code = index < text.length ? text.charCodeAt(index) : 0
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** The longest run of zero groups (the first of several), of two or more: offsets of its bytes, or -1. RFC 5952 §4.2. */
function longestZeroRun(address: Uint8Array): { start: number; end: number } {
  let best = { start: -1, end: -1 }
  let start = 0
  for (let at = 0; at <= PORT_OFFSET; at += 2) {
    if (at < PORT_OFFSET && readU16(address, at) === 0) continue
    if (at - start > Math.max(2, best.end - best.start)) best = { start, end: at }
    start = at + 2
  }
  return best
}
