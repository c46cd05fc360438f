import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { queueReason, RING_BEHAVIOUR } from '../../src/ring/ring-behaviour.js'
import { isTerminal, nextRingState, RING_STATES, RING_TRANSITIONS, type RingEvent } from '../../src/ring/ring-state.js'
import { ROOT } from '../support/root.js'

const EVENTS: readonly RingEvent[] = ['send', 'silence', 'deliver', 'accept', 'dismiss', 'deadline', 'withdraw', 'fail']

t.test('the state machine, whole', (t) => {
  const ends = ['accepted', 'dismissed', 'missed', 'withdrawn', 'failed']
  const table: Record<string, string[]> = {
    queued: ['sent', 'queued', 'delivered', ...ends],
    sent: ['sent', 'queued', 'delivered', ...ends],
    delivered: ['delivered', 'delivered', 'delivered', ...ends],
  }
  for (const end of ends) table[end] = EVENTS.map(() => end)
  t.same([...RING_STATES].sort(), Object.keys(table).sort())
  for (const state of RING_STATES) {
    t.same(
      EVENTS.map((event) => nextRingState(state, event)),
      table[state],
      state,
    )
    t.equal(isTerminal(state), ends.includes(state))
  }
  t.same(Object.keys(RING_TRANSITIONS.queued).sort(), [...EVENTS].sort())
  t.end()
})

t.test('the page of the documentation has the same transitions', (t) => {
  const page = readFileSync(join(ROOT, 'docs/rings.md'), 'utf8')
  const table = page.split('<!-- transitions -->')[1]?.split('<!-- end -->')[0] ?? ''
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| from'))
  const told = rows.flatMap((row) => {
    const [, from = '', , to = ''] = row.split('|').map((cell) => cell.trim())
    return from.split(', ').map((state) => `${state} -> ${to}`)
  })
  const real = RING_STATES.flatMap((state) =>
    EVENTS.map((event) => nextRingState(state, event))
      .filter((next) => next !== state)
      .map((next) => `${state} -> ${next}`),
  )
  t.same(told.sort(), real.sort())
  t.end()
})

t.test('codes of a stored row do not move', (t) => {
  t.same(RING_STATES, ['queued', 'sent', 'delivered', 'accepted', 'dismissed', 'missed', 'withdrawn', 'failed'])
  t.end()
})

t.test('what a ring does in each presence, and what its sender sees', (t) => {
  t.same(RING_BEHAVIOUR, { online: 'ring', away: 'ring', unavailable: 'keep', offline: 'hold', unknown: 'try' })
  t.equal(queueReason(['hold', 'keep', 'ring']), '')
  t.equal(queueReason(['hold', 'keep', 'try']), 'unavailable')
  t.equal(queueReason(['hold', 'try']), 'offline', 'try looks like hold')
  t.equal(queueReason(['try']), queueReason(['hold']))
  t.end()
})
