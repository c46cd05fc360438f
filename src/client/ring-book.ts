import { hex } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import type { DeviceFrame, NotifyFrame, OutcomeCode, OutcomeFrame, VerdictCode } from '../frame/frame.js'
import { VERDICT_AFTER_DEADLINE_MS } from '../packet/constants.js'
import type { MissedRing, RingEnd } from './event.js'
import type { Outlet } from './outlet.js'
import type { SeenRing, SeenRings } from './seen-rings.js'
import type { ServerClock } from './server-clock.js'

/**
 * Pauses between repeats of a verdict that no OUTCOME has answered, ms; the last one stays. As RELIABLE_RETRY_MS,
 * wire-spec §14. The pause between rounds does not hold them up: a person waits. wire-spec [R-9.2-6]
 */
const VERDICT_REPEAT_MS = [1000, 2000, 4000, 8000] as const

/** A ring that waits for the server's clock or the list is dropped after this, ms: no deadline is further away. */
const HELD_MAX_MS = 600_000

/** After a sleep that may have outlasted the deadline a ring stops, if no CLOCK came within this, ms. */
const WAKE_CLOCK_MS = 2000

/** Rings open at once; more are acked and not shown. Of one datagram each, so 70 KB at most. */
const OPEN_MAX = 64

/** OUTCOMEs of rings that we do not know yet: a NOTIFY that comes after its OUTCOME is not shown. */
const EARLY_OUTCOMES = 16
const EARLY_OUTCOME_MS = 60_000

/**
 * held: the server's clock or our list is not known well enough to judge it. saving: the mark "seen" is on its way to
 * the store. shown: the host was told, nobody has answered. answered: the verdict is repeated. over: stopped by its
 * deadline, kept a while for a late OUTCOME.
 */
type RingState = 'held' | 'saving' | 'shown' | 'answered' | 'over'

interface OpenRing extends SeenRing {
  state: RingState
  /** id of the last NOTIFY that brought it: verdicts name this one */
  notify: number
  payload: Uint8Array
  /** of the pseudonym that the sender used */
  rotation: number
  /** monotonic ms until which it waits, or is kept, while the server's clock is not known */
  heldUntilMs: number
  /** when it stops should the server's clock not be known then, monotonic ms */
  stopAtMs: number
  verdict: 0 | 1
  reply: Uint8Array | null
  repeats: number
  /** monotonic ms of the next repeat of the verdict */
  repeatAtMs: number
}

/** Whether our own list lets an application ring by a pseudonym; 'unknown' while a newer one is fetched. [R-10-7] */
export type Admitted = (app: string, rotation: number) => boolean | 'unknown'

const ENDS: Readonly<Record<OutcomeCode, RingEnd>> = {
  0: 'accepted',
  1: 'answered-elsewhere',
  2: 'dismissed',
  3: 'missed',
  4: 'withdrawn',
}

/** The device's rings: which are shown, which were answered, which were missed. wire-spec §12.2 */
export class RingBook {
  readonly #outlet: Outlet
  readonly #clock: ServerClock
  readonly #admits: Admitted
  readonly #deviceClass: number
  readonly #seen: SeenRings
  /** By ring, hex. */
  readonly #open = new Map<string, OpenRing>()
  #earlyOutcomes: { ring: string; atMs: number }[] = []

  /**
   * @param seen    rings shown before, from the store; this book adds to it.
   * @param admits judges an application and its pseudonym by our own list.
   * @param deviceClass what senders are told we are: place in DEVICE_CLASSES.
   */
  constructor(outlet: Outlet, clock: ServerClock, seen: SeenRings, admits: Admitted, deviceClass: number) {
    this.#deviceClass = deviceClass
    this.#outlet = outlet
    this.#clock = clock
    this.#seen = seen
    this.#admits = admits
  }

