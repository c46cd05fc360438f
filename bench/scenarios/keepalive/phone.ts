/** One phone, one policy, one life: what it sent, and how long it could be reached. */
import type { SeededRandom } from '../../../src/base/seeded-random.js'
import { ACTIVITIES, type Activity, type ActivityLog } from './activity.js'
import { LIFE_ASSUMPTIONS, type Life, type LifeEvent, type Network } from './life.js'
import type { Action, KeepalivePolicy, RadioKind, Transport } from './policy.js'

const ACTIVITY: Record<Activity, number> = Object.fromEntries(ACTIVITIES.map((name, index) => [name, index])) as Record<
  Activity,
  number
>

/** s with network, and s of these in which the last mapping that the server knows was alive. */
export interface Reach {
  onlineS: number
  reachableS: number
}

/** What became of the rings that came while there was a network, and what was sent. */
export interface Told {
  /** rings that came with a network there */
  rings: number
  /** of these, those that found the mapping alive */
  ringsReached: number
  /** that waited for the phone's next contact, those without a network too */
  ringsLate: number
  /** own activities, by transport and index of ACTIVITIES */
  sent: Record<Transport, number[]>
  /** exchanges on a new mapping of UDP: the server sees another address */
  moves: number
}

/** Something that comes back, at `atS`. */
interface Awaited<T> {
  atS: number
  what: T
}

/** Runs one life. Where several things are due at one moment, the life comes first, then what comes back. */
export class Phone {
  readonly #policy: KeepalivePolicy
  readonly #log: ActivityLog
  readonly #life: Life
  readonly #noise: SeededRandom
  readonly #kind: RadioKind
  readonly reach: Reach = { onlineS: 0, reachableS: 0 }
  readonly told: Told = {
    rings: 0,
    ringsReached: 0,
    ringsLate: 0,
    sent: { udp: ACTIVITIES.map(() => 0), tcp: ACTIVITIES.map(() => 0) },
    moves: 0,
  }
  #ringsWaiting = 0
  #nowS = 0
  #network: Network | null = null
  /** Which mapping the server sends to; null: none since this network began. */
  #current: Transport | null = null
  /** When each mapping dies if nothing is sent. */
  readonly #diesAtS: Record<Transport, number> = { udp: -Infinity, tcp: -Infinity }
  #udpIsReplied = false
  #awaited: Awaited<'answer' | 'moved' | 'silence' | 'connected'> | null = null
  #awaitedTransport: Transport = 'udp'
  #probe: (Awaited<boolean> & { action: Extract<Action, { kind: 'probe' }> }) | null = null
  #resetAtS = Infinity
  /** UDP exchanges until the next loss. */
  #untilLoss: number
  readonly #lossRatio: number

  constructor(policy: KeepalivePolicy, life: Life, log: ActivityLog, kind: RadioKind, lossRatio: number) {
    this.#policy = policy
    this.#life = life
    this.#noise = life.noise.fork('losses')
    this.#log = log
    this.#kind = kind
    this.#lossRatio = lossRatio
    this.#untilLoss = this.#drawUntilLoss()
  }

  /** Lives through all of it. */
  run(): Reach {
    for (const event of this.#life.events) {
      this.#runUntil(event.atS)
      this.#handleLife(event)
      this.#act()
    }
    this.#runUntil(this.#life.endS)
    this.#log.finish()
    return this.reach
  }

  /** What is due before `untilS`. */
  #runUntil(untilS: number): void {
    for (;;) {
      const timeoutS = this.#policy.nextTimeout()
      const awaitedS = this.#awaited?.atS ?? Infinity
      const probeS = this.#probe?.atS ?? Infinity
      const nextS = Math.min(timeoutS, awaitedS, probeS, this.#resetAtS)
      if (nextS >= untilS) break
      if (nextS === timeoutS && this.#skipSteady(timeoutS, Math.min(untilS, awaitedS, probeS))) continue
      this.#account(Math.max(nextS, this.#nowS))
      if (nextS === awaitedS) this.#handleAwaited()
      else if (nextS === this.#resetAtS) this.#handleReset()
      else if (nextS === probeS) this.#handleProbe()
      else this.#policy.handleTimeout(this.#nowS)
      this.#act()
    }
    this.#account(untilS)
  }

  #account(untilS: number): void {
    if (this.#network !== null) {
      this.reach.onlineS += untilS - this.#nowS
      const diesAtS = this.#current === null ? -Infinity : this.#diesAtS[this.#current]
      this.reach.reachableS += Math.max(0, Math.min(untilS, diesAtS) - this.#nowS)
    }
    this.#nowS = untilS
  }

  #handleLife(event: LifeEvent): void {
    if (event.kind === 'radio') {
      this.#log.addOther(event.atS, event.untilS)
      this.#policy.handleRadioUp(this.#nowS)
    } else if (event.kind === 'eviction') {
      this.#resetAtS = Infinity
      this.#diesAtS.udp = Math.min(this.#diesAtS.udp, this.#nowS)
      this.#diesAtS.tcp = Math.min(this.#diesAtS.tcp, this.#nowS)
    } else if (event.kind === 'ring') this.#ring()
    else this.#changeNetwork(event.kind === 'network' ? event.network : null)
  }

  #ring(): void {
    if (this.#network === null) {
      this.#ringsWaiting++
      return
    }
    this.told.rings++
    const isAlive = this.#current !== null && this.#diesAtS[this.#current] >= this.#nowS
    if (!isAlive) {
      this.#ringsWaiting++
      return
    }
    this.told.ringsReached++
    this.#takeRing()
  }

