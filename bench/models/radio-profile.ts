/**
 * A radio profile: the states of one modem on one network, their powers and timers, as published. Each is one file in
 * `models/radio/`; add a file to add a profile. Times in s, powers in mW.
 */

/** A cycle of listening: `onS` of every `cycleS` at `onPowerMilliwatts`, the rest at the power of the state. */
export interface Drx {
  cycleS: number
  onS: number
  onPowerMilliwatts: number
}

/** One state: its name and its power. */
export interface RadioState {
  state: string
  powerMilliwatts: number
  drx?: Drx
}

/** A state that ends by itself after `durationS`. */
export interface RadioStage extends RadioState {
  durationS: number
  /** Packets up to these sizes in bytes leave the radio in this stage, and its timer starts anew (3G FACH). */
  restartBelowBytes?: { up: number; down: number }
  /** What a larger packet passes through on its way to the first stage. */
  promotion?: RadioStage
}

/**
 * How late a small answer or a push is: uniform from `baseS` over one listening cycle, with the radio idle or connected.
 */
export interface PushDelay {
  source: string
  idleBaseS: number
  pagingCycleS: number
  connectedBaseS: number
  drxCycleS: number
}

/** The same modem with other timers: seen in `weight` (relative) of the connections. */
export interface TailVariant {
  weight: number
  promotionDurationsS?: number[]
  tailDurationsS: number[]
}

interface ProfileFacts {
  name: string
  /** e.g. `LTE`, `5G NSA` */
  generation: string
  radio: 'cellular' | 'wifi'
  /** a phone's modem, or that of a sensor */
  device: 'phone' | 'module'
  /** of the measurement */
  year: number
  source: string
  notes?: string[]
  /** Powers are differences to idle, which then has none. */
  powersAreAboveIdle?: boolean
  /** of the battery, where the source gives currents */
  supplyVolts?: number
  idle: RadioState
  push: PushDelay
  /** false: not fit for the keepalive table; `notes` say why */
  inKeepaliveTable?: boolean
}

/** Idle, then promotions, then the stages of the tail one after the other; any packet starts the tail anew. */
export interface TailProfile extends ProfileFacts {
  machine: 'tail'
  promotions: RadioStage[]
  tail: RadioStage[]
  variants?: TailVariant[]
  /** energy of the bits themselves: mW per Mbps, that is mJ per Mb */
  transfer?: { upMilliwattsPerMbps: number; downMilliwattsPerMbps: number }
}

/** EnergyBox's 3G machine; the rules are in ../shared/README.md. */
export interface Energybox3gProfile extends ProfileFacts {
  machine: 'energybox-3g'
  fach: RadioState
  dch: RadioState
  rules: {
    dchToFachS: number
    fachToIdleS: number
    idleToDchS: number
    idleToDchUpBytes: number
    idleToDchDownBytes: number
    fachToDchUpBytes: number
    fachToDchDownBytes: number
    uplinkDrainSPerByte: number
    uplinkDrainBaseS: number
    downlinkDrainS: number
  }
}

/** EnergyBox's Wi-Fi machine; the rules are in ../shared/README.md. */
export interface EnergyboxWifiProfile extends ProfileFacts {
  machine: 'energybox-wifi'
  cam: RadioState
  camHigh: RadioState
  rules: { camToPsmS: number; windowS: number; windowBytes: number }
}

export type RadioProfile = TailProfile | Energybox3gProfile | EnergyboxWifiProfile

/** Mean power of a state in mW, its listening included. */
export function meanPowerMilliwatts({ powerMilliwatts, drx }: RadioState): number {
  if (drx === undefined) return powerMilliwatts
  return powerMilliwatts + (drx.onS / drx.cycleS) * (drx.onPowerMilliwatts - powerMilliwatts)
}

/** All states of a profile that a packet leads to, in their order, without idle. */
export function activeStates(profile: RadioProfile): readonly RadioState[] {
  if (profile.machine === 'energybox-3g') return [profile.fach, profile.dch]
  if (profile.machine === 'energybox-wifi') return [profile.cam, profile.camHigh]
  const ways = profile.tail.flatMap(({ promotion }) => (promotion === undefined ? [] : [promotion]))
  return [...profile.promotions, ...profile.tail, ...ways]
}

/** Seconds from a packet that finds the radio idle to the first stage of the tail, the longest of all variants. */
export function promotionS(profile: RadioProfile): number {
  if (profile.machine === 'energybox-3g') return profile.rules.idleToDchS
  if (profile.machine === 'energybox-wifi') return 0
  const own = profile.promotions.map(({ durationS }) => durationS)
  return longest([own, ...(profile.variants ?? []).map((variant) => variant.promotionDurationsS ?? [])])
}

/** Seconds from the last packet to idle, the longest of all variants. */
export function tailS(profile: RadioProfile): number {
  if (profile.machine === 'energybox-3g') return profile.rules.dchToFachS + profile.rules.fachToIdleS
  if (profile.machine === 'energybox-wifi') return profile.rules.camToPsmS
  const own = profile.tail.map(({ durationS }) => durationS)
  return longest([own, ...(profile.variants ?? []).map(({ tailDurationsS }) => tailDurationsS)])
}

function longest(sequences: readonly (readonly number[])[]): number {
  return Math.max(...sequences.map((durations) => durations.reduce((sum, durationS) => sum + durationS, 0)))
}
