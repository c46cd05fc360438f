/**
 * Versions of what an application sees of a person: `boot seconds * 2^21 + count`, a safe integer until 2106.
 *
 * The count is the person's own. It grows with each change that some application can see, and never stands below the
 * whole minutes since the start. So, as long as a person has fewer changes than minutes, a version tells when, and not
 * how many changes the application did not see: a person who hid, or stopped sharing, for an hour and one who was out of contact for an
 * hour come back with the same version. 2^21 minutes are four years; past them, the boot seconds of the next start
 * are still far above.
 */
export const COUNTS_PER_BOOT_SECOND = 2 ** 21

const MINUTE_MS = 60_000

/**
 * The version that is told.
 *
 * @param bootSeconds max(stored + 1, Unix seconds) of this start.
 * @param count       of the person's change, from `nextCount`.
 */
export function versionOf(bootSeconds: number, count: number): number {
  return bootSeconds * COUNTS_PER_BOOT_SECOND + count
}

/**
 * The count of a person's next change.
 *
 * @param lastCount  of the person's last change in this start, 0 none.
 * @param elapsedMs since the start, monotonic.
 */
export function nextCount(lastCount: number, elapsedMs: number): number {
  return Math.max(lastCount + 1, Math.floor(elapsedMs / MINUTE_MS))
}
