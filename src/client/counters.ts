import type { Direction } from '../packet/constants.js'
import type { DropReason } from '../packet/drop.js'
import { type DatagramKind, datagramKind } from '../packet/header.js'

/** Datagrams and their bytes of UDP payload. */
export interface Traffic {
  datagrams: number
  bytes: number
}

/** Kinds of wire-spec §3; 'other' is what no kind fits. */
export type TrafficKind = DatagramKind | 'other'

/** Datagrams and bytes of UDP payload by kind, as they met the transport, and what was dropped. */
export interface DeviceCounters {
  sent: Record<TrafficKind | 'all', Traffic>
  received: Record<TrafficKind | 'all', Traffic>
  dropped: Record<DropReason, number>
}

const KINDS: readonly TrafficKind[] = [
  'message-1',
  'message-1-cookie',
  'message-2',
  'cookie',
  'reset',
  'channel',
  'other',
]

/** Traffic of one direction by kind, counted where it meets the transport. */
export class TrafficCounter {
  readonly #direction: Direction
  readonly #byKind = new Map<TrafficKind, Traffic>(KINDS.map((kind) => [kind, { datagrams: 0, bytes: 0 }]))

  constructor(direction: Direction) {
    this.#direction = direction
  }

  /** Counts one datagram. */
  count(datagram: Uint8Array): void {
    const kind = datagramKind(datagram, this.#direction)
    const traffic = this.#byKind.get(kind === 'kind' || kind === 'length' ? 'other' : kind) as Traffic
    traffic.datagrams++
    traffic.bytes += datagram.length
  }

  /** All kinds at this moment, zeros included, and their sum; the object is the caller's. */
  snapshot(): Record<TrafficKind | 'all', Traffic> {
    const all: Traffic = { datagrams: 0, bytes: 0 }
    const entries = [...this.#byKind].map(([kind, { datagrams, bytes }]) => {
      all.datagrams += datagrams
      all.bytes += bytes
      return [kind, { datagrams, bytes }] as const
    })
    return { ...Object.fromEntries(entries), all } as Record<TrafficKind | 'all', Traffic>
  }
}
