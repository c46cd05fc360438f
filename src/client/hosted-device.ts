/** What the host of a device tells: networks, sleep, radio; and the device's second socket. */
import type { Now } from '../base/time.js'
import { DeviceCore } from './device-core.js'
import type { LearntNetwork, ProbeCounts } from './learning/interval-policy.js'
import { type AddressFamily, type Network, UNKNOWN_NETWORK } from './learning/network.js'
import { PING } from './outgoing.js'
import type { PathWish } from './path-choice.js'
import type { ProbeStep } from './probing.js'

/** How often a device pings, and why. */
export interface KeepaliveView {
  /** s, at most */
  intervalS: number
  /** whether it is learnt; else the host fixed it */
  isLearning: boolean
  networks: LearntNetwork[]
  probes: ProbeCounts
}

export class HostedDevice extends DeviceCore {
  /** Why nothing goes out now. */
  readonly #rests = new Set<'network' | 'sleep'>()

  /**
   * The device's network changed: the spare connection ID, a ping at once, the shortest pauses, and the interval that is
   * remembered for it. [R-5.3-7], [R-6-2], [R-9.2-2]
   *
   * @param network what it is; null: there is none, and nothing is sent until there is one.
   */
  networkChanged(now: Now, network: Network | null = UNKNOWN_NETWORK): void {
    if (this.life === 'over') return
    const { channel, asking, handshake, learner } = this.parts
    learner.enterNetwork(network, now)
    this.#rest('network', network === null)
    if (this.life !== 'running' || network === null) return
    if (channel.hasSession) {
      asking.restart()
      asking.put(PING, null)
      learner.askHint()
      if (channel.ids.move(channel.view)) {
        this.parts.renewBoot(now.wallMs)
        this.holdUntilSaved()
      }
    }
    handshake.hurry(!channel.hasSession, now)
    this.handleTimeout(now)
  }

  /** The host says that the radio is up: unless the last ping was just now one goes, and takes with it what waits. */
  radioActive(now: Now): void {
    const { learner, keepalive, asking, channel } = this.parts
    learner.policy.radioUp(now)
    const mayPing = channel.hasSession && !asking.isQuiet(now.monotonicMs) && !asking.isUnanswered
    if (mayPing && keepalive.ridesFree(now.monotonicMs)) this.parts.outgoing.ping()
    this.handleTimeout(now)
  }

  /** Whether the device is on a charger: then probes cost nothing that counts. */
  charging(isCharging: boolean): void {
    this.parts.learner.policy.charging(isCharging)
  }

  /** The family of the address that the server answers from. */
  useFamily(family: AddressFamily, now: Now): void {
    this.parts.learner.useFamily(family, now)
  }

  /** For the host, to show. */
  keepalive(now: Now): KeepaliveView {
    const { learner, keepalive } = this.parts
    const { policy, isLearning } = learner
    const networks = policy.learnt(now)
    return { intervalS: keepalive.intervalS, isLearning, networks, probes: policy.counts }
  }

  /** The host stops this process, or takes its network away, for a while: nothing is sent until `resumed`. */
  suspended(): void {
    this.parts.learner.suspend()
    this.#rest('sleep', true)
  }

  /**
   * The process goes on. What was due meanwhile is done now: a ping at once if one is late or unanswered.
   *
   * @param isNewPath whether the socket is another than before.
   */
  resumed(isNewPath: boolean, now: Now): void {
    const { learner, asking, keepalive, channel } = this.parts
    this.#rest('sleep', false)
    if (isNewPath) learner.handleNewPath(now)
    const isLate = isNewPath || asking.isUnanswered || keepalive.isDue(now.monotonicMs)
    if (this.life === 'running' && channel.hasSession && isLate && !this.parts.outgoing.isHeld) {
      asking.restart()
      asking.put(PING, null)
    }
    this.handleTimeout(now)
  }

  /** Which path the transport should use, if it has two; the same object until it changes. */
  get pathWish(): PathWish {
    return this.parts.learner.choice.wish
  }

  /** What to do with the second socket; null: nothing. wire-spec §9.4 */
  pollProbe(): ProbeStep | null {
    return this.parts.learner.pollStep()
  }

  /** Takes a datagram from the second socket; borrowed. Anything may be in it. */
  handleProbeDatagram(datagram: Uint8Array, now: Now): void {
    if (this.life !== 'running') return
    const reason = this.parts.learner.handleDatagram(datagram, now)
    if (reason !== null) this.drops.count(reason)
    this.handleTimeout(now)
  }

  /** For one of two reasons, or both, nothing goes out on the session, and nothing fails for want of an answer. */
  #rest(why: 'network' | 'sleep', isResting: boolean): void {
    if (isResting === this.#rests.has(why)) return
    if (isResting) this.#rests.add(why)
    else this.#rests.delete(why)
    if (isResting) this.parts.outgoing.hold()
    else this.parts.outgoing.release()
  }
}
