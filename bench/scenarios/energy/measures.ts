/** How each kind of published figure comes out of the models. */
import { readFileSync } from 'node:fs'
import { SeededRandom } from '../../../src/base/seeded-random.js'
import { energyboxFile, loadNatDistributions, radioProfile } from '../../models/load.js'
import { drawLifetimeS, type NatDistribution } from '../../models/nat.js'
import { meanCycleUnits } from '../../models/nr38840.js'
import { roundTripS } from '../../models/push.js'
import { type RadioPacket, type RadioUsage, radioUsage, variantsOf } from '../../models/radio.js'
import type { RadioProfile, TailProfile } from '../../models/radio-profile.js'
import { radioPackets } from '../../pcap/direction.js'
import { parsePcap } from '../../pcap/pcap.js'
import { quantile } from '../../statistics.js'
import { secondsApart } from './oracle.js'
import { beatsUntil, finalIntervalS } from './settle.js'

type Arguments = Readonly<Record<string, unknown>>
/** null: a file of ../shared is not there. */
type Measure = (args: Arguments, seed: string) => number | null

const DRAWS = 100_000
const ONE_PACKET: readonly RadioPacket[] = [{ atS: 0, bytes: 60, up: true }]
const PHASES = 1000

export const MEASURES: Readonly<Record<string, Measure>> = {
  traceJoules: (args) => ifThere(args, ({ joules }) => joules),
  traceSeconds: (args) => ifThere(args, ({ secondsByState }) => secondsByState[text(args, 'state')]!),
  /** s in which model and oracle are in different states */
  traceSecondsApart: (args) =>
    ifThere(args, ({ changes }) => {
      const csv = readFileSync(energyboxFile(text(args, 'csv'))!, 'utf8')
      return secondsApart(csv, args['states'] as Record<string, string>, changes)
    }),
  /** J above idle of one packet on an idle radio */
  isolatedJoules: (args) => isolated(args).joules,
  /** J of one packet in some states */
  stateJoules: (args) => {
    const [profile, states] = [radioProfile(text(args, 'profile')), args['states'] as string[]]
    const { secondsByState } = isolated(args)
    const watts = (state: string) =>
      (profile as TailProfile).tail.find((stage) => stage.state === state)!.powerMilliwatts / 1000
    return states.reduce((sum, state) => sum + secondsByState[state]! * watts(state), 0)
  },
  /** s that one packet spends in a state, in one of the variants */
  variantSeconds: (args) => {
    const { profile } = variantsOf(radioProfile(text(args, 'profile')))[args['variant'] as number]!
    return radioUsage(profile, ONE_PACKET).secondsByState[text(args, 'state')]!
  },
  /** the longest pause after which a packet finds the radio up, as a probe would find it */
  connectedS: (args) => longestConnectedPauseS(radioProfile(text(args, 'profile'))),
  roundTripQuantile: (args) => {
    const { push } = radioProfile(text(args, 'profile'))
    const isConnected = args['connected'] === true
    const trips = Array.from({ length: PHASES }, (_, phase) => roundTripS(push, isConnected, (phase + 0.5) / PHASES))
    return quantile(trips, args['quantile'] as number)
  },
  /** period of the sawtooth: difference between the latest and the soonest answer of an idle phone */
  pagingPeriodS: (args) => {
    const { push } = radioProfile(text(args, 'profile'))
    return roundTripS(push, false, 1) - roundTripS(push, false, 0)
  },
  addedPushDelayS: (args) => {
    const { push } = radioProfile(text(args, 'profile'))
    return roundTripS(push, false, 0.5) - roundTripS(push, true, 0.5)
  },
  /** J of an event with a time, a mean current and a supply, as a one-stage tail */
  eventJoules: (args) => {
    const powerMilliwatts = (args['milliamps'] as number) * (args['volts'] as number)
    const profile = radioProfile(text(args, 'base')) as TailProfile
    const tail = [{ state: 'EVENT', durationS: args['durationS'] as number, powerMilliwatts }]
    return radioUsage({ ...profile, promotions: [], tail }, ONE_PACKET).joules
  },
  /** mean current in mA with a packet every `intervalS`, or never */
  meanMilliamps: (args) => meanMilliamps(radioProfile(text(args, 'profile')), args['intervalS'] as number | null),
  cycleUnits: (args) => meanCycleUnits(args['cycleMs'] as number, args['onMs'] as number),
  natQuantile: (args, seed) => quantile(draws(args, seed), args['quantile'] as number),
  natMean: (args, seed) => draws(args, seed).reduce((sum, lifetimeS) => sum + lifetimeS, 0) / DRAWS,
  natShareUpTo: (args, seed) =>
    draws(args, seed).filter((lifetimeS) => lifetimeS <= (args['lifetimeS'] as number)).length / DRAWS,
  policyFinalS: (args) => finalIntervalS(text(args, 'policy'), args['lifetimeS'] as number | null),
  policyBeats: (args) => beatsUntil(text(args, 'policy'), args['intervalS'] as number).beats,
  policyHours: (args) => beatsUntil(text(args, 'policy'), args['intervalS'] as number).seconds / 3600,
}

