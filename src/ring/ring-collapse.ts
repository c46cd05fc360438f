import type { LiveRing } from './live-ring.js'
import type { RingRecord } from './ring.js'
import type { RingIndex } from './ring-index.js'
import { isTerminal } from './ring-state.js'

/** One of those that an open ring goes to, for whom a newer ring takes its place. */
export interface Replaced {
  ring: LiveRing
  /** index */
  target: number
}

/**
 * The greater rank of two open rings stays. It is the time of creation, but after those before it whatever the clock did.
 *
 * @returns 0 without a collapse key.
 */
export function collapseRank(
  index: RingIndex,
  record: Pick<RingRecord, 'app' | 'collapseKey' | 'targets'>,
  wallMs: number,
): number {
  if (record.collapseKey === '') return 0
  const ranks = record.targets.flatMap(({ person }) =>
    index.ofPerson(person).flatMap((ring) => (isSameKey(ring.record, record) ? [ring.record.collapseRank + 1] : [])),
  )
  return Math.max(wallMs, ...ranks)
}

/**
 * Who is rung by two open rings with one collapse key, and which of the two gives way for them. A person has as many names
 * as rotations; rings to different ones do not replace each other, or the sender could link them.
 *
 * @param ring committed. Others that are not count for nothing until they are.
 */
export function replacedFor(index: RingIndex, ring: LiveRing): Replaced[] {
  const { record } = ring
  const replaced: Replaced[] = []
  record.targets.forEach(({ person, rotation, left }, target) => {
    if (left !== '') return
    for (const other of index.ofPerson(person)) {
      if (other === ring || !isSameKey(other.record, record)) continue
      if (other.published === null || isTerminal(other.record.state)) continue
      const twin = other.record.targets.findIndex((one) => one.person === person && one.rotation === rotation)
      if (other.record.targets[twin]?.left !== '') continue
      const isNewer = record.collapseRank > other.record.collapseRank
      replaced.push(isNewer ? { ring: other, target: twin } : { ring, target })
    }
  })
  return replaced
}

function isSameKey(a: Pick<RingRecord, 'app' | 'collapseKey'>, b: Pick<RingRecord, 'app' | 'collapseKey'>): boolean {
  return a.app === b.app && a.collapseKey === b.collapseKey
}
