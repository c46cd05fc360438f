import type { NetworkCode } from '../../frame/frame.js'

export type NetworkKind = 'wifi' | 'cellular' | 'unknown'
export type AddressFamily = 'ipv4' | 'ipv6'
/** What carries the datagrams: NATs keep mappings of TCP, and so of WebSocket, far longer than those of UDP. */
export type Carrier = 'udp' | 'tcp'

/** A network as the host knows it. */
export interface Network {
  /** what names it: an SSID, or operator and access point name; null if the host cannot tell */
  readonly id: string | null
  readonly kind: NetworkKind
  /** of the server's address, if the host knows; else the transport tells */
  readonly family?: AddressFamily
}

/** A network of which nothing is known. */
export const UNKNOWN_NETWORK: Network = { id: null, kind: 'unknown' }

const CODES: Readonly<Record<NetworkKind, NetworkCode>> = { unknown: 0, wifi: 1, cellular: 2 }

/** The kind as LEARNT and HINT name it. wire-spec §9.5 */
export function networkCode(kind: NetworkKind): NetworkCode {
  return CODES[kind]
}

/** The text whose digest names a network in the store; fields cannot run into each other, as the id is the last. */
export function networkText({ id, kind }: Network, family: AddressFamily | null): string {
  return `${kind} ${family ?? '-'} ${id ?? ''}`
}
