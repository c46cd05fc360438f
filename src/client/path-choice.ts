/** Which path the device wants on its network, by what was learnt there. Pure; `choosePath` has the figures. */
import type { Now } from '../base/time.js'
import { UDP_TRIAL_FIRST_MS } from '../packet/constants.js'
import type { IntervalPolicy } from './learning/interval-policy.js'
import { choosePath } from './path-policy.js'
import type { PathKind } from './transport.js'

/** A choice by cost holds for this, ms: as long as the first pause between trials of UDP. */
const CHOICE_MS = UDP_TRIAL_FIRST_MS

/** What a transport with two paths is told. */
export interface PathWish {
  readonly kind: PathKind
  /** UDP did not pass here before: where it is wanted, it and WebSocket are tried at once. */
  readonly isUdpBlocked: boolean
}

export class PathChoice {
  readonly #policy: IntervalPolicy
  readonly #isLearning: boolean
  #wish: PathWish = { kind: 'udp', isUdpBlocked: false }
  /** monotonic ms of the last change that no other network caused */
  #changedMs = -Infinity
  /** UDP was left as it did not answer; whether it is blocked, an answer by TCP will tell. */
  #isFleeing = false

  /** @param isLearning false: the host fixed the intervals, and the choice is between what passes and what does not. */
  constructor(policy: IntervalPolicy, isLearning: boolean) {
    this.#policy = policy
    this.#isLearning = isLearning
  }

  get wish(): PathWish {
    return this.#wish
  }

  /** The device is on another network: what is remembered of it holds at once. */
  handleNetwork(now: Now): void {
    this.#isFleeing = false
    this.#changedMs = -Infinity
    this.#wish = { kind: 'udp', isUdpBlocked: this.#wish.isUdpBlocked }
    this.update(now)
    this.#changedMs = -Infinity
  }

  /** Datagrams go by another path, which the transport chose or was told. */
  handleMoved(from: PathKind, to: PathKind): void {
    this.#isFleeing = from === 'udp' && to === 'tcp' && this.#wish.kind === 'udp'
  }

  /** An asking packet was answered on this path. @returns whether that is worth a save. */
  handleAnswered(kind: PathKind, now: Now): boolean {
    const isNews = kind === 'udp' || this.#isFleeing
    const isNew = isNews && this.#policy.noteUdp(kind === 'udp', now)
    this.#isFleeing = false
    this.update(now)
    return isNew
  }

  /** Something was learnt. A choice by cost holds for a while, so that two paths about equal do not take turns. */
  update(now: Now): void {
    const isUdpBlocked = this.#policy.isUdpBlocked(now)
    let { kind } = this.#wish
    if (now.monotonicMs - this.#changedMs >= CHOICE_MS) kind = this.#cheapest(now)
    if (kind === this.#wish.kind && isUdpBlocked === this.#wish.isUdpBlocked) return
    if (kind !== this.#wish.kind) this.#changedMs = now.monotonicMs
    this.#wish = { kind, isUdpBlocked }
  }

  /** Of an unknown network nobody knows what a wake-up costs: UDP, which needs no connection at the server. */
  #cheapest(now: Now): PathKind {
    const network = this.#policy.networkKind
    if (!this.#isLearning || network === 'unknown') return 'udp'
    return choosePath({
      network,
      udpIntervalS: this.#policy.intervalOf('udp', now),
      tcpIntervalS: this.#policy.intervalOf('tcp', now),
      present: this.#wish.kind,
    })
  }
}
