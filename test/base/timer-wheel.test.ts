import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { TimerWheel } from '../../src/base/timer-wheel.js'

/** The obvious implementation: a Map. */
class NaiveTimers {
  readonly due = new Map<number, number>()
  /** what an owner of slots knows: the last time of each, armed or not */
  readonly known = new Map<number, number>()
  arm(slot: number, due: number): void {
    this.due.set(slot, due)
    this.known.set(slot, due)
  }
  nextDue(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.due.values())
  }
}

type Operation =
  | { kind: 'arm'; slot: number; inMs: number }
  | { kind: 'cancel'; slot: number }
  | { kind: 'expire'; afterMs: number; rearm: readonly { slot: number; inMs: number | null }[] }
  | { kind: 'expire-at-next' }

const delayMs = fc.oneof(
  fc.constantFrom(0, 0.25, 0.5, 1, 63, 64, 65, 4095, 4096, 4097, 2 ** 30 - 1, 2 ** 30, 2 ** 31, 2 ** 40),
  fc.double({ min: 0, max: 3, noNaN: true }),
  fc.nat(100),
  fc.nat(40_000),
  fc.nat(1e9),
)
const slot = fc.nat(40)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('arm' as const), slot, inMs: fc.oneof(delayMs, fc.constant(-50)) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), slot }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('expire' as const),
      afterMs: delayMs,
      rearm: fc.array(fc.record({ slot, inMs: fc.option(delayMs) }), { maxLength: 5 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'expire-at-next' as const }) },
)

function expireBoth(
  wheel: TimerWheel,
  naive: NaiveTimers,
  nowMs: number,
  rearm: readonly { slot: number; inMs: number | null }[],
): void {
  const expected = new Map([...naive.due].filter(([, due]) => due <= nowMs))
  const fired: number[] = []
  let at = 0
  wheel.expire(nowMs, (slot) => {
    const due = expected.get(slot)
    if (due === undefined) throw new Error(`slot ${slot} fired at ${nowMs}, not due`)
    if (wheel.dueOf(slot) !== Number.POSITIVE_INFINITY) throw new Error('a fired slot is still armed')
    expected.delete(slot)
    naive.due.delete(slot)
    fired.push(due)
    const change = rearm[at++]
    if (change === undefined) return
    expected.delete(change.slot) // armed anew or cancelled: not again in this call
    if (change.inMs === null) {
      wheel.cancel(change.slot)
      naive.due.delete(change.slot)
    } else {
      const due = change.inMs > 100 ? nowMs + change.inMs : Math.max(0, nowMs - 50 + change.inMs)
      wheel.arm(change.slot, due)
      naive.arm(change.slot, due)
    }
  })
  if (expected.size > 0) throw new Error(`not fired at ${nowMs}: ${JSON.stringify([...expected])}`)
  lastFired = fired
}
let lastFired: number[] = []

t.test('the wheel does what a Map of timers does, whoever keeps the times', async (t) => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.double({ min: 0, max: 1e12, noNaN: true }),
      fc.array(operation, { maxLength: 60 }),
      (hasOwner, startMs, operations) => {
        const naive = new NaiveTimers()
        const dueOf = (slot: number): number => naive.known.get(slot) as number
        const wheel = new TimerWheel(startMs, 3, hasOwner ? dueOf : null)
        let nowMs = startMs
        for (const step of operations) {
          if (step.kind === 'arm') {
            const due = Math.max(0, nowMs + step.inMs)
            wheel.arm(step.slot, due)
            naive.arm(step.slot, due)
          } else if (step.kind === 'cancel') {
            wheel.cancel(step.slot)
            naive.due.delete(step.slot)
          } else {
            const next = wheel.nextDue()
            if (step.kind === 'expire') nowMs += step.afterMs
            else if (next !== Number.POSITIVE_INFINITY) nowMs = Math.max(nowMs, next)
            expireBoth(wheel, naive, nowMs, step.kind === 'expire' ? step.rearm : [])
          }
          for (let i = 0; i <= 40; i++) {
            if (wheel.dueOf(i) !== (naive.due.get(i) ?? Number.POSITIVE_INFINITY))
              throw new Error(`slot ${i} wrong after ${step.kind}`)
          }
          const next = wheel.nextDue()
          if (next > naive.nextDue()) throw new Error(`next ${next} is after ${naive.nextDue()}`)
          if (naive.due.size <= 16 && next !== naive.nextDue())
            throw new Error(`next ${next} is not exact: ${naive.nextDue()}`)
        }
        // Driven by nextDue alone it ends, and each call makes progress.
        for (let calls = 0; naive.due.size > 0; calls++) {
          const next = wheel.nextDue()
          if (calls > 400) throw new Error(`no end at ${nowMs}, next ${next}`)
          nowMs = Math.max(nowMs, next)
          expireBoth(wheel, naive, nowMs, [])
          if (wheel.nextDue() <= nowMs) throw new Error('no progress')
        }
        if (wheel.nextDue() !== Number.POSITIVE_INFINITY) throw new Error('something is left')
      },
    ),
    { numRuns: 1500 },
  )
  t.pass()
})

