import t from 'tap'
import { idleLevel, Level, mergedState, nextIdleChangeMs } from '../../src/presence/merge.js'

t.test('the merge table, whole', (t) => {
  const table = [
    ['out', 'offline', 'offline', 'offline'],
    ['asleep', 'offline', 'unavailable', 'offline'],
    ['away', 'away', 'unavailable', 'offline'],
    ['online', 'online', 'unavailable', 'offline'],
  ] as const
  for (const [level, ...states] of table) {
    t.same(
      ([0, 1, 2] as const).map((choice) => mergedState(Level[level], choice)),
      states,
      level,
    )
  }
  t.end()
})

t.test('levels of an idle device and when they change', (t) => {
  // idle ms, away s, offline s, level, next change
  const table: [number, number, number, keyof typeof Level, number | null][] = [
    [0, 300, 0, 'online', 300_000],
    [299_999, 300, 0, 'online', 300_000],
    [300_000, 300, 0, 'away', null],
    [0, 300, 900, 'online', 300_000],
    [300_000, 300, 900, 'away', 900_000],
    [900_000, 300, 900, 'asleep', null],
    [0, 0, 0, 'online', null],
    [0, 0, 60, 'online', 60_000],
    [60_000, 0, 60, 'asleep', null],
    [60_000, 300, 60, 'asleep', null],
    [0, 300, 60, 'online', 60_000],
    [0, 60, 60, 'online', 60_000],
    [60_000, 60, 60, 'asleep', null],
  ]
  for (const [idleMs, away, offline, level, next] of table) {
    const name = `${idleMs} ms, away ${away} s, offline ${offline} s`
    t.equal(idleLevel(idleMs, away, offline), Level[level], name)
    t.equal(nextIdleChangeMs(idleMs, away, offline), next, name)
  }
  t.end()
})
