import { pino } from 'pino'
import t from 'tap'
import { StoreWatch } from '../../src/io/store-watch.js'

t.test('what the store tells goes into the log, the counters and to who serves', (t) => {
  const lines: string[] = []
  const watch = new StoreWatch(
    pino({ base: null, timestamp: false }, { write: (line: string) => void lines.push(line) }),
  )
  const states: (string | null)[] = []
  watch.onState = (problem) => states.push(problem)
  watch.take({ kind: 'warning', warning: { code: 'PL_STORE_FAILED', message: 'a write was dropped' } })
  t.equal(watch.problem, null)
  t.match(watch.numbers, { warnings: { PL_STORE_FAILED: 1, PL_STORE_FULL: 0 }, isWritable: true })
  watch.take({ kind: 'state', problem: { code: 'PL_STORE_FULL', message: 'the disk is full' } })
  t.equal(watch.problem, 'the disk is full')
  t.match(watch.numbers, { warnings: { PL_STORE_FULL: 1 }, isWritable: false })
  watch.take({ kind: 'state', problem: { code: 'PL_STORE_DAMAGED', message: 'damaged' } })
  watch.take({ kind: 'state', problem: null })
  t.match(watch.numbers, { warnings: { PL_STORE_DAMAGED: 1 }, isWritable: true })
  t.same(states, ['the disk is full', 'damaged', null])
  t.match(
    lines.map((line) => JSON.parse(line)),
    [
      { level: 40, code: 'PL_STORE_FAILED', detail: 'a write was dropped', msg: 'warning of the store' },
      { level: 40, code: 'PL_STORE_FULL', msg: 'the store cannot write' },
      { level: 40, code: 'PL_STORE_DAMAGED' },
      { level: 30, msg: 'the store can write again' },
    ],
  )
  t.end()
})
