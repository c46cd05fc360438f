import { equalBytes, hex } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import type { Grant } from '../base/token-bucket.js'
import type { VerdictFrame } from '../frame/frame.js'
import { EndedRings } from './ended-rings.js'
import { type LiveRing, liveRing } from './live-ring.js'
import { NOTIFY_ID_TRIES } from './notify-id.js'
import { requestHash } from './request-hash.js'
import {
  ALIAS_PREFIX,
  idempotencyOf,
  type NewRing,
  RING_ID_BYTES,
  RING_SEED_BYTES,
  type RingContent,
  type RingRecord,
  type RingTarget,
} from './ring.js'
import { checkRing, DEADLINE_MAX_MS } from './ring-check.js'
import { collapseRank } from './ring-collapse.js'
import { RingIndex } from './ring-index.js'
import { RingLife } from './ring-life.js'
import { type LimitState, RingRate } from './ring-limits.js'
import type { RingParts } from './ring-ports.js'
import { readRingRow } from './ring-row.js'
import { isTerminal, type RingState } from './ring-state.js'
import { RingWaits } from './ring-waits.js'

/** What an application is told to wait while too many of its rings are open, seconds. */
const OPEN_RETRY_S = 5

/** Numbers for metrics. */
export interface RingNumbers {
  open: number
  /** ended, and devices are still being told */
  telling: number
  /** ended, in memory for their senders */
  ended: number
  /** idempotency keys in memory */
  keys: number
  /** long polls */
  waits: number
  /** rings written and not yet committed */
  writes: number
  /** since the start */
  created: number
  /** ended since the start, by state */
  outcomes: Readonly<Record<RingState, number>>
}

/**
 * Live notifications, docs/rings.md: what applications ask, and what devices answer. Devices are named by handles, persons
 * and applications by keys. This file answers requests and routes the rest to `RingLife`.
 */
export class Rings {
  readonly #parts: RingParts
  readonly #index = new RingIndex()
  readonly #ended: EndedRings
  readonly #waits: RingWaits
  readonly #rate: RingRate
  readonly #life: RingLife
  #created = 0

  constructor(parts: RingParts) {
    this.#parts = parts
    this.#ended = new EndedRings(parts.limits.endedMax, (id) => parts.outlet.drop(id))
    this.#waits = new RingWaits(parts.outlet, parts.timers, parts.limits.waitsMax)
    this.#rate = new RingRate(parts.limits.perPersonPerMinute)
    this.#life = new RingLife(parts, this.#index, this.#ended, this.#waits)
  }

  /** Numbers for metrics. */
  get numbers(): RingNumbers {
    return {
      open: this.#index.open,
      telling: this.#index.size - this.#index.open,
      ended: this.#ended.size,
      keys: this.#ended.keys,
      waits: this.#waits.size,
      writes: this.#life.ledger.writes,
      created: this.#created,
      outcomes: this.#life.outcomes,
    }
  }

