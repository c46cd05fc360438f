/** 3GPP TR 38.840 UE power model, FR1: relative units per ms. Tables 18 and 19 as cited by 5G-LENA; F[NR840]. */
import { loadTable } from './load.js'

interface PowerTable {
  pdcchOnlyUnits: number
  sleeps: readonly { name: string; units: number; transitionUnits: number; transitionMs: number }[]
}

/**
 * Mean units per ms of a cDRX cycle without traffic: PDCCH monitoring, then the sleep that costs least of those that
 * fit, its transition included.
 */
export function meanCycleUnits(cycleMs: number, onMs: number): number {
  const { pdcchOnlyUnits, sleeps } = loadTable('nr-38840-fr1.json') as PowerTable
  const restMs = cycleMs - onMs
  const costs = sleeps
    .filter(({ transitionMs }) => transitionMs <= restMs)
    .map(({ units, transitionUnits, transitionMs }) => transitionUnits + (restMs - transitionMs) * units)
  return (onMs * pdcchOnlyUnits + Math.min(...costs)) / cycleMs
}
