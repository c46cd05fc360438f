import type { Now } from '../base/time.js'
import { type DeviceLevel, hides, mergedState } from './merge.js'
import { PersonFlag, type PersonTable } from './person-table.js'
import type { SeenLines } from './seen-lines.js'
import type { PresenceCause, PresenceLine, PresenceState } from './state.js'
import { nextCount } from './version.js'
import type { Allowance, Visibility } from './visibility.js'

/** Where changes go. */
export interface PresenceListener {
  /** Whether anybody wants the changes that an application sees. Only then do they cost anything. */
  listens(app: number): boolean
  /** An application sees a new line of a person whom it knows by this rotation; `was` is what it saw before. */
  changed(
    app: number,
    person: number,
    rotation: number,
    line: PresenceLine,
    now: Now,
    was: Pick<PresenceLine, 'state' | 'message'>,
  ): void
  /** A person's state, or to whom they show it, changed: open rings look again. */
  reachChanged(person: number, now: Now): void
}

/** When the server started, and how long until all who were not heard read offline. */
export interface BootTimes {
  /** Unix ms */
  bootedMs: number
  bootedMonotonicMs: number
  /** the longest silence that the server allows, seconds */
  longestSilenceS: number
}

/** A line, and whether it is what all read of whom nothing was shown since the start. */
interface Seen extends PresenceLine {
  isBaseline: boolean
}

/** What an application saw before something changed. */
interface Before {
  app: number
  rotation: number
  line: Seen
}

/** One review in progress. */
interface Review {
  person: number
  reason: 'list' | 'window'
  now: Now
  /** count that what changes now gets */
  count: number
  isOwnNew: boolean
  changes: number
}

/**
 * The lines that applications see of persons. Each person who is live has one own line, in the table; those to whom
 * they show themselves see it, or the line in `SeenLines` until the next change. The others see what they saw last,
 * and if they saw nothing since the start, the baseline: unknown, and offline from one instant on that is the same
 * for all.
 */
export class PersonLines {
  readonly #persons: PersonTable
  readonly #visibility: Visibility
  readonly #seen: SeenLines
  readonly #boot: BootTimes
  readonly #listener: PresenceListener
  readonly #mostPresent: (person: number, now: Now) => DeviceLevel
  readonly #byState: Record<PresenceState, number> = { online: 0, away: 0, unavailable: 0, offline: 0, unknown: 0 }

  /** @param mostPresent level of the most present device of a person. */
  constructor(
    persons: PersonTable,
    visibility: Visibility,
    seen: SeenLines,
    boot: BootTimes,
    listener: PresenceListener,
    mostPresent: (person: number, now: Now) => DeviceLevel,
  ) {
    this.#persons = persons
    this.#visibility = visibility
    this.#seen = seen
    this.#boot = boot
    this.#listener = listener
    this.#mostPresent = mostPresent
  }

  /** Live persons by state. */
  get byState(): Readonly<Record<PresenceState, number>> {
    return this.#byState
  }