t.test('slots fire in order of their milliseconds, however far the time jumps', async () => {
  fc.assert(
    fc.property(fc.array(delayMs, { maxLength: 200 }), (delays) => {
      const wheel = new TimerWheel(1000.5)
      const naive = new NaiveTimers()
      delays.forEach((delay, slot) => {
        wheel.arm(slot, 1000.5 + delay)
        naive.due.set(slot, 1000.5 + delay)
      })
      expireBoth(wheel, naive, 1e13, [])
      const ticks = lastFired.map(Math.floor)
      assert.deepEqual(
        ticks,
        [...ticks].sort((a, b) => a - b),
      )
      assert.equal(ticks.length, delays.length)
    }),
  )
})

t.test('never before its time, not even by a fraction', async (t) => {
  const wheel = new TimerWheel()
  const fired: number[] = []
  const expire = (nowMs: number) => wheel.expire(nowMs, (slot) => fired.push(slot))
  wheel.arm(1, 10.25)
  wheel.arm(2, 10.75)
  expire(10.2)
  t.strictSame(fired, [])
  t.equal(wheel.nextDue(), 10.25)
  expire(10.25)
  t.strictSame(fired, [1])
  t.equal(wheel.nextDue(), 10.75)
  expire(10.5)
  expire(10.75)
  t.strictSame(fired, [1, 2])
  t.equal(wheel.nextDue(), Number.POSITIVE_INFINITY)
})

t.test('a callback that arms its slot for now does not keep the wheel busy', async (t) => {
  const wheel = new TimerWheel()
  let fired = 0
  wheel.arm(0, 5)
  for (let call = 1; call <= 3; call++) {
    wheel.expire(9, (slot) => {
      fired++
      wheel.arm(slot, 5)
    })
    t.equal(fired, call)
    t.ok(wheel.nextDue() <= 9)
  }
})

t.test('a callback that throws loses no timer', async (t) => {
  const wheel = new TimerWheel()
  for (let slot = 0; slot < 5; slot++) wheel.arm(slot, 7)
  t.throws(
    () =>
      wheel.expire(8, () => {
        throw new Error('host')
      }),
    /host/,
  )
  let fired = 0
  wheel.expire(8, () => fired++)
  t.equal(fired, 4)
  t.throws(() => {
    wheel.arm(0, 8)
    wheel.expire(9, () => wheel.expire(9, () => {}))
  }, /within/)
})

t.test('many timers near each other are found with few calls', async (t) => {
  const wheel = new TimerWheel()
  let fired = 0
  for (let slot = 0; slot < 20_000; slot++) wheel.arm(slot, 30_000 + (slot % 1000) + 0.5)
  let calls = 0
  let nowMs = 0
  while (wheel.nextDue() !== Number.POSITIVE_INFINITY) {
    nowMs = wheel.nextDue()
    wheel.expire(nowMs, () => fired++)
    calls++
  }
  t.equal(fired, 20_000)
  t.ok(calls < 2100, `${calls} calls`)
  t.equal(nowMs, 30_999.5)
})

