import fc from 'fast-check'
import t from 'tap'
import { systemZones } from '../../src/io/zones.js'
import { type HoursWindow, openingAt } from '../../src/presence/hours.js'
import { zoneTable } from './zone-table.js'

const HOUR_MS = 3_600_000
const utc = (...[y, m, d, h = 0, min = 0]: number[]) => Date.UTC(y as number, (m as number) - 1, d, h, min)
const minutes = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3))
const window = (start: string, end: string, days = 127): HoursWindow => ({
  days,
  start: minutes(start),
  end: minutes(end),
})

/** Openings and closings from a time on, as ISO minutes in UTC. */
function edges(windows: HoursWindow[], zone: string, fromMs: number, count: number): string[] {
  const found: string[] = []
  let last = openingAt(windows, zone, zoneTable, fromMs)
  for (
    let ms = last.untilMs, steps = 0;
    found.length < count && steps < 1_000 && ms < Infinity;
    ms = last.untilMs, steps++
  ) {
    const next = openingAt(windows, zone, zoneTable, ms)
    if (next.untilMs <= ms) throw new Error('no progress')
    if (next.open !== last.open) found.push(`${next.open ? 'open' : 'shut'} ${new Date(ms).toISOString().slice(0, 16)}`)
    last = next
  }
  return found
}

t.test('9 pm to 11 pm, in the zone of the person', (t) => {
  const evening = [window('21:00', '23:00')]
  t.same(edges(evening, 'Europe/Berlin', utc(2026, 6, 15), 4), [
    'open 2026-06-15T19:00',
    'shut 2026-06-15T21:00',
    'open 2026-06-16T19:00',
    'shut 2026-06-16T21:00',
  ])
  t.same(edges(evening, 'America/New_York', utc(2026, 1, 15), 2), ['open 2026-01-15T02:00', 'shut 2026-01-15T04:00'])
  t.same(edges(evening, '', utc(2026, 1, 15), 2), ['open 2026-01-15T21:00', 'shut 2026-01-15T23:00'])
  t.end()
})

t.test('past midnight: the days are those of its start', (t) => {
  // Friday (bit 4) 22:00 to 02:00. 2026-06-19 is a Friday.
  const friday = [window('22:00', '02:00', 1 << 4)]
  t.same(edges(friday, '', utc(2026, 6, 15), 4), [
    'open 2026-06-19T22:00',
    'shut 2026-06-20T02:00',
    'open 2026-06-26T22:00',
    'shut 2026-06-27T02:00',
  ])
  t.equal(openingAt(friday, '', zoneTable, utc(2026, 6, 20, 1, 59)).open, true)
  t.equal(openingAt(friday, '', zoneTable, utc(2026, 6, 19, 1)).open, false)
  // Sunday past midnight runs into Monday, over the end of the week.
  const sunday = [window('23:30', '00:30', 1 << 6)]
  t.same(edges(sunday, '', utc(2026, 6, 20), 2), ['open 2026-06-21T23:30', 'shut 2026-06-22T00:30'])
  t.end()
})

t.test('from midnight to midnight, and start at the end: 24 hours', (t) => {
  t.equal(edges([window('00:00', '00:00')], '', utc(2026, 6, 15), 1).length, 0, 'always')
  t.same(edges([window('08:00', '08:00', 1)], '', utc(2026, 6, 15), 2), [
    'open 2026-06-15T08:00',
    'shut 2026-06-16T08:00',
  ])
  t.same(edges([window('00:00', '06:00')], '', utc(2026, 6, 15, 3), 2), [
    'shut 2026-06-15T06:00',
    'open 2026-06-16T00:00',
  ])
  t.end()
})

t.test('windows that touch or overlap are one', (t) => {
  const day = [window('09:00', '12:00'), window('11:00', '13:00'), window('13:00', '17:00')]
  t.same(edges(day, '', utc(2026, 6, 15), 2), ['open 2026-06-15T09:00', 'shut 2026-06-15T17:00'])
  t.end()
})

