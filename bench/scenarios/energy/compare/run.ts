/** Every channel through the same lives on every NAT, charged to every radio. */
import { reachedInTimeShare } from '../../../models/push.js'
import type { RadioProfile } from '../../../models/radio-profile.js'
import { pairedRatio, quantile, type Ratio } from '../../../statistics.js'
import { ACTIVITIES, type ActivityCounts, ActivityLog, type ActivityPackets } from '../../keepalive/activity.js'
import { type Charge, RadioMeter } from '../../keepalive/charge.js'
import { drawLives, LIFE_ASSUMPTIONS, type Life, type NatPair } from '../../keepalive/life.js'
import { Phone, type Reach, type Told } from '../../keepalive/phone.js'
import type { PolicySpec, RadioFacts } from '../../keepalive/policy.js'
import { REACHABILITY_MIN, RING_S } from '../../keepalive/table.js'
import type { Channel } from './channels.js'
import { bytesOf, packetsOf } from './wire.js'

export const RINGS_PER_DAY = 20
const RING = ACTIVITIES.indexOf('ring')

/** How large a run is. */
export interface CompareSize {
  phones: number
  days: number
  seed: string
}

/** One channel on one NAT and one radio. */
export interface ChannelScore {
  channel: string
  /** what it did; of several policies, the one that was taken */
  policy: string
  /** above idle and above other applications' traffic: its keepalives, connections and rings */
  joulesPerDay: number
  /** quartiles over the phones */
  joulesQuartile1: number
  joulesQuartile3: number
  /** that found the radio down; those of rings too */
  wakeupsPerDay: number
  bytesPerDay: number
  /** chance that a ring at a random moment with a network is there within RING_S */
  reachability: number
  /** rings that came while there was a network, and of these those that found the channel alive */
  rings: number
  ringsReached: number
  /** joules of this channel over those of `pilotlight`, phone by phone; null for itself */
  toOurs: Ratio | null
}

export interface CompareRow {
  nat: string
  profile: string
  /** of rings alone, on a channel that costs nothing and never fails: what no channel goes below */
  floor: { joulesPerDay: number; wakeupsPerDay: number }
  channels: ChannelScore[]
}

/** One phone's life with one policy. */
interface Lived {
  counts: ActivityCounts
  reach: Reach
  told: Told
  bytes: number
}

/** A policy's lives, charged to one radio. */
interface Charged {
  policy: string
  joules: number[]
  wakeups: number
  lived: readonly Lived[]
}

/** The lives of one NAT, and what they cost without a channel. */
interface World {
  nat: NatPair
  lives: readonly Life[]
  /** other applications alone */
  silent: readonly ActivityCounts[]
  /** and rings, each by itself */
  ringing: readonly ActivityCounts[]
}

/** @param progress told of each channel. */
export function compareRows(
  channels: readonly Channel[],
  profiles: readonly RadioProfile[],
  nats: readonly NatPair[],
  size: CompareSize,
  progress: (line: string) => void,
): CompareRow[] {
  const worlds = nats.map((nat) => worldOf(nat, size))
  const rows = worlds.flatMap((world) =>
    profiles.map((profile) => ({ world, profile, row: rowOf(world, profile, size) })),
  )
  const ours = new Map<CompareRow, Charged>()
  for (const [index, channel] of channels.entries()) {
    progress(`energy compare: ${channel.name} (${index + 1} of ${channels.length})`)
    const packets = packetsOf(channel.wires.udp ?? channel.wires.tcp!, channel.wires.tcp?.connect)
    const simulations = new Simulations(channel, packets)
    const meters = new Map(profiles.map((profile) => [profile, new RadioMeter(profile, packets)]))
    for (const { world, profile, row } of rows) {
      const meter = meters.get(profile)!
      const silent = world.silent.map((counts) => meter.charge(counts).joules)
      const charged = channel.policies.map((policy) =>
        chargeLives(policy.name, simulations.of(policy, profile, world), meter, silent),
      )
      const best = bestOf(charged)
      row.channels.push(scoreOf(channel.name, best, ours.get(row) ?? null, profile, size))
      if (index === 0) ours.set(row, best)
    }
  }
  return rows.map(({ row }) => row)
}

function worldOf(nat: NatPair, { phones, days, seed }: CompareSize): World {
  const lives = drawLives(nat, phones, days, seed, RINGS_PER_DAY)
  return {
    nat,
    lives,
    silent: lives.map((life) => countsWithout(life, false)),
    ringing: lives.map((life) => countsWithout(life, true)),
  }
}

