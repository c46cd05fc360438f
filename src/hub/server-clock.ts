import type { Now } from '../base/time.js'
import type { HubConfig } from './config.js'

/** What is kept is a whole minute ahead by so much: it does not tell the second of a consent, nor falls behind it. */
const MINUTE_S = 60

/**
 * Unix seconds that never go back: not when the clock is set back, as each start is later than the last one, and not when
 * it is set back and the server starts again, as the store keeps up to where they were used. Rotations of PUIDs are made
 * of them, so none is made twice, and no table says which there were.
 */
export class ServerClock {
  readonly #config: HubConfig

  constructor(config: HubConfig) {
    this.#config = config
  }

  /** Seconds now. */
  seconds({ monotonicMs, wallMs }: Now): number {
    const { bootSeconds, clockSeconds, bootedMonotonicMs } = this.#config
    const sinceStart = Math.floor((monotonicMs - bootedMonotonicMs) / 1000)
    return Math.max(Math.max(bootSeconds, clockSeconds) + sinceStart, Math.floor(wallMs / 1000))
  }

  /** What is committed with anything that may hold a rotation of now: after the next start the clock goes on from there. */
  keptSeconds(now: Now): number {
    return (Math.floor(this.seconds(now) / MINUTE_S) + 2) * MINUTE_S
  }
}
