/** Memory of a process that has come to rest: read until readings agree, with work between them. */

/** Readings in a row that must agree, within this share of the greatest. */
const AGREE = 5
const SHARE = 0.003
/** A process that never rests is read so often, and the last reading counts. */
const READINGS_MAX = 60

/** What was read. */
export interface Settled {
  bytes: number
  readings: number
  /** false: it went on moving until the last reading */
  isSettled: boolean
}

/**
 * @param work what the process does between two readings, so that its garbage collection has a reason to run.
 * @param read its memory, bytes.
 */
export async function settledMemory(work: () => Promise<void>, read: () => number): Promise<Settled> {
  const last: number[] = []
  for (let readings = 1; ; readings++) {
    await work()
    last.push(read())
    if (last.length > AGREE) last.shift()
    const [least, most] = [Math.min(...last), Math.max(...last)]
    const isSettled = last.length === AGREE && most - least <= SHARE * most
    if (isSettled || readings === READINGS_MAX) return { bytes: last.at(-1) as number, readings, isSettled }
  }
}
