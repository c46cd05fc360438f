import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { clearWindow, emptyWindow, isFresh, recordNumber, startWindow } from '../../src/packet/replay-window.js'

/** wire-spec §5.5 word for word, over a Set that never forgets. */
class NaiveWindow {
  high = -1
  readonly seen = new Set<number>()
  floor = -1 // this and everything below counts as seen
  isFresh(number: number): boolean {
    return number > this.floor && !this.seen.has(number) && (this.high < 0 || number > this.high - 64)
  }
  record(number: number): void {
    this.seen.add(number)
    this.high = Math.max(this.high, number)
  }
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -80, max: 10 }) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 80 }) },
  { weight: 1, arbitrary: fc.constantFrom(31, 32, 33, 63, 64, 65, 2 ** 20, 2 ** 32, 2 ** 40) },
)

t.test('[R-5.5-1] the bitmap agrees with a Set', async () => {
  const start = fc.constantFrom(0, 1, 63, 1000, 2 ** 32 - 1, 2 ** 47)
  fc.assert(
    fc.property(start, fc.boolean(), fc.array(step, { maxLength: 120 }), (first, startsFull, steps) => {
      const window = emptyWindow()
      const naive = new NaiveWindow()
      if (startsFull) {
        startWindow(window, first)
        naive.high = first
        naive.floor = first
      }
      for (const by of [0, ...steps]) {
        const number = Math.max(0, (naive.high < 0 ? first : naive.high) + by)
        if (number > 2 ** 48 - 1) continue
        assert.equal(isFresh(window, number), naive.isFresh(number), `${number} of ${naive.high}`)
        if (naive.isFresh(number)) {
          recordNumber(window, number)
          naive.record(number)
        }
        assert.equal(window.high, naive.high)
        assert.ok(!isFresh(window, number))
        assert.ok(window.bitmapLow >= 0 && window.bitmapHigh >= 0)
      }
      for (let number = Math.max(0, naive.high - 70); number < naive.high + 3; number++) {
        assert.equal(isFresh(window, number), naive.isFresh(number))
      }
    }),
    { numRuns: 2000 },
  )
})

t.test('recording below the window changes nothing', async (t) => {
  const window = emptyWindow()
  recordNumber(window, 1000)
  const before = { ...window }
  recordNumber(window, 936)
  t.strictSame(window, before)
  t.ok(isFresh(window, 937))
  t.notOk(isFresh(window, 936))
})

t.test('a cleared window has seen nothing', async (t) => {
  const window = emptyWindow()
  startWindow(window, 10)
  t.notOk(isFresh(window, 0))
  clearWindow(window)
  t.ok(isFresh(window, 0))
  recordNumber(window, 50)
  t.ok(isFresh(window, 49))
})