function ifThere(args: Arguments, of: (usage: RadioUsage) => number): number | null {
  const path = energyboxFile(text(args, 'pcap'))
  if (path === null) return null
  return of(radioUsage(radioProfile(text(args, 'profile')), radioPackets(parsePcap(readFileSync(path)), null)))
}

function isolated(args: Arguments): RadioUsage {
  return radioUsage(radioProfile(text(args, 'profile')), ONE_PACKET)
}

/** The radio is up at a second packet if that makes no promotion or no new begin of the first active state. */
function longestConnectedPauseS(profile: RadioProfile): number {
  const isIdleAfter = (pauseS: number) => {
    const { changes } = radioUsage(profile, [...ONE_PACKET, { atS: pauseS, bytes: 60, up: true }])
    return changes.filter(({ state }) => state === profile.idle.state).length > 2
  }
  const promotionS =
    profile.machine === 'tail' ? profile.promotions.reduce((sum, { durationS }) => sum + durationS, 0) : 0
  let [upS, downS] = [0, 1000]
  while (downS - upS > 0.001) {
    const middleS = (upS + downS) / 2
    if (isIdleAfter(middleS)) downS = middleS
    else upS = middleS
  }
  return upS - promotionS
}

/** In the steady state: what one packet more, `intervalS` later, adds; without packets, idle. */
function meanMilliamps(profile: RadioProfile, intervalS: number | null): number {
  const joulesOf = (packets: number, untilS: number) => {
    const times = Array.from({ length: packets }, (_, n) => n * (intervalS ?? 0))
    const trace = times.map((atS) => ({ atS, bytes: 60, up: true }))
    return radioUsage(profile, trace, untilS, 0).joules
  }
  const periodS = intervalS ?? 1
  const longS = 10_000
  const joules = intervalS === null ? joulesOf(0, periodS) : joulesOf(3, longS + periodS) - joulesOf(2, longS)
  return (1000 * joules) / periodS / profile.supplyVolts!
}

/** Lifetimes of a distribution, or of a mix of several. */
function draws(args: Arguments, seed: string): number[] {
  const random = new SeededRandom(`validate/${seed}`)
  const all = loadNatDistributions()
  const mix = (args['mix'] as { nat: string; weight: number }[] | undefined) ?? [{ nat: text(args, 'nat'), weight: 1 }]
  return Array.from({ length: DRAWS }, () => {
    const chosen = pick(mix, random.uniform())
    return drawLifetimeS(all.get(chosen) as NatDistribution, random.uniform())
  })
}

function pick(mix: readonly { nat: string; weight: number }[], uniform: number): string {
  let below = 0
  for (const { nat, weight } of mix) {
    below += weight
    if (uniform < below) return nat
  }
  return mix.at(-1)!.nat
}

function text(args: Arguments, name: string): string {
  const value = args[name]
  if (typeof value !== 'string') throw new Error(`validation.json: "${name}" must be a text`)
  return value
}
