import { ADDRESS_BYTES } from '../base/address.js'
import { TimerWheel } from '../base/timer-wheel.js'
import { PROBE_DELAY_MAX_S, PROBE_INTERVAL_MS } from '../packet/constants.js'
import { SessionFlag } from '../session/record.js'
import type { SessionView } from '../session/view.js'
import type { Arrival } from './arrival.js'
import type { Core } from './core.js'
import type { Outgoing } from './outgoing.js'

const FREE = -1
const NEVER = Number.POSITIVE_INFINITY

/**
 * Probes under way, of all sessions: wire-spec §9.4. A table of fixed size beside the records, as few sessions probe at
 * any time. An entry lives for the second in which its session is limited, and until its delayed answer went out.
 *
 * An answer has at most 22 B (flags, 4 of packet number, PONG, tag) and a probe at least 26, so none amplifies.
 */
export class Probes {
  readonly #core: Core
  readonly #outgoing: Outgoing
  readonly #wheel: TimerWheel
  readonly #entryOf = new Map<number, number>()
  readonly #free: number[] = []
  // Fields of the entries.
  readonly #slots: Int32Array
  readonly #remotes: Uint8Array
  readonly #numbers: Float64Array
  /** when the delayed answer is due, monotonic ms */
  readonly #dueMs: Float64Array
  /** when the last probe of each kind was answered or taken, monotonic ms */
  readonly #atOnceMs: Float64Array
  readonly #delayedMs: Float64Array

  constructor(core: Core, outgoing: Outgoing, nowMs: number) {
    const { probesMax } = core.config
    this.#core = core
    this.#outgoing = outgoing
    this.#wheel = new TimerWheel(nowMs)
    this.#slots = new Int32Array(probesMax).fill(FREE)
    this.#remotes = new Uint8Array(probesMax * ADDRESS_BYTES)
    this.#numbers = new Float64Array(probesMax)
    this.#dueMs = new Float64Array(probesMax)
    this.#atOnceMs = new Float64Array(probesMax)
    this.#delayedMs = new Float64Array(probesMax)
    for (let entry = probesMax - 1; entry >= 0; entry--) this.#free.push(entry)
  }

  /** Entries in use. */
  get count(): number {
    return this.#entryOf.size
  }

  /** When `expire` has something to do, monotonic ms. */
  get nextMs(): number {
    return this.#wheel.nextDue()
  }

  /**
   * Answers a probe at once or notes its answer, which takes the place of one that waits. [R-9.4-3] [R-9.4-4]
   *
   * @param view   at the confirmed session that it opened on.
   * @param delayS of the PROBE frame.
   */
  take(view: SessionView, delayS: number, arrival: Arrival, nowMs: number): void {
    const entry = delayS > PROBE_DELAY_MAX_S ? FREE : this.#enter(view.slot)
    const lastMs = delayS === 0 ? this.#atOnceMs : this.#delayedMs
    if (entry === FREE || nowMs < (lastMs[entry] as number) + PROBE_INTERVAL_MS) {
      this.#core.counters.dropped.count('limit')
      return
    }
    lastMs[entry] = nowMs
    if (delayS === 0) this.#answer(view, arrival.number, arrival.remote)
    else {
      this.#remotes.set(arrival.remote, entry * ADDRESS_BYTES)
      this.#numbers[entry] = arrival.number
      this.#dueMs[entry] = nowMs + delayS * 1000
    }
    this.#arm(entry)
  }

  /** Sends the answers that are due. */
  expire(nowMs: number): void {
    this.#wheel.expire(nowMs, (entry) => {
      const slot = this.#slots[entry] as number
      if (nowMs >= (this.#dueMs[entry] as number)) {
        const start = entry * ADDRESS_BYTES
        const view = this.#core.view.at(slot)
        const remote = this.#remotes.subarray(start, start + ADDRESS_BYTES)
        if (view.inUse) this.#answer(view, this.#numbers[entry] as number, remote)
        this.#dueMs[entry] = NEVER
      }
      if (nowMs >= this.#endMs(entry)) this.drop(slot)
      else this.#arm(entry)
    })
  }

  /** The session ended or another took its place: nothing of it is answered any more. */
  drop(slot: number): void {
    const entry = this.#entryOf.get(slot)
    if (entry === undefined) return
    this.#entryOf.delete(slot)
    this.#slots[entry] = FREE
    this.#wheel.cancel(entry)
    this.#free.push(entry)
  }

  /** The entry of a session, made if there is room; FREE if there is none. */
  #enter(slot: number): number {
    const known = this.#entryOf.get(slot)
    if (known !== undefined) return known
    const entry = this.#free.pop() ?? FREE
    if (entry === FREE) return FREE
    this.#entryOf.set(slot, entry)
    this.#slots[entry] = slot
    this.#dueMs[entry] = NEVER
    this.#atOnceMs[entry] = -NEVER
    this.#delayedMs[entry] = -NEVER
    return entry
  }

  /** Our boot value would make the answer larger than the probe: then there is none. */
  #answer(view: SessionView, number: number, remote: Uint8Array): void {
    if (!view.confirmed || view.has(SessionFlag.bootPending)) {
      this.#core.counters.dropped.count('limit')
      return
    }
    this.#outgoing.transmit(this.#outgoing.sealProbePong(view, number), remote)
    this.#core.counters.probesAnswered++
  }

  #arm(entry: number): void {
    this.#wheel.arm(entry, Math.min(this.#dueMs[entry] as number, this.#endMs(entry)))
  }

  /** When the entry has no more use. */
  #endMs(entry: number): number {
    const dueMs = this.#dueMs[entry] as number
    if (dueMs !== NEVER) return dueMs
    return Math.max(this.#atOnceMs[entry] as number, this.#delayedMs[entry] as number) + PROBE_INTERVAL_MS
  }
}