t.test('the gap in spring: a time that the clock leaps over never comes', (t) => {
  // 2026-03-29, Berlin: 02:00 becomes 03:00 at 01:00 UTC.
  t.same(edges([window('02:15', '02:45')], 'Europe/Berlin', utc(2026, 3, 28), 4), [
    'open 2026-03-28T01:15',
    'shut 2026-03-28T01:45',
    'open 2026-03-30T00:15',
    'shut 2026-03-30T00:45',
  ])
  t.same(edges([window('01:30', '03:30')], 'Europe/Berlin', utc(2026, 3, 29), 2), [
    'open 2026-03-29T00:30',
    'shut 2026-03-29T01:30',
  ])
  // 2026-03-08, New York: 02:00 becomes 03:00 at 07:00 UTC.
  t.same(edges([window('01:00', '02:30')], 'America/New_York', utc(2026, 3, 8), 2), [
    'open 2026-03-08T06:00',
    'shut 2026-03-08T07:00',
  ])
  t.end()
})

t.test('the overlap in autumn: a time that the clock shows twice comes twice', (t) => {
  // 2026-10-25, Berlin: 03:00 becomes 02:00 at 01:00 UTC.
  t.same(edges([window('02:15', '02:45')], 'Europe/Berlin', utc(2026, 10, 25), 4), [
    'open 2026-10-25T00:15',
    'shut 2026-10-25T00:45',
    'open 2026-10-25T01:15',
    'shut 2026-10-25T01:45',
  ])
  t.same(edges([window('01:30', '02:30')], 'Europe/Berlin', utc(2026, 10, 24, 12), 4), [
    'open 2026-10-24T23:30',
    'shut 2026-10-25T00:30',
    'open 2026-10-25T01:00',
    'shut 2026-10-25T01:30',
  ])
  // 2026-11-01, New York: 02:00 becomes 01:00 at 06:00 UTC.
  t.same(edges([window('22:00', '01:30')], 'America/New_York', utc(2026, 10, 31, 22), 4), [
    'open 2026-11-01T02:00',
    'shut 2026-11-01T05:30',
    'open 2026-11-01T06:00',
    'shut 2026-11-01T06:30',
  ])
  t.end()
})

t.test('a name that is no zone: never open, looked at again', (t) => {
  const opening = openingAt([window('00:00', '00:00')], 'Atlantis/Capital', zoneTable, utc(2026, 1, 1))
  t.same(opening, { open: false, untilMs: utc(2026, 1, 2) })
  t.end()
})

t.test('open exactly while the clock on the wall shows a time within, in real zones', (t) => {
  const zones = systemZones()
  const names = ['Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'Australia/Lord_Howe', '']
  const formats = new Map(names.map((name) => [name, clockOf(name)]))
  const aWindow = fc.record({ days: fc.integer({ min: 1, max: 127 }), start: fc.nat(1439), end: fc.nat(1439) })
  const fromMs = utc(2026, 1, 1)
  fc.assert(
    fc.property(
      fc.array(aWindow, { minLength: 1, maxLength: 3 }),
      fc.constantFrom(...names),
      fc.nat(365 * 24 * 60),
      (windows, name, minute) => {
        const wallMs = fromMs + minute * 60_000
        const clock = formats.get(name) as (wallMs: number) => number
        const opening = openingAt(windows, name, zones, wallMs)
        if (opening.open !== isWithin(windows, clock(wallMs))) return false
        if (opening.untilMs <= wallMs) return false
        const checkMs = Math.min(opening.untilMs - 60_000, wallMs + 3 * HOUR_MS)
        return checkMs <= wallMs || isWithin(windows, clock(checkMs)) === opening.open
      },
    ),
    { numRuns: 400, seed: 3 },
  )
  t.pass('400 times')
  t.end()
})

/** The minute of the week that a zone's clock shows, straight from Intl. */
function clockOf(name: string): (wallMs: number) => number {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: name === '' ? 'UTC' : name,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  })
  return (wallMs) => {
    const parts = new Map(format.formatToParts(wallMs).map(({ type, value }) => [type, value]))
    const day = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'].indexOf(parts.get('weekday') ?? '')
    return day * 1440 + Number(parts.get('hour')) * 60 + Number(parts.get('minute'))
  }
}

/** By enumerating every minute that the windows hold. */
function isWithin(windows: readonly HoursWindow[], weekMinute: number): boolean {
  return windows.some(({ days, start, end }) => {
    const length = end > start ? end - start : end - start + 1440
    return [0, 1, 2, 3, 4, 5, 6].some((day) => {
      if ((days & (1 << day)) === 0) return false
      const begin = day * 1440 + start
      return (weekMinute >= begin && weekMinute < begin + length) || weekMinute + 10_080 < begin + length
    })
  })
}
