/** Loss that comes in bursts: the two-state model of Gilbert (1960) and Elliott (1963), in continuous time. */
import type { SeededRandom } from '../base/seeded-random.js'

/** The bad state; outside of it the link's own `lossRatio` holds. */
export interface Bursts {
  /** mean length of the good state, s */
  goodS: number
  /** mean length of the bad state, s */
  badS: number
  /** 0..1, in the bad state */
  lossRatio: number
}

/** One path's state. It changes by time, not by packet, since the packets here are minutes apart. */
export class BurstState {
  readonly #random: SeededRandom
  #isBad = false
  #untilMs = 0

  constructor(random: SeededRandom) {
    this.#random = random
  }

  isBad(bursts: Bursts, nowMs: number): boolean {
    if (this.#untilMs === 0) this.#untilMs = this.#lengthMs(bursts.goodS)
    while (nowMs >= this.#untilMs) {
      this.#isBad = !this.#isBad
      this.#untilMs += this.#lengthMs(this.#isBad ? bursts.badS : bursts.goodS)
    }
    return this.#isBad
  }

  #lengthMs(meanS: number): number {
    return Math.max(1, -Math.log(1 - this.#random.uniform()) * meanS * 1000)
  }
}
