/** A NAT or firewall in front of a device: what it is like, and when a mapping lives. */
import type { SeededRandom } from '../base/seeded-random.js'
import {
  lifetimeS,
  NAT_DISTRIBUTIONS,
  type NatDistribution,
  type NatDistributionName,
  TCP_DISTRIBUTIONS,
} from './nat-distributions.js'

/** Linux conntrack: a UDP mapping that was never answered lives so long, s (nf_conntrack_udp_timeout). */
const UNREPLIED_S = 30

/** What NATs a scenario has; each network draws one of its own. */
export interface NatSetting {
  lifetimes: NatDistributionName
  /** share of networks where a packet from outside keeps the mapping alive too; RFC 4787 REQ-6 leaves it open */
  inboundRefreshRatio: number
  /** share of networks that give another address, not only another port, when a mapping is made anew */
  addressChangeRatio: number
}

/** One network's NAT. */
export interface Nat {
  /** ms, of a mapping that no packet came back on */
  readonly onewayMs: number
  /** ms, of a mapping that was used both ways */
  readonly repliedMs: number
  readonly refreshesInbound: boolean
  readonly changesAddress: boolean
  /** ms, of an idle TCP mapping; it is not made anew */
  readonly tcpMs: number
  /** whether what comes after that is answered by RST; else it is dropped */
  readonly resetsTcp: boolean
}

/** No NAT: the mapping lives for ever. */
export const NO_NAT: Nat = {
  onewayMs: Number.POSITIVE_INFINITY,
  repliedMs: Number.POSITIVE_INFINITY,
  refreshesInbound: true,
  changesAddress: true,
  tcpMs: Number.POSITIVE_INFINITY,
  resetsTcp: false,
}

/** The NAT of a network that a device comes to. */
export function drawNat(setting: NatSetting | null, random: SeededRandom): Nat {
  if (setting === null) return NO_NAT
  const quantile = random.uniform()
  const repliedS = lifetimeS(NAT_DISTRIBUTIONS[setting.lifetimes], quantile)
  const isHome = setting.lifetimes.startsWith('udp.cpe.')
  const onewayS = isHome ? lifetimeS(NAT_DISTRIBUTIONS['udp.cpe.oneway'], quantile) : Math.min(repliedS, UNREPLIED_S)
  const tcp: NatDistribution = TCP_DISTRIBUTIONS[isHome ? 'tcp.cpe' : 'tcp.cellular']
  const tcpS = lifetimeS(tcp, quantile)
  return {
    onewayMs: Math.min(onewayS, repliedS) * 1000,
    repliedMs: repliedS * 1000,
    refreshesInbound: random.uniform() < setting.inboundRefreshRatio,
    changesAddress: random.uniform() < setting.addressChangeRatio,
    tcpMs: tcpS * 1000,
    resetsTcp: tcp.resetsAt?.includes(tcpS) ?? false,
  }
}

/** One mapping: from the first packet out until it was idle for too long. */
export class NatMapping {
  /** address outside, 18 B */
  readonly outside: Uint8Array
  readonly #nat: Nat
  #sentMs: number
  #expiresMs: number
  #isReplied = false

  constructor(nat: Nat, outside: Uint8Array, nowMs: number) {
    this.#nat = nat
    this.outside = outside
    this.#sentMs = nowMs
    this.#expiresMs = nowMs + nat.onewayMs
  }

  isAlive(nowMs: number): boolean {
    return nowMs < this.#expiresMs
  }

  /** A packet went out. */
  sent(nowMs: number): void {
    this.#sentMs = nowMs
    this.#expiresMs = nowMs + (this.#isReplied ? this.#nat.repliedMs : this.#nat.onewayMs)
  }

  /** A packet came in. */
  received(nowMs: number): void {
    this.#isReplied = true
    const fromMs = this.#nat.refreshesInbound ? nowMs : this.#sentMs
    this.#expiresMs = Math.max(this.#expiresMs, fromMs + this.#nat.repliedMs)
  }
}
