/**
 * Pilotlight behind the door: the client's own `IntervalPolicy`, `PathChoice` and `Keepalive`, and as little around them
 * as the door needs. What is here is what `HostedDevice`, `IntervalLearner` and `PathsTransport` do between them.
 */
import { SeededRandom } from '../../../src/base/seeded-random.js'
import type { Now } from '../../../src/base/time.js'
import { Keepalive } from '../../../src/client/keepalive.js'
import { IntervalPolicy } from '../../../src/client/learning/interval-policy.js'
import type { Carrier, Network } from '../../../src/client/learning/network.js'
import { PathChoice } from '../../../src/client/path-choice.js'
import { ASK_RETRY_MS, UDP_PATIENCE_MS } from '../../../src/packet/constants.js'
import type { Action, Answer, KeepalivePolicy, NetworkView, PolicySpec, RadioKind, Transport } from './policy.js'

/** Any day will do: the policy counts from the Unix epoch. */
const EPOCH_MS = 1_800_000_000_000
/** The client's `Probing` waits so long for a late answer. */
const PROBE_WAIT_S = 10
const TCP_WAIT_S = UDP_PATIENCE_MS / 1000

/** What a device may lack. */
export interface OurMeans {
  /** a WebSocket endpoint that is not blocked */
  hasTcp: boolean
  /** a host that says when other applications use the radio */
  hearsRadio: boolean
}

export class PilotlightPolicy implements KeepalivePolicy {
  readonly #policy = new IntervalPolicy({ digest: (identity) => identity })
  readonly #choice = new PathChoice(this.#policy, true)
  readonly #keepalive: Keepalive
  readonly #means: OurMeans
  readonly #actions: Action[] = []
  #network: Network | null = null
  #now: Now = nowAt(0)
  /** A ping or connection is unanswered. */
  #waitsFor: 'ping' | 'connect' | null = null
  /** repeats of the ping that is unanswered */
  #repeats = 0
  /** The address is new, as far as we know: `moved` is no surprise. */
  #isPathNew = true

  constructor(kind: RadioKind, means: OurMeans) {
    this.#means = means
    this.#keepalive = new Keepalive(new SeededRandom(`jitter/${kind}`), () => this.#policy.currentS)
  }

  get intervalS(): number {
    return this.#policy.intervalOf(this.#policy.carrier, this.#now)
  }

  handleNetwork(network: NetworkView | null, nowS: number): void {
    this.#now = nowAt(nowS)
    this.#actions.length = 0
    this.#waitsFor = null
    this.#keepalive.stop()
    if (network === null) {
      this.#network = null
      this.#policy.leaveNetwork(this.#now)
      return
    }
    this.#network = { id: network.identity, kind: network.kind }
    this.#policy.enterNetwork(this.#network, this.#now)
    this.#choice.handleNetwork(this.#now)
    this.#open()
  }

