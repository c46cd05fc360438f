/**
 * UDP or TCP? What costs fewer joules a day on this network. Pure; every figure has its source, and all can be replaced.
 *
 *     joules a day = wake-ups a day x energy of one wake-up + set-ups a day x energy of one set-up
 *     wake-ups a day = 86,400 s / keepalive interval
 *
 * The energy of a wake-up is that of its tail, not of its bytes (energy-nat §0). An interval shorter than the tail keeps
 * the radio up all day: then only the interval's own length counts, and no promotion.
 */
import type { PathKind } from './transport.js'

const DAY_S = 86_400

/** What the radio takes, above idle. */
export interface RadioCosts {
  /** from idle to connected, J */
  promotionJ: number
  /** how long the radio stays up after a packet, s */
  tailS: number
  /** meanwhile, W */
  tailW: number
}

/**
 * Radios by kind of network, energy-nat §1.
 *
 * - wifi: Huang 2012, table 1.1: promotion 124.4 mW for 79.1 ms, tail 119.3 mW for 238.1 ms.
 * - cellular: Verizon LTE 2020, table 1.3: tail 178 mW for 10.2 s; promotion 0.3 J, the assumption of §2.
 */
export const RADIO_COSTS: Readonly<Record<'wifi' | 'cellular', RadioCosts>> = {
  wifi: { promotionJ: 0.009_84, tailS: 0.2381, tailW: 0.1193 },
  cellular: { promotionJ: 0.3, tailS: 10.2, tailW: 0.178 },
}

/** A TCP exchange has one packet more, the ACK of the answer, a round trip later: the tail begins anew there, s. */
const ACK_DELAY_S = 0.1

/** Round trips of a set-up: TCP 1, TLS 1.3 1, WebSocket 1, and the proof of the path 1; each moves the tail, s. */
const SETUP_S = 4 * ACK_DELAY_S

/** TCP must save at least this part: it costs the server a socket, and UDP loses no connection. */
const TCP_SAVES_AT_LEAST = 0.1

/** What is known of a network. */
export interface PathFacts {
  /** `other` (a cable, unknown) counts as Wi-Fi, whose wake-ups are nearly free */
  network: 'wifi' | 'cellular' | 'other'
  /** keepalive interval that UDP mappings last for here, s; null: UDP does not pass */
  udpIntervalS: number | null
  /** keepalive interval that TCP mappings last for here, s; null: there is no WebSocket */
  tcpIntervalS: number | null
  /** connections a day that must be opened anew: changes of network, resets by middleboxes; default 4 */
  tcpSetupsPerDay?: number
  /** what serves now: the other one takes its place only if it is cheaper, TCP only by a tenth; default 'udp' */
  present?: PathKind
  /** radio; default of `RADIO_COSTS` */
  radio?: RadioCosts
}

/**
 * The path with the fewer joules a day. UDP when they are about equal, and when neither is known to pass.
 *
 * @returns 'udp' or 'tcp', for `PathsTransport.prefer`.
 */
export function choosePath(facts: PathFacts): PathKind {
  const { udpIntervalS, tcpIntervalS, present = 'udp' } = facts
  if (tcpIntervalS === null) return 'udp'
  if (udpIntervalS === null) return 'tcp'
  const udpJ = pathJoulesPerDay('udp', udpIntervalS, facts)
  const tcpJ = pathJoulesPerDay('tcp', tcpIntervalS, facts)
  return tcpJ <= udpJ * (present === 'tcp' ? 1 : 1 - TCP_SAVES_AT_LEAST) ? 'tcp' : 'udp'
}

/**
 * Joules a day, above idle, that a path costs an otherwise idle device.
 *
 * @param intervalS between keepalives, above 0 s.
 */
export function pathJoulesPerDay(
  kind: PathKind,
  intervalS: number,
  { network, radio = RADIO_COSTS[network === 'cellular' ? 'cellular' : 'wifi'], tcpSetupsPerDay = 4 }: PathFacts,
): number {
  const wakeups = DAY_S / intervalS
  if (kind === 'udp') return wakeups * wakeupJ(radio, intervalS, 0)
  return wakeups * wakeupJ(radio, intervalS, ACK_DELAY_S) + tcpSetupsPerDay * wakeupJ(radio, DAY_S, SETUP_S)
}

/** One exchange: promotion, what passes before the last packet, and the tail; or all of a shorter interval. */
function wakeupJ({ promotionJ, tailS, tailW }: RadioCosts, intervalS: number, exchangeS: number): number {
  const upS = exchangeS + tailS
  return intervalS <= upS ? intervalS * tailW : promotionJ + upS * tailW
}
