/** IANA time zones by Intl: what a zone's clock is ahead of UTC, and until when. Passed into the pure core as data. */

/** A zone's offset at one moment. */
export interface ZoneOffset {
  /** minutes that the zone's clock is ahead of UTC */
  offsetMinutes: number
  /** Unix ms up to which this holds; ask again then */
  untilMs: number
}

/** Offsets of IANA zones. */
export interface Zones {
  /**
   * The offset of a zone.
   *
   * @param zone   IANA name, any case; '' is UTC.
   * @param wallMs Unix ms.
   * @returns null for a name that is no zone.
   */
  offsetAt(zone: string, wallMs: number): ZoneOffset | null
}

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
/** How far a change is looked for; zones that change do it twice a year. */
const HORIZON_MS = 400 * DAY_MS
/** Two changes less than this apart are not told from none. The shortest known pause between two is Morocco's month. */
const STEP_MS = 14 * DAY_MS
/** Zones held at once; a device may send any text, so the cache has a bound. There are about 600 names. */
const ZONES_MAX = 1024
/** IANA names; refuses '+01:00', which newer versions of Intl take. */
const ZONE_NAME = /^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/

interface Span extends ZoneOffset {
  fromMs: number
}

/** One zone: its formatter, and the span that was asked for last. */
interface Zone {
  format: Intl.DateTimeFormat
  span: Span | null
}

/** Zones with a cache of their own. */
export function systemZones(): Zones {
  const known = new Map<string, Zone | null>()

  function zoneNamed(name: string): Zone | null {
    const held = known.get(name)
    if (held !== undefined) return held
    const zone = loadZone(name)
    if (known.size >= ZONES_MAX) known.clear()
    known.set(name, zone)
    return zone
  }

  return {
    offsetAt(name, wallMs) {
      const zone = zoneNamed(name === '' ? 'UTC' : name)
      if (zone === null || !Number.isFinite(wallMs)) return null
      const held = zone.span
      if (held !== null && wallMs >= held.fromMs && wallMs < held.untilMs) return held
      zone.span = spanAt(zone.format, wallMs)
      return zone.span
    },
  }
}

function loadZone(name: string): Zone | null {
  if (!ZONE_NAME.test(name)) return null
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
    return { format, span: null }
  } catch {
    return null // RangeError: no such zone
  }
}

/** Looks ahead in steps for another offset, then halves the step in which it changed. */
function spanAt(format: Intl.DateTimeFormat, wallMs: number): Span {
  const offsetMinutes = offsetMinutesAt(format, wallMs)
  for (let ahead = STEP_MS; ahead <= HORIZON_MS; ahead += STEP_MS) {
    if (offsetMinutesAt(format, wallMs + ahead) === offsetMinutes) continue
    let before = wallMs + ahead - STEP_MS
    let after = wallMs + ahead
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2)
      if (offsetMinutesAt(format, middle) === offsetMinutes) before = middle
      else after = middle
    }
    return { offsetMinutes, fromMs: wallMs, untilMs: after }
  }
  return { offsetMinutes, fromMs: wallMs, untilMs: wallMs + HORIZON_MS - STEP_MS }
}

function offsetMinutesAt(format: Intl.DateTimeFormat, wallMs: number): number {
  const fields: Record<string, number> = {}
  for (const { type, value } of format.formatToParts(wallMs)) fields[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields
  const localMs = Date.UTC(year, month - 1, day, hour, minute, second)
  return Math.round((localMs - Math.floor(wallMs / 1000) * 1000) / MINUTE_MS)
}
