import type { Action, Answer, KeepalivePolicy, NetworkView, SteadyPings, Transport } from '../policy.js'

/** UDP: how long to wait for an answer before asking again within the radio's tail, and how often. Assumptions. */
const UDP_WAIT_S = 2
const UDP_TRIES = 3
/** TCP: when a heartbeat without an answer means that the connection is dead. Firefox OS requestTimeout, F[FXOS]. */
const TCP_WAIT_S = 10

/**
 * What all policies that beat at an interval have in common. On a new network, and when a connection has died, it
 * connects (TCP) or pings (UDP) at once; a beat follows `intervalS` after the last. Subclasses say what the interval is
 * and learn from beats.
 */
export abstract class BeatingPolicy implements KeepalivePolicy {
  protected readonly transport: Transport
  /** UDP: whether beats ask for an answer. The first on a network always asks: it stands for a handshake. */
  readonly #asks: boolean
  #network: NetworkView | null = null
  readonly #actions: Action[] = []
  #nextBeatS = Infinity
  #sentS = 0
  #tries = 0
  /** An answer to this is awaited. */
  #waitsFor: 'beat' | 'connect' | null = null

  constructor(transport: Transport, asks = true) {
    this.transport = transport
    this.#asks = asks
  }

  abstract get intervalS(): number

  /** A beat was answered. */
  protected beatAnswered(_nowS: number): void {}
  /** A beat was not answered: TCP's connection is dead, or all tries of UDP were lost. */
  protected beatFailed(_nowS: number): void {}
  /** A connection was made anew. */
  protected connected(_nowS: number): void {}
  protected networkChanged(_network: NetworkView, _nowS: number): void {}
  /** For policies with timers of their own. */
  protected otherTimeout(_nowS: number): void {}
  protected otherNextTimeout(): number {
    return Infinity
  }
  /** Whether answers change nothing. */
  protected get isSteady(): boolean {
    return false
  }

  handleNetwork(network: NetworkView | null, nowS: number): void {
    this.#network = network
    this.#actions.length = 0
    this.#nextBeatS = Infinity
    this.#waitsFor = null
    if (network === null) return
    this.networkChanged(network, nowS)
    this.#open(nowS)
  }

  handleAnswer(_answer: Answer, nowS: number): void {
    const answered = this.#waitsFor
    this.#waitsFor = null
    this.#tries = 0
    if (answered === 'beat') {
      this.beatAnswered(nowS)
      this.#nextBeatS = Math.max(nowS, this.#sentS + this.intervalS)
    }
    if (answered === 'connect') {
      this.connected(nowS)
      this.#nextBeatS = nowS + this.intervalS
    }
  }

  handleSilence(nowS: number): void {
    this.#waitsFor = null
    if (this.transport === 'udp' && ++this.#tries < UDP_TRIES) {
      this.#beat(nowS, true)
      return
    }
    this.#tries = 0
    this.beatFailed(nowS)
    if (this.transport === 'tcp') this.#open(nowS)
    else this.#nextBeatS = nowS + this.intervalS
  }

  handleReset(nowS: number): void {
    this.#waitsFor = null
    this.beatFailed(nowS)
    this.#open(nowS)
  }

  handleProbe(_probe: { delayS: number; answered: boolean }, _nowS: number): void {}

  handleRadioUp(_nowS: number): void {}

  /** Traffic is as good as a beat. */
  handleTraffic(nowS: number): void {
    if (this.#waitsFor === null) this.#nextBeatS = nowS + this.intervalS
  }

  handleTimeout(nowS: number): void {
    if (nowS >= this.otherNextTimeout()) this.otherTimeout(nowS)
    if (nowS >= this.#nextBeatS) this.#beat(nowS, this.#asks)
  }

  nextTimeout(): number {
    return Math.min(this.#nextBeatS, this.otherNextTimeout())
  }

  pollAction(): Action | null {
    return this.#actions.shift() ?? null
  }

  steadyPings(): SteadyPings | null {
    if (!this.isSteady || this.#waitsFor !== null) return null
    return { transport: this.transport, intervalS: this.intervalS, asks: this.#asks }
  }

  handleSteadyPings(lastS: number): void {
    this.#nextBeatS = lastS + this.intervalS
  }

  protected get network(): NetworkView | null {
    return this.#network
  }

  protected do(action: Action): void {
    this.#actions.push(action)
  }

  #open(nowS: number): void {
    this.#tries = 0
    if (this.transport === 'udp') this.#beat(nowS, true)
    else {
      this.#nextBeatS = Infinity
      this.#waitsFor = 'connect'
      this.do({ kind: 'connect', waitS: TCP_WAIT_S })
    }
  }

  #beat(nowS: number, asks: boolean): void {
    this.#sentS = nowS
    this.#nextBeatS = nowS + this.intervalS
    if (asks) this.#waitsFor = 'beat'
    const waitS = this.transport === 'udp' ? UDP_WAIT_S : TCP_WAIT_S
    this.do({ kind: 'ping', transport: this.transport, asks, waitS })
  }
}
