/** The machine's side of learning: tells the policy what the channel saw, and does what it wants. wire-spec §9.4, §9.5 */
import type { Now } from '../base/time.js'
import type { HintFrame } from '../frame/frame.js'
import type { DropReason } from '../packet/drop.js'
import type { Asking } from './asking.js'
import type { DeviceChannel } from './device-channel.js'
import type { Keepalive } from './keepalive.js'
import type { IntervalPolicy } from './learning/interval-policy.js'
import type { AddressFamily, Carrier, Network } from './learning/network.js'
import type { Outlet } from './outlet.js'
import { PathChoice } from './path-choice.js'
import { type ProbeResult, type ProbeStep, Probing } from './probing.js'

/** Key of the LEARNT that goes along. */
const LEARNT = 'learnt'

/** A connection that breaks within an exchange was not forgotten for its silence, ms. */
const BROKEN_IDLE_MS = 10_000

export class IntervalLearner {
  readonly policy: IntervalPolicy
  /** Whether the interval is learnt; else the host fixed it, and the policy is not asked. */
  readonly isLearning: boolean
  readonly #channel: DeviceChannel
  readonly #asking: Asking
  readonly #keepalive: Keepalive
  readonly #outlet: Outlet
  readonly #probing: Probing
  /** Which path the device wants. */
  readonly choice: PathChoice
  /** The address is another than before, as far as we know: a CHALLENGE is no surprise. */
  #isPathNew = true
  /** When the present path first answered, monotonic ms: silences that began before tell nothing of it. */
  #pathFromMs = Infinity
  /** Silence after which the connection was closed, s, until an answer says whether it was the server's restart; 0 none. */
  #brokenS = 0

  constructor(
    policy: IntervalPolicy,
    isLearning: boolean,
    parts: { channel: DeviceChannel; asking: Asking; keepalive: Keepalive; outlet: Outlet },
  ) {
    this.policy = policy
    this.isLearning = isLearning
    this.#channel = parts.channel
    this.#asking = parts.asking
    this.#keepalive = parts.keepalive
    this.#outlet = parts.outlet
    this.#probing = new Probing(parts.channel)
    this.choice = new PathChoice(policy, isLearning)
  }

  /** See `ProbeStep`. */
  pollStep(): ProbeStep | null {
    return this.#probing.pollStep()
  }

  /** The device is on this network now; null: on none. */
  enterNetwork(network: Network | null, now: Now): void {
    this.#probing.stop()
    if (network === null) this.policy.leaveNetwork(now)
    else {
      this.policy.enterNetwork(network, now)
      this.choice.handleNetwork(now)
    }
    this.handleNewPath(now)
  }

  /** Datagrams go by TCP, or by UDP, from now on. Nothing, if that is how they went. */
  useCarrier(carrier: Carrier, now: Now): void {
    if (carrier === this.policy.carrier) return
    this.choice.handleMoved(this.policy.carrier, carrier)
    this.#probing.stop()
    this.policy.useCarrier(carrier, now)
    this.#keepalive.useKind(carrier)
    this.handleNewPath(now)
  }

