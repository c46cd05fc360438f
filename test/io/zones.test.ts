import t from 'tap'
import { systemZones } from '../../src/io/zones.js'

const at = (text: string) => Date.parse(text)

t.test('offsets, and when they change', async (t) => {
  const zones = systemZones()
  t.same(pick(zones.offsetAt('Europe/Berlin', at('2026-01-15T12:00:00Z'))), [60, at('2026-03-29T01:00:00Z')])
  t.same(pick(zones.offsetAt('Europe/Berlin', at('2026-03-29T00:59:59.999Z'))), [60, at('2026-03-29T01:00:00Z')])
  t.same(pick(zones.offsetAt('Europe/Berlin', at('2026-03-29T01:00:00Z'))), [120, at('2026-10-25T01:00:00Z')])
  t.same(pick(zones.offsetAt('europe/berlin', at('2026-10-25T01:00:00Z'))), [60, at('2027-03-28T01:00:00Z')])
  t.same(pick(zones.offsetAt('America/New_York', at('2026-07-01T00:00:00Z'))), [-240, at('2026-11-01T06:00:00Z')])
  t.same(pick(zones.offsetAt('Australia/Lord_Howe', at('2026-07-01T00:00:00Z'))), [630, at('2026-10-03T15:30:00Z')])
  t.equal(zones.offsetAt('Asia/Kathmandu', at('2026-07-01T00:00:00Z'))?.offsetMinutes, 345)
})

t.test('a zone that never changes holds for a year', async (t) => {
  const zones = systemZones()
  const now = at('2026-01-15T12:00:00Z')
  for (const zone of ['', 'UTC', 'Asia/Tokyo']) {
    const offset = zones.offsetAt(zone, now)
    t.ok(offset !== null && offset.untilMs > now + 360 * 86_400_000, zone)
  }
})

t.test('every day of two years agrees with the cached span', async (t) => {
  const cached = systemZones()
  for (const zone of ['Europe/London', 'America/Sao_Paulo', 'Pacific/Chatham']) {
    for (let day = 0; day < 730; day += 5) {
      const wallMs = at('2026-01-01T12:34:56Z') + day * 86_400_000
      const fresh = systemZones().offsetAt(zone, wallMs)
      t.equal(cached.offsetAt(zone, wallMs)?.offsetMinutes, fresh?.offsetMinutes)
    }
  }
})

t.test('what is no zone gives null', async (t) => {
  const zones = systemZones()
  for (const zone of ['Mars/Phobos', '+01:00', 'x'.repeat(100), 'Europe/Berlin; x', '🙂']) {
    t.equal(zones.offsetAt(zone, 0), null, zone)
  }
  t.equal(zones.offsetAt('UTC', Number.NaN), null)
  for (let index = 0; index < 3000; index++) zones.offsetAt(`No/Zone${index}`, 0)
  t.equal(zones.offsetAt('UTC', 0)?.offsetMinutes, 0, 'still answers after many unknown names')
})

function pick(offset: { offsetMinutes: number; untilMs: number } | null): number[] {
  return offset === null ? [] : [offset.offsetMinutes, offset.untilMs]
}
