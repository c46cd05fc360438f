import type { Radio, RadioPacket } from './radio.js'
import type { Energybox3gProfile } from './radio-profile.js'
import { StateLedger } from './state-ledger.js'

/** Times are compared in whole microseconds, as captured. */
const MICROSECONDS = 1e6

/**
 * EnergyBox's 3G machine, after the rules in ../shared/README.md. A *gap* is the time since the packet before, of
 * either direction; it may be negative where a capture is out of order, and then no timer has run out.
 */
export class Energybox3gRadio implements Radio {
  readonly transferJoules = 0
  readonly #profile: Energybox3gProfile
  readonly #ledger: StateLedger
  #state: 'IDLE' | 'FACH' | 'DCH' = 'IDLE'
  /** An uplink packet from idle waits for the transition: the next packet says whether it ends at once. */
  #pendingDch = false
  /** s; of the packet before, and of the one before in each direction */
  #previousS: number
  #previousUpS: number
  #previousDownS: number
  #countedUpBytes = 0
  #countedDownBytes = 0

  /** @param startS time of the first packet, or before it. */
  constructor(profile: Energybox3gProfile, startS: number) {
    this.#profile = profile
    this.#ledger = new StateLedger(profile.idle.state, startS)
    this.#previousS = startS
    this.#previousUpS = startS
    this.#previousDownS = startS
  }

  handlePacket(packet: RadioPacket): void {
    const { atS, up } = packet
    this.#settlePending(atS)
    this.#demote(microseconds(atS - this.#previousS))
    if (this.#state === 'IDLE') this.#promoteFromIdle(packet)
    else if (this.#state === 'FACH') this.#promoteFromFach(packet)
    else this.#clearCounters()
    this.#previousS = atS
    if (up) this.#previousUpS = atS
    else this.#previousDownS = atS
  }

  finish(untilS = -Infinity) {
    this.#settlePending(Infinity)
    this.#demote(Infinity)
    this.#ledger.enter(this.#ledger.state, Math.max(untilS, this.#ledger.nowS))
    const { secondsByState, changes } = this.#ledger
    return { secondsByState, changes }
  }

  #settlePending(nextS: number): void {
    if (!this.#pendingDch) return
    this.#pendingDch = false
    const { idleToDchS } = this.#profile.rules
    const late = microseconds(nextS - this.#previousS) > microseconds(idleToDchS)
    this.#enter('DCH', late ? this.#previousS + idleToDchS : this.#previousS)
  }

  #demote(gapMicroseconds: number): void {
    const { dchToFachS, fachToIdleS } = this.#profile.rules
    let afterS = 0
    if (this.#state === 'DCH' && gapMicroseconds > microseconds(dchToFachS)) {
      afterS = dchToFachS
      this.#enter('FACH', this.#previousS + afterS)
    }
    if (this.#state === 'FACH' && gapMicroseconds > microseconds(afterS + fachToIdleS)) {
      this.#enter('IDLE', this.#previousS + afterS + fachToIdleS)
    }
  }

  #promoteFromIdle({ atS, bytes, up }: RadioPacket): void {
    const { idleToDchUpBytes, idleToDchDownBytes } = this.#profile.rules
    this.#clearCounters()
    if (bytes <= (up ? idleToDchUpBytes : idleToDchDownBytes)) this.#enter('FACH', atS)
    else if (up) {
      this.#state = 'DCH'
      this.#pendingDch = true
    } else this.#enter('DCH', atS)
  }

  #promoteFromFach({ atS, bytes, up }: RadioPacket): void {
    const { uplinkDrainSPerByte, uplinkDrainBaseS, downlinkDrainS, fachToDchUpBytes, fachToDchDownBytes } =
      this.#profile.rules
    let full: boolean
    if (up) {
      const drainS = this.#countedUpBytes * uplinkDrainSPerByte + uplinkDrainBaseS
      if (microseconds(atS - this.#previousUpS) > microseconds(drainS)) this.#countedUpBytes = 0
      this.#countedUpBytes += bytes
      full = this.#countedUpBytes > fachToDchUpBytes
    } else {
      if (microseconds(atS - this.#previousDownS) > microseconds(downlinkDrainS)) this.#countedDownBytes = 0
      this.#countedDownBytes += bytes
      full = this.#countedDownBytes > fachToDchDownBytes
    }
    if (!full) return
    this.#enter('DCH', atS)
    this.#clearCounters()
  }

  #enter(state: 'IDLE' | 'FACH' | 'DCH', atS: number): void {
    this.#state = state
    const { idle, fach, dch } = this.#profile
    this.#ledger.enter({ IDLE: idle, FACH: fach, DCH: dch }[state].state, atS)
  }

  #clearCounters(): void {
    this.#countedUpBytes = 0
    this.#countedDownBytes = 0
  }
}

function microseconds(seconds: number): number {
  return Math.round(seconds * MICROSECONDS)
}
