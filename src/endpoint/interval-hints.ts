import { isIpv4 } from '../base/address.js'
import type { HintFrame, LearntFrame } from '../frame/frame.js'
import { HINT_PERCENT, HINT_REPORTS_MIN, SILENCE_MAX_S } from '../packet/constants.js'

const NETWORKS = 3
const TRANSPORTS = 3
/** Bins are 10 % apart, as what a device learns is no finer: 15 s * 1.1^51 is above 1800 s. */
const FIRST_S = 15
const STEP = 1.1
const BINS = 52
const DAY_MS = 86_400_000
/** What is left of a report after a day: half of it counts after 5 days. */
const DAILY_DECAY = 7 / 8
/** Bits of the note of who reported today: 64 KiB. Two sessions that share one count as one that day. */
const REPORTED_BITS = 19
/** 2^32 over the golden ratio: spreads neighbouring slots. Knuth, TAOCP 6.4 */
const SPREAD = 0x9e3779b1

/**
 * What devices learnt about how long mappings live, by kind of network and transport: wire-spec §9.5. In memory, of
 * fixed size, and about nobody: a report changes one number, and who made it is forgotten within a day.
 */
export class IntervalHints {
  readonly #counts = new Float64Array(NETWORKS * TRANSPORTS * BINS)
  readonly #reported = new Uint8Array(2 ** REPORTED_BITS / 8)
  #dayEndMs = Number.NEGATIVE_INFINITY

  /**
   * Counts a report, if it is one, and answers it.
   *
   * @param slot   of the session.
   * @param remote 18 B, the proven address.
   */
  answer(slot: number, { network, seconds }: LearntFrame, remote: Uint8Array, nowMs: number): HintFrame {
    const kind = network * TRANSPORTS + transportOf(remote)
    this.#passDays(nowMs)
    if (seconds > 0 && !this.#hasReported(slot, kind)) {
      const bin = kind * BINS + binOf(Math.min(seconds, SILENCE_MAX_S))
      this.#counts[bin] = (this.#counts[bin] as number) + 1
    }
    return { kind: 'hint', network, seconds: this.#safeS(kind) }
  }

  /** What `HINT_PERCENT` of the reports reach; 0 if there are too few. [R-9.5-2] */
  #safeS(kind: number): number {
    const counts = this.#counts.subarray(kind * BINS, (kind + 1) * BINS)
    const sum = counts.reduce((total, count) => total + count, 0)
    if (sum < HINT_REPORTS_MIN) return 0
    let below = 0
    for (let bin = 0; bin < BINS; bin++) {
      below += counts[bin] as number
      if (below * 100 > sum * (100 - HINT_PERCENT)) return Math.floor(FIRST_S * STEP ** bin)
    }
    return 0
  }

  /** Notes that a session reported about a kind of network today. */
  #hasReported(slot: number, kind: number): boolean {
    const bit = Math.imul(slot * NETWORKS * TRANSPORTS + kind, SPREAD) >>> (32 - REPORTED_BITS)
    const byte = this.#reported[bit >> 3] as number
    const mask = 1 << (bit & 7)
    this.#reported[bit >> 3] = byte | mask
    return (byte & mask) !== 0
  }

  #passDays(nowMs: number): void {
    if (nowMs < this.#dayEndMs) return
    const days = this.#dayEndMs === Number.NEGATIVE_INFINITY ? 0 : 1 + Math.floor((nowMs - this.#dayEndMs) / DAY_MS)
    this.#dayEndMs = nowMs + DAY_MS
    this.#reported.fill(0)
    const left = DAILY_DECAY ** days
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i] = (this.#counts[i] as number) * left
  }
}

function binOf(seconds: number): number {
  // Rounded, as the edge of a bin must not fall below itself by the error of the logarithm.
  const bin = Math.floor(Math.log(seconds / FIRST_S) / Math.log(STEP) + 1e-9)
  return Math.min(Math.max(bin, 0), BINS - 1)
}

/** 0 IPv4, 1 IPv6, 2 WebSocket, whose addresses begin with 01ff, as no datagram's does (RFC 4291 §2.4). */
function transportOf(remote: Uint8Array): number {
  if (remote[0] === 0x01 && remote[1] === 0xff) return 2
  return isIpv4(remote) ? 0 : 1
}
