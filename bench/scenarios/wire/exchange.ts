/** What an exchange costs on the wire: packets and bytes of IPv4, headers included. */
export interface Exchange {
  packets: number
  /** device to server, B */
  upBytes: number
  downBytes: number
  bytes: number
}

/** Headers of IPv4 and UDP, B. */
export const IPV4_UDP_BYTES = 28

/** One packet of an exchange, by the size of its IP packet. */
export interface IpPacket {
  up: boolean
  ipBytes: number
}

export function exchangeOf(packets: readonly IpPacket[]): Exchange {
  const sum = (up: boolean) => packets.reduce((bytes, one) => bytes + (one.up === up ? one.ipBytes : 0), 0)
  const [upBytes, downBytes] = [sum(true), sum(false)]
  return { packets: packets.length, upBytes, downBytes, bytes: upBytes + downBytes }
}
