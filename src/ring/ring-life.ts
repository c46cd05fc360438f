import type { Now } from '../base/time.js'
import type { VerdictFrame } from '../frame/frame.js'
import { DEVICE_CLASSES, VerdictWhat } from '../packet/constants.js'
import type { EndedRings } from './ended-rings.js'
import type { Leg, LiveRing } from './live-ring.js'
import { idempotencyOf, type RingRecord, type TargetEnd } from './ring.js'
import { queueReason } from './ring-behaviour.js'
import { replacedFor } from './ring-collapse.js'
import { RingDelivery } from './ring-delivery.js'
import type { RingIndex } from './ring-index.js'
import { RingLedger } from './ring-ledger.js'
import type { RingParts, RingTimers } from './ring-ports.js'
import { isTerminal, nextRingState, type RingEvent, type RingState } from './ring-state.js'
import { RingTurns } from './ring-turns.js'
import type { RingWaits } from './ring-waits.js'

/** How long after a frame could not go out it is tried again, ms. */
const RETRY_MS = 2_000
/** A ring that no device has acked so long after it went out is queued again, as `unanswered`, ms: after its first three repeats. */
const SILENCE_MS = 8_000
/** How often ended rings are looked through for those past their time, ms. */
const EXPIRE_MS = 600_000

/** A VERDICT, and whose it is. */
interface Verdict extends Omit<VerdictFrame, 'kind'> {
  /** handle */
  device: number
  /** key */
  person: number
}

/**
 * What happens to live rings. It is decided in memory, in the order in which things arrive; the ledger commits it, and
 * only then is anybody told. Here `end` is the only way into a terminal state, and it goes in once.
 */