  /** It came, and its acknowledgement went. */
  #takeRing(): void {
    const transport = this.#current!
    this.#own('ring', transport)
    if (transport === 'tcp') this.#refreshTcp()
    else {
      this.#udpIsReplied = true
      this.#diesAtS.udp = this.#nowS + this.#network!.udpLifetimeS
    }
    this.#policy.handleTraffic?.(this.#nowS)
  }

  /** The server hears from the phone again: rings that waited come now. */
  #takeWaiting(): void {
    for (; this.#ringsWaiting > 0; this.#ringsWaiting--) {
      this.told.ringsLate++
      this.#takeRing()
    }
  }

  #own(activity: Activity, transport: Transport): void {
    this.told.sent[transport][ACTIVITY[activity]]! += 1
    this.#log.addOwn(ACTIVITY[activity], this.#nowS)
  }

  /** A new address, or none: the server must hear from the phone before it can reach it. */
  #changeNetwork(network: Network | null): void {
    this.#network = network
    this.#awaited = null
    this.#probe = null
    this.#resetAtS = Infinity
    this.#current = null
    this.#diesAtS.udp = -Infinity
    this.#diesAtS.tcp = -Infinity
    const view = network === null ? null : { identity: network.identity, kind: this.#kind }
    this.#policy.handleNetwork(view, this.#nowS)
  }

  #handleAwaited(): void {
    const { what } = this.#awaited!
    const transport = this.#awaitedTransport
    this.#awaited = null
    if (what === 'connected') {
      this.#current = 'tcp'
      this.#refreshTcp()
    }
    if (what === 'silence') this.#policy.handleSilence(this.#nowS)
    else this.#policy.handleAnswer({ transport, moved: what === 'moved' }, this.#nowS)
    if (what !== 'silence') this.#takeWaiting()
  }

  #handleReset(): void {
    this.#resetAtS = Infinity
    this.#own('ping', 'tcp')
    this.#policy.handleReset(this.#nowS)
  }

  #handleProbe(): void {
    const { action, what } = this.#probe!
    this.#probe = null
    const { transport, delayS } = action
    if (what) this.#own('ping', transport)
    this.#policy.handleProbe({ transport, delayS, answered: what }, this.#nowS)
  }

  #act(): void {
    for (let action = this.#policy.pollAction(); action !== null; action = this.#policy.pollAction()) {
      const network = this.#network
      // A real socket would fail at once; a policy learns of the network first.
      if (network === null) continue
      if (action.kind === 'connect') this.#connect()
      else if (action.kind === 'probe') this.#startProbe(action, network)
      else if (action.transport === 'tcp') this.#pingTcp(action)
      else this.#pingUdp(action, network)
    }
  }

  #connect(): void {
    this.#resetAtS = Infinity
    this.#diesAtS.tcp = -Infinity
    this.#own('connect', 'tcp')
    this.#await('connected', 'tcp', this.#log.durationS(ACTIVITY.connect))
  }

  #pingTcp({ asks, waitS }: Extract<Action, { kind: 'ping' }>): void {
    if (this.#diesAtS.tcp < this.#nowS) {
      this.#own('retries', 'tcp')
      if (asks) this.#await('silence', 'tcp', waitS)
      return
    }
    this.#current = 'tcp'
    this.#refreshTcp()
    this.#own('exchange', 'tcp')
    if (asks) this.#await('answer', 'tcp', LIFE_ASSUMPTIONS.roundTripS)
  }

  #refreshTcp(): void {
    const { tcpLifetimeS, tcpResets } = this.#network!
    this.#diesAtS.tcp = this.#nowS + tcpLifetimeS
    this.#resetAtS = tcpResets ? this.#diesAtS.tcp : Infinity
  }

  #pingUdp({ asks, waitS }: Extract<Action, { kind: 'ping' }>, network: Network): void {
    const isNew = this.#diesAtS.udp < this.#nowS
    const isFirst = this.#diesAtS.udp === -Infinity
    const lost = this.#drawLoss(asks)
    if (isNew) this.#udpIsReplied = false
    // Lost on the radio: the NAT has not seen it.
    if (lost !== 'up') {
      if (asks && lost === null) this.#udpIsReplied = true
      this.#current = 'udp'
      this.#diesAtS.udp = this.#nowS + (this.#udpIsReplied ? network.udpLifetimeS : network.udpUnrepliedLifetimeS)
    }
    this.#own(asks && lost === null ? 'exchange' : 'ping', 'udp')
    if (isNew && lost !== 'up' && (isFirst || !network.portPreserved)) this.told.moves++
    if (!asks) return
    if (lost !== null) this.#await('silence', 'udp', waitS)
    else this.#await(isNew && !network.portPreserved ? 'moved' : 'answer', 'udp', LIFE_ASSUMPTIONS.roundTripS)
  }

  #startProbe(action: Extract<Action, { kind: 'probe' }>, network: Network): void {
    const { transport, delayS, primed, waitS } = action
    const survivesUdp = 1 - this.#noise.uniform() >= (primed ? 4 : 2) * this.#lossRatio
    const udpLifetimeS = primed ? network.udpLifetimeS : network.udpUnrepliedLifetimeS
    const lifetimeS = transport === 'udp' ? udpLifetimeS * network.probeTimerRatio : network.tcpLifetimeS
    const answered = delayS <= lifetimeS && (transport === 'tcp' || survivesUdp)
    this.#own(transport === 'tcp' ? 'connect' : primed ? 'exchange' : 'ping', transport)
    this.#probe = { action, atS: this.#nowS + delayS + (answered ? 0 : waitS), what: answered }
  }

  /** Sends steady pings that end before `untilS` at one stroke. @returns whether there were at least two. */
  #skipSteady(firstS: number, untilS: number): boolean {
    const steady = this.#policy.steadyPings?.() ?? null
    const network = this.#network
    if (steady === null || network === null || this.#ringsWaiting > 0) return false
    const { transport, intervalS, asks } = steady
    const lifetimeS = transport === 'tcp' ? network.tcpLifetimeS : network.udpLifetimeS
    if (transport === 'tcp' && (intervalS > lifetimeS || this.#diesAtS.tcp < firstS)) return false
    if (transport === 'udp' && !this.#udpIsReplied) return false
    // Without an answer a mapping made anew is not a replied one.
    if (transport === 'udp' && !asks && (intervalS > lifetimeS || this.#diesAtS.udp < firstS)) return false
    const fitting = Math.floor((untilS - LIFE_ASSUMPTIONS.roundTripS - firstS) / intervalS)
    const count = transport === 'udp' ? Math.min(fitting, this.#untilLoss) : fitting
    if (count < 2) return false
    this.#account(firstS)
    const lastS = firstS + (count - 1) * intervalS
    this.reach.onlineS += lastS - firstS
    this.reach.reachableS += (count - 1) * Math.min(intervalS, lifetimeS)
    this.#nowS = lastS
    this.#current = transport
    if (transport === 'udp') {
      this.#untilLoss -= count
      this.#diesAtS.udp = lastS + lifetimeS
    } else this.#refreshTcp()
    const activity = asks ? ACTIVITY.exchange : ACTIVITY.ping
    this.told.sent[transport][activity]! += count
    if (transport === 'udp' && intervalS > lifetimeS && !network.portPreserved) this.told.moves += count
    this.#log.addOwnSteady(activity, firstS, intervalS, count)
    this.#policy.handleSteadyPings!(lastS)
    return true
  }

  #await(what: 'answer' | 'moved' | 'silence' | 'connected', transport: Transport, inS: number): void {
    this.#awaited = { atS: this.#nowS + inS, what }
    this.#awaitedTransport = transport
  }

  /** Where a UDP exchange is lost, or null. */
  #drawLoss(asks: boolean): 'up' | 'down' | null {
    if (this.#untilLoss-- > 0) return null
    this.#untilLoss = this.#drawUntilLoss()
    const isUp = this.#noise.uniform() < 1 / (2 - this.#lossRatio)
    if (isUp) return 'up'
    return asks ? 'down' : null
  }

  #drawUntilLoss(): number {
    if (this.#lossRatio === 0) return Infinity
    return Math.floor(Math.log(1 - this.#noise.uniform()) / Math.log((1 - this.#lossRatio) ** 2))
  }
}
