import type { NetworkView, PolicySpec } from '../policy.js'
import { BeatingPolicy } from './beating.js'

/** Tencent/mars stn/config.h; F[MARS]. */
const MIN_S = 210
const MAX_S = 600
const STEP_S = 60
const MARGIN_S = 20
const FAILURES_MAX = 2
const SUCCESSES_PER_LEVEL = 5
const SETTLED_BEATS = 3
/** "Re-probe after 7 days" (energy-nat.md 4); the code does so on a fixed day of the week. */
const REPROBE_S = 7 * 86_400
const NETWORKS_MAX = 20

/** What is kept of one network. */
interface Learnt {
  intervalS: number
  successes: number
  failures: number
  isStable: boolean
  changedAtS: number
}

/** WeChat's smart heartbeat: in band, on TCP, remembered per network. The application is never in the foreground. */
export class MarsPolicy extends BeatingPolicy {
  readonly #networks = new Map<string, Learnt>()
  #learnt: Learnt = fresh(0)
  /** Beats at the least interval since the connection was made; before three of them nothing is tried. */
  #settled = 0
  #lastIntervalS = MIN_S

  constructor() {
    super('tcp')
  }

  get intervalS(): number {
    return this.#settled < SETTLED_BEATS ? MIN_S : this.#learnt.intervalS
  }

  /** What it has settled on, or tries at the moment. */
  get learnt(): Readonly<Learnt> {
    return this.#learnt
  }

  protected override networkChanged({ identity }: NetworkView, nowS: number): void {
    const known = this.#networks.get(identity) ?? fresh(nowS)
    this.#learnt = known
    this.#networks.set(identity, known)
    if (this.#networks.size > NETWORKS_MAX) this.#forgetOldest()
  }

  protected override connected(): void {
    this.#settled = 0
    this.#lastIntervalS = MIN_S
  }

  protected override beatAnswered(nowS: number): void {
    const learnt = this.#learnt
    this.#settled++
    if (learnt.isStable) this.#reprobe(nowS)
    else if (this.#lastIntervalS === learnt.intervalS && this.#settled >= SETTLED_BEATS) this.#succeed(nowS)
    this.#lastIntervalS = this.intervalS
  }

  protected override beatFailed(nowS: number): void {
    const learnt = this.#learnt
    if (this.#lastIntervalS === MIN_S || this.#lastIntervalS !== learnt.intervalS) return
    if (++learnt.failures < FAILURES_MAX) return
    const back = learnt.isStable ? MIN_S : Math.max(MIN_S, learnt.intervalS - STEP_S - MARGIN_S)
    Object.assign(learnt, { intervalS: back, successes: 0, failures: 0, isStable: !learnt.isStable, changedAtS: nowS })
  }

  #succeed(nowS: number): void {
    const learnt = this.#learnt
    learnt.failures = 0
    learnt.successes++
    if (learnt.intervalS >= MAX_S) {
      Object.assign(learnt, { intervalS: MAX_S - MARGIN_S, successes: 0, isStable: true, changedAtS: nowS })
    } else if (learnt.successes >= SUCCESSES_PER_LEVEL) {
      Object.assign(learnt, { intervalS: Math.min(MAX_S, learnt.intervalS + STEP_S), successes: 0, changedAtS: nowS })
    }
  }

  #reprobe(nowS: number): void {
    const learnt = this.#learnt
    if (this.#settled < SETTLED_BEATS || learnt.intervalS >= MAX_S - MARGIN_S) return
    if (nowS - learnt.changedAtS < REPROBE_S) return
    const intervalS = learnt.intervalS + MARGIN_S
    Object.assign(learnt, { intervalS, successes: 0, failures: 0, isStable: false, changedAtS: nowS })
  }

  #forgetOldest(): void {
    const others = [...this.#networks].filter(([, learnt]) => learnt !== this.#learnt)
    const [oldest] = others.reduce((a, b) => (b[1].changedAtS < a[1].changedAtS ? b : a))
    this.#networks.delete(oldest)
  }
}

export const MARS: PolicySpec = {
  name: 'wechat-mars',
  source:
    'Tencent/mars smart heartbeat: 3.5 to 10 min, 5 successes a level of 60 s, 2 failures step back 80 s; F[MARS]. ' +
    'A dead connection is noticed after 10 s (assumption)',
  uses: 'tcp',
  dependsOn: 'nothing',
  create: () => new MarsPolicy(),
}

function fresh(nowS: number): Learnt {
  return { intervalS: MIN_S, successes: 0, failures: 0, isStable: false, changedAtS: nowS }
}
