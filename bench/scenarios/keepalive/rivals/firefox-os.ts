import type { NetworkView, PolicySpec, RadioKind } from '../policy.js'
import { BeatingPolicy } from './beating.js'

/** Gecko's default prefs; F[FXOS]. */
const START_S = 180
const GAP_S = 60
const LIMIT_S = 29 * 60
const GROWTH = 1.5

/** What is kept of Wi-Fi, and of the mobile network. */
interface Learnt {
  identity: string
  intervalS: number
  lastGoodS: number
  isSearching: boolean
  /** how often the connection died at each interval */
  deaths: Map<number, number>
}

/**
 * Firefox OS adaptive ping (PushServiceWebSocket): in band, on TCP. One value for all Wi-Fi networks, one for mobile
 * that starts anew when the carrier changes.
 */
export class FirefoxOsPolicy extends BeatingPolicy {
  readonly #learnt: Record<RadioKind, Learnt> = { wifi: fresh(''), cellular: fresh('') }
  #kind: RadioKind = 'wifi'

  constructor() {
    super('tcp')
  }

  get intervalS(): number {
    return this.#learnt[this.#kind].intervalS
  }

  protected override networkChanged({ kind, identity }: NetworkView): void {
    this.#kind = kind
    if (kind === 'cellular' && this.#learnt.cellular.identity !== identity) this.#learnt.cellular = fresh(identity)
  }

  protected override beatAnswered(): void {
    const learnt = this.#learnt[this.#kind]
    if (!learnt.isSearching) return
    learnt.lastGoodS = learnt.intervalS
    this.#take(wholeMs(learnt.intervalS * GROWTH))
  }

  protected override beatFailed(): void {
    const learnt = this.#learnt[this.#kind]
    const deaths = (learnt.deaths.get(learnt.intervalS) ?? 0) + 1
    learnt.deaths.set(learnt.intervalS, deaths)
    if (deaths < 2) return
    const halfS = wholeMs(learnt.intervalS / 2)
    learnt.isSearching = halfS - learnt.lastGoodS >= GAP_S
    this.#take(learnt.isSearching ? halfS : learnt.lastGoodS)
  }

  #take(nextS: number): void {
    const learnt = this.#learnt[this.#kind]
    if (nextS > LIMIT_S) {
      learnt.isSearching = false
      learnt.lastGoodS = learnt.intervalS
    } else learnt.intervalS = nextS
  }
}

export const FIREFOX_OS: PolicySpec = {
  name: 'firefox-os',
  source: 'Gecko PushServiceWebSocket: 3 min, x1.5 if alive, /2 if lost twice, gap 60 s, limit 29 min; F[FXOS]',
  uses: 'tcp',
  dependsOn: 'kind',
  create: () => new FirefoxOsPolicy(),
}

/** Gecko counts whole ms. */
function wholeMs(seconds: number): number {
  return Math.floor(seconds * 1000) / 1000
}

function fresh(identity: string): Learnt {
  return { identity, intervalS: START_S, lastGoodS: START_S, isSearching: true, deaths: new Map() }
}