/** A life without a channel. */
function countsWithout({ events }: Life, withRings: boolean): ActivityCounts {
  const log = new ActivityLog()
  let isOnline = false
  for (const event of events) {
    if (event.kind === 'network') isOnline = true
    else if (event.kind === 'offline') isOnline = false
    else if (event.kind === 'radio') log.addOther(event.atS, event.untilS)
    else if (event.kind === 'ring' && isOnline && withRings) log.addOwn(RING, event.atS)
  }
  log.finish()
  return log.totals
}

function rowOf({ nat, silent, ringing }: World, profile: RadioProfile, { phones, days }: CompareSize): CompareRow {
  const meter = new RadioMeter(profile)
  const sum = (counts: readonly ActivityCounts[], of: (charge: Charge) => number) =>
    counts.reduce((total, each) => total + of(meter.charge(each)), 0) / (phones * days)
  const joules = ({ joules }: Charge) => joules
  return {
    nat: nat.name,
    profile: profile.name,
    floor: {
      joulesPerDay: sum(ringing, joules) - sum(silent, joules),
      wakeupsPerDay: sum(ringing, ({ wakeups }) => wakeups),
    },
    channels: [],
  }
}

/** Simulations of a channel, shared between radios and NATs that look the same to the policy. */
class Simulations {
  readonly #channel: Channel
  readonly #packets: ActivityPackets
  readonly #known = new Map<string, readonly Lived[]>()

  constructor(channel: Channel, packets: ActivityPackets) {
    this.#channel = channel
    this.#packets = packets
  }

  of(spec: PolicySpec, profile: RadioProfile, { nat, lives }: World): readonly Lived[] {
    const { name, uses, dependsOn } = spec
    const facts: RadioFacts = { kind: profile.radio, generation: profile.generation, profile: profile.name }
    const world = uses === 'both' ? nat.name : nat[uses].name
    const radio = dependsOn === 'nothing' ? '' : dependsOn === 'kind' ? facts.kind : facts.profile
    const key = `${name} ${world} ${radio}`
    const known = this.#known.get(key) ?? lives.map((life) => this.#live(spec, facts, life))
    this.#known.set(key, known)
    return known
  }

  #live(spec: PolicySpec, facts: RadioFacts, life: Life): Lived {
    const log = new ActivityLog(this.#packets)
    const phone = new Phone(spec.create(facts), life, log, facts.kind, LIFE_ASSUMPTIONS.lossRatio)
    const reach = phone.run()
    const { sent, moves } = phone.told
    return { counts: log.totals, reach, told: phone.told, bytes: bytesOf(this.#channel.wires, sent, moves) }
  }
}

function chargeLives(policy: string, lived: readonly Lived[], meter: RadioMeter, silent: readonly number[]): Charged {
  const charges = lived.map(({ counts }) => meter.charge(counts))
  return {
    policy,
    joules: charges.map(({ joules }, phone) => joules - silent[phone]!),
    wakeups: sumOf(charges, ({ wakeups }) => wakeups),
    lived,
  }
}

/**
 * The fewest joules of those whose channel is alive in 99 % of the time: how late a radio hears is the same for all, and left
 * out here. If there is none, the one that is alive longest.
 */
function bestOf(charged: readonly Charged[]): Charged {
  const reaching = charged.filter(({ lived }) => aliveShare(lived) >= REACHABILITY_MIN)
  const joules = (each: Charged) => sumOf(each.joules, (one) => one)
  if (reaching.length > 0) return reaching.reduce((best, each) => (joules(each) < joules(best) ? each : best))
  return charged.reduce((best, each) => (aliveShare(each.lived) > aliveShare(best.lived) ? each : best))
}

function scoreOf(
  channel: string,
  { policy, joules, wakeups, lived }: Charged,
  ours: Charged | null,
  profile: RadioProfile,
  { phones, days, seed }: CompareSize,
): ChannelScore {
  const perDay = joules.map((each) => each / days)
  return {
    channel,
    policy,
    joulesPerDay: sumOf(perDay, (each) => each) / phones,
    joulesQuartile1: quantile(perDay, 0.25),
    joulesQuartile3: quantile(perDay, 0.75),
    wakeupsPerDay: wakeups / (phones * days),
    bytesPerDay: sumOf(lived, ({ bytes }) => bytes) / (phones * days),
    reachability: reachabilityOf(lived, profile),
    rings: sumOf(lived, ({ told }) => told.rings),
    ringsReached: sumOf(lived, ({ told }) => told.ringsReached),
    toOurs: ours === null ? null : pairedRatio(joules, ours.joules, seed),
  }
}

function reachabilityOf(lived: readonly Lived[], profile: RadioProfile): number {
  return aliveShare(lived) * reachedInTimeShare(profile, RING_S)
}

function aliveShare(lived: readonly Lived[]): number {
  return sumOf(lived, ({ reach }) => reach.reachableS) / sumOf(lived, ({ reach }) => reach.onlineS)
}

function sumOf<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0)
}
