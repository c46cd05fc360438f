import fc from 'fast-check'
import type { RingRecord } from '../../src/ring/ring.js'
import { RING_STATES } from '../../src/ring/ring-state.js'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const wellFormed = fc.string({ unit: 'grapheme', maxLength: 60 })
const ms = fc.nat(2 ** 41)
const handle = fc.integer({ min: -1, max: 2 ** 46 - 1 })

/** Any record of a ring. */
export const ringRecord: fc.Arbitrary<RingRecord> = fc.record({
  id: bytes(16),
  seed: bytes(16),
  app: fc.integer({ min: 1, max: 2 ** 31 }),
  createdMs: ms,
  deadlineMs: ms,
  state: fc.constantFrom(...RING_STATES),
  reason: fc.constantFrom('', 'offline', 'unavailable', 'app-removed'),
  deliveredMs: ms,
  shownMs: ms,
  endedMs: ms,
  by: fc.integer({ min: -1, max: 63 }),
  byDevice: handle,
  byClass: fc.nat(5),
  reply: fc.uint8Array({ maxLength: 256 }),
  stepMs: fc.nat(600_000),
  turn: fc.integer({ min: -1, max: 63 }),
  turnEndMs: ms,
  collapseKey: wellFormed,
  collapseRank: ms,
  idempotencyKey: wellFormed,
  requestHash: bytes(16),
  targets: fc.array(
    fc.record({
      person: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
      rotation: fc.nat(2 ** 32 - 1),
      device: handle,
      left: fc.constantFrom('' as const, 'dismissed' as const, 'passed' as const, 'replaced' as const),
      dismissedBy: handle,
    }),
    { minLength: 1, maxLength: 64 },
  ),
  content: fc.record({
    title: wellFormed,
    body: wellFormed,
    url: wellFormed,
    payload: fc.uint8Array({ maxLength: 1_100 }),
  }),
})