  /** Whether a ring waits until the server's clock is known: SYNC should be asked at once. */
  get wantsClock(): boolean {
    if (this.#clock.known) return false
    for (const ring of this.#open.values()) if (ring.state === 'held') return true
    return false
  }

  /** Takes a NOTIFY; byte strings are copied. Its ack is the caller's. */
  handleNotify(frame: NotifyFrame, now: Now): void {
    const id = hex(frame.ring)
    const open = this.#open.get(id)
    if (open !== undefined) {
      const isNewName = open.notify !== frame.id
      open.notify = frame.id
      if (isNewName && open.state === 'answered') this.#sendVerdict(open)
      return
    }
    if (this.#seen.has(id) || this.#endedEarly(id, now) || this.#open.size >= OPEN_MAX) return
    const ring: OpenRing = {
      state: 'held',
      ring: id,
      app: hex(frame.app),
      title: frame.title,
      body: frame.body,
      url: frame.url,
      payload: frame.payload.slice(),
      rotation: frame.rotation,
      deadlineMs: frame.deadlineMs,
      notify: frame.id,
      heldUntilMs: now.monotonicMs + HELD_MAX_MS,
      stopAtMs: Infinity,
      verdict: 0,
      reply: null,
      repeats: 0,
      repeatAtMs: 0,
    }
    this.#open.set(id, ring)
    this.#judge(ring, now)
  }

  /** Takes an OUTCOME. Of a ring that is not known it does nothing but keep it, should it come late, from being shown. */
  handleOutcome(frame: OutcomeFrame, now: Now): void {
    const id = hex(frame.ring)
    const open = this.#open.get(id)
    if (open !== undefined) {
      this.#end(open, frame.what)
      return
    }
    this.#earlyOutcomes.push({ ring: id, atMs: now.monotonicMs })
    if (this.#earlyOutcomes.length > EARLY_OUTCOMES) this.#earlyOutcomes.shift()
  }

  /**
   * Our clocks drifted apart: the wall clock was set, or we slept for so long and the monotonic one did not notice. The
   * server's clock is not known until the next CLOCK; a ring that may be over by now waits for it a moment only.
   */
  handleDrift(driftMs: number, now: Now): void {
    for (const ring of this.#open.values()) {
      const earliestMs = Math.min(ring.stopAtMs, now.monotonicMs + WAKE_CLOCK_MS)
      ring.stopAtMs = Math.max(earliestMs, ring.stopAtMs - Math.max(driftMs, 0))
    }
  }

  /** The server's clock or our list changed: looks again at rings that were held for it. */
  handleChange(now: Now): void {
    for (const ring of this.#open.values()) {
      if (ring.state === 'held') this.#judge(ring, now)
      else if (ring.state === 'shown') this.#expire(ring, now)
    }
  }

  /**
   * The person's answer.
   *
   * @param id    ring, hex.
   * @param what  0 accepted, 1 dismissed.
   * @param reply at most 256 B, with 0 only; null for none.
   * @returns false if the ring is over, or not known, or was answered before.
   */
  answer(id: string, what: 0 | 1, reply: Uint8Array | null, now: Now): boolean {
    const ring = this.#open.get(id)
    if (ring === undefined || ring.state !== 'shown' || this.#isLate(ring, now)) return false
    ring.state = 'answered'
    ring.verdict = what
    ring.reply = reply
    ring.repeatAtMs = now.monotonicMs + VERDICT_REPEAT_MS[0]
    this.#outlet.unask(shownKey(ring))
    this.#sendVerdict(ring)
    this.#seen.close(ring)
    this.#outlet.save(null)
    return true
  }

  /** The host has displayed a ring. @returns false if it is over or not known. */
  shown(id: string): boolean {
    const ring = this.#open.get(id)
    if (ring === undefined || ring.state !== 'shown') return false
    this.#ask(shownKey(ring), ring, 2, null)
    return true
  }

  /** Earliest monotonic ms at which `handleTimeout` has something to do; Infinity for never. */
  nextTimeout(): number {
    let next = Infinity
    for (const ring of this.#open.values()) {
      if (ring.state === 'answered') next = Math.min(next, ring.repeatAtMs)
      const over = ring.state === 'held' ? Math.min(ring.heldUntilMs, this.#lateAt(ring)) : this.#overAt(ring)
      next = Math.min(next, over)
    }
    return next
  }

  /** Stops rings whose deadline passed, repeats verdicts. */
  handleTimeout(now: Now): void {
    for (const ring of this.#open.values()) {
      if (ring.state === 'held' && now.monotonicMs >= ring.heldUntilMs) this.#miss(ring)
      else if (ring.state === 'held' || ring.state === 'shown') this.#expire(ring, now)
      else if (ring.state === 'answered') this.#repeat(ring, now)
      else if (ring.state === 'over' && now.monotonicMs >= this.#overAt(ring)) this.#open.delete(ring.ring)
    }
  }

  /** Shows a held ring, or does not, or leaves it held. */
  #judge(ring: OpenRing, now: Now): void {
    const isAdmitted = this.#admits(ring.app, ring.rotation)
    if (isAdmitted === false) {
      this.#open.delete(ring.ring)
      this.#ask(`verdict ${ring.ring} refused`, ring, 3, null)
      return
    }
    if (this.#isLate(ring, now)) this.#miss(ring)
    else if (isAdmitted === true && this.#clock.known) {
      ring.state = 'saving'
      if (!this.#seen.add(ring, this.#clock.earliest(now.monotonicMs))) this.#miss(ring)
      else this.#outlet.save((later) => this.#show(ring, later))
    }
  }

  /** The mark is durable: whatever happens now, this ring is not shown again. wire-spec §12.2-2 */
  #show(ring: OpenRing, now: Now): void {
    if (ring.state !== 'saving') return
    const latest = this.#clock.latest(now.monotonicMs)
    if (latest === null) {
      ring.state = 'held'
      return
    }
    if (latest > ring.deadlineMs) {
      this.#miss(ring)
      return
    }
    ring.state = 'shown'
    ring.stopAtMs = this.#lateAt(ring)
    const { ring: id, app, title, body, url, payload } = ring
    this.#outlet.emit({ kind: 'ring', ring: id, app, title, body, url, payload, remainingMs: ring.deadlineMs - latest })
  }

  #expire(ring: OpenRing, now: Now): void {
    if (this.#isLate(ring, now)) this.#miss(ring)
  }

  /** Stopped by its deadline. */
  #miss(ring: OpenRing): void {
    const wasShown = ring.state === 'shown'
    ring.state = 'over'
    this.#outlet.unask(shownKey(ring))
    if (wasShown) this.#outlet.emit({ kind: 'ring-ended', ring: ring.ring, outcome: 'missed' })
    this.#noteMissed(ring)
  }

  #noteMissed(ring: OpenRing): void {
    const { ring: id, app, title, body, url, deadlineMs } = ring
    const missed: MissedRing = { ring: id, app, title, body, url, deadlineMs }
    if (!this.#seen.addMissed(missed)) return
    this.#outlet.emit({ kind: 'missed', ...missed })
    this.#outlet.save(null)
  }

  /** The server said how it ended. */
  #end(ring: OpenRing, what: OutcomeCode): void {
    const wasTold = ring.state === 'shown' || ring.state === 'answered'
    const wasOver = ring.state === 'over'
    ring.state = 'over'
    this.#open.delete(ring.ring)
    this.#outlet.unask(shownKey(ring))
    this.#outlet.unask(answerKey(ring))
    if (wasTold) this.#outlet.emit({ kind: 'ring-ended', ring: ring.ring, outcome: ENDS[what] })
    this.#seen.close(ring)
    if (what === 3) this.#noteMissed(ring)
    else if (wasOver && what !== 4) this.#seen.dropMissed(ring.ring) // it was answered after all
    this.#outlet.save(null)
  }

  #repeat(ring: OpenRing, now: Now): void {
    if (now.monotonicMs >= this.#overAt(ring)) {
      this.#open.delete(ring.ring)
      this.#outlet.unask(answerKey(ring))
      this.#outlet.emit({ kind: 'ring-ended', ring: ring.ring, outcome: 'unconfirmed' })
      this.#seen.close(ring)
      this.#outlet.save(null)
      return
    }
    if (now.monotonicMs < ring.repeatAtMs) return
    ring.repeats = Math.min(ring.repeats + 1, VERDICT_REPEAT_MS.length - 1)
    ring.repeatAtMs = now.monotonicMs + (VERDICT_REPEAT_MS[ring.repeats] as number)
    this.#outlet.askAgain(answerKey(ring), this.#verdictOf(ring, ring.verdict, ring.reply))
  }

  #sendVerdict(ring: OpenRing): void {
    this.#ask(answerKey(ring), ring, ring.verdict, ring.reply)
  }

  #ask(key: string, ring: OpenRing, what: VerdictCode, reply: Uint8Array | null): void {
    this.#outlet.ask(key, this.#verdictOf(ring, what, reply))
  }

  #verdictOf(ring: OpenRing, what: VerdictCode, reply: Uint8Array | null): DeviceFrame {
    return { kind: 'verdict', id: ring.notify, what, deviceClass: this.#deviceClass, reply }
  }

  /** Whether the deadline may have passed. Of a ring that was never shown false while the server's clock is not known. */
  #isLate(ring: OpenRing, now: Now): boolean {
    const latest = this.#clock.latest(now.monotonicMs)
    return latest === null ? now.monotonicMs >= ring.stopAtMs : latest > ring.deadlineMs
  }

  /** First monotonic ms at which `#isLate` holds. */
  #lateAt(ring: OpenRing): number {
    const offset = this.#clock.latest(0)
    return offset === null ? ring.stopAtMs : ring.deadlineMs - offset + 1
  }

  /** When a shown ring stops; when an answered or stopped one is forgotten: then its deadline surely passed by 10 s. */
  #overAt(ring: OpenRing): number {
    if (ring.state === 'shown') return this.#lateAt(ring)
    if (ring.state === 'saving') return Infinity
    const offset = this.#clock.earliest(0)
    return offset === null ? ring.heldUntilMs : ring.deadlineMs + VERDICT_AFTER_DEADLINE_MS - offset
  }

  #endedEarly(ring: string, now: Now): boolean {
    this.#earlyOutcomes = this.#earlyOutcomes.filter((early) => now.monotonicMs - early.atMs < EARLY_OUTCOME_MS)
    return this.#earlyOutcomes.some((early) => early.ring === ring)
  }
}

function answerKey(ring: OpenRing): string {
  return `verdict ${ring.ring}`
}

function shownKey(ring: OpenRing): string {
  return `verdict ${ring.ring} shown`
}
