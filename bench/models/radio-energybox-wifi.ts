import type { Radio, RadioPacket } from './radio.js'
import type { EnergyboxWifiProfile } from './radio-profile.js'
import { StateLedger } from './state-ledger.js'

/** Times are compared in whole microseconds, as captured. */
const MICROSECONDS = 1e6

/**
 * EnergyBox's adaptive power saving, after the rules in ../shared/README.md: awake (CAM) at any packet, asleep again
 * after a pause. Windows of equal length follow each other from the first moment on; in those with more bytes than the
 * threshold, both directions together, the awake part counts as CAMH.
 */
export class EnergyboxWifiRadio implements Radio {
  readonly transferJoules = 0
  readonly #profile: EnergyboxWifiProfile
  readonly #startS: number
  readonly #bytesByWindow = new Map<number, number>()
  /** When the radio was awake, in order, without overlap. */
  readonly #awake: { fromS: number; untilS: number }[] = []
  #previousS = -Infinity

  /** @param startS time of the first packet, or before it. */
  constructor(profile: EnergyboxWifiProfile, startS: number) {
    this.#profile = profile
    this.#startS = startS
  }

  handlePacket({ atS, bytes }: RadioPacket): void {
    const { camToPsmS, windowS } = this.#profile.rules
    const window = Math.floor((Math.round((atS - this.#startS) * MICROSECONDS) + 0.5) / (windowS * MICROSECONDS))
    this.#bytesByWindow.set(window, (this.#bytesByWindow.get(window) ?? 0) + bytes)
    const gapMicroseconds = Math.round((atS - this.#previousS) * MICROSECONDS)
    const last = this.#awake.at(-1)
    if (last === undefined || gapMicroseconds > Math.round(camToPsmS * MICROSECONDS)) {
      this.#awake.push({ fromS: atS, untilS: atS + camToPsmS })
    } else last.untilS = Math.max(last.untilS, atS + camToPsmS)
    this.#previousS = atS
  }

  finish(untilS = -Infinity) {
    const { idle, cam } = this.#profile
    const ledger = new StateLedger(idle.state, this.#startS)
    for (const { fromS, untilS: asleepS } of this.#awake) {
      ledger.enter(cam.state, fromS)
      for (const window of this.#highWindows(fromS, asleepS)) {
        ledger.enter(this.#profile.camHigh.state, Math.max(fromS, window.fromS))
        ledger.enter(cam.state, Math.min(asleepS, window.untilS))
      }
      ledger.enter(idle.state, asleepS)
    }
    ledger.enter(ledger.state, Math.max(untilS, ledger.nowS))
    return { secondsByState: ledger.secondsByState, changes: ledger.changes }
  }

  /** Windows with many bytes that touch this time, in order. */
  *#highWindows(fromS: number, untilS: number): Generator<{ fromS: number; untilS: number }> {
    const { windowS, windowBytes } = this.#profile.rules
    const first = Math.floor((fromS - this.#startS) / windowS)
    for (let window = first; this.#startS + window * windowS < untilS; window++) {
      if ((this.#bytesByWindow.get(window) ?? 0) <= windowBytes) continue
      yield { fromS: this.#startS + window * windowS, untilS: this.#startS + (window + 1) * windowS }
    }
  }
}
