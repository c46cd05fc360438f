import type { PresenceNumbers } from '../presence/presence.js'
import type { RingNumbers } from '../ring/rings.js'

/** Things that peers did, or that came from the store, and that had no effect. */
export const HUB_DROPS = [
  /** events of devices that are not here */
  'eventsOfStrangers',
  /** acks of frames that do not wait */
  'acksOfNothing',
  /** verdicts that name no ring */
  'verdictsOfNothing',
  /** parts of lists out of order, too long, or that nobody has */
  'listPartsIgnored',
  /** lists that are not the committed version */
  'visibilityStale',
  /** lists that break wire-spec §10 */
  'visibilityInvalid',
  /** requests for the list key that came too often, or were too many */
  'keyRequestsIgnored',
  /** sealed keys that nobody waits for */
  'keysIgnored',
  /** requests for a PUID with a rotation out of range */
  'puidRequestsIgnored',
  /** rows of rings that cannot be read, are past their time or of removed applications */
  'ringRowsIgnored',
  /** GRANTED for what was not given, or is done */
  'grantsIgnored',
  /** rows of grants that cannot be read, are past their time, or of somebody who is gone */
  'grantRowsIgnored',
] as const

/** One of `HUB_DROPS`. */
export type HubDrop = (typeof HUB_DROPS)[number]

/** Counts things that had no effect. */
export class DropCounts {
  readonly #counts = Object.fromEntries(HUB_DROPS.map((what) => [what, 0])) as Record<HubDrop, number>

  /** Counts one. */
  add(what: HubDrop): void {
    this.#counts[what]++
  }

  /** All counts, a copy. */
  all(): Record<HubDrop, number> {
    return { ...this.#counts }
  }
}

/** Numbers of presence by the names of `/metrics` (camelCase; the sidecar writes them with underscores). */
export function presenceMetrics(numbers: PresenceNumbers): Record<string, number> {
  const { persons, devices, devicesInContact, entries, extras, seenLines, tableBytes, byState } = numbers
  return {
    persons,
    personsOnline: byState.online,
    personsAway: byState.away,
    personsUnavailable: byState.unavailable,
    personsOffline: byState.offline,
    personsNotHeard: persons - byState.online - byState.away - byState.unavailable - byState.offline,
    devices,
    devicesInContact,
    visibilityEntries: entries,
    personsWithHoursOrTexts: extras,
    personsSeenOtherwise: seenLines,
    tableBytes,
  }
}

/** Numbers of the persons' lists by the names of `/metrics`. @param reads lists that are being read. */
export function listMetrics(
  commits: { committed: number; conflicts: number; uploads: number },
  visibility: { applied: number; assemblies: number },
  reads: number,
): Record<string, number> {
  return {
    listCommits: commits.committed,
    listConflicts: commits.conflicts,
    listsApplied: visibility.applied,
    listTransfers: commits.uploads + visibility.assemblies + reads,
  }
}

/** Numbers of rings by the names of `/metrics`. */
export function ringMetrics(numbers: RingNumbers): Record<string, number> {
  const { open, telling, ended, keys, waits, writes, created, outcomes } = numbers
  return {
    ringsOpen: open,
    ringsTelling: telling,
    ringsEndedInMemory: ended,
    idempotencyKeys: keys,
    ringWaits: waits,
    ringWrites: writes,
    ringsCreated: created,
    ringsAccepted: outcomes.accepted,
    ringsDismissed: outcomes.dismissed,
    ringsMissed: outcomes.missed,
    ringsWithdrawn: outcomes.withdrawn,
    ringsFailed: outcomes.failed,
  }
}