  handleAnswer({ moved }: Answer, nowS: number): void {
    this.#now = nowAt(nowS)
    // The first packet on a new connection is a ping.
    if (this.#waitsFor === 'connect') this.#notePing()
    this.#waitsFor = null
    this.#repeats = 0
    if (moved && !this.#isPathNew) this.#policy.mappingDied(this.#keepalive.idleMs / 1000, this.#now)
    this.#policy.pingAnswered(this.#now, this.#isPathNew ? 0 : this.#keepalive.idleMs / 1000)
    this.#isPathNew = false
    this.#choice.handleAnswered(this.#policy.carrier, this.#now)
    if (this.#choose() !== this.#policy.carrier) {
      this.#open()
      return
    }
    this.#keepalive.shorten(this.#now.monotonicMs)
    this.#probe()
  }

  handleSilence(nowS: number): void {
    this.#now = nowAt(nowS)
    this.#waitsFor = null
    const pauseMs = ASK_RETRY_MS[this.#repeats++]
    if (this.#policy.carrier === 'udp' && pauseMs !== undefined) {
      this.#ping('udp', (ASK_RETRY_MS[this.#repeats] ?? pauseMs) / 1000)
      return
    }
    this.#policy.pingUnanswered(this.#keepalive.idleMs / 1000, this.#now)
    this.#open()
  }

  handleReset(nowS: number): void {
    this.#now = nowAt(nowS)
    this.#policy.mappingDied(this.#keepalive.silenceMs(this.#now.monotonicMs) / 1000, this.#now)
    this.#open()
  }

  handleProbe({ answered }: { answered: boolean }, nowS: number): void {
    this.#now = nowAt(nowS)
    if (answered) this.#policy.probeAnswered(this.#now)
    else this.#policy.probeFailed(this.#now)
    this.#keepalive.shorten(this.#now.monotonicMs)
    this.#probe()
  }

  handleRadioUp(nowS: number): void {
    if (!this.#means.hearsRadio) return
    this.#now = nowAt(nowS)
    this.#policy.radioUp(this.#now)
    if (this.#network === null || this.#waitsFor !== null) return
    if (this.#keepalive.ridesFree(this.#now.monotonicMs)) this.#ping(this.#policy.carrier)
    this.#probe()
  }

  /** The ack of a ring pings and asks, if half the interval is over. */
  handleTraffic(nowS: number): void {
    this.#now = nowAt(nowS)
    if (this.#waitsFor !== null) return
    if (this.#keepalive.rides(this.#now.monotonicMs)) this.#ping(this.#policy.carrier)
    else this.#keepalive.handleSent(this.#now.monotonicMs)
  }

  handleTimeout(nowS: number): void {
    this.#now = nowAt(nowS)
    if (this.#keepalive.isDue(this.#now.monotonicMs)) this.#ping(this.#policy.carrier)
    this.#probe()
  }

  nextTimeout(): number {
    return this.#waitsFor === null ? Math.ceil(this.#keepalive.nextTimeout()) / 1000 : Infinity
  }

  pollAction(): Action | null {
    return this.#actions.shift() ?? null
  }

  /** A new path, after a change of network or silence: UDP at once, as it is there at once, and TCP if that is better. */
  #open(): void {
    this.#policy.useCarrier(this.#choose(), this.#now)
    this.#keepalive.useKind(this.#policy.carrier)
    this.#keepalive.handleNewMapping()
    this.#isPathNew = true
    this.#repeats = 0
    this.#ping('udp')
    if (this.#policy.carrier === 'udp') return
    this.#waitsFor = 'connect'
    this.#actions.push({ kind: 'connect', waitS: TCP_WAIT_S })
  }

  #choose(): Carrier {
    return this.#means.hasTcp ? this.#choice.wish.kind : 'udp'
  }

  #ping(transport: Transport, waitS = transport === 'tcp' ? TCP_WAIT_S : ASK_RETRY_MS[0] / 1000): void {
    this.#waitsFor = 'ping'
    this.#notePing()
    this.#actions.push({ kind: 'ping', transport, asks: true, waitS })
  }

  #notePing(): void {
    this.#keepalive.handleSent(this.#now.monotonicMs)
    this.#keepalive.handleAsked(this.#now.monotonicMs)
  }

  #probe(): void {
    if (this.#policy.carrier === 'tcp' || this.#waitsFor !== null) return
    const delayS = this.#policy.wantedProbeS(this.#now)
    if (delayS === null) return
    this.#policy.probeStarted(delayS)
    this.#actions.push({ kind: 'probe', transport: 'udp', delayS, primed: true, waitS: PROBE_WAIT_S })
  }
}

/** Pilotlight's own policy, as the client runs it. */
export const OURS = ours('pilotlight', 'without hints of the server', { hasTcp: true, hearsRadio: true })

/** The same with less; for comparison, they do not count. */
export const OURS_WITH_LESS: readonly PolicySpec[] = [
  ours('pilotlight-untold', 'the host does not tell of the radio', { hasTcp: true, hearsRadio: false }),
  ours('pilotlight-udp', 'no WebSocket', { hasTcp: false, hearsRadio: true }),
  ours('pilotlight-udp-untold', 'no WebSocket, nothing told', { hasTcp: false, hearsRadio: false }),
]

function ours(name: string, what: string, means: OurMeans): PolicySpec {
  return {
    name,
    source: `src/client/learning and src/client/path-choice.ts; ${what}`,
    uses: means.hasTcp ? 'both' : 'udp',
    dependsOn: 'kind',
    create: ({ kind }) => new PilotlightPolicy(kind, means),
  }
}

function nowAt(seconds: number): Now {
  const monotonicMs = Math.round(seconds * 1000)
  return { monotonicMs, wallMs: EPOCH_MS + monotonicMs }
}
