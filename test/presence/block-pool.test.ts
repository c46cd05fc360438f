import fc from 'fast-check'
import t from 'tap'
import { BlockPool, UNIT_BYTES, UNITS_MAX } from '../../src/presence/block-pool.js'
import { Column, LongColumn } from '../../src/presence/column.js'

t.test('blocks never overlap, and what is given back is used again', (t) => {
  const step = fc.record({ units: fc.integer({ min: 1, max: UNITS_MAX }), gives: fc.boolean(), which: fc.nat() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const pool = new BlockPool()
      const held: { block: number; units: number; mark: number }[] = []
      let mark = 0
      for (const { units, gives, which } of steps) {
        if (gives && held.length > 0) {
          const [one] = held.splice(which % held.length, 1)
          pool.give(one?.block ?? 0, one?.units ?? 0)
        } else {
          const block = pool.take(units)
          mark++
          for (let word = 0; word < units * 2; word++) pool.setWord(block, word, mark)
          held.push({ block, units, mark })
        }
      }
      const isWhole = held.every((one) => {
        for (let word = 0; word < one.units * 2; word++) if (pool.word(one.block, word) !== one.mark) return false
        return true
      })
      return isWhole && pool.unitsHeld === held.reduce((sum, { units }) => sum + units, 0)
    }),
    { numRuns: 200, seed: 5 },
  )
  t.pass('200 courses')
  t.end()
})

t.test('four entries take exactly 32 bytes; memory does not grow with turnover', (t) => {
  const pool = new BlockPool()
  const blocks = Array.from({ length: 100_000 }, () => pool.take(4))
  const bytes = pool.allocatedBytes
  t.ok(bytes < 100_000 * 4 * UNIT_BYTES + 65_536 + 1)
  for (let round = 0; round < 3; round++) {
    for (const [i, block] of blocks.entries()) {
      pool.give(block, 4)
      blocks[i] = pool.take(4)
    }
  }
  t.equal(pool.allocatedBytes, bytes)
  t.throws(() => pool.take(0), /bug/)
  t.throws(() => pool.take(257), /bug/)
  t.end()
})

t.test('bytes of a block are its own', (t) => {
  const pool = new BlockPool()
  const block = pool.take(2)
  pool.bytes(block, 16).fill(255)
  t.same(
    [0, 1, 2, 3].map((word) => pool.word(block, word)),
    [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff],
  )
  t.equal(pool.bytes(block, 5).length, 5)
  t.end()
})

t.test('columns: zero until written, sparse rows, the next that is used', (t) => {
  const column = Column.words()
  t.equal(column.get(2 ** 30 - 1), 0)
  t.equal(column.allocatedBytes, 0)
  column.set(2 ** 30 - 1, 4_000_000_000)
  column.set(5, 1)
  t.equal(column.get(2 ** 30 - 1), 4_000_000_000)
  t.equal(column.allocatedBytes, 2 * 4096 * 4)
  t.equal(column.nextUsed(0), 5)
  t.equal(column.nextUsed(6), 2 ** 30 - 1)
  t.equal(column.nextUsed(2 ** 30), -1)
  column.drop(0)
  t.equal(column.get(5), 0)
  t.equal(column.nextUsed(0), 2 ** 30 - 1)
  t.equal(column.allocatedBytes, 4096 * 4)
  t.end()
})

t.test('a column of 48 bits', (t) => {
  const column = new LongColumn()
  t.equal(column.get(77), 0)
  t.equal(column.allocatedBytes, 0)
  const values = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 1_800_000_000_123, 2 ** 48 - 1]
  for (const [row, value] of values.entries()) column.set(row * 4095, value)
  t.same(
    values.map((_, row) => column.get(row * 4095)),
    values,
  )
  t.equal(column.allocatedBytes, 6 * 4096 * 6)
  t.end()
})
