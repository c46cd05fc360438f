import { ADDRESS_BYTES, equalAddress } from '../base/address.js'
import { equalBytes } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import { CHALLENGE_BYTES, CHALLENGE_INTERVAL_MS, UNPROVEN_FACTOR } from '../packet/constants.js'

/** How long a CHALLENGE may be answered after it was last sent, in ms: five round trips of a very bad radio. */
export const CHALLENGE_LIFE_MS = 10_000

/**
 * The proof of one address of a session, at the server: wire-spec §8.1. Lives beside the record from the first packet
 * of an address that is not proven, or of a session that is not confirmed, until the proof or `expiresAtMs`.
 */
export class PathProof {
  readonly #address = new Uint8Array(ADDRESS_BYTES)
  readonly #challenge = new Uint8Array(CHALLENGE_BYTES)
  readonly #random: Random
  #bytesIn = 0
  #bytesOut = 0
  #sentAtMs = Number.NEGATIVE_INFINITY
  #heardAtMs = Number.NEGATIVE_INFINITY
  /** Whether a CHALLENGE to this address was sent. */
  #isOutstanding = false
  /** Whether a CHALLENGE waits for its second to pass. */
  #isWanted = false
  /** highest packet number that `isNewer` saw, -1 none */
  #highest = -1

  constructor(random: Random) {
    this.#random = random
  }
  /** Address to be proven, 18 B. */
  get address(): Uint8Array {
    return this.#address
  }
  /** 8 B that the RESPONSE must bring. */
  get challenge(): Uint8Array {
    return this.#challenge
  }
  /** When this object has no more use, in monotonic ms. */
  get expiresAtMs(): number {
    return Math.max(this.#sentAtMs, this.#heardAtMs) + CHALLENGE_LIFE_MS
  }
  /** When a CHALLENGE that could not go at once is due, in monotonic ms; Infinity if none waits. [R-8.1-4] */
  get challengeDueMs(): number {
    return this.#isWanted ? this.#sentAtMs + CHALLENGE_INTERVAL_MS : Number.POSITIVE_INFINITY
  }

  /**
   * A packet that opened came from an address that is not proven. Another address than before takes the place of the
   * last: there is one CHALLENGE at a time, and what was sent to the old address is forgotten with it.
   *
   * @param remote 18 B.
   * @param bytes  of the datagram.
   */
  heard(remote: Uint8Array, bytes: number, nowMs: number): void {
    if (this.#heardAtMs === Number.NEGATIVE_INFINITY || !equalAddress(remote, this.#address)) this.#begin(remote)
    this.#bytesIn += bytes
    this.#heardAtMs = nowMs
    this.#isWanted = true
  }

  /**
   * Whether a packet on an unconfirmed session is newer than all that were heard there: a replay that is not must not
   * take the CHALLENGE away from the device. [R-8.2-5]
   *
   * @param isNewKey it is the first under its key: numbers start anew.
   */
  isNewer(number: number, isNewKey: boolean): boolean {
    if (number <= this.#highest && !isNewKey) return false
    this.#highest = number
    return true
  }

  /** Whether a CHALLENGE may go now: at most one a second, to whatever address. [R-8.1-4] */
  mayChallenge(nowMs: number): boolean {
    return this.#isWanted && nowMs >= this.#sentAtMs + CHALLENGE_INTERVAL_MS
  }

  /** Whether a datagram of so many bytes keeps within twice of what came from there. [R-8.1-4] */
  hasBudget(bytes: number): boolean {
    return this.#bytesOut + bytes <= UNPROVEN_FACTOR * this.#bytesIn
  }

  /** A datagram of so many bytes went to the address; `challenged` if a CHALLENGE was in it. */
  sent(bytes: number, challenged: boolean, nowMs: number): void {
    this.#bytesOut += bytes
    if (!challenged) return
    this.#sentAtMs = nowMs
    this.#isOutstanding = true
    this.#isWanted = false
  }

  /** The CHALLENGE that waited is dropped: no budget is left for it. */
  giveUp(): void {
    this.#isWanted = false
  }

  /** Whether a RESPONSE proves the address: the same 8 B, from the address that the CHALLENGE went to. [R-8.1-3] */
  isProvedBy(response: Uint8Array, remote: Uint8Array): boolean {
    return this.#isOutstanding && equalBytes(response, this.#challenge) && equalAddress(remote, this.#address)
  }

  #begin(remote: Uint8Array): void {
    this.#address.set(remote)
    this.#random.fill(this.#challenge)
    this.#bytesIn = 0
    this.#bytesOut = 0
    this.#isOutstanding = false
  }
}
