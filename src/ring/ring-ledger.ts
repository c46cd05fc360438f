import type { Now } from '../base/time.js'
import type { Commit, LiveRing } from './live-ring.js'
import { aliasUntilMs, type RingRecord, type RingView, ringViewOf } from './ring.js'
import type { RingOutlet, RingPeople, RingTimers } from './ring-ports.js'
import { writeRingRow } from './ring-row.js'
import { isTerminal } from './ring-state.js'
import type { RingWaits } from './ring-waits.js'

/** How long after a failed write it is tried again, ms. */
const WRITE_RETRY_MS = 1_000

/** Told what became of writes. */
export interface LedgerListener {
  /** The first row could not be written: there is no ring. */
  refused(ring: LiveRing): void
  /** A row was committed, and its sender was told. */
  committed(ring: LiveRing, now: Now): void
}

/**
 * Nothing is told before it is on the disk: every change of a ring's record is written as a whole row, one write at a
 * time for each ring, and what the sender and the devices learn is what the last committed row says.
 */
export class RingLedger {
  readonly #outlet: RingOutlet
  readonly #people: RingPeople
  readonly #waits: RingWaits
  readonly #keepMs: number
  readonly #listener: LedgerListener
  readonly #retries: RingTimers
  readonly #writes = new Map<number, LiveRing>()

  /**
   * @param keepMs how long after its creation the store keeps a row, ms.
   * @param timers makes the timers that repeat failed writes; `find` gives a live ring by its number.
   */
  constructor(
    parts: { outlet: RingOutlet; people: RingPeople; waits: RingWaits; keepMs: number; listener: LedgerListener },
    timers: (onDue: (key: number, now: Now) => void) => RingTimers,
    find: (number: number) => LiveRing | null,
  ) {
    this.#outlet = parts.outlet
    this.#people = parts.people
    this.#waits = parts.waits
    this.#keepMs = parts.keepMs
    this.#listener = parts.listener
    this.#retries = timers((number) => {
      const ring = find(number)
      if (ring === null) return
      ring.writeTimer = 0
      this.#flush(ring)
    })
  }

  /** Writes that are under way. */
  get writes(): number {
    return this.#writes.size
  }

  /** What the sender of a ring sees when this is committed. */
  viewOf(record: RingRecord): RingView {
    const { app, state, byDevice: device } = record
    const target = record.targets[record.by]
    if (target === undefined) return ringViewOf(record, '', '')
    const { person, rotation } = target
    const alias = { person, rotation, device, untilMs: aliasUntilMs(record) }
    const puid = this.#people.writePuid(app, person, rotation)
    return ringViewOf(record, puid, state === 'accepted' ? this.#people.writeAlias(app, alias) : '')
  }

  /** The record of a ring changed. */
  write(ring: LiveRing): void {
    ring.isDirty = true
    if (ring.commit === null && ring.writeTimer === 0) this.#flush(ring)
  }

  /** Answers a withdrawal of a ring whose end is committed. */
  answerWithdrawal(request: number, view: RingView): void {
    if (view.state === 'withdrawn') this.#outlet.answer(request, view, false)
    else this.#outlet.refuse(request, 'ring-ended', '', 0)
  }

  /** A write was committed, or failed. @returns whether it was one of a ring. */
  handleStored(request: number, ok: boolean, now: Now): boolean {
    const ring = this.#writes.get(request)
    if (ring === undefined) return false
    this.#writes.delete(request)
    const commit = ring.commit as Commit
    ring.commit = null
    if (ok) this.#publish(ring, commit, now)
    else if (ring.published === null) this.#refuse(ring)
    else ring.writeTimer = this.#retries.arm(ring.number, now.monotonicMs + WRITE_RETRY_MS)
    return true
  }

  #flush(ring: LiveRing): void {
    const { record } = ring
    const row = writeRingRow(record)
    const left = record.targets.flatMap((target, index) => (target.left === '' ? [] : [index]))
    const view = this.viewOf(record)
    const isEnd = isTerminal(record.state)
    ring.isDirty = false
    ring.commit = { view, row, isEnd, left, turn: record.turn }
    const end = isEnd ? { app: record.app, view } : null
    this.#writes.set(this.#outlet.put(record.id, record.createdMs + this.#keepMs, row, end), ring)
  }

  #publish(ring: LiveRing, commit: Commit, now: Now): void {
    const before = ring.published
    this.#outlet.observe?.(commit.view)
    ring.published = commit.view
    for (const target of commit.left) ring.left.add(target)
    ring.turn = commit.turn
    if (commit.isEnd) ring.endRow = commit.row
    for (const { request, isFirst, limits } of ring.creators) {
      this.#outlet.answer(request, commit.view, isFirst, limits)
    }
    ring.creators = []
    if (before !== null && !isSameView(before, commit.view)) this.#outlet.changed(ring.record.app, commit.view)
    if (commit.isEnd) {
      for (const request of ring.withdrawers) this.answerWithdrawal(request, commit.view)
      ring.withdrawers = []
      this.#waits.settle(ring)
    }
    if (ring.isDirty) this.#flush(ring)
    this.#listener.committed(ring, now)
  }

  #refuse(ring: LiveRing): void {
    for (const { request } of ring.creators) this.#outlet.refuse(request, 'unavailable', 'the store did not answer', 1)
    this.#listener.refused(ring)
  }
}

function isSameView(a: RingView, b: RingView): boolean {
  return (Object.keys(a) as (keyof RingView)[]).every((key) => a[key] === b[key])
}
