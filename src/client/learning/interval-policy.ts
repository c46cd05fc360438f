/**
 * How often to ping, and what to probe when. Pure: it hears what a device sees and says what to do; a simulation
 * drives the very same code. `docs/energy.md` explains it.
 */
import type { Now } from '../../base/time.js'
import type { NetworkCode } from '../../frame/frame.js'
import {
  intervalFor,
  isCheck,
  isLearnt,
  LEARNT_TTL_MS,
  nextProbeS,
  noteAnswered,
  noteConnectionDied,
  noteFailed,
  noteHint,
  noteMappingDied,
  usedIntervalS,
} from './learnt-interval.js'
import {
  type AddressFamily,
  type Carrier,
  type Network,
  type NetworkKind,
  networkCode,
  networkText,
  UNKNOWN_NETWORK,
} from './network.js'
import { NetworkMemory, type Remembered, type StoredNetwork } from './network-memory.js'
import { expectedStayS, isWorth } from './probe-worth.js'

/** The radio is up for at least this after the host or an answer says so, ms: the shortest tail is above 3 s on phones. */
const RADIO_UP_MS = 3000
/** After a probe that failed or could not be made, ms. */
const PAUSE_MS = 30_000
/** The server is told once in this, ms. wire-spec §9.5-2 */
const REPORT_MS = 86_400_000
/** A mapping of TCP that died is found by an unanswered ping: that counts only after a silence of this part of the interval. */
const TCP_IDLE_PART = 0.5
/** A ping is early by at most this part of the interval, for its jitter: the trial counts all the same, the margin is wider. */
const TRIAL_EARLY_PART = 0.025

export interface PolicyOptions {
  /** Names a network in the store: a keyed digest of its identity, as short text. */
  digest(identity: string): string
  /** of `toStored` */
  stored?: readonly unknown[]
  /** whether the transport has a second socket for probes; default true */
  canProbe?: boolean
}

/** Since the start. */
export interface ProbeCounts {
  /** probes with a delay */
  sent: number
  answered: number
  failed: number
  /** without a result: the network changed, the device slept, or nothing else was answered either */
  abandoned: number
  /** tails that they cost at most */
  tails: number
  /** times that the live mapping died before its time */
  mappingsDied: number
}

/** What was learnt, for people. */
export interface LearntNetwork {
  /** digest of the network's identity */
  network: string
  carrier: Carrier
  /** s; 0 not known */
  safeS: number
  /** s; 0 not known */
  boundS: number
  intervalS: number
  isCurrent: boolean
}

export class IntervalPolicy {
  readonly #options: PolicyOptions
  readonly #memory: NetworkMemory
  readonly #counts: ProbeCounts = { sent: 0, answered: 0, failed: 0, abandoned: 0, tails: 0, mappingsDied: 0 }
  #network: Network | null = UNKNOWN_NETWORK
  #family: AddressFamily | null = null
  #carrier: Carrier = 'udp'
  #current: Remembered
  /** what is known of this network over either carrier, as far as it was asked for */
  readonly #here = new Map<Carrier, Remembered>()
  #isCharging = false
  #isAnswered = false
  #hasAsked = false
  #radioUpMs = -Infinity
  #pauseEndMs = -Infinity
  #countedMs: number | null = null
  /** Unix ms of the last call */
  #wallMs = 0
  /** s of the probe that is out; 0 none */
  #probeS = 0
  /** s of a probe that had no answer, until a ping says whether the network is there; 0 none */
  #unansweredS = 0

  constructor(options: PolicyOptions) {
    this.#options = options
    this.#memory = new NetworkMemory(options.stored)
    this.#current = this.#known(this.#carrier)
  }

  /** The device is on this network now. A probe that is out is void. */
  enterNetwork(network: Network, now: Now): void {
    this.leaveNetwork(now)
    this.#here.clear()
    this.#network = network
    this.#family = network.family ?? null
    this.#select(now)
  }

  /** There is no network. */
  leaveNetwork(now: Now): void {
    this.#spend(now)
    this.probeAbandoned()
    this.#network = null
    this.#isAnswered = false
    this.#countedMs = null
  }

  /** What carries the datagrams. */
  get carrier(): Carrier {
    return this.#carrier
  }

