/** TCP and UDP in captured frames: ports, sizes, flags. */
import { ipPacket, type LinkType } from './link.js'

/** One segment or datagram. */
export interface Segment {
  protocol: 'tcp' | 'udp'
  sourcePort: number
  destinationPort: number
  /** of the IP packet, its header included, as its header says */
  ipBytes: number
  /** above TCP or UDP */
  payloadBytes: number
  /** TCP's flags, as in RFC 9293 section 3.1; 0 for UDP */
  flags: number
}

/** Bits of `flags`. */
export const TcpFlag = { fin: 0x01, syn: 0x02, rst: 0x04, ack: 0x10 } as const

const PROTOCOLS: ReadonlyMap<number, 'tcp' | 'udp'> = new Map([
  [6, 'tcp'],
  [17, 'udp'],
])
const IPV4_BYTES_MIN = 20
const IPV6_BYTES = 40
const UDP_BYTES = 8
const TCP_BYTES_MIN = 20
/** Later fragments have no ports. */
const FRAGMENT_OFFSET_MASK = 0x1fff

/** @returns null for what is neither TCP nor UDP, or cut before the end of its header. IPv6 without extension headers. */
export function readSegment(linkType: LinkType, frame: Uint8Array): Segment | null {
  const packet = ipPacket(linkType, frame)
  if (packet === null) return null
  const version = (packet[0] ?? 0) >> 4
  if (version === 4 && packet.length >= IPV4_BYTES_MIN) {
    const headerBytes = (packet[0]! & 15) * 4
    const isFragment = (uint16(packet, 6) & FRAGMENT_OFFSET_MASK) > 0
    return isFragment
      ? null
      : above(PROTOCOLS.get(packet[9]!), packet.subarray(headerBytes), uint16(packet, 2), headerBytes)
  }
  if (version === 6 && packet.length >= IPV6_BYTES) {
    return above(PROTOCOLS.get(packet[6]!), packet.subarray(IPV6_BYTES), IPV6_BYTES + uint16(packet, 4), IPV6_BYTES)
  }
  return null
}

function above(
  protocol: 'tcp' | 'udp' | undefined,
  bytes: Uint8Array,
  ipBytes: number,
  ipHeaderBytes: number,
): Segment | null {
  if (protocol === undefined || bytes.length < (protocol === 'tcp' ? TCP_BYTES_MIN : UDP_BYTES)) return null
  const headerBytes = protocol === 'tcp' ? (bytes[12]! >> 4) * 4 : UDP_BYTES
  return {
    protocol,
    sourcePort: uint16(bytes, 0),
    destinationPort: uint16(bytes, 2),
    ipBytes,
    payloadBytes: Math.max(0, ipBytes - ipHeaderBytes - headerBytes),
    flags: protocol === 'tcp' ? bytes[13]! : 0,
  }
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}
