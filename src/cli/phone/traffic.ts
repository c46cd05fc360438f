/** What a device sends and receives, counted at its socket. */

/** Datagrams of one direction, kind and size. */
export interface TrafficRow {
  direction: 'out' | 'in'
  kind: DatagramName
  /** UDP payload of each */
  bytes: number
  datagrams: number
}

/** All of it. */
export interface Traffic {
  datagramsOut: number
  bytesOut: number
  datagramsIn: number
  bytesIn: number
  rows: TrafficRow[]
}

/** Kinds that the first byte tells. wire-spec §3 */
export type DatagramName = 'handshake message 1' | 'handshake message 2' | 'cookie' | 'reset' | 'channel' | 'unknown'

const NAMES: Record<number, DatagramName> = {
  1: 'handshake message 1',
  2: 'handshake message 1',
  3: 'handshake message 2',
  4: 'cookie',
  5: 'reset',
}
const CHANNEL_BIT = 0x80

/** Counts datagrams. */
export class TrafficCounter {
  readonly #rows = new Map<string, TrafficRow>()

  /** A datagram passed the socket. */
  count(direction: 'out' | 'in', datagram: Uint8Array): void {
    const first = datagram[0] ?? 0
    const kind = (first & CHANNEL_BIT) !== 0 ? 'channel' : (NAMES[first] ?? 'unknown')
    const key = `${direction} ${kind} ${datagram.length}`
    const row = this.#rows.get(key) ?? { direction, kind, bytes: datagram.length, datagrams: 0 }
    row.datagrams++
    this.#rows.set(key, row)
  }

  /** Everything so far. */
  traffic(): Traffic {
    const rows = [...this.#rows.values()].map((row) => ({ ...row }))
    const of = (direction: 'out' | 'in') => rows.filter((row) => row.direction === direction)
    const datagrams = (some: TrafficRow[]) => some.reduce((sum, row) => sum + row.datagrams, 0)
    const bytes = (some: TrafficRow[]) => some.reduce((sum, row) => sum + row.datagrams * row.bytes, 0)
    return {
      datagramsOut: datagrams(of('out')),
      bytesOut: bytes(of('out')),
      datagramsIn: datagrams(of('in')),
      bytesIn: bytes(of('in')),
      rows,
    }
  }
}
