/** Datagrams by direction, kind and size, as `device run` counts them at its socket. */

import type { Traffic, TrafficRow } from '../phone/traffic.js'
import { columns } from '../terminal.js'

/** Counted datagrams. */
export type Counts = Traffic

/** What one chapter cost all phones together. */
export interface Cost {
  what: string
  counts: Counts
}

/** Nothing counted. */
export const NO_COUNTS: Counts = { datagramsOut: 0, bytesOut: 0, datagramsIn: 0, bytesIn: 0, rows: [] }

/** Both together. */
export function addCounts(a: Counts, b: Counts): Counts {
  return combine(a, b, 1)
}

/** What `a` has more than `b`. */
export function lessCounts(a: Counts, b: Counts): Counts {
  return combine(a, b, -1)
}

function combine(a: Counts, b: Counts, sign: number): Counts {
  const rows = new Map<string, TrafficRow>()
  const add = (row: TrafficRow, factor: number) => {
    const key = `${row.direction} ${row.kind} ${row.bytes}`
    const held = rows.get(key) ?? { ...row, datagrams: 0 }
    rows.set(key, { ...held, datagrams: held.datagrams + factor * row.datagrams })
  }
  for (const row of a.rows) add(row, 1)
  for (const row of b.rows) add(row, sign)
  return {
    datagramsOut: a.datagramsOut + sign * b.datagramsOut,
    bytesOut: a.bytesOut + sign * b.bytesOut,
    datagramsIn: a.datagramsIn + sign * b.datagramsIn,
    bytesIn: a.bytesIn + sign * b.bytesIn,
    rows: [...rows.values()].filter(({ datagrams }) => datagrams !== 0),
  }
}

/** Bytes of the smallest channel packet of a direction: the common ping or pong. 0 if there was none. */
export function leastBytes(counts: Counts, direction: 'out' | 'in'): number {
  const sizes = counts.rows
    .filter((row) => row.direction === direction && row.kind === 'channel')
    .map(({ bytes }) => bytes)
  return sizes.length === 0 ? 0 : Math.min(...sizes)
}

/** What a channel packet of this size is: wire-spec §5.1, [R-7-6]. Other sizes stand in one row. */
const KNOWN_CHANNEL: Record<string, string> = {
  'out 24': 'ping',
  'in 19': 'pong',
  128: 'ring, grant, list: padded',
  256: 'ring, grant, list: padded',
  512: 'ring, grant, list: padded',
  1200: 'ring, grant, list: padded',
}
const OTHER_CHANNEL = { out: 'ping with ack, verdict, boot, ..', in: 'pong with state, outcome, ..' }

/** Datagrams and bytes by kind and size, and what each chapter cost. */
export function tables(counts: Counts, costs: readonly Cost[]): string[] {
  const kinds = [...groups(counts.rows).values()].map(({ direction, name, sizes, datagrams, bytes }) => [
    direction === 'out' ? 'device -> server' : 'server -> device',
    name,
    sizes.length === 1 ? `${sizes[0]}` : `${Math.min(...sizes)}..${Math.max(...sizes)}`,
    `${datagrams}`,
    `${bytes}`,
  ])
  kinds.sort((a, b) => order(a).localeCompare(order(b)))
  const spent = costs.map(({ what, counts: { datagramsOut, bytesOut, datagramsIn, bytesIn } }) => [
    what,
    `${datagramsOut}`,
    `${bytesOut}`,
    `${datagramsIn}`,
    `${bytesIn}`,
    `${bytesOut + bytesIn}`,
  ])
  const sum = ['all', ...sums(spent)]
  return [
    'UDP payload by kind, all devices together',
    ...rightAligned([['direction', 'kind', 'bytes', 'datagrams', 'bytes in all'], ...kinds], 2),
    '',
    'What each cost, all devices together',
    ...rightAligned([['chapter', 'sent', 'bytes', 'received', 'bytes', 'bytes in all'], ...spent, sum], 1),
  ]
}

interface Group {
  direction: 'out' | 'in'
  name: string
  sizes: number[]
  datagrams: number
  bytes: number
}

function groups(rows: readonly TrafficRow[]): Map<string, Group> {
  const byName = new Map<string, Group>()
  for (const { direction, kind, bytes, datagrams } of rows) {
    const known = KNOWN_CHANNEL[`${direction} ${bytes}`] ?? KNOWN_CHANNEL[bytes]
    const name = kind === 'channel' ? (known ?? OTHER_CHANNEL[direction]) : kind
    const key = `${direction} ${name} ${name === OTHER_CHANNEL[direction] ? '' : bytes}`
    const group = byName.get(key) ?? { direction, name, sizes: [], datagrams: 0, bytes: 0 }
    group.sizes.push(bytes)
    group.datagrams += datagrams
    group.bytes += datagrams * bytes
    byName.set(key, group)
  }
  return byName
}

function order(row: string[]): string {
  return `${row[0]} ${(row[2] ?? '').padStart(5, '0')}`
}

function sums(rows: string[][]): string[] {
  const width = rows[0]?.length ?? 1
  return Array.from(
    { length: width - 1 },
    (_, index) => `${rows.reduce((sum, row) => sum + Number(row[index + 1]), 0)}`,
  )
}

/** Numbers stand to the right of their column. */
function rightAligned(rows: string[][], textColumns: number): string[] {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  return columns(
    rows.map((row) => row.map((cell, column) => (column < textColumns ? cell : cell.padStart(width(column))))),
  )
}
