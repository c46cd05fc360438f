/**
 * How long NATs and firewalls keep an idle mapping: shares of networks in per cent, as data. Engineering fits to
 * published anchors of 2010 to 2016, our own assumption: say so wherever a number made from them is shown.
 */

export interface NatDistribution {
  name: string
  /** what it was fitted to */
  source: string
  /** seconds, and the share of networks in per cent; the shares add up to 100 */
  shares: readonly (readonly [seconds: number, percent: number])[]
  /** TCP: networks with these lifetimes answer what comes too late with RST; all others drop it, and nobody learns it */
  resetsAt?: readonly number[]
}

const HATONEN = 'Hatonen et al., IMC 2010, 34 home gateways'
const RICHTER = 'Richter et al., IMC 2016, carrier-grade NAT: 74 % at or below 60 s, range 10 to 200 s'

/** By name. */
export const NAT_DISTRIBUTIONS = {
  'udp.cpe.oneway': {
    name: 'udp.cpe.oneway',
    source: `${HATONEN}: UDP-1, a single packet out, median 90 s`,
    shares: [
      [30, 15],
      [60, 20],
      [90, 20],
      [120, 10],
      [180, 20],
      [300, 10],
      [600, 5],
    ],
  },
  'udp.cpe.bidir': {
    name: 'udp.cpe.bidir',
    source: `${HATONEN}: UDP-3, packets both ways, median 181 s`,
    shares: [
      [30, 5],
      [60, 10],
      [120, 20],
      [180, 35],
      [300, 20],
      [600, 10],
    ],
  },
  'udp.cgn.cellular': {
    name: 'udp.cgn.cellular',
    source: `${RICHTER}; cellular median 65 s`,
    shares: [
      [15, 5],
      [30, 20],
      [45, 10],
      [60, 13],
      [65, 10],
      [120, 22],
      [180, 15],
      [300, 5],
    ],
  },
  'udp.cgn.fixed': {
    name: 'udp.cgn.fixed',
    source: `${RICHTER}; fixed-line median 35 s`,
    shares: [
      [10, 5],
      [20, 15],
      [30, 25],
      [35, 10],
      [45, 10],
      [60, 20],
      [120, 10],
      [180, 5],
    ],
  },
  'ipv6.firewall': {
    name: 'ipv6.firewall',
    source: 'RFC 6092 REC-14: at least 2 min; 10 % that do not keep to it',
    shares: [
      [60, 10],
      [120, 50],
      [180, 20],
      [300, 20],
    ],
  },
} as const satisfies Record<string, NatDistribution>

/** The same for TCP. */
export const TCP_DISTRIBUTIONS = {
  'tcp.cpe': {
    name: 'tcp.cpe',
    source: 'Hatonen et al., IMC 2010, TCP: min 239 s, median 60 min, mean 386 min; the weights between are our fit',
    shares: [
      [239, 3],
      [600, 7],
      [1800, 15],
      [3600, 30],
      [7440, 22],
      [86_400, 23],
    ],
  },
  'tcp.cellular': {
    name: 'tcp.cellular',
    source: 'Wang et al., SIGCOMM 2011, 73 carriers: 4 at or below 5 min, one of them with RST, 11 below 10 min',
    shares: [
      [255, 2],
      [300, 4],
      [540, 9],
      [900, 15],
      [1200, 15],
      [1800, 25],
      [3600, 20],
      [7440, 10],
    ],
    resetsAt: [255],
  },
} as const satisfies Record<string, NatDistribution>

export type NatDistributionName = keyof typeof NAT_DISTRIBUTIONS

/**
 * One network of a distribution.
 *
 * @param quantile 0 (inclusive) to 1 (exclusive); the same for two distributions gives networks that belong together.
 * @returns seconds.
 */
export function lifetimeS({ shares }: NatDistribution, quantile: number): number {
  let percent = quantile * 100
  for (const [seconds, share] of shares) {
    if (percent < share) return seconds
    percent -= share
  }
  return (shares.at(-1) as readonly [number, number])[0]
}
