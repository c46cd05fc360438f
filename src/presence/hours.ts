import type { ZoneSource } from './zone-source.js'

/** Hours on some days of the week, in the person's time zone: wire-spec §10. */
export interface HoursWindow {
  /** bit 0 Monday .. bit 6 Sunday; the days on which it starts */
  days: number
  /** minute of the day, 0..1439 */
  start: number
  /** minute of the day, 0..1439; at or before `start`: it runs past midnight */
  end: number
}

/** Whether hours are open, and up to when that is sure. */
export interface Opening {
  open: boolean
  /** Unix ms at which to look again; Infinity if it never changes */
  untilMs: number
}

const MINUTE_MS = 60_000
const DAY_MINUTES = 1440
const WEEK_MINUTES = 7 * DAY_MINUTES
const DAY_MS = DAY_MINUTES * MINUTE_MS
/** 1970-01-01 was a Thursday: day 3, counted from Monday. */
const EPOCH_DAY_OF_WEEK = 3

/**
 * Whether any of some windows is open. A window is open as long as the zone's clock on the wall shows a time in it: a
 * time that the clock leaps over is not in it, one that the clock shows twice is in it twice.
 *
 * @param windows at least one, else nothing is ever open.
 * @param zone    IANA name, '' UTC. A name that is no zone: never open, so that nobody is shown by mistake; looked at
 *   again after a day.
 * @param wallMs  Unix ms.
 */
export function openingAt(windows: readonly HoursWindow[], zone: string, zones: ZoneSource, wallMs: number): Opening {
  const offset = zones.offsetAt(zone, wallMs)
  if (offset === null) return { open: false, untilMs: wallMs + DAY_MS }
  const localMs = wallMs + offset.offsetMinutes * MINUTE_MS
  const weekMs = weekTimeMs(localMs)
  let open = false
  let nextMs = Infinity
  for (const window of windows) {
    const lengthMinutes =
      window.end > window.start ? window.end - window.start : window.end - window.start + DAY_MINUTES
    for (let day = 0; day < 7; day++) {
      if ((window.days & (1 << day)) === 0) continue
      const startMs = (day * DAY_MINUTES + window.start) * MINUTE_MS
      const sinceStartMs = modulo(weekMs - startMs, WEEK_MINUTES * MINUTE_MS)
      const isInside = sinceStartMs < lengthMinutes * MINUTE_MS
      if (isInside) open = true
      const edgeMs = (isInside ? lengthMinutes : WEEK_MINUTES) * MINUTE_MS - sinceStartMs
      if (edgeMs < nextMs) nextMs = edgeMs
    }
  }
  return { open, untilMs: Math.min(wallMs + nextMs, offset.untilMs) }
}

/** Ms since Monday 0:00 of the week of a local time. */
function weekTimeMs(localMs: number): number {
  return modulo(localMs + EPOCH_DAY_OF_WEEK * DAY_MS, WEEK_MINUTES * MINUTE_MS)
}

function modulo(value: number, size: number): number {
  return ((value % size) + size) % size
}
