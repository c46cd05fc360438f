import t from 'tap'
import type { RingTarget } from '../../src/ring/ring.js'
import { nextTurn } from '../../src/ring/ring-sequence.js'

/**
 * One letter each: `w` waits and can be rung, `-` waits and cannot, `d` dismissed, `p` passed; a capital has the turn.
 * `next` is for a turn that goes on, `over` for one that is over.
 */
const table: [pool: string, next: string, over: string][] = [
  ['www', '0', '0'],
  ['-ww', '1', '1'],
  ['---', '', ''],
  ['Www', '0', '1'],
  ['W-w', '0', '2'],
  ['W--', '0', '0'],
  ['wWw', '1', '0'],
  ['-Ww', '1', '2'],
  ['pWw', '1', '2'],
  ['pdW', '2', '2'],
  ['Dww', '1', '1'],
  ['D-w', '2', '2'],
  ['wDp', '0', '0'],
  ['D--', '', ''],
  ['DDp', '', ''],
  ['+w', '0', '1'],
]

const LEFT: Record<string, RingTarget['left']> = { d: 'dismissed', p: 'passed' }

t.test('whose turn it is, whole', (t) => {
  for (const [pool, next, over] of table) {
    const letters = [...pool]
    const targets = letters.map((letter) => ({ left: LEFT[letter.toLowerCase()] ?? ('' as const) }))
    const reachable = letters.map((letter) => letter.toLowerCase() === 'w')
    const turn = letters.findIndex((letter) => /[A-Z+]/.test(letter))
    const name = (index: number) => (index < 0 ? '' : `${index}`)
    t.equal(name(nextTurn({ targets, reachable, turn, isOver: false })), next, `${pool}: goes on`)
    t.equal(name(nextTurn({ targets, reachable, turn, isOver: true })), over, `${pool}: is over`)
  }
  t.end()
})
