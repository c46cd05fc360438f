/** Link layers of captures: who sent a frame, to whom, and what the capture says of its direction. */
import { BenchError } from '../bench-error.js'

/** What one frame tells of its direction; null where it does not. */
export interface Endpoints {
  source: string | null
  destination: string | null
  /** whether the capturing machine sent it, where the link layer says so */
  isOutgoing: boolean | null
}

/** Bytes before the network layer, and where its EtherType is. https://www.tcpdump.org/linktypes.html */
export interface LinkType {
  name: string
  headerBytes: number
  etherTypeAt: number | null
  /** Linux cooked captures: offset and size of the packet type, 4 for "sent by us" */
  packetTypeAt?: number
  packetTypeBytes?: 1 | 2
}

const RAW: LinkType = { name: 'raw IP', headerBytes: 0, etherTypeAt: null }
const LINK_TYPES: ReadonlyMap<number, LinkType> = new Map([
  [0, { name: 'BSD loopback', headerBytes: 4, etherTypeAt: null }],
  [1, { name: 'Ethernet', headerBytes: 14, etherTypeAt: 12 }],
  [12, RAW],
  [101, RAW],
  [108, { name: 'OpenBSD loopback', headerBytes: 4, etherTypeAt: null }],
  [113, { name: 'Linux cooked v1', headerBytes: 16, etherTypeAt: 14, packetTypeAt: 0, packetTypeBytes: 2 }],
  [228, RAW],
  [229, RAW],
  [276, { name: 'Linux cooked v2', headerBytes: 20, etherTypeAt: 0, packetTypeAt: 10, packetTypeBytes: 1 }],
])
const PACKET_OUTGOING = 4
const ETHER_TYPE_IPV4 = 0x0800
const ETHER_TYPE_IPV6 = 0x86dd
const ETHER_TYPES_VLAN = [0x8100, 0x88a8]
const VLAN_TAG_BYTES = 4

/** @throws BenchError if frames of this type are not known. */
export function linkTypeOf(number: number): LinkType {
  const found = LINK_TYPES.get(number)
  if (found !== undefined) return found
  const names = [...LINK_TYPES].map(([known, { name }]) => `${known} (${name})`)
  throw new BenchError(`the capture's link type ${number} is not known; known are ${names.join(', ')}`)
}

/** Whatever can be read of a frame; it may be cut short or hold anything. */
export function readEndpoints(linkType: LinkType, frame: Uint8Array): Endpoints {
  const { headerBytes, packetTypeAt, packetTypeBytes } = linkType
  const isOutgoing =
    packetTypeAt === undefined || frame.length < headerBytes
      ? null
      : (packetTypeBytes === 2 ? uint16(frame, packetTypeAt) : frame[packetTypeAt]!) === PACKET_OUTGOING
  const packet = ipPacket(linkType, frame)
  return packet === null ? { source: null, destination: null, isOutgoing } : { ...readAddresses(packet), isOutgoing }
}

/** The frame without its link header; null if it is known to carry something else than IP. */
export function ipPacket({ headerBytes, etherTypeAt }: LinkType, frame: Uint8Array): Uint8Array | null {
  let start = headerBytes
  if (etherTypeAt !== null) {
    let etherType = uint16(frame, etherTypeAt)
    if (etherTypeAt === 12 && ETHER_TYPES_VLAN.includes(etherType)) {
      etherType = uint16(frame, etherTypeAt + VLAN_TAG_BYTES)
      start += VLAN_TAG_BYTES
    }
    if (etherType !== ETHER_TYPE_IPV4 && etherType !== ETHER_TYPE_IPV6) return null
  }
  return frame.subarray(start)
}

function readAddresses(packet: Uint8Array): { source: string | null; destination: string | null } {
  const version = (packet[0] ?? 0) >> 4
  if (version === 4 && packet.length >= 20) {
    return { source: packet.subarray(12, 16).join('.'), destination: packet.subarray(16, 20).join('.') }
  }
  if (version === 6 && packet.length >= 40) {
    return { source: ipv6Text(packet.subarray(8, 24)), destination: ipv6Text(packet.subarray(24, 40)) }
  }
  return { source: null, destination: null }
}

/** As `URL` writes it (RFC 5952). */
function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => uint16(bytes, 2 * index).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

function uint16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}
