/** Joules and wake-ups of a life on a radio profile, from its activity log. */
import { powerByState, radioUsage, variantsOf } from '../../models/radio.js'
import { meanPowerMilliwatts, promotionS, type RadioProfile, tailS } from '../../models/radio-profile.js'
import {
  ACTIVITIES,
  ACTIVITY_PACKETS,
  type ActivityCounts,
  type ActivityPackets,
  activityDurationsS,
  PAUSE_BINS,
  PAUSE_STEP_S,
} from './activity.js'

/** The bill for one log. */
export interface Charge {
  /** above idle, of all activities in the log */
  joules: number
  /** own wake-ups that found the radio down */
  wakeups: number
}

/** Charges logs to one radio profile. Keeps what it has computed. */
export class RadioMeter {
  readonly #profile: RadioProfile
  readonly #lanes: readonly Lane[]
  readonly #idleWatts: number
  readonly #alone: number[]
  /** a pause from this bin on ends with the radio idle: it costs the activity before it, and no more */
  readonly #idleFromBin: number
  /** extra joules of the pause between two activities, by the index of `ActivityLog.pauses`; NaN: not computed yet */
  readonly #pauseJoules = new Float64Array(ACTIVITIES.length * ACTIVITIES.length * PAUSE_BINS).fill(Number.NaN)

  readonly #packets: ActivityPackets
  readonly #durationsS: readonly number[]

  /** @param packets those of the logs that it charges. */
  constructor(profile: RadioProfile, packets = ACTIVITY_PACKETS) {
    this.#packets = packets
    this.#durationsS = activityDurationsS(packets)
    this.#profile = profile
    this.#lanes = lanesOf(profile)
    this.#idleWatts = powerByState(profile).get(profile.idle.state)! / 1000
    this.#idleFromBin = Math.ceil((promotionS(profile) + tailS(profile) + 1) / PAUSE_STEP_S)
    this.#alone = ACTIVITIES.map((_, activity) => this.#joulesAboveIdle([{ activity, atS: 0 }]))
  }

  charge({ pauses, wakeups, lasts }: ActivityCounts): Charge {
    let joules = 0
    for (const { index, count } of pauses) joules += count * this.#pause(index)
    for (const [activity, count] of lasts.entries()) joules += count * this.#alone[activity]!
    const upBins = Math.min(Math.floor(tailS(this.#profile) / PAUSE_STEP_S), PAUSE_BINS - 2)
    const found = wakeups.filter(({ index }) => index > upBins)
    return { joules, wakeups: found.reduce((sum, { count }) => sum + count, 0) }
  }

  /**
   * What the activity before a pause costs until the next begins: the pair, less the next alone. Over a life these sum
   * to its energy, if the activity after finds the radio as the pair does.
   */
  #pause(index: number): number {
    const known = this.#pauseJoules[index]!
    if (!Number.isNaN(known)) return known
    const bin = index % PAUSE_BINS
    const pair = (index - bin) / PAUSE_BINS
    const [before, after] = [Math.floor(pair / ACTIVITIES.length), pair % ACTIVITIES.length]
    if (bin >= Math.min(this.#idleFromBin, PAUSE_BINS - 1)) return this.#alone[before]!
    const atS = this.#durationsS[before]! + bin * PAUSE_STEP_S
    const both = this.#joulesAboveIdle([
      { activity: before, atS: 0 },
      { activity: after, atS },
    ])
    this.#pauseJoules[index] = both - this.#alone[after]!
    return this.#pauseJoules[index]!
  }

  #joulesAboveIdle(activities: readonly { activity: number; atS: number }[]): number {
    const packets = activities.flatMap(({ activity, atS }) =>
      this.#packets[ACTIVITIES[activity]!].map((packet) => ({ ...packet, atS: packet.atS + atS })),
    )
    return this.#lanes.reduce((sum, { share, profile, promotionJoules }) => {
      const { joules, secondsByState, changes } = radioUsage(profile, packets)
      const seconds = Object.values(secondsByState).reduce((total, stateS) => total + stateS, 0)
      const isIdle = (index: number) => changes[index]?.state === profile.idle.state
      const promotions = changes.filter((_, index) => isIdle(index - 1) && !isIdle(index)).length
      return sum + share * (joules - seconds * this.#idleWatts + promotions * promotionJoules)
    }, 0)
  }
}

/** One variant of a profile, with its promotions as a lump. */
interface Lane {
  share: number
  profile: RadioProfile
  /** above idle, each time that the radio leaves idle */
  promotionJoules: number
}

/**
 * Promotions as lumps: an activity's time is that of its packets on the air, and its tail begins there, whether or not
 * the radio had to be woken for it. So pauses are independent of each other.
 */
function lanesOf(profile: RadioProfile): Lane[] {
  const variants = variantsOf(profile)
  const weightSum = variants.reduce((sum, { weight }) => sum + weight, 0)
  return variants.map(({ weight, profile: variant }) => {
    const share = weight / weightSum
    if (variant.machine !== 'tail') return { share, profile: variant, promotionJoules: 0 }
    const idleMilliwatts = meanPowerMilliwatts(variant.idle)
    const promotionJoules = variant.promotions.reduce(
      (sum, stage) => sum + (stage.durationS * (meanPowerMilliwatts(stage) - idleMilliwatts)) / 1000,
      0,
    )
    return { share, profile: { ...variant, promotions: [] }, promotionJoules }
  })
}