  /** An application sends a ring. Answered when it is committed. */
  handleRing(request: number, app: number, newRing: NewRing, now: Now): void {
    const { outlet, crypto } = this.#parts
    const content = checkRing(newRing)
    if ('code' in content) {
      outlet.refuse(request, content.code, content.detail, 0)
      return
    }
    // First: what was accepted is answered so again, also when its device handle has expired since.
    const hash = requestHash(crypto, newRing)
    if (this.#answerRepeat(request, app, newRing.idempotencyKey, hash, now)) return
    const targets = this.#targetsOf(request, app, newRing.to, now)
    if (targets === null) return
    const { waitS, limits: before } = this.#limits(app, this.#rate.peek(app, targets, now.monotonicMs))
    if (waitS > 0) {
      outlet.refuse(request, 'rate-limited', 'too many rings', waitS, before)
      return
    }
    const record = this.#newRecord(app, newRing, targets, content, hash, now)
    const deadlineMonotonicMs = now.monotonicMs + newRing.deadlineInMs
    const ring = liveRing(this.#index.nextNumber(), hex(record.id), record, deadlineMonotonicMs, 0)
    this.#created++
    this.#ended.setKey(idempotencyOf(record), ring.name)
    this.#life.begin(ring, now)
    const { limits } = this.#limits(app, this.#rate.take(app, targets, now.monotonicMs))
    ring.creators.push({ request, isFirst: true, limits })
  }

  /** An application reads a ring; with `waitMs` it is answered when the ring ends, or then. */
  handleGet(request: number, app: number, name: string, waitMs: number, now: Now): void {
    const { outlet } = this.#parts
    const ring = this.#liveOf(name, app)
    if (ring?.published != null) {
      const isAnswered = isTerminal(ring.published.state) || !this.#waits.add(ring, request, waitMs, now)
      if (isAnswered) outlet.answer(request, ring.published, false)
      return
    }
    const record = this.#endedOf(name, app, now)
    if (record === null) outlet.refuse(request, 'unknown-ring', '', 0)
    else outlet.answer(request, this.#life.ledger.viewOf(record), false)
  }

  /** An application withdraws a ring. Answered when its end is committed, whatever it is; withdrawing twice is no error. */
  handleWithdraw(request: number, app: number, name: string, now: Now): void {
    const { outlet } = this.#parts
    const ring = this.#liveOf(name, app)
    if (ring?.published != null) {
      this.#life.endIfLate(ring, now)
      this.#life.end(ring, 'withdraw', now)
      if (ring.endRow === null) ring.withdrawers.push(request)
      else this.#life.ledger.answerWithdrawal(request, ring.published)
      return
    }
    const record = this.#endedOf(name, app, now)
    if (record === null) outlet.refuse(request, 'unknown-ring', '', 0)
    else this.#life.ledger.answerWithdrawal(request, this.#life.ledger.viewOf(record))
  }

  /** An application was removed: its open rings fail. Call while its PUIDs can still be made. */
  handleAppRemoved(app: number, now: Now): void {
    for (const ring of this.#index.ofApp(app)) this.#life.end(ring, 'fail', now, 'app-removed')
  }

  /** A write was committed, or failed. @returns whether it was one of ours. */
  handleStored(request: number, ok: boolean, now: Now): boolean {
    return this.#life.ledger.handleStored(request, ok, now)
  }

  /**
   * At start: a row from the store. Call it when the applications are loaded. An open ring goes on with the time that
   * its deadline leaves; one whose deadline passed ends as missed with the first timeout.
   *
   * @param isApp whether an application is still there.
   * @param now   the moment of the start.
   * @returns false for a row that cannot be read, that is of a removed application, or past its time: those two are
   *   dropped.
   */
  load(row: Uint8Array, isApp: (app: number) => boolean, now: Now): boolean {
    const record = readRingRow(row)
    if (record === null) return false
    const isPast = isTerminal(record.state) && now.wallMs - record.createdMs >= this.#parts.limits.keepMs
    if (isPast || !isApp(record.app)) {
      this.#parts.outlet.drop(record.id)
      return false
    }
    const leftMs = Math.min(Math.max(record.deadlineMs - now.wallMs, 0), DEADLINE_MAX_MS)
    const firstTry = 1 + (Math.floor(now.wallMs / 1000) % (NOTIFY_ID_TRIES - 1))
    const ring = liveRing(this.#index.nextNumber(), hex(record.id), record, now.monotonicMs + leftMs, firstTry)
    this.#ended.setKey(idempotencyOf(record), ring.name)
    this.#life.resume(ring, row, now)
    return true
  }

  /** A person's state, or to whom they show it, changed. */
  handleReach(person: number, now: Now): void {
    for (const ring of this.#index.ofPerson(person)) this.#life.goOn(ring, now)
  }

  /** A device's program or session is new: it gets the open rings again. Call it before `handleContact`. */
  handleRestart(device: number, person: number): void {
    for (const ring of this.#index.ofPerson(person)) this.#life.restart(ring, device)
  }

  /** A device is in contact. */
  handleContact(person: number, now: Now): void {
    this.handleReach(person, now)
  }

  /**
   * A device answered a NOTIFY. Things are decided in the order in which they arrive; at the deadline it is too late.
   *
   * @param person whose device it is.
   * @param frame  one whose id is not known counts for nothing.
   * @returns whether the id was known.
   */
  handleVerdict(device: number, person: number, frame: VerdictFrame, now: Now): boolean {
    return this.#life.handleVerdict(this.#index.ofPerson(person), { ...frame, device, person }, now)
  }

  /** Whom a ring is for; null if one of them is nobody, and the request is refused. */
  #targetsOf(request: number, app: number, to: readonly string[], now: Now): RingTarget[] | null {
    const targets: RingTarget[] = []
    for (const [index, name] of to.entries()) {
      const target = this.#targetOf(app, name, now)
      if (target === null) {
        const code = name.startsWith(ALIAS_PREFIX) ? 'unknown-device-handle' : 'unknown-puid'
        // Its place, not the text: a detail never repeats what was sent.
        this.#parts.outlet.refuse(request, code, to.length > 1 ? `The one at body/to/${index}.` : '', 0)
        return null
      }
      targets.push(target)
    }
    return targets
  }

  /** Whom a PUID or the alias of a device means, or null. */
  #targetOf(app: number, name: string, now: Now): RingTarget | null {
    const { people } = this.#parts
    const alias = name.startsWith(ALIAS_PREFIX) ? people.readAlias(app, name, now.wallMs) : null
    const found = alias ?? people.readPuid(app, name)
    if (found === null) return null
    const { person, rotation } = found
    return { person, rotation, device: alias?.device ?? -1, left: '', dismissedBy: -1 }
  }

  /** Answers a request whose idempotency key was seen before. */
  #answerRepeat(request: number, app: number, key: string, hash: Uint8Array, now: Now): boolean {
    const { outlet } = this.#parts
    const name = key === '' ? null : this.#ended.byKey(`${app}/${key}`)
    if (name === null) return false
    const ring = this.#liveOf(name, app)
    const record = ring?.record ?? this.#endedOf(name, app, now)
    if (record === null) return false
    if (!equalBytes(record.requestHash, hash)) outlet.refuse(request, 'idempotency-conflict', '', 0)
    else if (ring !== null && ring.published === null) ring.creators.push({ request, isFirst: false, limits: [] })
    else outlet.answer(request, ring?.published ?? this.#life.ledger.viewOf(record), false)
    return true
  }

  /** Seconds to wait until the limits allow a ring, 0 they do; and what is left of them. */
  #limits(app: number, grant: Grant): { waitS: number; limits: LimitState[] } {
    const quota = this.#parts.limits.openPerApp
    const remaining = Math.max(quota - this.#index.openOf(app), 0)
    const open: LimitState = { policy: 'rings', quota, windowS: 0, remaining, fullInS: 0 }
    return { waitS: remaining === 0 ? OPEN_RETRY_S : grant.retryAfterS, limits: [this.#rate.stateOf(grant), open] }
  }

  #newRecord(
    app: number,
    newRing: NewRing,
    targets: RingRecord['targets'],
    content: RingContent,
    hash: Uint8Array,
    now: Now,
  ): RingRecord {
    const { random } = this.#parts
    const { collapseKey, idempotencyKey, stepMs } = newRing
    return {
      id: random.fill(new Uint8Array(RING_ID_BYTES)),
      seed: random.fill(new Uint8Array(RING_SEED_BYTES)),
      app,
      createdMs: now.wallMs,
      deadlineMs: now.wallMs + newRing.deadlineInMs,
      state: 'queued',
      reason: '',
      deliveredMs: 0,
      shownMs: 0,
      endedMs: 0,
      by: -1,
      byDevice: -1,
      byClass: 0,
      reply: new Uint8Array(0),
      // A sequence of one would be bound to rules for who comes next.
      stepMs: targets.length > 1 ? stepMs : 0,
      turn: -1,
      turnEndMs: 0,
      collapseKey,
      collapseRank: collapseRank(this.#index, { app, collapseKey, targets }, now.wallMs),
      idempotencyKey,
      requestHash: hash,
      targets,
      content,
    }
  }

  #liveOf(name: string, app: number): LiveRing | null {
    const ring = this.#index.byName(name)
    return ring?.record.app === app ? ring : null
  }

  #endedOf(name: string, app: number, now: Now): RingRecord | null {
    const row = this.#ended.get(name, now.monotonicMs)
    const record = row === null ? null : readRingRow(row)
    return record?.app === app ? record : null
  }
}
