import type { Now } from '../base/time.js'
import type { PresenceLine } from '../presence/state.js'
import type { Timers } from '../presence/timers.js'

/** How an application wants flapping damped. */
export interface Damping {
  /** a state is told when it has held so long, ms; 0 at once */
  minHoldMs: number
  /** changes of one person are told so far apart at least, ms; 0 all */
  coalesceMs: number
}

/** What an application was told last, as far as it counts. */
export type Told = Pick<PresenceLine, 'state' | 'message'>

/** Where what is told goes. `app` is the index of an application. */
export type Tell = (app: number, person: number, rotation: number, line: PresenceLine, now: Now) => void

/** A person whose change waits, or who was told of a moment ago. */
interface Entry {
  readonly key: string
  readonly number: number
  readonly app: number
  readonly person: number
  readonly rotation: number
  told: Told
  /** the latest, if it differs from what was told */
  line: PresenceLine | null
  /** since when that state holds, monotonic ms */
  heldSinceMs: number
  /** nothing is told before, monotonic ms */
  quietUntilMs: number
  timer: number
}

/**
 * Holds back changes for those applications that asked for it: a state is told when it has held for a while, of a state
 * that comes and goes nothing is told, and what follows soon is told as one. All others are told at once and cost nothing.
 */
export class Damper {
  readonly #tell: Tell
  readonly #timers: Timers
  /** by index of the application */
  readonly #dampings = new Map<number, Damping>()
  readonly #entries = new Map<string, Entry>()
  readonly #byNumber = new Map<number, Entry>()
  #lastNumber = 0

  constructor(timers: (onDue: (key: number, now: Now) => void) => Timers, tell: Tell) {
    this.#tell = tell
    this.#timers = timers((number, now) => this.#handleDue(number, now))
  }

  /** Persons whose changes are held back, or were told of a moment ago. */
  get size(): number {
    return this.#entries.size
  }

  /** Sets the damping of an application. What is held back is told when it was to be, or at once if nothing is to be held. */
  set(app: number, damping: Damping, now: Now): void {
    if (damping.minHoldMs > 0 || damping.coalesceMs > 0) {
      this.#dampings.set(app, damping)
      return
    }
    this.#dampings.delete(app)
    for (const entry of this.#entriesOf(app)) this.#finish(entry, now)
  }

  /** An application is gone. */
  forget(app: number): void {
    this.#dampings.delete(app)
    for (const entry of this.#entriesOf(app)) this.#drop(entry)
  }

  /** An application sees a new line of a person. @param was what it saw before. */
  handleChange(app: number, person: number, rotation: number, line: PresenceLine, now: Now, was: Told): void {
    const damping = this.#dampings.get(app)
    if (damping === undefined) {
      this.#tell(app, person, rotation, line, now)
      return
    }
    const entry = this.#entryFor(app, person, rotation, was)
    if (isSame(entry.told, line)) entry.line = null
    else {
      if (entry.line?.state !== line.state) entry.heldSinceMs = now.monotonicMs
      entry.line = line
    }
    const dueMs =
      entry.line === null
        ? entry.quietUntilMs
        : Math.max(entry.quietUntilMs, entry.heldSinceMs + this.#holdMs(entry, damping))
    if (dueMs <= now.monotonicMs) this.#tellNow(entry, now)
    else this.#arm(entry, dueMs)
  }

  /** Only states are held; a new message of a state that was told is not. */
  #holdMs({ told, line }: Entry, { minHoldMs }: Damping): number {
    return line?.state === told.state ? 0 : minHoldMs
  }

  #handleDue(number: number, now: Now): void {
    const entry = this.#byNumber.get(number)
    if (entry === undefined) return
    entry.timer = 0
    this.#tellNow(entry, now)
  }

  /** Tells what is held back, and keeps quiet for as long as the application wants. */
  #tellNow(entry: Entry, now: Now): void {
    const { app, person, rotation, line } = entry
    const { coalesceMs } = this.#dampings.get(app) ?? { coalesceMs: 0 }
    if (line === null || coalesceMs === 0) {
      this.#finish(entry, now)
      return
    }
    entry.told = { state: line.state, message: line.message }
    entry.line = null
    entry.quietUntilMs = now.monotonicMs + coalesceMs
    this.#arm(entry, entry.quietUntilMs)
    this.#tell(app, person, rotation, line, now)
  }

  #finish(entry: Entry, now: Now): void {
    this.#drop(entry)
    const { app, person, rotation, line } = entry
    if (line !== null) this.#tell(app, person, rotation, line, now)
  }

  #entryFor(app: number, person: number, rotation: number, told: Told): Entry {
    const key = `${app}/${person}/${rotation}`
    const known = this.#entries.get(key)
    if (known !== undefined) return known
    do this.#lastNumber = (this.#lastNumber + 1) % 2 ** 31
    while (this.#byNumber.has(this.#lastNumber))
    const number = this.#lastNumber
    const entry: Entry = {
      ...{ key, number, app, person, rotation, told },
      ...{ line: null, heldSinceMs: 0, quietUntilMs: 0, timer: 0 },
    }
    this.#entries.set(key, entry)
    this.#byNumber.set(number, entry)
    return entry
  }

  #entriesOf(app: number): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.app === app)
  }

  #arm(entry: Entry, monotonicMs: number): void {
    this.#timers.disarm(entry.timer)
    entry.timer = this.#timers.arm(entry.number, monotonicMs)
  }

  #drop(entry: Entry): void {
    this.#timers.disarm(entry.timer)
    this.#entries.delete(entry.key)
    this.#byNumber.delete(entry.number)
  }
}

function isSame(a: Told, b: Told): boolean {
  return a.state === b.state && a.message === b.message
}
