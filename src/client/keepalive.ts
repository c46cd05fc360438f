import type { Random } from '../base/random.js'
import type { PingState } from '../frame/frame.js'
import { classFor } from '../frame/silence.js'
import { SILENCE_MAX_S } from '../packet/constants.js'
import { asksEveryAt, promiseS } from './learning/false-offline.js'
import type { PathKind } from './transport.js'

/** Jitter: the interval is shortened by a random part of at most this, so that devices do not stay in step. */
const JITTER = 0.1
/** As `JITTER`, of a learnt interval, which is each device's own and lies as near below what is safe as it may. */
const LEARNT_JITTER = 0.02

/** A packet that goes out for another reason pings and asks when this part of the interval is over: one wake-up less. */
const RIDE_FROM = 0.5

/** With the radio up for another reason a ping is nearly free, and puts off the next wake-up by a whole interval: from this part on. */
const FREE_FROM = 0.1

/** Packets no further apart than this belong to one exchange, ms: the repeats of a round. */
const EXCHANGE_MS = 10_000

/** Seconds between pings at most, 1 to 1800; a function if it may change. */
export type Interval = number | (() => number)

/** When the device pings and what silence it promises. wire-spec §9.1, [R-7.1-1], [R-7.1-3], [R-7.1-5]. */
export class Keepalive {
  readonly #random: Random
  readonly #intervals: Readonly<Record<PathKind, Interval>>
  readonly #asksEvery: number
  #kind: PathKind = 'udp'
  /** as it was when the last ping asked: what was promised since rests on it */
  #intervalMs: number
  #state: PingState = 'active'
  /** pings since the last that asked */
  #sinceAsk = 0
  #isNewMapping = true
  /** monotonic ms */
  #lastPingMs = -Infinity
  #lastSentMs = -Infinity
  #idleMs = 0
  #nextAtMs = Infinity

  /**
   * @param intervals on paths of either kind, or of both.
   * @param asksEvery every how many pings one asks, where the interval allows it.
   */
  constructor(random: Random, intervals: Interval | Readonly<Record<PathKind, Interval>>, asksEvery = 1) {
    this.#random = random
    const isForBoth = typeof intervals === 'number' || typeof intervals === 'function'
    this.#intervals = isForBoth ? { udp: intervals, tcp: intervals } : intervals
    this.#asksEvery = asksEvery
    this.#intervalMs = this.intervalS * 1000
  }

  /** Datagrams go by a path of this kind now. */
  useKind(kind: PathKind): void {
    this.#kind = kind
  }

  /** Whether the interval may change on paths of some kind. */
  get isLearnt(): boolean {
    return Object.values(this.#intervals).some((interval) => typeof interval === 'function')
  }

  /** Seconds between pings, at most. */
  get intervalS(): number {
    const interval = this.#intervals[this.#kind]
    return typeof interval === 'number' ? interval : interval()
  }

  /** What the next PING says. */
  get state(): PingState {
    return this.#state
  }

  /** @returns whether it changed: then a PING goes out at once. */
  setState(state: PingState): boolean {
    if (state === this.#state) return false
    this.#state = state
    return true
  }

  /** Whether the next ping asks: the first of every mapping, and every n-th. */
  get asks(): boolean {
    return this.#isNewMapping || this.#sinceAsk + 1 >= asksEveryAt(this.#asksEvery, this.#intervalMs / 1000)
  }

  /**
   * Seconds of silence that the next PING must promise; for `gone`, after which nothing comes, the longest.
   *
   * @param asks whether its packet asks.
   */
  neededS(asks: boolean): number {
    if (this.#state === 'gone') return SILENCE_MAX_S
    const intervalS = asks ? this.intervalS : this.#intervalMs / 1000
    const every = asksEveryAt(this.#asksEvery, intervalS)
    return promiseS(intervalS, asks ? every : every - this.#sinceAsk - 1, asks)
  }

  /** The class that covers what a ping in message 1 must promise; SILENCE cannot go along there. wire-spec §4.1 */
  get silenceClass(): number {
    return classFor(this.neededS(true))
  }

  /** An asking packet, and so a PING, went out. */
  handleAsked(nowMs: number): void {
    this.#intervalMs = this.intervalS * 1000
    this.#sinceAsk = 0
    this.#isNewMapping = false
    this.#handlePing(nowMs)
  }

  /** A PING that does not ask went out. */
  handleTold(nowMs: number): void {
    this.#sinceAsk++
    this.#handlePing(nowMs)
  }

  /** Any packet went out. */
  handleSent(nowMs: number): void {
    const idleMs = nowMs - this.#lastSentMs
    if (idleMs > EXCHANGE_MS) this.#idleMs = idleMs
    this.#lastSentMs = nowMs
  }

  /** Silence before the last packet that was sent after one, ms; what a mapping lived through, or not. */
  get idleMs(): number {
    return this.#idleMs
  }

  /** Silence since the last packet that was sent, ms. */
  silenceMs(nowMs: number): number {
    return nowMs - this.#lastSentMs
  }

  /** The address changed, or may have: the next ping asks. */
  handleNewMapping(): void {
    this.#isNewMapping = true
  }

  /** The interval became shorter: the next ping comes as much earlier. */
  shorten(nowMs: number): void {
    const intervalMs = this.intervalS * 1000
    if (this.#nextAtMs === Infinity || intervalMs >= this.#intervalMs) return
    this.#intervalMs = intervalMs
    this.#nextAtMs = Math.min(this.#nextAtMs, Math.max(nowMs, this.#lastPingMs + intervalMs))
  }

  /** Whether a packet that goes out anyway should ping and ask. */
  rides(nowMs: number): boolean {
    return this.#state !== 'gone' && nowMs - this.#lastPingMs >= this.#intervalMs * RIDE_FROM
  }

  /** Whether to ping now that the host says that the radio is up; never within the exchange of the last one. */
  ridesFree(nowMs: number): boolean {
    const sinceMs = nowMs - this.#lastPingMs
    return this.#state !== 'gone' && sinceMs >= Math.max(this.#intervalMs * FREE_FROM, EXCHANGE_MS)
  }

  /** No session, or nothing may be sent: no ping is due until the next one went out. */
  stop(): void {
    this.#nextAtMs = Infinity
  }

  /** Nothing is due before this monotonic ms. wire-spec §7.4 (RETRY_AFTER) */
  postpone(untilMs: number): void {
    if (this.#nextAtMs < untilMs) this.#nextAtMs = untilMs
  }

  /** Monotonic ms of the next PING; Infinity for none. */
  nextTimeout(): number {
    return this.#nextAtMs
  }

  /** Whether a PING is due. It stays due until one went out. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#nextAtMs
  }

  #handlePing(nowMs: number): void {
    this.#lastPingMs = nowMs
    this.#nextAtMs = this.#state === 'gone' ? Infinity : nowMs + this.#jittered()
  }

  #jittered(): number {
    const byte = this.#random.fill(new Uint8Array(1))[0] as number
    const jitter = typeof this.#intervals[this.#kind] === 'number' ? JITTER : LEARNT_JITTER
    return Math.trunc(this.#intervalMs * (1 - (jitter * byte) / 255))
  }
}
