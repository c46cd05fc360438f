/**
 * A month of phones, and what its networks do to mappings. One file with all assumptions; energy-nat.md gives none of
 * these but where a source is named. Seeded: the same seed gives the same lives, for every policy.
 */
import { SeededRandom } from '../../../src/base/seeded-random.js'
import { drawLifetimeS, type NatDistribution } from '../../models/nat.js'

const HOUR_S = 3600
export const DAY_S = 86_400

/** Every assumption, printed with the result. */
export const LIFE_ASSUMPTIONS = {
  networks: 'home and work or school, where the phone comes back daily; one on the way; strangers seen once or twice',
  homeUntilHour: 8,
  workHours: [9, 17],
  homeFromHour: 18,
  /** on weekend days the hours of work are spent at a stranger's or at home, half each */
  weekendAwayShare: 0.5,
  /** on a working evening, 19 h to 21 h at a stranger's */
  eveningOutShare: 0.3,
  /** each moment of the day's plan is early or late by at most this */
  planJitterS: 1200,
  /** no network while the phone moves from one to the next */
  moveGapS: [5, 60],
  /** short losses of the network, as in a lift, a day; the mapping is not told of them */
  outagesPerDay: 4,
  outageS: [20, 120],
  /** other applications: by day the screen is used, and syncs run; by night (23 h to 7 h) syncs run seldom (Doze) */
  screenSessionsPerDayHour: 3,
  screenSessionS: [20, 240],
  syncEveryDayS: 900,
  syncEveryNightS: 3600,
  syncS: [1, 4],
  /** where there are rings, they come between these hours */
  ringHours: [7, 23],
  /** NATs lose mappings before their time (energy-nat.md 3: load-dependent early eviction; the rate is ours) */
  evictionsPerDay: 0.2,
  /** of symmetric networks, those whose probe socket sees another timer; half of them half the main one, half double */
  probeTimerDiffersShare: 0.1,
  /** independent loss of one UDP packet, each way (the rate of issue 3); TCP repairs it */
  lossRatio: 0.01,
  roundTripS: 0.2,
} as const

/** One network as it truly is. */
export interface Network {
  identity: string
  udpLifetimeS: number
  /** of a UDP mapping that no answer came through */
  udpUnrepliedLifetimeS: number
  tcpLifetimeS: number
  tcpResets: boolean
  portPreserved: boolean
  /** a probe socket's lifetime is so much times the main one's */
  probeTimerRatio: number
}

/** What happens to the phone, in order of time. */
export type LifeEvent =
  | { kind: 'network'; atS: number; network: Network }
  | { kind: 'offline'; atS: number }
  /** other applications' traffic from `atS` to `untilS` */
  | { kind: 'radio'; atS: number; untilS: number }
  /** the NAT forgets all mappings */
  | { kind: 'eviction'; atS: number }
  /** somebody rings */
  | { kind: 'ring'; atS: number }

export interface Life {
  /** of the world that the phone meets: losses; policies draw from it in their own order */
  noise: SeededRandom
  events: readonly LifeEvent[]
  endS: number
}

/** UDP and TCP lifetimes of one kind of place: a row of the table. */
export interface NatPair {
  name: string
  udp: NatDistribution
  tcp: NatDistribution
}

/**
 * Lives of `phones` phones. Lifetimes of the networks where phones come back are drawn in strata: over all phones each
 * lifetime comes as often as its weight says, so that few phones stand for many.
 *
 * @param ringsPerDay rings that come to each phone; the rest of a life is the same with any number of them.
 */
export function drawLives(nat: NatPair, phones: number, days: number, seed: string, ringsPerDay = 0): Life[] {
  const random = new SeededRandom(`keepalive/${seed}`)
  const strata = ['home', 'work', 'way'].map((role) => ({
    role,
    udp: shuffledStrata(phones, random.fork(`${role}/udp`)),
    tcp: shuffledStrata(phones, random.fork(`${role}/tcp`)),
  }))
  return Array.from({ length: phones }, (_, phone) => {
    const own = random.fork(`phone/${phone}`)
    const [home, work, way] = strata.map(({ role, udp, tcp }) =>
      drawNetwork(`${role}-${phone}`, nat, own.fork(role), udp[phone]!, tcp[phone]!),
    )
    const strangers = own.fork('strangers')
    let met = 0
    const stranger = () => {
      const identity = `stranger-${phone}-${met++}`
      return drawNetwork(identity, nat, strangers.fork(identity), strangers.uniform(), strangers.uniform())
    }
    const stays = drawStays(days, own.fork('stays'), { home: home!, work: work!, way: way!, stranger })
    const events = [...lifeEvents(stays, days, own.fork('events')), ...drawRings(ringsPerDay, days, own.fork('rings'))]
    return { noise: own.fork('noise'), events: events.sort((a, b) => a.atS - b.atS), endS: days * DAY_S }
  })
}

