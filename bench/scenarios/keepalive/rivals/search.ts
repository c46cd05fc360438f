/** Policies that search a network's lifetime: on the live connection, or with probes on a socket of their own. */
import type { NetworkView, PolicySpec, Transport } from '../policy.js'
import { BeatingPolicy } from './beating.js'

const PROBE_WAIT_S = 3

/** How a search goes. */
interface SearchRules {
  startS: number
  maxS: number
  /** next after a success while no failure is known; 1: bisect between start and max from the beginning */
  growth: number
  /** ends when good and bad are this close; 0: never, it goes on up and down for ever */
  resolutionS: number
  /** share of the good value that is used */
  margin: number
}

/** A lifetime between the longest interval that held and the shortest that did not. */
export class LifetimeSearch {
  readonly #rules: SearchRules
  goodS: number | null = null
  #badS: number | null = null

  constructor(rules: SearchRules) {
    this.#rules = rules
    this.#begin()
  }

  /** The interval to try next, or null: found. */
  get nextS(): number | null {
    const { startS, maxS, growth, resolutionS } = this.#rules
    if (this.goodS === null) return this.#badS === null ? startS : Math.min(startS, this.#badS / 2)
    if (this.#badS === null) return this.goodS >= maxS ? null : Math.min(maxS, this.goodS * growth)
    return this.#badS - this.goodS <= resolutionS ? null : (this.goodS + this.#badS) / 2
  }

  handleResult(triedS: number, held: boolean): void {
    if (held) this.goodS = Math.max(this.goodS ?? 0, triedS)
    // What was found fails: the network is not what it was.
    else if (this.nextS === null) this.#begin()
    else this.#badS = triedS
  }

  #begin(): void {
    this.goodS = null
    this.#badS = this.#rules.growth === 1 ? this.#rules.maxS : null
  }
}

/** In band: each beat tries the next interval of the search; a failure costs the connection. Kept per network. */
export class InBandSearchPolicy extends BeatingPolicy {
  readonly #rules: SearchRules
  readonly #networks = new Map<string, LifetimeSearch>()
  #search: LifetimeSearch

  constructor(rules: SearchRules) {
    super('tcp')
    this.#rules = rules
    this.#search = new LifetimeSearch(rules)
  }

  get intervalS(): number {
    return this.#search.nextS ?? this.#search.goodS! * this.#rules.margin
  }

  protected override networkChanged({ identity }: NetworkView): void {
    this.#search = this.#networks.get(identity) ?? new LifetimeSearch(this.#rules)
    this.#networks.set(identity, this.#search)
  }

  protected override beatAnswered(): void {
    this.#search.handleResult(this.intervalS, true)
  }

  protected override beatFailed(): void {
    this.#search.handleResult(this.intervalS, false)
  }
}

/** Out of band: probes one after the other on a socket of their own; the live mapping uses what held. */
export class ProbingPolicy extends BeatingPolicy {
  readonly #rules: SearchRules
  readonly #primed: boolean
  readonly #networks = new Map<string, LifetimeSearch>()
  readonly #remembers: boolean
  #search: LifetimeSearch
  #probeAtS = Infinity
  /** for ever: what is tried now, up and down by halves and doubles */
  #triedS: number

  constructor(transport: Transport, rules: SearchRules, options: { primed: boolean; remembers: boolean }) {
    super(transport)
    this.#rules = rules
    this.#primed = options.primed
    this.#remembers = options.remembers
    this.#search = new LifetimeSearch(rules)
    this.#triedS = rules.startS
  }

  get intervalS(): number {
    return (this.#search.goodS ?? this.#rules.startS) * this.#rules.margin
  }

  protected override networkChanged({ identity }: NetworkView, nowS: number): void {
    const known = this.#remembers ? this.#networks.get(identity) : undefined
    this.#search = known ?? new LifetimeSearch(this.#rules)
    this.#networks.set(identity, this.#search)
    this.#triedS = this.#rules.startS
    this.#probeAtS = nowS + 1
  }

  protected override otherNextTimeout(): number {
    return this.network === null ? Infinity : this.#probeAtS
  }

  protected override otherTimeout(): void {
    this.#probeAtS = Infinity
    const delayS = this.#rules.resolutionS === 0 ? this.#triedS : this.#search.nextS
    if (delayS === null) return
    this.do({ kind: 'probe', transport: this.transport, delayS, primed: this.#primed, waitS: PROBE_WAIT_S })
  }

  override handleProbe({ delayS, answered }: { delayS: number; answered: boolean }, nowS: number): void {
    if (this.#rules.resolutionS === 0) {
      if (answered) this.#search.goodS = delayS
      this.#triedS = Math.min(this.#rules.maxS, Math.max(this.#rules.startS, answered ? delayS * 2 : delayS / 2))
    } else this.#search.handleResult(delayS, answered)
    this.#probeAtS = nowS
  }
}

const SOURCE_ASSUMED = 'start, limits and resolution are assumptions'

export const SEARCHES: readonly PolicySpec[] = [
  {
    name: 'iglance',
    uses: 'udp',
    source:
      'iGlance 2009: probe port, delayed answer, start 1 s, doubles or halves, for ever; F[IGL]. Limit 3600 s is an assumption',
    dependsOn: 'nothing',
    create: () =>
      new ProbingPolicy(
        'udp',
        { startS: 1, maxS: 3600, growth: 2, resolutionS: 0, margin: 1 },
        { primed: false, remembers: false },
      ),
  },
  {
    name: 'rfc5780',
    uses: 'udp',
    source: `RFC 5780 4.6 binding lifetime: socket X idles, the server answers to it later, binary search; rule M, ${SOURCE_ASSUMED}`,
    dependsOn: 'nothing',
    create: () =>
      new ProbingPolicy(
        'udp',
        { startS: 15, maxS: 3600, growth: 2, resolutionS: 5, margin: 0.9 },
        { primed: true, remembers: true },
      ),
  },
  ...(['udp', 'tcp'] as const).map(
    (transport): PolicySpec => ({
      name: `price-tino-${transport}`,
      uses: transport,
      source: `Price and Tino 2010: search on an extra connection, exponential then binary growth; F abstract, details M, ${SOURCE_ASSUMED}`,
      dependsOn: 'nothing',
      create: () =>
        new ProbingPolicy(
          transport,
          { startS: transport === 'udp' ? 15 : 60, maxS: 3600, growth: 2, resolutionS: 30, margin: 0.9 },
          { primed: true, remembers: true },
        ),
    }),
  ),
  inBand('buet-binary', { startS: 1830, growth: 1 }),
  inBand('buet-exponential', { startS: 60, growth: 2, resolutionS: Infinity }),
  inBand('buet-hybrid', { startS: 60, growth: 2 }),
]

function inBand(name: string, rules: Partial<SearchRules>): PolicySpec {
  return {
    name,
    uses: 'tcp',
    source: `BUET thesis: ${name.slice(5)} search on TCP; F[BUET], ${SOURCE_ASSUMED}`,
    dependsOn: 'nothing',
    create: () => new InBandSearchPolicy({ startS: 60, maxS: 3600, growth: 2, resolutionS: 30, margin: 0.9, ...rules }),
  }
}
