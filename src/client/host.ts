import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'

/** What a device needs of the machine that it runs on. For Node it is in `client/node`. */
export interface Host {
  /** Both clocks. If `monotonicMs` stands still while the computer sleeps, the machine notices by `wallMs`. */
  now(): Now
  /** Runs `run` once after at least so many ms. @returns cancels it. */
  setTimer(ms: number, run: () => void): () => void
  /** Secret random bytes. */
  readonly random: Random
}
