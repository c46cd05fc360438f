import type { SilenceFrame } from '../frame/frame.js'
import { classFor, SILENCE_CLASS_TOLD } from '../frame/silence.js'
import { classOfPromise } from './learning/false-offline.js'

/**
 * Which class a PING promises with, and when SILENCE must go along: class 15 stands only where the server surely takes
 * it for the seconds that we mean. wire-spec [R-7.1-5]
 */
export class SilencePromise {
  readonly #isExact: boolean
  /** what class 15 means to the server; null: not known */
  #toldS: number | null = null
  /** what the SILENCE that waits says */
  #waitingS: number | null = null

  /** @param isExact false: the smallest class that covers it will do. */
  constructor(isExact: boolean) {
    this.#isExact = isExact
  }

  /** SILENCE for the next asking packet, which is to promise so many seconds; null if none is needed or it waits. */
  frameFor(neededS: number): SilenceFrame | null {
    if (this.#bestOf(neededS) !== SILENCE_CLASS_TOLD || neededS === this.#toldS || neededS === this.#waitingS)
      return null
    this.#toldS = null
    this.#waitingS = neededS
    return { kind: 'silence', seconds: neededS }
  }

  /** @param goesAlong whether the SILENCE that waits is in the packet. */
  classOf(neededS: number, goesAlong: boolean): number {
    const best = this.#bestOf(neededS)
    const isKnown = neededS === this.#toldS || (goesAlong && neededS === this.#waitingS)
    return best === SILENCE_CLASS_TOLD && !isKnown ? classFor(neededS) : best
  }

  /** The SILENCE that waited took effect. */
  handleConfirmed(): void {
    this.#toldS = this.#waitingS
    this.#waitingS = null
  }

  /** Another session, or the server was started anew and may have lost it. */
  forget(): void {
    this.#toldS = null
    this.#waitingS = null
  }

  #bestOf(neededS: number): number {
    return this.#isExact ? classOfPromise(neededS) : classFor(neededS)
  }
}
