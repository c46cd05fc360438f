import t from 'tap'
import { SEEN_LINES_MAX, SeenLines } from '../../src/presence/seen-lines.js'
import { causeCode, causeOf, stateCode, stateOf } from '../../src/presence/state.js'
import { nextCount, versionOf } from '../../src/presence/version.js'

t.test('versions are safe until 2106, and a later start is above an earlier one', (t) => {
  t.ok(Number.isSafeInteger(versionOf(2 ** 32 - 1, 2 ** 21 - 1)))
  t.equal(versionOf(1, 0), versionOf(0, 2 ** 21 - 1) + 1)
  t.end()
})

t.test('the count grows with each change, and with the minutes', (t) => {
  t.equal(nextCount(0, 0), 1)
  t.equal(nextCount(5, 59_999), 6)
  t.equal(nextCount(5, 3_600_000), 60)
  t.equal(nextCount(100, 3_600_000), 101)
  t.end()
})

t.test('who hid for an hour and who was away for an hour come back with the same count', (t) => {
  const away = nextCount(nextCount(3, 600_000), 4_200_000)
  let hidden = nextCount(3, 600_000)
  for (let minute = 11; minute < 60; minute++) hidden = nextCount(hidden, minute * 60_000)
  t.equal(nextCount(hidden, 4_200_000), away)
  t.end()
})

t.test('states and causes as bytes', (t) => {
  for (const state of ['online', 'away', 'unavailable', 'offline', 'unknown'] as const)
    t.equal(stateOf(stateCode(state)), state)
  for (const cause of ['device', 'idle', 'contact-lost', 'user', 'window', 'restart'] as const)
    t.equal(causeOf(causeCode(cause)), cause)
  t.equal(stateCode('offline'), 0)
  t.end()
})

t.test('lines that differ from the own one: one for each application and rotation, bounded', (t) => {
  const lines = new SeenLines()
  const line = (app: number, rotation: number, count = 1) => ({
    app,
    rotation,
    sinceMs: 1,
    count,
    cause: 'user' as const,
  })
  lines.keep(1, line(1, 0))
  lines.keep(1, line(1, 1))
  lines.keep(1, line(1, 0, 2))
  t.equal(lines.get(1, 1, 0)?.count, 2)
  t.equal(lines.get(1, 1, 2), null)
  lines.drop(1, 1, 0)
  lines.drop(1, 1, 1)
  lines.drop(2, 1, 1)
  t.equal(lines.persons, 0)
  for (let app = 0; app <= SEEN_LINES_MAX; app++) lines.keep(2, line(app, 0))
  t.equal(lines.get(2, 0, 0), null, 'the oldest gave way')
  t.ok(lines.get(2, SEEN_LINES_MAX, 0))
  lines.dropAll(2)
  t.notOk(lines.has(2))
  t.end()
})
