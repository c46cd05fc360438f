import type { Random } from '../base/random.js'
import type { PingState } from '../frame/frame.js'
import { classFor, silenceSeconds } from '../frame/silence.js'
import { SILENCE_MAX_S } from '../packet/constants.js'
import type { PathKind } from './transport.js'

/** Jitter: the interval is shortened by a random part of at most this, so that devices do not stay in step. */
const JITTER = 0.1

/** A packet that goes out for another reason pings and asks when this part of the interval is over: one wake-up less. */
const RIDE_FROM = 0.5

/** When the device pings and what silence it promises. wire-spec §9.1, [R-7.1-1], [R-7.1-3]. */
export class Keepalive {
  readonly #random: Random
  readonly #intervalsMs: Record<PathKind, number>
  #kind: PathKind = 'udp'
  #state: PingState = 'active'
  /** monotonic ms */
  #lastAskMs = -Infinity
  #nextAtMs = Infinity

  /**
   * @param intervalS seconds between pings at most, 1 to 1800, on paths of either kind.
   */
  constructor(random: Random, intervalS: number) {
    this.#random = random
    this.#intervalsMs = { udp: intervalS * 1000, tcp: intervalS * 1000 }
  }

  /** Another interval on paths of a kind, from the next ping on; seconds, 1 to 1800. */
  useInterval(kind: PathKind, intervalS: number): void {
    this.#intervalsMs[kind] = intervalS * 1000
  }

  /** Datagrams go by a path of this kind now. */
  useKind(kind: PathKind): void {
    this.#kind = kind
  }

  get #intervalMs(): number {
    return this.#intervalsMs[this.#kind]
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

  /**
   * The silence class of a PING in a packet that asks: at least one interval, and for `gone`, after which nothing
   * comes, the longest. wire-spec [R-7.1-3]
   */
  get silenceClass(): number {
    return classFor(this.#state === 'gone' ? SILENCE_MAX_S : this.#intervalMs / 1000)
  }

  /** Seconds that `silenceClass` promises. */
  get promisedS(): number {
    return silenceSeconds(this.silenceClass, 0)
  }

  /** An asking packet, and so a PING, went out. */
  handleAsked(nowMs: number): void {
    this.#lastAskMs = nowMs
    this.#nextAtMs = this.#state === 'gone' ? Infinity : nowMs + this.#jittered()
  }

  /** Whether a packet that goes out anyway should ping and ask. */
  rides(nowMs: number): boolean {
    return this.#state !== 'gone' && nowMs - this.#lastAskMs >= this.#intervalMs * RIDE_FROM
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

  /** Whether a PING is due. It stays due until an asking packet went out. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#nextAtMs
  }

  #jittered(): number {
    const byte = this.#random.fill(new Uint8Array(1))[0] as number
    return Math.trunc(this.#intervalMs * (1 - (JITTER * byte) / 255))
  }
}
