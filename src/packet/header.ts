import { readU32, writeU32 } from '../base/bytes.js'
import {
  BOOT_BYTES,
  CID_BYTES,
  COOKIE_REPLY_BYTES,
  DATAGRAM_BYTES_MAX,
  type Direction,
  Flag,
  Kind,
  MESSAGE1_BYTES,
  MESSAGE1_COOKIE_BYTES,
  MESSAGE2_BYTES,
  RESET_BYTES,
  TAG_BYTES,
} from './constants.js'

/** What a datagram is, by its first byte. wire-spec §3. */
export type DatagramKind = 'message-1' | 'message-1-cookie' | 'message-2' | 'cookie' | 'reset' | 'channel'

/** Fewest bytes of a channel packet: flags, connection ID (d2s), one byte of packet number, tag. wire-spec §3. */
export const CHANNEL_BYTES_MIN = { d2s: 2 + CID_BYTES + TAG_BYTES, s2d: 2 + TAG_BYTES } as const

/** Most bytes of a header: flags, connection ID, boot value, four bytes of packet number. */
export const HEADER_BYTES_MAX = 1 + CID_BYTES + BOOT_BYTES + 4

/**
 * Tells the kind of a datagram by first byte and length; nothing else is looked at. [R-3-1]
 *
 * @param bytes     any datagram.
 * @param direction the way it came.
 * @returns its kind, or why it is dropped: 'kind' or 'length'.
 */
export function datagramKind(bytes: Uint8Array, direction: Direction): DatagramKind | 'kind' | 'length' {
  if (bytes.length === 0) return 'length'
  const first = bytes[0] as number
  if ((first & Flag.channel) !== 0) {
    const fits = bytes.length >= CHANNEL_BYTES_MIN[direction] && bytes.length <= DATAGRAM_BYTES_MAX
    return fits ? 'channel' : 'length'
  }
  const toServer = direction === 'd2s'
  if (first === Kind.message1 && toServer) return bytes.length === MESSAGE1_BYTES ? 'message-1' : 'length'
  if (first === Kind.message1Cookie && toServer)
    return bytes.length === MESSAGE1_COOKIE_BYTES ? 'message-1-cookie' : 'length'
  if (first === Kind.message2 && !toServer) return bytes.length === MESSAGE2_BYTES ? 'message-2' : 'length'
  if (first === Kind.cookie && !toServer) return bytes.length === COOKIE_REPLY_BYTES ? 'cookie' : 'length'
  if (first === Kind.reset && !toServer) return bytes.length === RESET_BYTES ? 'reset' : 'length'
  return 'kind'
}

/** A parsed channel header. One object is filled again and again; offsets count from the datagram's first byte. */
export interface Header {
  /** first byte as sent */
  flags: number
  /** ASK: an answer is asked for (d2s only) */
  ask: boolean
  /** PROBE: it came from, or goes to, the second socket of a device. wire-spec §9.4 */
  probe: boolean
  /** where the 12 B boot value starts, or -1 without BOOT */
  bootOffset: number
  /** bytes of packet number: 1 or 4 */
  numberBytes: 1 | 4
  /** the low 8 or 32 bits of the packet number as sent */
  numberLow: number
  /** bytes of the header, which are the associated data; the sealed frames start here */
  headerBytes: number
}

/** Where the connection ID starts in a channel packet d2s. wire-spec §5.1. */
export const CID_OFFSET = 1

/** A header to hand to `parseHeader`. */
export function emptyHeader(): Header {
  return { flags: 0, ask: false, probe: false, bootOffset: -1, numberBytes: 1, numberLow: 0, headerBytes: 0 }
}

/**
 * Parses a channel header (wire-spec §5.1). Allocates nothing, opens nothing, and trusts nothing: any bytes will do.
 *
 * @param bytes     any datagram.
 * @param direction the way it came; d2s has a connection ID at `CID_OFFSET`.
 * @param out       filled on success, else left in any state.
 * @returns null, or why it is dropped: 'kind', 'length' or 'reserved-bit'.
 */
export function parseHeader(
  bytes: Uint8Array,
  direction: Direction,
  out: Header,
): 'kind' | 'length' | 'reserved-bit' | null {
  if (bytes.length < CHANNEL_BYTES_MIN[direction] || bytes.length > DATAGRAM_BYTES_MAX) return 'length'
  const flags = bytes[0] as number
  if ((flags & Flag.channel) === 0) return 'kind'
  const probe = (flags & Flag.probe) !== 0
  const reserved = (direction === 'd2s' ? 0 : Flag.ask) | (probe ? Flag.ask | Flag.boot : 0)
  if ((flags & reserved) !== 0) return 'reserved-bit'
  let at = direction === 'd2s' ? CID_OFFSET + CID_BYTES : CID_OFFSET
  out.flags = flags
  out.ask = (flags & Flag.ask) !== 0
  out.probe = probe
  out.bootOffset = -1
  if ((flags & Flag.boot) !== 0) {
    out.bootOffset = at
    at += BOOT_BYTES
  }
  out.numberBytes = (flags & Flag.long) !== 0 ? 4 : 1
  if (at + out.numberBytes + TAG_BYTES > bytes.length) return 'length'
  out.numberLow = out.numberBytes === 4 ? readU32(bytes, at) : (bytes[at] as number)
  out.headerBytes = at + out.numberBytes
  return null
}

/** What `writeHeader` needs. */
export interface HeaderFields {
  /** 5 B; null s2d */
  cid: Uint8Array | null
  /** 12 B, or null without BOOT */
  boot: Uint8Array | null
  /** four bytes of packet number in place of one */
  long: boolean
  /** an answer is asked for (d2s only) */
  ask: boolean
  /** to or from the second socket of a device; false if left out. wire-spec §9.4 */
  probe?: boolean
  /** packet number, u48; its low bits are written */
  number: number
  /** any random byte; its bits `Flag.grease` are used */
  grease: number
}

/**
 * Writes a channel header (wire-spec §5.1).
 *
 * @returns 2 to 22 B, fresh: the associated data and the start of the packet.
 */
export function writeHeader(fields: HeaderFields): Uint8Array {
  const { cid, boot, long, ask, probe = false, number, grease } = fields
  const cidBytes = cid === null ? 0 : CID_BYTES
  const bootBytes = boot === null ? 0 : BOOT_BYTES
  const header = new Uint8Array(1 + cidBytes + bootBytes + (long ? 4 : 1))
  header[0] =
    Flag.channel |
    (long ? Flag.long : 0) |
    (boot === null ? 0 : Flag.boot) |
    (ask ? Flag.ask : 0) |
    (probe ? Flag.probe : 0) |
    (grease & Flag.grease)
  if (cid !== null) header.set(cid, CID_OFFSET)
  if (boot !== null) header.set(boot, CID_OFFSET + cidBytes)
  const at = CID_OFFSET + cidBytes + bootBytes
  if (long) writeU32(header, at, number % 0x1_0000_0000)
  else header[at] = number % 0x100
  return header
}
