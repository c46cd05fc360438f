/** Radio state machines: packets in, seconds in each state and joules out. Pure. */
import { Energybox3gRadio } from './radio-energybox-3g.js'
import { EnergyboxWifiRadio } from './radio-energybox-wifi.js'
import { activeStates, meanPowerMilliwatts, type RadioProfile, type TailProfile } from './radio-profile.js'
import { TailRadio } from './radio-tail.js'
import type { StateChange } from './state-ledger.js'

/** One packet as the radio meets it. */
export interface RadioPacket {
  /** s since any moment, the same for all packets of a trace */
  atS: number
  /** of the frame */
  bytes: number
  /** from the device to the network */
  up: boolean
}

/** What a trace cost. */
export interface RadioUsage {
  joules: number
  /** every state of the profile, also those that were never entered */
  secondsByState: Record<string, number>
  /** changes of state, first variant */
  changes: readonly StateChange[]
}

/** One radio, from idle at its first packet until it is idle again, or until a given moment. */
export interface Radio {
  /** Packets come in the order of the trace. */
  handlePacket(packet: RadioPacket): void
  /** No more packets: the timers run out. @param untilS go on to this moment if it is later. */
  finish(untilS?: number): { secondsByState: ReadonlyMap<string, number>; changes: readonly StateChange[] }
  /** J of the bits themselves, beside those of the states */
  readonly transferJoules: number
}

/**
 * Runs a trace through the radio of a profile.
 *
 * @param packets in their order in the trace; none gives no energy.
 * @param untilS  stay idle until this moment, s on the clock of the packets; by default until the last timer ran out.
 * @param fromS   idle from this moment; by default from the first packet.
 */
export function radioUsage(profile: RadioProfile, packets: readonly RadioPacket[], untilS?: number, fromS?: number) {
  const { lanes, weightSum, power } = prepared(profile)
  const secondsByState: Record<string, number> = Object.fromEntries([...power.keys()].map((state) => [state, 0]))
  const usage: RadioUsage = { joules: 0, secondsByState, changes: [] }
  for (const [index, { weight, profile: variant }] of lanes.entries()) {
    const share = weight / weightSum
    const radio = createRadio(variant, fromS ?? packets[0]?.atS ?? 0)
    for (const packet of packets) radio.handlePacket(packet)
    const { secondsByState: seconds, changes } = radio.finish(untilS)
    for (const [state, stateS] of seconds) {
      secondsByState[state] = secondsByState[state]! + stateS * share
      usage.joules += (share * stateS * power.get(state)!) / 1000
    }
    usage.joules += share * radio.transferJoules
    if (index === 0) usage.changes = changes
  }
  return usage
}

/** A profile for each of its variants, with the variant's timers; itself alone if it has none. */
export function variantsOf(profile: RadioProfile): readonly { weight: number; profile: RadioProfile }[] {
  if (profile.machine !== 'tail' || profile.variants === undefined) return [{ weight: 1, profile }]
  return profile.variants.map(({ weight, promotionDurationsS, tailDurationsS }) => {
    const promotions = profile.promotions.map((stage, index) => ({
      ...stage,
      durationS: promotionDurationsS?.[index] ?? stage.durationS,
    }))
    const tail = profile.tail.map((stage, index) => ({ ...stage, durationS: tailDurationsS[index] ?? stage.durationS }))
    const variant: TailProfile = { ...profile, promotions, tail }
    delete variant.variants
    return { weight, profile: variant }
  })
}

/** Mean power of each state in mW. */
export function powerByState(profile: RadioProfile): ReadonlyMap<string, number> {
  return new Map([profile.idle, ...activeStates(profile)].map((state) => [state.state, meanPowerMilliwatts(state)]))
}

interface Prepared {
  lanes: readonly { weight: number; profile: RadioProfile }[]
  weightSum: number
  power: ReadonlyMap<string, number>
}

/** What is the same for all traces of a profile; profiles do not change. */
const preparedByProfile = new WeakMap<RadioProfile, Prepared>()

function prepared(profile: RadioProfile): Prepared {
  const known = preparedByProfile.get(profile)
  if (known !== undefined) return known
  const lanes = variantsOf(profile)
  const weightSum = lanes.reduce((sum, { weight }) => sum + weight, 0)
  const made: Prepared = { lanes, weightSum, power: powerByState(profile) }
  preparedByProfile.set(profile, made)
  return made
}

function createRadio(profile: RadioProfile, startS: number): Radio {
  switch (profile.machine) {
    case 'tail':
      return new TailRadio(profile, startS)
    case 'energybox-3g':
      return new Energybox3gRadio(profile, startS)
    case 'energybox-wifi':
      return new EnergyboxWifiRadio(profile, startS)
  }
}