  /** The transport went over to another path. From TCP to UDP with something unanswered it did as TCP is dead. */
  handleMoved(carrier: Carrier, now: Now): void {
    const isDead = this.policy.carrier === 'tcp' && carrier === 'udp' && this.#asking.isUnanswered
    if (isDead) this.policy.pingUnanswered(this.#keepalive.idleMs / 1000, now)
    this.useCarrier(carrier, now)
    this.handleNewPath(now)
  }

  /**
   * The connection was closed, and neither we nor the server's stop did it: the path forgot it, or the server was
   * killed, which the next answer tells. [R-8.3-11]
   */
  handleBroken(now: Now): void {
    const sinceMs = this.#keepalive.silenceMs(now.monotonicMs)
    // A reset that answers a packet tells of the silence before it.
    const silenceMs = sinceMs < BROKEN_IDLE_MS && this.#asking.isUnanswered ? this.#keepalive.idleMs : sinceMs
    const wasIdle = this.policy.carrier === 'tcp' && !this.#isPathNew && silenceMs >= BROKEN_IDLE_MS
    if (wasIdle) this.#brokenS = silenceMs / 1000
    this.handleNewPath(now)
  }

  useFamily(family: AddressFamily, now: Now): void {
    this.policy.useFamily(family, now)
    this.choice.update(now)
    this.#keepalive.shorten(now.monotonicMs)
  }

  /** Our address is another, and we know it: a new socket, network or session. */
  handleNewPath(now: Now): void {
    this.#isPathNew = true
    this.#keepalive.handleNewMapping()
    this.#keepalive.shorten(now.monotonicMs)
  }

  /** The next asking packet, which goes soon, asks what others learnt here, if nothing is known. [R-9.5-3] */
  askHint(): void {
    const network = this.isLearning ? this.policy.takeQuestion() : null
    if (network !== null) this.#outlet.askAlong(LEARNT, { kind: 'learnt', network, seconds: 0 })
  }

  /** An asking packet was answered and took effect. */
  handleAnswered(now: Now): void {
    const { failed } = this.policy.counts
    const { carrier } = this.policy
    const learntS = this.policy.intervalOf(carrier, now)
    if (this.#brokenS > 0 && carrier === 'tcp') this.policy.mappingDied(this.#brokenS, now)
    this.#brokenS = 0
    if (this.#isPathNew) this.#pathFromMs = now.monotonicMs
    this.#isPathNew = false
    const { idleMs } = this.#keepalive
    const wasOnPath = now.monotonicMs - idleMs >= this.#pathFromMs
    this.policy.pingAnswered(now, wasOnPath ? idleMs / 1000 : 0)
    const isChanged = this.policy.counts.failed !== failed || this.policy.intervalOf(carrier, now) !== learntS
    if (this.choice.handleAnswered(carrier, now)) this.#outlet.save(null)
    if (!this.isLearning) return
    if (isChanged) this.#handleChange(now)
    const report = this.policy.takeReport(now)
    if (report !== null) this.#outlet.askAlong(LEARNT, { kind: 'learnt', ...report })
  }

  /** A round had no answer. */
  handleSilence(now: Now): void {
    this.#probing.stop()
    this.policy.pingUnanswered(this.#keepalive.idleMs / 1000, now)
    this.handleNewPath(now)
  }

  /** A CHALLENGE came. One that nobody told us of says that the live mapping died. [R-9.1-1] */
  handleChallenge(isRestart: boolean, now: Now): void {
    if (isRestart) this.#brokenS = 0
    if (!isRestart && !this.#isPathNew) {
      this.policy.mappingDied(this.#keepalive.idleMs / 1000, now)
      this.#handleChange(now)
    }
    this.handleNewPath(now)
  }

  handleHint({ network, seconds }: HintFrame): void {
    this.policy.hint(network, seconds)
  }

  /** The device sleeps. */
  suspend(): void {
    this.#probing.stop()
    this.policy.probeAbandoned()
    this.#isPathNew = true // connections are closed meanwhile, which tells nothing
  }

  /** A datagram came to the second socket. @returns why it was dropped, or null. */
  handleDatagram(datagram: Uint8Array, now: Now): DropReason | null {
    const outcome = this.#probing.handleDatagram(datagram, now)
    if ('drop' in outcome) return outcome.drop
    if (outcome.result !== null) this.#handleResult(outcome.result, now)
    else this.policy.probeStarted(this.#probing.delayS)
    return null
  }

  nextTimeout(): number {
    return this.#probing.nextTimeout()
  }

  /** @param mayProbe whether the machine could send now. */
  handleTimeout(mayProbe: boolean, now: Now): void {
    const result = this.#probing.handleTimeout(now)
    if (result !== null) this.#handleResult(result, now)
    if (this.policy.carrier === 'tcp') return // it tries on the connection itself
    if (!mayProbe || !this.isLearning || !this.#probing.isIdle || this.#isPathNew) return
    if (this.#asking.isUnanswered || this.#asking.isQuiet(now.monotonicMs) || !this.#channel.mayProbe) return
    const probeS = this.policy.wantedProbeS(now)
    if (probeS !== null) this.#probing.start(probeS, now)
  }

  #handleResult(result: ProbeResult, now: Now): void {
    if (result === 'answered') this.policy.probeAnswered(now)
    else if (result === 'failed') this.policy.probeFailed(now)
    else if (result === 'refused') this.policy.probeRefused(now)
    else this.policy.probeAbandoned()
    this.#handleChange(now)
  }

  #handleChange(now: Now): void {
    this.#keepalive.shorten(now.monotonicMs)
    this.choice.update(now)
    this.#outlet.save(null)
  }
}
