/** Hours as a form has them. */
import type { GrantWindow } from '../frame/frame.js'

/** IANA time zones that a person can choose. */
export const ZONES: readonly string[] = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')]

const DAYS_ALL = 127

/** Fields of hours as they were typed. */
export interface HoursFields {
  start: string
  end: string
  zone: string
  /** '0' Monday to '6' Sunday */
  days: string[]
}

/** One window of a form's fields `start`, `end`, `day` and `zone`. Null if a time or the zone is none. */
export function hoursOf(form: URLSearchParams): { windows: GrantWindow[]; zone: string } | null {
  const start = minuteOf(form.get('start') ?? '')
  const end = minuteOf(form.get('end') ?? '')
  const zone = form.get('zone') ?? ''
  if (start === null || end === null || start === end || !ZONES.includes(zone)) return null
  const days = form.getAll('day').reduce((bits, day) => (/^[0-6]$/.test(day) ? bits | (1 << Number(day)) : bits), 0)
  return { windows: [[days === 0 ? DAYS_ALL : days, start, end]], zone }
}

/** `21:30` as a minute of the day. */
function minuteOf(text: string): number | null {
  const [, hours, minutes] = /^([01][0-9]|2[0-3]):([0-5][0-9])$/.exec(text) ?? []
  return hours === undefined ? null : Number(hours) * 60 + Number(minutes)
}