t.test('odd arguments', async (t) => {
  const wheel = new TimerWheel(0, 2)
  wheel.arm(100, 3)
  t.equal(wheel.dueOf(100), 3)
  t.equal(wheel.dueOf(99), Number.POSITIVE_INFINITY)
  t.equal(wheel.dueOf(1e6), Number.POSITIVE_INFINITY)
  wheel.cancel(1e6)
  wheel.arm(100, Number.POSITIVE_INFINITY)
  t.equal(wheel.nextDue(), Number.POSITIVE_INFINITY)
  t.throws(() => wheel.arm(0, Number.NaN), /bug/)
  t.throws(() => wheel.arm(0, -1), /bug/)
  wheel.arm(0, 1e17)
  t.equal(wheel.nextDue(), 1e17)
  let fired = 0
  wheel.expire(9e16, () => fired++)
  t.equal(fired, 0)
  wheel.expire(1e17, () => fired++)
  t.equal(fired, 1)
})

t.test('a slot that was put off hides none that is due before it', async (t) => {
  for (const armed of [3, 10, 70, 100, 5000]) {
    for (const other of [armed + 0.5, armed + 1, armed + 64, armed + 5000, armed + 2 ** 31]) {
      const due = [armed, other]
      const wheel = new TimerWheel(3, 4, (slot) => due[slot] as number)
      wheel.arm(0, armed)
      wheel.arm(1, other)
      due[0] = other + 1_000_000
      const fired: number[] = []
      let calls = 0
      while (fired.length === 0 && ++calls < 50) {
        const nowMs = wheel.nextDue()
        t.ok(nowMs <= other, `${armed} ${other}`)
        wheel.expire(nowMs, (slot) => fired.push(slot))
      }
      t.same(fired, [1])
      t.ok(calls <= 12, `${calls} calls`)
    }
  }
})

t.test('a slot whose owner says a later time than it was armed for fires at that time, once', async (t) => {
  for (const later of [100.25, 100.75, 101, 163, 164, 5000.5, 2 ** 31 + 0.5]) {
    for (const looks of [[], [100], [100, 100.25], [100.9], [130], [163.5]]) {
      const wheel = new TimerWheel(3, 4, () => due)
      let due = 100
      let fired = 0
      wheel.arm(17, due)
      due = later
      for (const nowMs of looks.filter((ms) => ms < later)) wheel.expire(nowMs, () => fired++)
      t.equal(fired, 0)
      for (let calls = 0; fired === 0 && calls < 50; calls++) {
        const nowMs = wheel.nextDue()
        t.ok(nowMs <= later)
        wheel.expire(nowMs, () => t.equal(nowMs, later, `${later} ${looks}`) && fired++)
      }
      t.equal(fired, 1)
      t.equal(wheel.nextDue(), Number.POSITIVE_INFINITY)
    }
  }
})

t.test('a slot costs 16 bytes, or 8 where its owner keeps the time', async (t) => {
  for (const [bytes, dueOf] of [
    [16, null],
    [8, () => 5],
  ] as const) {
    const wheel = new TimerWheel(0, 12, dueOf)
    t.equal(wheel.allocatedBytes, 0)
    wheel.arm(4095, 5)
    t.equal(wheel.allocatedBytes, 4096 * bytes)
    wheel.arm(4096, 5)
    t.equal(wheel.allocatedBytes, 2 * 4096 * bytes)
  }
})

t.test('memory goes with the last slot of a segment that is armed, and what is armed elsewhere fires', async (t) => {
  const wheel = new TimerWheel()
  for (const slot of [1, 5000, 10_000, 10_001]) wheel.arm(slot, 100 + slot)
  t.equal(wheel.allocatedBytes, 3 * 4096 * 16)
  wheel.cancel(1)
  wheel.cancel(5000)
  t.equal(wheel.allocatedBytes, 2 * 4096 * 16)
  t.equal(wheel.isArmed(1), false)
  t.equal(wheel.dueOf(1), Number.POSITIVE_INFINITY)
  for (let times = 0; times < 10; times++) wheel.arm(10_001, 20_000)
  t.equal(wheel.allocatedBytes, 2 * 4096 * 16, 'arming anew frees nothing')
  wheel.arm(2, 7)
  const fired: number[] = []
  wheel.expire(50_000, (slot) => fired.push(slot))
  t.same(fired, [2, 10_000, 10_001])
  t.equal(wheel.nextDue(), Number.POSITIVE_INFINITY)
  t.ok(wheel.allocatedBytes <= 4096 * 16)
})
