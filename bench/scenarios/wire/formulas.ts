/** Peers that do not run here, by formula: the parts of each packet are in `bench/models/wire-formulas.json`. */
import { loadTable } from '../../models/load.js'
import type { PeerExchanges } from './captured.js'
import { type Exchange, exchangeOf } from './exchange.js'

/** Bytes, and what they are. */
type Part = readonly [number, string]

interface Formula {
  name: string
  title: string
  source: string
  ping?: Sides
  connect?: Sides
  addressChange?: Sides
}

/** The packets of each side, in parts. */
interface Sides {
  up: readonly (readonly Part[])[]
  down: readonly (readonly Part[])[]
}

/** A row by formula. */
export interface FormulaRow extends PeerExchanges {
  name: string
  title: string
  /** where each part comes from */
  reference: string
}

export function formulaRows(): FormulaRow[] {
  return (loadTable('wire-formulas.json') as Formula[]).map(({ name, title, source, ...sides }) => ({
    name,
    title,
    reference: source,
    connect: computed(sides.connect),
    ping: computed(sides.ping),
    ring: null,
    resume: null,
    addressChange: computed(sides.addressChange),
  }))
}

function computed(sides: Sides | undefined): Exchange | null {
  if (sides === undefined) return null
  return exchangeOf([...packetsOf(sides.up, true), ...packetsOf(sides.down, false)])
}

function packetsOf(packets: readonly (readonly Part[])[], up: boolean) {
  return packets.map((parts) => ({ up, ipBytes: parts.reduce((sum, [bytes]) => sum + bytes, 0) }))
}
