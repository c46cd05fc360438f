import type { StateChange } from '../../models/state-ledger.js'

/**
 * How long a model and a state trace of EnergyBox are in different states.
 *
 * @param csv    rows `number,seconds`; two rows at each change.
 * @param names  the model's name for each of the oracle's numbers.
 * @returns s; a capture out of order makes the oracle go back in time, which counts once.
 */
export function secondsApart(
  csv: string,
  names: Readonly<Record<string, string>>,
  changes: readonly StateChange[],
): number {
  const rows = csv
    .trim()
    .split('\n')
    .map((line) => line.split(','))
    .map(([number, seconds]) => ({ state: names[number!]!, atS: Number(seconds) }))
  let apartS = 0
  for (let index = 1; index < rows.length; index++) {
    const { state, atS: fromS } = rows[index - 1]!
    const { atS: untilS } = rows[index]!
    apartS += Math.max(0, untilS - fromS) - secondsIn(changes, state, fromS, untilS)
  }
  return apartS
}

/** s of a stretch of time in which the model is in a state. */
function secondsIn(changes: readonly StateChange[], state: string, fromS: number, untilS: number): number {
  let sumS = 0
  for (const [index, change] of changes.entries()) {
    if (change.state !== state) continue
    const endS = changes[index + 1]?.atS ?? Infinity
    sumS += Math.max(0, Math.min(untilS, endS) - Math.max(fromS, change.atS))
  }
  return sumS
}
