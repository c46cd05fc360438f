/** NAT and firewall mappings: how long one lives without traffic. Times in s. */

/** A distribution of mapping lifetimes over networks; each is one file in `models/nat/`. */
export interface NatDistribution {
  name: string
  transport: 'udp' | 'tcp'
  /** UDP only: the distribution of TCP in the same kind of place; the two are a row of the tables */
  tcp?: string
  source: string
  /** weights are relative; in order of lifetime */
  lifetimesS: readonly { lifetimeS: number; weight: number }[]
  /** A mapping that no answer came through lives at most this long (Linux conntrack). */
  unrepliedLifetimeMaxS?: number
  /** TCP only: NATs with these lifetimes send RST at expiry; all others drop silently. */
  resetAtExpiryLifetimesS?: readonly number[]
  /** share of networks that map each destination or socket in its own way */
  symmetricShare: number
  /** share of networks where a mapping made anew gets the same outside port: nobody sees that the old one had died */
  portPreservedShare: number
  behaviourSource: string
}

/** The lifetime below or at which a share `quantile` (0 to 1) of the networks lies. */
export function lifetimeAt({ lifetimesS }: NatDistribution, quantile: number): number {
  const sum = lifetimesS.reduce((total, { weight }) => total + weight, 0)
  let below = 0
  for (const { lifetimeS, weight } of lifetimesS) {
    below += weight
    if (quantile * sum < below) return lifetimeS
  }
  return lifetimesS.at(-1)!.lifetimeS
}

/** Draws a network's lifetime, with a uniform number from 0 (inclusive) to 1 (exclusive). */
export function drawLifetimeS(distribution: NatDistribution, uniform: number): number {
  return lifetimeAt(distribution, uniform)
}
