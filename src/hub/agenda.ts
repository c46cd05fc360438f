import type { Now } from '../base/time.js'
import { TimerWheel } from '../base/timer-wheel.js'
import { Column } from '../presence/column.js'
import type { Timers } from '../presence/timers.js'

/** Slots of the wheel that may be in use at once. */
const SLOTS_MAX = 1 << 24
/** A name is slot and 7 bits that change with each use of the slot, so that a dead name hits nobody; it fits 31 bits. */
const USES = 128

/**
 * All timers of the hub on one wheel. A timer is a slot: it names the line it belongs to and a key, in typed arrays;
 * slots in a free list. So a timer costs 25 bytes while it is armed, and nothing otherwise.
 */
export class Agenda {
  readonly #wheel: TimerWheel
  readonly #lines: ((key: number, now: Now) => void)[] = []
  /** line of the slot plus 1, 0 free */
  readonly #line = Column.bytes()
  readonly #use = Column.bytes()
  /** key while armed; next free slot while free */
  readonly #key = Column.words()
  #free = 0
  #slots = 1
  #armed = 0

  /** @param startMonotonicMs where time begins. */
  constructor(startMonotonicMs: number) {
    this.#wheel = new TimerWheel(startMonotonicMs)
  }

  /** Timers that are armed. */
  get armed(): number {
    return this.#armed
  }

  /** Makes a line of timers, all of one kind. @param onDue called with the key of each that is due. */
  line(onDue: (key: number, now: Now) => void): Timers {
    this.#lines.push(onDue)
    const line = this.#lines.length
    return {
      arm: (key, monotonicMs) => this.#arm(line, key, monotonicMs),
      disarm: (timer) => this.#disarm(timer),
    }
  }

  /** Calls back for all that is due. */
  expire(now: Now): void {
    this.#wheel.expire(now.monotonicMs, (slot) => {
      const onDue = this.#lines[this.#line.get(slot) - 1] as (key: number, now: Now) => void
      const key = this.#key.get(slot)
      this.#release(slot)
      onDue(key, now)
    })
  }

  /** When `expire` has something to do, monotonic ms, never too late; Infinity for nothing. */
  nextMs(): number {
    return this.#wheel.nextDue()
  }

  #arm(line: number, key: number, monotonicMs: number): number {
    const slot = this.#take()
    this.#line.set(slot, line)
    this.#key.set(slot, key)
    this.#wheel.arm(slot, Math.max(monotonicMs, 0))
    this.#armed++
    return this.#use.get(slot) * SLOTS_MAX + slot
  }

  #disarm(timer: number): void {
    const slot = timer % SLOTS_MAX
    const isLive = timer !== 0 && this.#line.get(slot) !== 0 && this.#use.get(slot) === Math.floor(timer / SLOTS_MAX)
    if (!isLive) return
    this.#wheel.cancel(slot)
    this.#release(slot)
  }

  #take(): number {
    if (this.#free === 0) return this.#slots++
    const slot = this.#free
    this.#free = this.#key.get(slot)
    return slot
  }

  #release(slot: number): void {
    this.#line.set(slot, 0)
    this.#use.set(slot, (this.#use.get(slot) + 1) % USES)
    this.#key.set(slot, this.#free)
    this.#free = slot
    this.#armed--
  }
}
