/**
 * What a radio did in a life, in a form that any radio profile can be charged for: counts of pauses between activities.
 * A radio whose state after an activity depends on that activity alone costs, over a life, the sum over its pauses; so
 * one simulation serves all profiles, and regular pings are one count.
 */

import type { RadioPacket } from '../../models/radio.js'

/** Own packets in the shapes that occur, and `other` applications' traffic. Rows of the tables below. */
export const ACTIVITIES = ['other', 'ping', 'exchange', 'retries', 'connect', 'ring'] as const
export type Activity = (typeof ACTIVITIES)[number]

/** Packets of each activity: offset in s from its begin, bytes of the IP packet, direction. */
export type ActivityPackets = Readonly<Record<Activity, readonly RadioPacket[]>>

/**
 * Packets of each activity, alike for all rivals: offset in s from its begin, bytes of the IP packet, direction. A ping is 24 B of UDP payload
 * and an IPv4 header, padded to 60 B for all rivals alike: its size decides nothing (energy-nat.md 0).
 */
export const ACTIVITY_PACKETS: ActivityPackets = {
  other: [{ atS: 0, bytes: 1400, up: false }],
  ping: [{ atS: 0, bytes: 60, up: true }],
  exchange: [
    { atS: 0, bytes: 60, up: true },
    { atS: 0.2, bytes: 55, up: false },
  ],
  // TCP's retransmissions to a NAT that says nothing: 1, 2, 4 s apart (RFC 6298)
  retries: [0, 1, 3, 7].map((atS) => ({ atS, bytes: 60, up: true })),
  // TCP, then TLS 1.3 with the request, then the answer: 0.7 s until the session has moved
  connect: [
    { atS: 0, bytes: 60, up: true },
    { atS: 0.2, bytes: 60, up: false },
    { atS: 0.21, bytes: 300, up: true },
    { atS: 0.45, bytes: 1400, up: false },
    { atS: 0.46, bytes: 200, up: true },
    { atS: 0.7, bytes: 200, up: false },
  ],
  ring: [
    { atS: 0, bytes: 200, up: false },
    { atS: 0.05, bytes: 60, up: true },
  ],
}

/** Pauses are counted in steps of 10 ms up to 60 s, above which every radio in the table is idle. */
export const PAUSE_STEP_S = 0.01
const PAUSE_MAX_S = 60
export const PAUSE_BINS = PAUSE_MAX_S / PAUSE_STEP_S + 1
/** Own packets this close belong to one wake-up. */
const WAKEUP_PAUSE_S = 10

/** s from the first to the last packet of each activity; `other` has its own length each time. */
export function activityDurationsS(packets: ActivityPackets): readonly number[] {
  return ACTIVITIES.map((name) => packets[name].at(-1)?.atS ?? 0)
}

/** Those of ACTIVITY_PACKETS. */
export const ACTIVITY_S = activityDurationsS(ACTIVITY_PACKETS)
const OTHER = ACTIVITIES.indexOf('other')

/** What `charge` needs of a log. */
export interface ActivityCounts {
  pauses: readonly { index: number; count: number }[]
  wakeups: readonly { index: number; count: number }[]
  lasts: readonly number[]
}

/** Counts pauses, in the order of time. */
export class ActivityLog {
  /** index: activity before x activity after x pause */
  readonly pauses = new Float64Array(ACTIVITIES.length * ACTIVITIES.length * PAUSE_BINS)
  /** Begins of own wake-ups, by the pause since other applications' traffic ended. */
  readonly wakeups = new Float64Array(PAUSE_BINS)
  #last = -1
  #lastEndS = 0
  #lastOwnEndS = -Infinity
  #lastOtherEndS = -Infinity
  /** activities of each kind */
  readonly counts = new Float64Array(ACTIVITIES.length)
  /** lives that ended with each activity */
  readonly lasts = new Float64Array(ACTIVITIES.length)
  readonly #durationsS: readonly number[]

  constructor(packets = ACTIVITY_PACKETS) {
    this.#durationsS = activityDurationsS(packets)
  }

  /** s that an activity takes. */
  durationS(activity: number): number {
    return this.#durationsS[activity]!
  }

  /** The log in short, once it is complete. */
  get totals(): ActivityCounts {
    return { pauses: filledBins(this.pauses), wakeups: filledBins(this.wakeups), lasts: [...this.lasts] }
  }

  /** Other applications' traffic. */
  addOther(fromS: number, untilS: number): void {
    this.#add(OTHER, fromS, untilS)
    this.#lastOtherEndS = Math.max(this.#lastOtherEndS, untilS)
  }

  /** An activity of the channel. */
  addOwn(activity: number, atS: number): void {
    if (atS - this.#lastOwnEndS > WAKEUP_PAUSE_S) this.wakeups[pauseBin(atS - this.#lastOtherEndS)]! += 1
    const endS = atS + this.durationS(activity)
    this.#lastOwnEndS = Math.max(this.#lastOwnEndS, endS)
    this.#add(activity, atS, endS)
  }

  /** `count` alike, `everyS` apart, the first at `atS`. */
  addOwnSteady(activity: number, atS: number, everyS: number, count: number): void {
    let left = count
    let nextS = atS
    // One by one until other traffic is so long ago that it makes no difference, and the last, which others follow.
    while (left > 1 && (nextS - this.#lastOtherEndS <= PAUSE_MAX_S + everyS || everyS <= WAKEUP_PAUSE_S + 1)) {
      this.addOwn(activity, nextS)
      nextS += everyS
      left--
    }
    if (left > 1) {
      this.addOwn(activity, nextS)
      const pause = pauseBin(everyS - this.durationS(activity))
      this.pauses[(activity * ACTIVITIES.length + activity) * PAUSE_BINS + pause]! += left - 2
      this.counts[activity]! += left - 2
      this.wakeups[PAUSE_BINS - 1]! += left - 2
      nextS += (left - 1) * everyS
      this.#lastEndS = nextS - everyS + this.durationS(activity)
      this.#lastOwnEndS = this.#lastEndS
    }
    this.addOwn(activity, nextS)
  }

  /** No more in this life; another may follow. */
  finish(): void {
    if (this.#last >= 0) this.lasts[this.#last]! += 1
    this.#last = -1
    this.#lastEndS = 0
    this.#lastOwnEndS = -Infinity
    this.#lastOtherEndS = -Infinity
  }

  #add(activity: number, fromS: number, untilS: number): void {
    // All within an activity that goes on: the radio is up, and its timers start anew after that one.
    if (this.#last >= 0 && untilS <= this.#lastEndS) return
    if (this.#last >= 0) {
      const pause = pauseBin(fromS - this.#lastEndS)
      this.pauses[(this.#last * ACTIVITIES.length + activity) * PAUSE_BINS + pause]! += 1
    }
    this.counts[activity]! += 1
    this.#last = activity
    this.#lastEndS = untilS
  }
}

/** The bins that are not empty, to charge a log to many radios. */
function filledBins(counts: Float64Array): { index: number; count: number }[] {
  const filled: { index: number; count: number }[] = []
  for (let index = 0; index < counts.length; index++) {
    const count = counts[index]!
    if (count > 0) filled.push({ index, count })
  }
  return filled
}

function pauseBin(pauseS: number): number {
  if (pauseS >= PAUSE_MAX_S) return PAUSE_BINS - 1
  return pauseS <= 0 ? 0 : Math.round(pauseS / PAUSE_STEP_S)
}