export class RingLife {
  readonly #parts: RingParts
  readonly #index: RingIndex
  readonly #ended: EndedRings
  readonly #delivery: RingDelivery
  readonly #turns: RingTurns
  readonly #ledger: RingLedger
  readonly #deadlines: RingTimers
  readonly #silences: RingTimers
  readonly #retries: RingTimers
  readonly #tellings: RingTimers
  readonly #expiry: RingTimers
  #isExpiryArmed = false
  readonly #outcomes: Record<RingState, number> = {
    queued: 0,
    sent: 0,
    delivered: 0,
    accepted: 0,
    dismissed: 0,
    missed: 0,
    withdrawn: 0,
    failed: 0,
  }

  constructor(parts: RingParts, index: RingIndex, ended: EndedRings, waits: RingWaits) {
    const { people, channel, outlet, crypto, limits, timers } = parts
    const find = (number: number) => index.byNumber(number)
    const onLive = (act: (ring: LiveRing, now: Now) => void) =>
      timers((number, now) => {
        const ring = find(number)
        if (ring !== null) act(ring, now)
      })
    this.#parts = parts
    this.#index = index
    this.#ended = ended
    this.#delivery = new RingDelivery(people, channel, crypto, limits.tellMs, {
      received: (ring, now) => this.#handleReceived(ring, now),
      delayed: (ring, now) => this.#retryLater(ring, now),
      told: (ring) => this.#finishIfTold(ring),
      isNotifyUsed: (ring, device, id) => this.#isNotifyUsed(ring, device, id),
    })
    const steps = onLive((ring, now) => {
      ring.turnTimer = 0
      this.goOn(ring, now)
    })
    this.#turns = new RingTurns(this.#delivery, steps)
    const listener = {
      refused: (ring: LiveRing) => this.#forget(ring),
      committed: (ring: LiveRing, now: Now) => this.#handleCommitted(ring, now),
    }
    this.#ledger = new RingLedger({ outlet, people, waits, keepMs: limits.keepMs, listener }, timers, find)
    this.#deadlines = onLive((ring, now) => {
      ring.deadlineTimer = 0
      this.end(ring, 'deadline', now)
    })
    this.#silences = onLive((ring, now) => {
      ring.silenceTimer = 0
      this.#handleSilence(ring, now)
    })
    this.#retries = onLive((ring, now) => {
      ring.retryTimer = 0
      this.goOn(ring, now)
    })
    this.#tellings = onLive((ring) => this.#forget(ring))
    this.#expiry = timers((_, now) => this.#expire(now))
  }

  /** The ledger. */
  get ledger(): RingLedger {
    return this.#ledger
  }

  /** Rings that ended since the start, by state. */
  get outcomes(): Readonly<Record<RingState, number>> {
    return this.#outcomes
  }

  /** Begins a new ring: it goes out when it is committed. */
  begin(ring: LiveRing, now: Now): void {
    this.#index.add(ring)
    ring.deadlineTimer = this.#deadlines.arm(ring.number, ring.deadlineMonotonicMs)
    ring.record.reason = queueReason(this.#delivery.behaviours(ring.record))
    // Whether it will go out is known now; saying so in the first row saves a second write.
    this.#turns.goOn(ring, now)
    if (this.#delivery.reachable(ring.record).includes(true)) this.#advance(ring, 'send')
    this.#ledger.write(ring)
  }

  /** Goes on with a ring from the store, open or ended moments ago. */
  resume(ring: LiveRing, row: Uint8Array, now: Now): void {
    const { record } = ring
    ring.published = this.#ledger.viewOf(record)
    record.targets.forEach(({ left }, target) => {
      if (left !== '') ring.left.add(target)
    })
    if (!isTerminal(record.state)) {
      this.#index.add(ring)
      this.#turns.resume(ring, now)
      // A crash may have come between a ring and the end of the one that it replaces.
      if (record.collapseKey !== '') ring.retryTimer = this.#retries.arm(ring.number, now.monotonicMs)
      ring.deadlineTimer = this.#deadlines.arm(ring.number, ring.deadlineMonotonicMs)
      return
    }
    ring.endRow = row
    this.#keep(ring, row, now)
    const endedForMs = now.wallMs - record.endedMs
    if (endedForMs < 0 || endedForMs >= this.#parts.limits.tellMs) return
    this.#index.add(ring)
    this.#index.close(ring)
    this.#startTelling(ring, now)
  }

  /** Ends a ring, once: what comes later finds it ended. */
  end(ring: LiveRing, event: RingEvent, now: Now, reason = ''): void {
    if (isTerminal(ring.record.state)) return
    this.#advance(ring, event)
    ring.record.reason = reason
    ring.record.endedMs = now.wallMs
    this.#outcomes[ring.record.state]++
    this.#index.close(ring)
    this.#deadlines.disarm(ring.deadlineTimer)
    ring.deadlineTimer = 0
    this.#silences.disarm(ring.silenceTimer)
    ring.silenceTimer = 0
    this.#turns.stop(ring)
    this.#delivery.stop(ring)
    this.#ledger.write(ring)
  }

  /** Ends a ring whose deadline has come, should its timer not have been first. */
  endIfLate(ring: LiveRing, now: Now): void {
    if (now.monotonicMs >= ring.deadlineMonotonicMs) this.end(ring, 'deadline', now)
  }

  /** Something around a ring changed: offers it, or tells its outcome. */
  goOn(ring: LiveRing, now: Now): void {
    this.endIfLate(ring, now)
    if (this.#isOpen(ring) && !ring.isCollapsed) this.#collapse(ring, now)
    this.#takeTurns(ring, now)
    this.#delivery.tell(ring)
    if (this.#isOpen(ring)) this.#offer(ring, now)
  }

  /** A device's program or session is new: it may have lost the ring. */
  restart(ring: LiveRing, device: number): void {
    if (!isTerminal(ring.record.state)) this.#delivery.restart(ring, device)
  }

  /**
   * A device answered a NOTIFY.
   *
   * @returns whether it was one of these rings, those of its person.
   */
  handleVerdict(rings: readonly LiveRing[], verdict: Verdict, now: Now): boolean {
    const ring = this.#delivery.ringOf(rings, verdict.device, verdict.id)
    if (ring === null) return false
    const leg = this.#delivery.legOf(ring, verdict.device, verdict.person, verdict.id)
    if (leg === null) return false
    this.endIfLate(ring, now)
    this.#takeTurns(ring, now)
    const target = ring.record.targets[leg.target] as RingRecord['targets'][number]
    if (leg.isRefused || target.left !== '' || isTerminal(ring.record.state)) {
      this.#delivery.tell(ring)
      return true
    }
    this.#delivery.receive(leg)
    leg.isRefused = verdict.what === VerdictWhat.refused
    if (leg.isRefused) return true
    leg.isTentative = false
    const isNew = this.#setDelivered(ring, now)
    if (verdict.what === VerdictWhat.accepted) this.#accept(ring, leg, verdict, now)
    else if (verdict.what === VerdictWhat.dismissed) this.#dismiss(ring, leg, verdict, now)
    else if (this.#setShown(ring, now) || isNew) this.#ledger.write(ring)
    return true
  }

  #accept(ring: LiveRing, leg: Leg, verdict: Verdict, now: Now): void {
    setBy(ring.record, leg, verdict)
    ring.record.reply = verdict.reply ?? new Uint8Array(0)
    this.end(ring, 'accept', now)
  }

  /** Somebody dismissed the ring on all their devices; it ends when nobody is left. */
  #dismiss(ring: LiveRing, leg: Leg, verdict: Verdict, now: Now): void {
    const { record } = ring
    const target = record.targets[leg.target] as RingRecord['targets'][number]
    target.dismissedBy = leg.device
    if (this.#leave(ring, leg.target, 'dismissed', now)) return
    setBy(record, leg, verdict)
    this.end(ring, 'dismiss', now)
  }

  /** One of those it goes to is out of it. @returns whether it goes on with others. */
  #leave(ring: LiveRing, index: number, left: TargetEnd, now: Now): boolean {
    const { targets } = ring.record
    const target = targets[index] as RingRecord['targets'][number]
    target.left = left
    this.#delivery.stopTarget(ring, index)
    if (targets.every((one) => one.left !== '')) return false
    this.#turns.goOn(ring, now)
    this.#ledger.write(ring)
    return true
  }

  /** Of two rings with one collapse key to one person the newer stays; it is committed, so nobody loses both. */
  #collapse(ring: LiveRing, now: Now): void {
    ring.isCollapsed = true
    if (ring.record.collapseKey === '') return
    for (const { ring: older, target } of replacedFor(this.#index, ring)) {
      this.endIfLate(older, now)
      if (!isTerminal(older.record.state) && !this.#leave(older, target, 'replaced', now))
        this.end(older, 'withdraw', now, 'replaced')
    }
  }

  /** Lets a sequence go on to whose turn it is now. */
  #takeTurns(ring: LiveRing, now: Now): void {
    if (this.#isOpen(ring) && this.#turns.goOn(ring, now)) this.#ledger.write(ring)
  }

  /** It has not ended, and its sender knows of it. */
  #isOpen(ring: LiveRing): boolean {
    return !isTerminal(ring.record.state) && ring.published !== null
  }

  /** Moves a ring's state. @returns whether it changed. */
  #advance(ring: LiveRing, event: RingEvent): boolean {
    const { record } = ring
    const state = nextRingState(record.state, event)
    if (state === record.state) return false
    record.state = state
    record.reason = ''
    return true
  }

  /** Notes the first receipt. @returns whether it was. The caller writes. */
  #setDelivered(ring: LiveRing, now: Now): boolean {
    if (ring.record.deliveredMs !== 0) return false
    this.#advance(ring, 'deliver')
    ring.record.deliveredMs = now.wallMs
    return true
  }

  /** Notes the first display. @returns whether it was. The caller writes. */
  #setShown(ring: LiveRing, now: Now): boolean {
    if (ring.record.shownMs !== 0) return false
    ring.record.shownMs = now.wallMs
    return true
  }

  #handleReceived(ring: LiveRing, now: Now): void {
    this.endIfLate(ring, now)
    if (!isTerminal(ring.record.state) && this.#setDelivered(ring, now)) this.#ledger.write(ring)
  }

  #offer(ring: LiveRing, now: Now): void {
    const { record } = ring
    const offer = this.#delivery.offer(ring, now)
    if (offer.isNew) this.#awaitAck(ring, now)
    if (ring.isUnanswered && offer.reason === '') offer.reason = 'unanswered'
    let isNew = offer.isSent && !ring.isUnanswered && this.#advance(ring, 'send')
    if (offer.isReceived && this.#setDelivered(ring, now)) isNew = true
    if (record.state === 'queued' && record.reason !== offer.reason) {
      record.reason = offer.reason
      isNew = true
    }
    if (isNew) this.#ledger.write(ring)
  }

  /** It went out to one more device, or to one that is new: that one may answer. */
  #awaitAck(ring: LiveRing, now: Now): void {
    ring.isUnanswered = false
    this.#silences.disarm(ring.silenceTimer)
    ring.silenceTimer = this.#silences.arm(ring.number, now.monotonicMs + SILENCE_MS)
  }

  /** Nobody acked it: it waits for the next packet of a device, and its sender sees why. */
  #handleSilence(ring: LiveRing, now: Now): void {
    this.#turns.handleSilence(ring)
    if (ring.record.state === 'sent') {
      ring.isUnanswered = true
      this.#advance(ring, 'silence')
      ring.record.reason = 'unanswered'
      this.#ledger.write(ring)
    }
    if (ring.record.stepMs > 0) this.goOn(ring, now)
  }

  #handleCommitted(ring: LiveRing, now: Now): void {
    if (ring.endRow === null || ring.tellUntilMs !== Infinity) {
      this.goOn(ring, now)
      return
    }
    this.#keep(ring, ring.endRow, now)
    this.#startTelling(ring, now)
    this.#finishIfTold(ring)
  }

  /** Keeps an ended ring for its sender. */
  #keep(ring: LiveRing, row: Uint8Array, now: Now): void {
    const { record, name } = ring
    const ageMs = Math.max(now.wallMs - record.createdMs, 0)
    const untilMs = now.monotonicMs + Math.max(this.#parts.limits.keepMs - ageMs, 0)
    this.#ended.add(name, { row, app: record.app, id: record.id, idempotency: idempotencyOf(record), untilMs })
    this.#armExpiry(now)
  }

  #startTelling(ring: LiveRing, now: Now): void {
    ring.tellUntilMs = now.monotonicMs + this.#parts.limits.tellMs
    ring.tellTimer = this.#tellings.arm(ring.number, ring.tellUntilMs)
    if (ring.record.state === 'missed') this.#delivery.tellKept(ring)
    this.#delivery.tell(ring)
  }

  #finishIfTold(ring: LiveRing): void {
    if (ring.endRow !== null && this.#delivery.isAllTold(ring)) this.#forget(ring)
  }

  /** The ring lives on, if at all, as a row for its sender. */
  #forget(ring: LiveRing): void {
    if (this.#index.byNumber(ring.number) !== ring) return
    this.#deadlines.disarm(ring.deadlineTimer)
    this.#turns.stop(ring)
    this.#retries.disarm(ring.retryTimer)
    this.#tellings.disarm(ring.tellTimer)
    if (ring.published === null) this.#ended.dropKey(idempotencyOf(ring.record))
    this.#index.remove(ring)
  }

  #retryLater(ring: LiveRing, now: Now): void {
    if (ring.retryTimer === 0) ring.retryTimer = this.#retries.arm(ring.number, now.monotonicMs + RETRY_MS)
  }

  #armExpiry(now: Now): void {
    if (this.#isExpiryArmed || this.#ended.size === 0) return
    this.#isExpiryArmed = true
    this.#expiry.arm(0, now.monotonicMs + EXPIRE_MS)
  }

  #expire(now: Now): void {
    this.#isExpiryArmed = false
    this.#ended.expire(now.monotonicMs)
    this.#armExpiry(now)
  }

  #isNotifyUsed(ring: LiveRing, device: number, id: number): boolean {
    for (const { person } of ring.record.targets) {
      for (const other of this.#index.ofPerson(person)) {
        if (other !== ring && this.#delivery.mayHaveId(other, device, id)) return true
      }
    }
    return false
  }
}

/** Notes who decided, and by what kind of device. */
function setBy(record: RingRecord, leg: Leg, { deviceClass }: Verdict): void {
  record.by = leg.target
  record.byDevice = leg.device
  record.byClass = deviceClass < DEVICE_CLASSES.length ? deviceClass : 0
}
