import { readU16 } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import { LIST_VERSION_MAX, LIST_VERSIONS_PER_HOUR } from '../packet/constants.js'

/**
 * Draws the version of a changed list. No number is given twice, also not where a server was restored from an old
 * copy, or runs beside one: an hour later the change has the higher one, and within the hour chance tells them apart. Hours,
 * as the server stores versions, and seconds would tell rotations. wire-spec [R-10-1]
 *
 * @param least    the greatest that this device knows of.
 * @param serverMs the server's clock at least, Unix ms; null: not known.
 * @returns above `least`; LIST_VERSION_MAX + 1 if none is left.
 */
export function nextListVersion(least: number, serverMs: number | null, random: Random): number {
  const ofNow = Math.trunc((serverMs ?? 0) / 3_600_000) * LIST_VERSIONS_PER_HOUR
  const drawn = Math.max(least, ofNow) + 1 + readU16(random.fill(new Uint8Array(2)), 0)
  return least < LIST_VERSION_MAX ? Math.min(drawn, LIST_VERSION_MAX) : LIST_VERSION_MAX + 1
}