function shuffledStrata(count: number, random: SeededRandom): number[] {
  const order = Array.from({ length: count }, (_, index) => index)
  for (let at = count - 1; at > 0; at--) {
    const other = random.int(at + 1)
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  return order.map((stratum) => (stratum + random.uniform()) / count)
}

function drawNetwork(identity: string, nat: NatPair, random: SeededRandom, udpShare: number, tcpShare: number) {
  const udpLifetimeS = drawLifetimeS(nat.udp, udpShare)
  const tcpLifetimeS = drawLifetimeS(nat.tcp, tcpShare)
  const isSymmetric = random.uniform() < nat.udp.symmetricShare
  const probeDiffers = random.uniform() < LIFE_ASSUMPTIONS.probeTimerDiffersShare
  const otherRatio = random.uniform() < 0.5 ? 0.5 : 2
  const network: Network = {
    identity,
    udpLifetimeS,
    udpUnrepliedLifetimeS: Math.min(udpLifetimeS, nat.udp.unrepliedLifetimeMaxS ?? Infinity),
    tcpLifetimeS,
    tcpResets: nat.tcp.resetAtExpiryLifetimesS?.includes(tcpLifetimeS) ?? false,
    portPreserved: random.uniform() < nat.udp.portPreservedShare,
    probeTimerRatio: isSymmetric && probeDiffers ? otherRatio : 1,
  }
  return network
}

interface Places {
  home: Network
  work: Network
  way: Network
  stranger: () => Network
}

function drawStays(days: number, random: SeededRandom, { home, work, way, stranger }: Places) {
  const { homeUntilHour, workHours, homeFromHour, weekendAwayShare, eveningOutShare, planJitterS } = LIFE_ASSUMPTIONS
  const stays: { fromS: number; network: Network }[] = [{ fromS: 0, network: home }]
  for (let day = 0; day < days; day++) {
    const at = (hour: number) => day * DAY_S + hour * HOUR_S + (2 * random.uniform() - 1) * planJitterS
    const isWeekend = day % 7 >= 5
    const isAway = !isWeekend || random.uniform() < weekendAwayShare
    if (isAway) {
      stays.push({ fromS: at(homeUntilHour), network: way })
      stays.push({ fromS: at(workHours[0]), network: isWeekend ? stranger() : work })
      stays.push({ fromS: at(workHours[1]), network: way })
      stays.push({ fromS: at(homeFromHour), network: home })
    }
    if (random.uniform() < eveningOutShare) {
      stays.push({ fromS: at(19), network: stranger() })
      stays.push({ fromS: at(21), network: home })
    }
  }
  return stays
}

function lifeEvents(stays: { fromS: number; network: Network }[], days: number, random: SeededRandom): LifeEvent[] {
  const { moveGapS, outagesPerDay, outageS, evictionsPerDay } = LIFE_ASSUMPTIONS
  const between = ([from, to]: readonly [number, number]) => from + (to - from) * random.uniform()
  const endS = days * DAY_S
  const gaps: { fromS: number; untilS: number }[] = []
  const events: LifeEvent[] = [{ kind: 'network', atS: 0, network: stays[0]!.network }]
  const cut = (fromS: number, untilS: number) => {
    if (gaps.some((gap) => fromS < gap.untilS + 10 && untilS > gap.fromS - 10)) return
    gaps.push({ fromS, untilS })
    const network = stays.findLast((stay) => stay.fromS <= fromS)!.network
    events.push({ kind: 'offline', atS: fromS }, { kind: 'network', atS: untilS, network })
  }
  for (const { fromS } of stays.slice(1)) cut(fromS, fromS + between(moveGapS))
  for (let count = 0; count < outagesPerDay * days; count++) {
    const fromS = random.uniform() * (endS - 300)
    cut(fromS, fromS + between(outageS))
  }
  const isOnline = (fromS: number, untilS: number) => gaps.every((gap) => untilS < gap.fromS || fromS > gap.untilS)
  for (const burst of drawBursts(days, random)) {
    if (isOnline(burst.atS, burst.untilS)) events.push({ kind: 'radio', ...burst })
  }
  for (let count = 0; count < evictionsPerDay * days; count++) {
    const atS = random.uniform() * endS
    if (isOnline(atS, atS)) events.push({ kind: 'eviction', atS })
  }
  return events.sort((a, b) => a.atS - b.atS)
}

/** By day, as many every day. */
function drawRings(perDay: number, days: number, random: SeededRandom): LifeEvent[] {
  const [fromHour, untilHour] = LIFE_ASSUMPTIONS.ringHours
  return Array.from({ length: perDay * days }, (_, index) => ({
    kind: 'ring',
    atS: Math.floor(index / perDay) * DAY_S + HOUR_S * (fromHour + (untilHour - fromHour) * random.uniform()),
  }))
}

/** Other applications' traffic, without overlap, in order. */
function drawBursts(days: number, random: SeededRandom): { atS: number; untilS: number }[] {
  const { screenSessionsPerDayHour, screenSessionS, syncEveryDayS, syncEveryNightS, syncS } = LIFE_ASSUMPTIONS
  const bursts: { atS: number; untilS: number }[] = []
  const draw = (everyS: number, [from, to]: readonly [number, number], hours: (hour: number) => boolean) => {
    for (let atS = random.uniform() * everyS; atS < days * DAY_S; atS += -everyS * Math.log(1 - random.uniform())) {
      const hour = (atS % DAY_S) / HOUR_S
      if (hours(hour)) bursts.push({ atS, untilS: atS + from + (to - from) * random.uniform() })
    }
  }
  const isNight = (hour: number) => hour >= 23 || hour < 7
  draw(HOUR_S / screenSessionsPerDayHour, screenSessionS, (hour) => !isNight(hour))
  draw(syncEveryDayS, syncS, (hour) => !isNight(hour))
  draw(syncEveryNightS, syncS, isNight)
  bursts.sort((a, b) => a.atS - b.atS)
  const apart: { atS: number; untilS: number }[] = []
  for (const burst of bursts) {
    const last = apart.at(-1)
    if (last !== undefined && burst.atS <= last.untilS) last.untilS = Math.max(last.untilS, burst.untilS)
    else apart.push(burst)
  }
  return apart
}
