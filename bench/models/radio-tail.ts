import type { Radio, RadioPacket } from './radio.js'
import type { RadioStage, TailProfile } from './radio-profile.js'
import { StateLedger } from './state-ledger.js'

/**
 * A radio that a packet takes from idle through its promotions into the first stage of its tail; the stages follow each
 * other until it is idle, unless a packet comes. A packet during a promotion waits for its end.
 */
export class TailRadio implements Radio {
  readonly #profile: TailProfile
  readonly #ledger: StateLedger
  /** Stages to come, the one that is on first, each with the moment of its end. Empty: idle. */
  #ahead: { stage: RadioStage; untilS: number; isPromotion: boolean }[] = []
  #transferJoules = 0

  constructor(profile: TailProfile, startS: number) {
    this.#profile = profile
    this.#ledger = new StateLedger(profile.idle.state, startS)
  }

  get transferJoules(): number {
    return this.#transferJoules
  }

  handlePacket({ atS, bytes, up }: RadioPacket): void {
    const { transfer, promotions, tail } = this.#profile
    const milliwattsPerMbps = up ? transfer?.upMilliwattsPerMbps : transfer?.downMilliwattsPerMbps
    this.#transferJoules += ((milliwattsPerMbps ?? 0) * bytes * 8) / 1e9
    const nowS = Math.max(atS, this.#ledger.nowS)
    this.#runUntil(nowS)
    const [current] = this.#ahead
    if (current?.isPromotion) return
    const { restartBelowBytes: small, promotion } = current?.stage ?? {}
    if (current === undefined) this.#start(promotions, tail, nowS)
    else if (small !== undefined && bytes <= (up ? small.up : small.down)) {
      this.#start([], tail.slice(tail.indexOf(current.stage)), nowS)
    } else this.#start(promotion === undefined ? [] : [promotion], tail, nowS)
  }

  finish(untilS = -Infinity) {
    const lastS = this.#ahead.at(-1)?.untilS ?? this.#ledger.nowS
    this.#runUntil(Math.max(lastS, untilS))
    const { secondsByState, changes } = this.#ledger
    return { secondsByState, changes }
  }

  #start(promotions: readonly RadioStage[], tail: readonly RadioStage[], nowS: number): void {
    let untilS = nowS
    this.#ahead = [...promotions, ...tail].map((stage, index) => {
      untilS += stage.durationS
      return { stage, untilS, isPromotion: index < promotions.length }
    })
    this.#dropEnded(nowS)
    this.#ledger.enter(this.#ahead[0]?.stage.state ?? this.#profile.idle.state, nowS)
  }

  #runUntil(nowS: number): void {
    for (const { untilS } of [...this.#ahead]) {
      if (untilS > nowS) break
      this.#ahead.shift()
      this.#ledger.enter(this.#ahead[0]?.stage.state ?? this.#profile.idle.state, untilS)
    }
    this.#ledger.enter(this.#ledger.state, nowS)
  }

  /** Stages of no length are passed at once. */
  #dropEnded(nowS: number): void {
    while (this.#ahead.length > 0 && this.#ahead[0]!.untilS <= nowS) this.#ahead.shift()
  }
}
