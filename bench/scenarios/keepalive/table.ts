/** Simulates every policy on every NAT once, charges every radio, and picks the best rival of each row. */
import { BenchError } from '../../bench-error.js'
import { loadNatDistributions } from '../../models/load.js'
import { reachedInTimeShare } from '../../models/push.js'
import type { RadioProfile } from '../../models/radio-profile.js'
import { type ActivityCounts, ActivityLog } from './activity.js'
import { type Charge, RadioMeter } from './charge.js'
import { drawLives, LIFE_ASSUMPTIONS, type Life, type NatPair } from './life.js'
import { Phone, type Reach } from './phone.js'
import type { PolicySpec, RadioFacts } from './policy.js'

/** A ring counts if it is there this soon; issue 3. */
export const RING_S = 3
export const REACHABILITY_MIN = 0.99

/** One policy in one row. */
export interface Score {
  policy: string
  /** above idle and above other applications' traffic */
  joulesPerDay: number
  wakeupsPerDay: number
  reachability: number
}

export interface Row {
  /** UDP and TCP distribution, joined by `+` */
  nat: string
  profile: string
  ours: Omit<Score, 'policy'> | null
  /** the rival with the fewest joules of those that reach REACHABILITY_MIN; null if there is none */
  best: Score | null
  /** the same with the fewest wake-ups */
  fewestWakeups: Score | null
  /** the best of the rivals that use UDP alone; see `best` */
  bestOnUdp: Score | null
  /** ours on a device that lacks something; does not count */
  oursWithLess: Score[]
  rivals: Score[]
}

/** Policies of ours. */
export interface Ours {
  full: PolicySpec
  withLess: readonly PolicySpec[]
}

/** How large a run is. */
export interface TableSize {
  phones: number
  days: number
  seed: string
}

/**
 * UDP and TCP of the same kind of place: a pair for each distribution of UDP that names one of TCP. TCP on fixed-line CGN
 * and IPv6 has no published distribution: that of CPE.
 *
 * @throws BenchError if one names what is not there.
 */
export function natPairs(): NatPair[] {
  const distributions = loadNatDistributions()
  return [...distributions.values()].flatMap((udp) => {
    if (udp.tcp === undefined) return []
    const tcp = distributions.get(udp.tcp)
    if (tcp === undefined) throw new BenchError(`bench/models/nat/${udp.name}.json: no distribution "${udp.tcp}"`)
    return [{ name: `${udp.name}+${tcp.name}`, udp, tcp }]
  })
}

/** @param ours null: the rows have none. */
export function keepaliveRows(
  profiles: readonly RadioProfile[],
  rivals: readonly PolicySpec[],
  ours: Ours | null,
  size: TableSize,
  progress: (line: string) => void,
): Row[] {
  const meters = new Map(profiles.map((profile) => [profile, new RadioMeter(profile)]))
  const simulations = new Simulations()
  return natPairs().flatMap((nat, index, { length }) => {
    progress(`keepalive: ${nat.name} (${index + 1} of ${length})`)
    const lives = drawLives(nat, size.phones, size.days, size.seed)
    const silent = logOtherTraffic(lives)
    const score = (spec: PolicySpec, profile: RadioProfile): Score => {
      const { counts, reach } = simulations.of(spec, factsOf(profile), nat, lives)
      const meter = meters.get(profile)!
      return scoreOf(spec.name, profile, meter.charge(counts), meter.charge(silent), reach, size)
    }
    return profiles.map((profile) => {
      const scores = rivals.map((rival) => score(rival, profile))
      const reaching = scores.filter(({ reachability }) => reachability >= REACHABILITY_MIN)
      const onUdp = reaching.filter(({ policy }) => rivals.find(({ name }) => name === policy)?.uses === 'udp')
      return {
        nat: nat.name,
        profile: profile.name,
        ours: ours === null ? null : withoutName(score(ours.full, profile)),
        best: least(reaching, ({ joulesPerDay }) => joulesPerDay),
        fewestWakeups: least(reaching, ({ wakeupsPerDay }) => wakeupsPerDay),
        bestOnUdp: least(onUdp, ({ joulesPerDay }) => joulesPerDay),
        oursWithLess: (ours?.withLess ?? []).map((spec) => score(spec, profile)),
        rivals: scores,
      }
    })
  })
}

/** One policy through all lives. */
export function simulate(spec: PolicySpec, facts: RadioFacts, lives: readonly Life[]): Simulation {
  const log = new ActivityLog()
  const sum: Reach = { onlineS: 0, reachableS: 0 }
  for (const life of lives) {
    const reach = new Phone(spec.create(facts), life, log, facts.kind, LIFE_ASSUMPTIONS.lossRatio).run()
    sum.onlineS += reach.onlineS
    sum.reachableS += reach.reachableS
  }
  return { counts: log.totals, reach: sum }
}

interface Simulation {
  counts: ActivityCounts
  reach: Reach
}

/** Simulations, shared between radios and NATs that look the same to the policy. */
class Simulations {
  readonly #known = new Map<string, Simulation>()

  of(spec: PolicySpec, facts: RadioFacts, nat: NatPair, lives: readonly Life[]): Simulation {
    const { name, uses, dependsOn } = spec
    const world = uses === 'both' ? nat.name : nat[uses].name
    const radio = dependsOn === 'nothing' ? '' : dependsOn === 'kind' ? facts.kind : facts.profile
    const key = `${name} ${world} ${radio}`
    const known = this.#known.get(key) ?? simulate(spec, facts, lives)
    this.#known.set(key, known)
    return known
  }
}

function scoreOf(policy: string, profile: RadioProfile, charge: Charge, silent: Charge, reach: Reach, size: TableSize) {
  const phoneDays = size.phones * size.days
  const joules = charge.joules - silent.joules
  const inTime = reachedInTimeShare(profile, RING_S)
  return {
    policy,
    joulesPerDay: joules / phoneDays,
    wakeupsPerDay: charge.wakeups / phoneDays,
    reachability: (reach.reachableS / reach.onlineS) * inTime,
  }
}

/** The same lives without a channel: what other applications cost anyway. */
function logOtherTraffic(lives: readonly Life[]): ActivityCounts {
  const log = new ActivityLog()
  for (const { events } of lives) {
    for (const event of events) if (event.kind === 'radio') log.addOther(event.atS, event.untilS)
    log.finish()
  }
  return log.totals
}

function factsOf({ radio, generation, name }: RadioProfile): RadioFacts {
  return { kind: radio, generation, profile: name }
}

function least(scores: readonly Score[], of: (score: Score) => number): Score | null {
  return scores.reduce<Score | null>((best, score) => (best === null || of(score) < of(best) ? score : best), null)
}

function withoutName({ joulesPerDay, wakeupsPerDay, reachability }: Score): Omit<Score, 'policy'> {
  return { joulesPerDay, wakeupsPerDay, reachability }
}
