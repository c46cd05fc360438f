import { ADDRESS_BYTES, writeAddress } from '../base/address.js'

/** A network that nobody on the Internet can be in: prefix and its length in bits. */
type Network = readonly [prefix: readonly number[], bits: number]

/** IANA IPv4 Special-Purpose Address Registry (RFC 6890), multicast and class E. */
const IPV4_NETWORKS: readonly Network[] = [
  [[0], 8],
  [[10], 8],
  [[100, 64], 10], // CGNAT, RFC 6598
  [[127], 8],
  [[169, 254], 16], // link-local, and where clouds serve their metadata
  [[172, 16], 12],
  [[192, 0, 0], 24],
  [[192, 0, 2], 24],
  [[192, 88, 99], 24],
  [[192, 168], 16],
  [[198, 18], 15],
  [[198, 51, 100], 24],
  [[203, 0, 113], 24],
  [[224], 4],
  [[240], 4],
]

/** IANA IPv6 Special-Purpose Address Registry. What is mapped or translated from IPv4 is looked at by its IPv4 part. */
const IPV6_NETWORKS: readonly Network[] = [
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 96], // unspecified, loopback, IPv4-compatible
  [[0, 0x64, 0xff, 0x9b, 0, 1], 48], // a network's own NAT64
  [[1, 0, 0, 0, 0, 0, 0, 0], 64],
  [[0x20, 1, 0], 23], // protocol assignments, Teredo, ORCHID
  [[0x20, 1, 0x0d, 0xb8], 32],
  [[0x3f, 0xff, 0], 20],
  [[0x5f, 0], 16],
  [[0xfc], 7], // ULA
  [[0xfe, 0x80], 10], // link-local
  [[0xfe, 0xc0], 10], // site-local
  [[0xff], 8],
]

/** Forms of IPv6 that lead to an IPv4 address, and where it stands in them. */
const EMBEDDED: readonly { network: Network; at: number }[] = [
  { network: [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], 96], at: 12 }, // mapped
  { network: [[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], 96], at: 12 }, // NAT64, RFC 6052
  { network: [[0x20, 2], 16], at: 2 }, // 6to4
]

/**
 * Whether an address is one on the public Internet: not of this machine, of a private network, link-local, multicast,
 * or reserved.
 *
 * @param ip dotted IPv4 or IPv6 text; false for anything else, and for an address with a zone.
 */
export function isPublicAddress(ip: string): boolean {
  const address = new Uint8Array(ADDRESS_BYTES)
  if (ip.includes('%') || !writeAddress(address, ip, 0)) return false
  const bytes = address.subarray(0, 16)
  for (const { network, at } of EMBEDDED) {
    if (isIn(bytes, network)) return !IPV4_NETWORKS.some((one) => isIn(bytes.subarray(at), one))
  }
  return !IPV6_NETWORKS.some((network) => isIn(bytes, network))
}

/** Whether a text is an IP address. */
export function isAddress(text: string): boolean {
  return writeAddress(new Uint8Array(ADDRESS_BYTES), text, 0)
}

function isIn(bytes: Uint8Array, [prefix, bits]: Network): boolean {
  for (let bit = 0; bit < bits; bit += 8) {
    const mask = bits - bit >= 8 ? 0xff : (0xff << (8 - (bits - bit))) & 0xff
    if (((bytes[bit / 8] ?? 0) & mask) !== ((prefix[bit / 8] ?? 0) & mask)) return false
  }
  return true
}
