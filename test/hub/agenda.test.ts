import fc from 'fast-check'
import t from 'tap'
import { Agenda } from '../../src/hub/agenda.js'

const at = (monotonicMs: number) => ({ monotonicMs, wallMs: 0 })

t.test('each timer fires once, at its time, with its key; one that was disarmed does not', (t) => {
  const agenda = new Agenda(0)
  const fired: string[] = []
  const first = agenda.line((key, now) => fired.push(`first ${key} at ${now.monotonicMs}`))
  const second = agenda.line((key) => fired.push(`second ${key}`))
  first.arm(7, 100)
  second.disarm(second.arm(8, 50))
  second.disarm(0)
  t.equal(agenda.armed, 1)
  agenda.expire(at(99))
  t.same(fired, [])
  t.equal(agenda.nextMs(), 100)
  agenda.expire(at(100))
  t.same(fired, ['first 7 at 100'])
  t.equal(agenda.nextMs(), Infinity)
  t.end()
})

t.test('the name of a timer that fired hits nobody', (t) => {
  const agenda = new Agenda(0)
  const fired: number[] = []
  const line = agenda.line((key) => fired.push(key))
  const old = line.arm(1, 1)
  agenda.expire(at(1))
  line.arm(2, 2)
  line.disarm(old)
  agenda.expire(at(2))
  t.same(fired, [1, 2])
  t.end()
})

t.test('a callback may arm again, also for the past: that fires in the next call', (t) => {
  const agenda = new Agenda(0)
  let count = 0
  const line = agenda.line((key, now) => {
    count++
    if (count < 3) line.arm(key, now.monotonicMs)
  })
  line.arm(1, 5)
  agenda.expire(at(5))
  t.equal(count, 1)
  agenda.expire(at(5))
  agenda.expire(at(5))
  agenda.expire(at(6))
  t.equal(count, 3)
  t.end()
})

t.test('like a list of timers', (t) => {
  const step = fc.record({ key: fc.nat(5), waitMs: fc.nat(50), act: fc.constantFrom('arm', 'disarm', 'expire') })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const agenda = new Agenda(0)
      const fired: number[] = []
      const line = agenda.line((key) => fired.push(key))
      const model: { key: number; dueMs: number; timer: number }[] = []
      const expected: number[] = []
      let nowMs = 0
      for (const { key, waitMs, act } of steps) {
        if (act === 'arm') model.push({ key, dueMs: nowMs + waitMs, timer: line.arm(key, nowMs + waitMs) })
        if (act === 'disarm' && model.length > 0) line.disarm(model.splice(key % model.length, 1)[0]?.timer ?? 0)
        if (act !== 'expire') continue
        nowMs += waitMs
        agenda.expire(at(nowMs))
        for (let i = model.length - 1; i >= 0; i--) {
          if ((model[i]?.dueMs ?? 0) <= nowMs) expected.push(model.splice(i, 1)[0]?.key ?? -1)
        }
      }
      const sorted = (keys: number[]) => [...keys].sort()
      return agenda.armed === model.length && `${sorted(fired)}` === `${sorted(expected)}`
    }),
    { numRuns: 300, seed: 1 },
  )
  t.pass('300 courses')
  t.end()
})
