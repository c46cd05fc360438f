import type { Now } from '../base/time.js'
import type { LiveRing } from './live-ring.js'
import type { RingTarget } from './ring.js'
import type { RingDelivery } from './ring-delivery.js'
import type { RingTimers } from './ring-ports.js'
import { nextTurn } from './ring-sequence.js'

/** Rings that go to a pool one after another: whose turn it is, and the timers of the steps. */
export class RingTurns {
  readonly #delivery: RingDelivery
  readonly #timers: RingTimers

  /** @param timers whose callback lets the ring go on. */
  constructor(delivery: RingDelivery, timers: RingTimers) {
    this.#delivery = delivery
    this.#timers = timers
  }

  /** A ring was loaded: its step has the time that is left by the stored moment, never more than a step. */
  resume(ring: LiveRing, now: Now): void {
    const { stepMs, turn, turnEndMs } = ring.record
    ring.turn = turn
    ring.loadedTurn = turn
    if (turn < 0) return
    ring.turnEndMonotonicMs = now.monotonicMs + Math.min(Math.max(turnEndMs - now.wallMs, 0), stepMs)
    this.#arm(ring)
  }

  /** Looks whose turn it is. @returns whether that changed: the caller writes, and it rings when that is committed. */
  goOn(ring: LiveRing, now: Now): boolean {
    const { record } = ring
    const { targets, turn } = record
    if (record.stepMs === 0) return false
    const reachable = this.#delivery.reachable(record)
    const next = nextTurn({ targets, turn, reachable, isOver: this.#isOver(ring, reachable, now) })
    if (next === turn) return false
    const holder = targets[turn]
    if (holder?.left === '') this.#pass(ring, holder)
    this.stop(ring)
    ring.isTurnSilent = false
    record.turn = next
    record.turnEndMs = next < 0 ? 0 : now.wallMs + record.stepMs
    ring.turnEndMonotonicMs = next < 0 ? Infinity : now.monotonicMs + record.stepMs
    if (next >= 0) this.#arm(ring)
    return true
  }

  /** Nobody acked the ring for a while: in a sequence it need not wait for the end of the step. */
  handleSilence(ring: LiveRing): void {
    // Of a turn that is not committed nobody has heard.
    if (ring.turn === ring.record.turn) ring.isTurnSilent = true
  }

  /** No step ends any more. */
  stop(ring: LiveRing): void {
    this.#timers.disarm(ring.turnTimer)
    ring.turnTimer = 0
  }

  #isOver(ring: LiveRing, reachable: readonly boolean[], now: Now): boolean {
    if (now.monotonicMs >= ring.turnEndMonotonicMs) return true
    const { turn } = ring.record
    if (turn === ring.loadedTurn || this.#delivery.isReceivedBy(ring, turn)) return false
    return ring.isTurnSilent || reachable[turn] !== true
  }

  #pass(ring: LiveRing, holder: RingTarget): void {
    holder.left = 'passed'
    this.#delivery.stopTarget(ring, ring.record.turn)
  }

  #arm(ring: LiveRing): void {
    if (ring.turnEndMonotonicMs < ring.deadlineMonotonicMs)
      ring.turnTimer = this.#timers.arm(ring.number, ring.turnEndMonotonicMs)
  }
}