  /** What an application sees of a person by a PUID with this rotation. The person need not exist. */
  lineOf(person: number, app: number, rotation: number, now: Now): Seen {
    const at = this.#entryOf(person, app, rotation)
    const isShown = at >= 0 && this.#visibility.isShown(person, at)
    const state = isShown ? this.#persons.state(person) : 'offline'
    const message = isShown ? this.#visibility.message(person, at, state) : ''
    const seen = this.#persons.is(person, PersonFlag.seen) ? this.#seen.get(person, app, rotation) : null
    if (seen !== null) {
      return { state, message, sinceMs: seen.sinceMs, count: seen.count, cause: seen.cause, isBaseline: false }
    }
    return isShown ? { ...this.#own(person), message, isBaseline: false } : this.#baseline(person, now)
  }

  /**
   * The state that decides what a ring does: like what the application sees, but `unknown` only while the person's own
   * list is not here, so that the devices must decide; and `offline` for whoever hides.
   */
  ringState(person: number, app: number, rotation: number): PresenceState {
    if (!this.#persons.has(person)) return 'offline'
    if (!this.#persons.is(person, PersonFlag.held)) return this.#persons.listVersion(person) > 0 ? 'unknown' : 'offline'
    const at = this.#entryOf(person, app, rotation)
    return at >= 0 && this.#visibility.isShown(person, at) ? this.#persons.state(person) : 'offline'
  }

  /**
   * The person's devices changed. Costs nothing beyond the entries of this one person.
   *
   * @param cause why, as those are told who see the person.
   */
  refresh(person: number, cause: PresenceCause, now: Now): void {
    if (!this.#persons.is(person, PersonFlag.live)) return
    const state = mergedState(this.#mostPresent(person, now), this.#persons.choice(person))
    const wasState = this.#persons.state(person)
    if (state === wasState) return
    const count = this.#nextCount(person, now)
    this.#begin(person, state, now, count, cause)
    this.#persons.setLastCount(person, count)
    const entries = this.#visibility.entries(person)
    for (let at = 0; at < entries; at++) {
      if (!this.#visibility.isShown(person, at)) continue
      const app = this.#visibility.app(person, at)
      const rotation = this.#visibility.rotation(person, at)
      this.#dropSeen(person, app, rotation)
      if (!this.#listener.listens(app)) continue
      const line = { ...this.#own(person), message: this.#visibility.message(person, at, state) }
      const was = { state: wasState, message: this.#visibility.message(person, at, wasState) }
      this.#listener.changed(app, person, rotation, line, now, was)
    }
    this.#listener.reachChanged(person, now)
  }

  /**
   * The person's list or the hours changed: looks at each application that sees, saw or may see the person.
   *
   * @param change makes the change; entries that it adds begin hidden.
   */
  review(person: number, reason: 'list' | 'window', now: Now, change: () => void): void {
    const befores = new Map<string, Before>()
    this.#capture(person, befores, now)
    change()
    this.#capture(person, befores, now)
    let lastCount = this.#persons.lastCount(person)
    for (const { line } of befores.values()) lastCount = Math.max(lastCount, line.count)
    this.#persons.setLastCount(person, lastCount)
    const count = this.#nextCount(person, now)
    const isOwnNew = this.#reviewOwn(person, count, now)
    const review: Review = { person, reason, now, count, isOwnNew, changes: 0 }
    for (const before of befores.values()) this.#reviewEntry(before, review)
    if (isOwnNew || review.changes > 0) this.#persons.setLastCount(person, count)
    this.#listener.reachChanged(person, now)
  }

  /** The person's row is about to be freed: nobody is live there any more. */
  forget(person: number): void {
    if (this.#persons.is(person, PersonFlag.live)) this.#byState[this.#persons.state(person)]--
    this.#persons.put(person, PersonFlag.live, false)
  }

  /** Begins a new own line if the merged state is another, or if the person becomes live. */
  #reviewOwn(person: number, count: number, now: Now): boolean {
    const choice = this.#persons.choice(person)
    const wasLive = this.#persons.is(person, PersonFlag.live)
    // Who is heard first as invisible shows themselves to nobody: everything stays as if they were not heard.
    if (!wasLive && (!this.#persons.is(person, PersonFlag.held) || hides(choice))) return false
    const state = mergedState(this.#mostPresent(person, now), choice)
    if (wasLive && state === this.#persons.state(person)) return false
    const before = wasLive ? this.#persons.state(person) : this.#baseline(person, now).state
    this.#begin(person, state, now, count, ownCause(before, state, hides(choice)))
    return true
  }

  /** Compares what one application saw with what it may see now. */
  #reviewEntry(before: Before, review: Review): void {
    const { person, now, count } = review
    const { app, rotation, line } = before
    const at = this.#entryOf(person, app, rotation)
    const isLive = this.#persons.is(person, PersonFlag.live)
    const allowance = at >= 0 && isLive ? this.#visibility.allowance(person, at, now.wallMs) : 'hidden'
    if (at >= 0) this.#visibility.setShown(person, at, allowance === 'yes')
    const isTold = at >= 0 && isLive && allowance === 'hidden' && this.#visibility.isToldRevoked(person, at)
    if (allowance !== 'yes' && line.isBaseline && !isTold) return
    const state = allowance === 'yes' ? this.#persons.state(person) : 'offline'
    const message = allowance === 'yes' ? this.#visibility.message(person, at, state) : ''
    const isStateNew = state !== line.state
    const isNew = isStateNew || message !== line.message || (isTold && line.cause !== 'revoked')
    const after: PresenceLine = isNew
      ? {
          state,
          message,
          sinceMs: isStateNew ? now.wallMs : line.sinceMs,
          count,
          cause: isTold ? 'revoked' : entryCause(line.state, allowance, review, this.#persons.cause(person)),
        }
      : line
    this.#keepSeen(person, app, rotation, after, allowance === 'yes')
    if (!isNew) return
    review.changes++
    if (this.#listener.listens(app)) this.#listener.changed(app, person, rotation, after, now, line)
  }

  /** Keeps what an application sees, if the person's own line does not say it. */
  #keepSeen(person: number, app: number, rotation: number, line: PresenceLine, isShown: boolean): void {
    const own = this.#own(person)
    const isOwn = isShown && own.sinceMs === line.sinceMs && own.count === line.count && own.cause === line.cause
    if (isOwn) {
      this.#dropSeen(person, app, rotation)
      return
    }
    const { sinceMs, count, cause } = line
    this.#seen.keep(person, { app, rotation, sinceMs, count, cause })
    this.#persons.put(person, PersonFlag.seen, true)
  }

  #dropSeen(person: number, app: number, rotation: number): void {
    if (!this.#persons.is(person, PersonFlag.seen)) return
    this.#seen.drop(person, app, rotation)
    this.#persons.put(person, PersonFlag.seen, this.#seen.has(person))
  }

  /** Notes what the applications of all entries see, unless that was noted before. */
  #capture(person: number, befores: Map<string, Before>, now: Now): void {
    const entries = this.#visibility.entries(person)
    for (let at = 0; at < entries; at++) {
      const app = this.#visibility.app(person, at)
      const rotation = this.#visibility.rotation(person, at)
      const key = `${app}/${rotation}`
      if (!befores.has(key)) befores.set(key, { app, rotation, line: this.lineOf(person, app, rotation, now) })
    }
  }

  #entryOf(person: number, app: number, rotation: number): number {
    return this.#persons.has(person) ? this.#visibility.find(person, app, rotation) : -1
  }

  #begin(person: number, state: PresenceState, now: Now, count: number, cause: PresenceCause): void {
    if (this.#persons.is(person, PersonFlag.live)) this.#byState[this.#persons.state(person)]--
    this.#persons.put(person, PersonFlag.live, true)
    this.#byState[state]++
    this.#persons.setLine(person, state, now.wallMs, count, cause)
  }

  #own(person: number): PresenceLine {
    return {
      state: this.#persons.state(person),
      message: '',
      sinceMs: this.#persons.sinceMs(person),
      count: this.#persons.lineCount(person),
      cause: this.#persons.cause(person),
    }
  }

  #nextCount(person: number, now: Now): number {
    return nextCount(this.#persons.lastCount(person), now.monotonicMs - this.#boot.bootedMonotonicMs)
  }

  /** What all read of whom nothing was shown since the start. Persons who are new since then were never unknown. */
  #baseline(person: number, now: Now): Seen {
    const { bootedMs, bootedMonotonicMs, longestSilenceS } = this.#boot
    const isNew = this.#persons.has(person) && !this.#persons.is(person, PersonFlag.restored)
    const common = { message: '', isBaseline: true } as const
    if (isNew) return { ...common, state: 'offline', sinceMs: bootedMs, count: 0, cause: 'contact-lost' }
    if (now.monotonicMs - bootedMonotonicMs < longestSilenceS * 1000) {
      return { ...common, state: 'unknown', sinceMs: bootedMs, count: 0, cause: 'restart' }
    }
    const count = nextCount(0, longestSilenceS * 1000)
    return { ...common, state: 'offline', sinceMs: bootedMs + longestSilenceS * 1000, count, cause: 'restart' }
  }
}

/**
 * Cause of a person's own new line after their list changed.
 *
 * @param isHiding they become invisible: told like contact that was lost.
 */
function ownCause(before: PresenceState, after: PresenceState, isHiding: boolean): PresenceCause {
  if (before === 'unknown') return 'restart'
  if (after === 'offline') return isHiding ? 'contact-lost' : 'idle'
  return before === 'offline' ? 'device' : 'user'
}

/** Cause of a change that one application sees after the list or the hours changed. */
function entryCause(before: PresenceState, allowance: Allowance, review: Review, own: PresenceCause): PresenceCause {
  if (allowance === 'window') return 'window'
  if (allowance === 'hidden') return 'contact-lost'
  if (before === 'unknown') return 'restart'
  if (review.reason === 'window') return 'window'
  if (before === 'offline') return 'device'
  return review.isOwnNew ? own : 'user'
}