  /** What carries the datagrams from now on. Nothing, if that is what did. */
  useCarrier(carrier: Carrier, now: Now): void {
    if (carrier !== this.#carrier) this.#reselect(now, () => (this.#carrier = carrier))
  }

  /** The family of the server's address; mappings of IPv4 and IPv6 live for different times. */
  useFamily(family: AddressFamily, now: Now): void {
    if (family !== this.#family) {
      this.#reselect(now, () => {
        this.#family = family
        this.#here.clear()
      })
    }
  }

  /**
   * A ping was answered: the network is there, and the radio is up. Over TCP it proves that the mapping lived through
   * the silence before; over UDP it may have made a new one.
   *
   * @param idleS silence of both sides before the ping, s; 0 on a new path.
   */
  pingAnswered(now: Now, idleS = 0): void {
    this.#spend(now)
    this.#isAnswered = true
    this.#radioUpMs = now.monotonicMs
    if (this.#carrier === 'tcp' && idleS > 0) this.#noteLived(idleS, now)
    if (this.#unansweredS === 0) return
    this.#counts.failed++
    this.#counts.tails++
    noteFailed(this.#current, this.#unansweredS, now.wallMs)
    this.#unansweredS = 0
  }

  /**
   * A ping and its repeats had no answer. Over TCP this is how a mapping is found dead, over UDP it says nothing of it.
   *
   * @param idleS silence before it, s.
   */
  pingUnanswered(idleS: number, now: Now): void {
    this.#spend(now)
    this.#isAnswered = false
    this.probeAbandoned()
    if (this.#carrier === 'tcp' && idleS >= this.intervalS(now) * TCP_IDLE_PART) this.mappingDied(idleS, now)
  }

  /**
   * The live mapping died: a challenge came without a change that the host told of (wire-spec §9.1-1), or the connection
   * was closed.
   *
   * @param idleS silence before the packet that found it, or before the close, s.
   */
  mappingDied(idleS: number, now: Now): void {
    this.#counts.mappingsDied++
    const note = this.#carrier === 'tcp' ? noteConnectionDied : noteMappingDied
    note(this.#current, idleS, now.wallMs)
  }

  /** The host says that the radio is up. */
  radioUp(now: Now): void {
    this.#radioUpMs = now.monotonicMs
  }

  charging(isCharging: boolean): void {
    this.#isCharging = isCharging
  }

  /** HINT: what most devices reach. wire-spec §9.5 */
  hint(network: NetworkCode, seconds: number): void {
    if (this.#network !== null && network === networkCode(this.#network.kind)) noteHint(this.#current, seconds)
  }

  /** The silence after which to ping, s: the interval in use, or over TCP what is tried next. */
  intervalS(now: Now): number {
    this.#wallMs = now.wallMs
    return this.currentS
  }

  /** As `intervalS`, at the time of the last call that was told one. */
  get currentS(): number {
    return this.#trialS(this.#wallMs) ?? usedIntervalS(this.#current, this.#wallMs)
  }

  /** The interval that this network would bear over a carrier, as far as is known, s; for `choosePath`. */
  intervalOf(carrier: Carrier, now: Now): number {
    return usedIntervalS(this.#known(carrier), now.wallMs)
  }

  /** Kind of the network that the device is on. */
  get networkKind(): NetworkKind {
    return this.#network?.kind ?? 'unknown'
  }

  /** Whether UDP was found not to pass here, not too long ago. */
  isUdpBlocked(now: Now): boolean {
    const { blockedAtMs } = this.#known('udp')
    return blockedAtMs > 0 && Math.abs(now.wallMs - blockedAtMs) < LEARNT_TTL_MS
  }

  /** UDP passes here, or does not while TCP does. @returns whether that is new. */
  noteUdp(passes: boolean, now: Now): boolean {
    const known = this.#known('udp')
    const wasBlocked = known.blockedAtMs > 0
    known.blockedAtMs = passes ? 0 : now.wallMs
    return wasBlocked === passes
  }

  /**
   * The probe that should start now, s of delay; null: none. Only when it costs little: on Wi-Fi, when charging, or with
   * the radio up; and only if it is worth it. Call `probeStarted` when it is on its way.
   */
  wantedProbeS(now: Now): number | null {
    if (this.#carrier === 'tcp' || this.#options.canProbe === false) return null
    if (this.#network === null || !this.#isAnswered) return null
    if (this.#probeS > 0 || this.#unansweredS > 0 || now.monotonicMs < this.#pauseEndMs) return null
    const isRadioUp = now.monotonicMs - this.#radioUpMs <= RADIO_UP_MS
    if (!isRadioUp && !this.#isCharging && this.#network.kind !== 'wifi') return null
    return this.#nextWorthS(now.wallMs)
  }

  /** A probe with this delay is out. */
  probeStarted(probeS: number): void {
    this.#probeS = probeS
    this.#counts.sent++
  }

  /** Its answer came. */
  probeAnswered(now: Now): void {
    if (this.#probeS === 0) return
    this.#counts.answered++
    this.#counts.tails++
    noteAnswered(this.#current, this.#probeS, now.wallMs)
    this.#probeS = 0
    this.#radioUpMs = now.monotonicMs
  }

  /** Its answer did not come in time. It counts when the next ping is answered. */
  probeFailed(now: Now): void {
    if (this.#probeS === 0) return
    this.#unansweredS = this.#probeS
    this.#probeS = 0
    this.#pauseEndMs = now.monotonicMs + PAUSE_MS
  }

  /** The probe has no result. */
  probeAbandoned(): void {
    if (this.#probeS > 0 || this.#unansweredS > 0) this.#counts.abandoned++
    this.#probeS = 0
    this.#unansweredS = 0
  }

  /** No probe could be made: the second socket is not answered. */
  probeRefused(now: Now): void {
    this.#pauseEndMs = now.monotonicMs + PAUSE_MS
  }

  /** Whether the server should be asked what others learnt here; true once for each stay. wire-spec §9.5 */
  takeQuestion(): NetworkCode | null {
    if (this.#network === null || this.#hasAsked || isLearnt(this.#current)) return null
    this.#hasAsked = true
    return networkCode(this.#network.kind)
  }

  /** What to tell the server when the search has ended, once a day; null: nothing now. wire-spec §9.5 */
  takeReport(now: Now): { network: NetworkCode; seconds: number } | null {
    const { reportedAtMs, safeS } = this.#current
    if (this.#network === null || safeS === 0 || Math.abs(now.wallMs - reportedAtMs) < REPORT_MS) return null
    if (this.#nextWorthS(now.wallMs) !== null) return null
    this.#current.reportedAtMs = now.wallMs
    return { network: networkCode(this.#network.kind), seconds: Math.round(safeS) }
  }

  get counts(): Readonly<ProbeCounts> {
    return { ...this.#counts }
  }

  /** What was learnt, the network in use being the last. */
  learnt(now: Now): LearntNetwork[] {
    return this.#memory.entries().map(({ key, carrier, remembered }) => ({
      network: key,
      carrier,
      safeS: remembered.safeS,
      boundS: remembered.boundS,
      intervalS: Math.round(usedIntervalS(remembered, now.wallMs)),
      isCurrent: remembered === this.#current,
    }))
  }

  /** Plain JSON, for the store. */
  toStored(): StoredNetwork[] {
    return this.#memory.toStored()
  }

  /** The next probe of the search, whether the radio is up or not; null: it has ended, for now. */
  #nextWorthS(wallMs: number): number | null {
    const probeS = nextProbeS(this.#current, wallMs)
    if (probeS === null || this.#isCharging || isCheck(this.#current, probeS)) return probeS
    return this.#isWorth(this.#current, probeS, wallMs) ? probeS : null
  }

  #isWorth(known: Remembered, probeS: number, wallMs: number): boolean {
    return isWorth(usedIntervalS(known, wallMs), intervalFor(probeS), expectedStayS(known.spentS))
  }

  #known(carrier: Carrier): Remembered {
    const known = this.#here.get(carrier) ?? this.#memory.of(this.#key(), carrier)
    this.#here.set(carrier, known)
    return known
  }

  /**
   * The silence that is tried on the connection itself: a ping that comes as much later costs no energy if it is
   * answered, and TCP tells by itself if not; a second connection would cost a TLS handshake. null: none.
   */
  #trialS(wallMs: number): number | null {
    return this.#carrier === 'tcp' && this.#network !== null ? this.#nextWorthS(wallMs) : null
  }

  /** A connection lived through a silence. */
  #noteLived(idleS: number, now: Now): void {
    const triedS = this.#trialS(now.wallMs)
    const isTrial = triedS !== null && idleS >= triedS * (1 - TRIAL_EARLY_PART)
    noteAnswered(this.#current, isTrial ? Math.max(triedS, idleS) : idleS, now.wallMs)
  }

  /** Names the network in the memory; null: it has no name. */
  #key(): string | null {
    const network = this.#network ?? UNKNOWN_NETWORK
    return network.id === null ? null : this.#options.digest(networkText(network, this.#family))
  }

  #reselect(now: Now, change: () => void): void {
    this.#spend(now)
    this.probeAbandoned()
    change()
    if (this.#network !== null) this.#select(now)
  }

  #select(now: Now): void {
    const current = this.#known(this.#carrier)
    const awayMs = Math.max(0, now.wallMs - current.usedAtMs)
    current.spentS *= Math.exp(-awayMs / LEARNT_TTL_MS)
    current.usedAtMs = now.wallMs
    this.#current = current
    this.#countedMs = now.monotonicMs
    this.#pauseEndMs = -Infinity
    this.#hasAsked = false
  }

  /** Counts the time on this network. */
  #spend(now: Now): void {
    this.#wallMs = now.wallMs
    if (this.#countedMs === null) {
      if (this.#network !== null) this.#countedMs = now.monotonicMs
      return
    }
    const passedMs = Math.max(0, now.monotonicMs - this.#countedMs)
    this.#countedMs = now.monotonicMs
    this.#current.spentS = Math.min(this.#current.spentS + passedMs / 1000, LEARNT_TTL_MS / 1000)
    this.#current.usedAtMs = now.wallMs
  }
}
