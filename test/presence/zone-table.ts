import type { ZoneOffset, ZoneSource } from '../../src/presence/zone-source.js'

/** Rules of two zones with summer time, since 2007, in UTC. */
const RULES: Record<
  string,
  { standard: number; summer: number; begins: (year: number) => number; ends: (year: number) => number }
> = {
  'Europe/Berlin': {
    standard: 60,
    summer: 120,
    begins: (year) => lastSunday(year, 2) + 3_600_000,
    ends: (year) => lastSunday(year, 9) + 3_600_000,
  },
  'America/New_York': {
    standard: -300,
    summer: -240,
    begins: (year) => firstSunday(year, 2) + 7 * 86_400_000 + 7 * 3_600_000,
    ends: (year) => firstSunday(year, 10) + 6 * 3_600_000,
  },
}

/** Zones as a table: UTC, Europe/Berlin, America/New_York; every other name is no zone. */
export const zoneTable: ZoneSource = {
  offsetAt(zone, wallMs): ZoneOffset | null {
    if (zone === '' || zone === 'UTC') return { offsetMinutes: 0, untilMs: Infinity }
    const rule = RULES[zone]
    if (rule === undefined) return null
    const year = new Date(wallMs).getUTCFullYear()
    if (wallMs < rule.begins(year)) return { offsetMinutes: rule.standard, untilMs: rule.begins(year) }
    if (wallMs < rule.ends(year)) return { offsetMinutes: rule.summer, untilMs: rule.ends(year) }
    return { offsetMinutes: rule.standard, untilMs: rule.begins(year + 1) }
  },
}

function firstSunday(year: number, month: number): number {
  const first = new Date(Date.UTC(year, month, 1))
  return Date.UTC(year, month, 1 + ((7 - first.getUTCDay()) % 7))
}

function lastSunday(year: number, month: number): number {
  const last = new Date(Date.UTC(year, month + 1, 0))
  return Date.UTC(year, month, last.getUTCDate() - last.getUTCDay())
}
