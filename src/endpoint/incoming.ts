import type { CidParts } from '../packet/connection-id.js'
import { CloseCode } from '../packet/constants.js'
import { CID_OFFSET, emptyHeader, parseHeader } from '../packet/header.js'
import { NUMBER_MAX } from '../packet/packet-number.js'
import { confirmSession, FAILED_OPENS_MAX } from '../session/receiver.js'
import type { SessionView } from '../session/view.js'
import { type Arrival, emptyArrival, readFrames } from './arrival.js'
import type { Core } from './core.js'
import type { Effects } from './effects.js'
import type { Endings } from './endings.js'
import type { FirstPackets } from './first-packets.js'
import type { Paths } from './paths.js'
import type { Resets } from './resets.js'
import { isLive } from './rotation.js'
import type { Sessions } from './sessions.js'
import type { Steps } from './steps.js'

/** h is stored at least so often, in packets. [R-8.2-4] */
const SAVE_EVERY = 64

/** The way of a channel packet from datagram to effect: header, connection ID, keys, frames. wire-spec §5 to §8 */
export class Incoming {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #first: FirstPackets
  readonly #resets: Resets
  readonly #paths: Paths
  readonly #effects: Effects
  readonly #steps: Steps
  readonly #endings: Endings
  // Filled again for each packet.
  readonly #header = emptyHeader()
  readonly #id: CidParts = { node: 0, slot: 0, rotation: 0 }
  readonly #arrival = emptyArrival()

  constructor(
    core: Core,
    parts: {
      sessions: Sessions
      first: FirstPackets
      resets: Resets
      paths: Paths
      effects: Effects
      steps: Steps
      endings: Endings
    },
  ) {
    this.#core = core
    this.#sessions = parts.sessions
    this.#first = parts.first
    this.#resets = parts.resets
    this.#paths = parts.paths
    this.#effects = parts.effects
    this.#steps = parts.steps
    this.#endings = parts.endings
  }

  /**
   * @param packet datagram whose first byte says channel; never trusted.
   * @param remote 18 B, where it came from.
   */
  handle(packet: Uint8Array, remote: Uint8Array, nowMs: number): void {
    const { counters, config, cids, slab, view, observer } = this.#core
    const wrong = parseHeader(packet, 'd2s', this.#header)
    const id = this.#id
    cids.parse(packet, CID_OFFSET, id)
    if (wrong !== null || id.node !== config.worker || !this.#sessions.isOurs(id.slot)) {
      counters.drop(wrong ?? 'cid')
      return
    }
    if (observer !== null) observer.addressed(id.slot, id.rotation)
    const missing = this.#sessions.missingPart(id.slot)
    if (missing >= 0) {
      this.#wait(missing, packet.slice(), remote.slice())
      return
    }
    const pending = this.#first.pendingAt(id.slot, id.rotation)
    const isProbe = this.#header.probe
    const inSession = slab.has(id.slot) && view.at(id.slot).inUse && isLive(view.rotation, id.rotation)
    const mayBegin = pending !== null && !isProbe
    const reason = mayBegin
      ? this.#first.open(pending, this.#header, packet, remote)
      : isProbe
        ? 'no-session'
        : 'dead-cid'
    if (reason === null) return
    if (inSession) this.#open(view, packet, remote, nowMs)
    else if (pending !== null) counters.drop(reason)
    else this.#resets.answer(packet.length, id.slot, id.rotation, remote, nowMs)
  }

  /** Nobody knows yet whose the packet is: neither answer nor reset before its part is loaded. */
  #wait(part: number, packet: Uint8Array, remote: Uint8Array): void {
    const { loading, counters, observer } = this.#core
    const waits = loading.wait(part, (now) => {
      observer?.came(packet, remote)
      this.handle(packet, remote, now.monotonicMs)
      observer?.settle()
    })
    if (waits) observer?.postponed()
    else counters.drop('limit')
  }

  /** Opens a packet of a session; it may confirm the session, take effect or end it. [R-5.2-2] [R-5.4-6] [R-7-2] */
  #open(view: SessionView, packet: Uint8Array, remote: Uint8Array, nowMs: number): void {
    const { counters, receiver } = this.#core
    const lastHigh = view.high
    let opened = receiver.open(view, this.#header, packet)
    let isStep = false
    // A probe ends no step. [R-9.4-2]
    if (typeof opened === 'string' && !this.#header.probe) {
      opened = this.#steps.open(view, this.#header, packet, opened)
      isStep = typeof opened !== 'string'
    }
    if (typeof opened === 'string') {
      counters.drop(opened)
      if (view.failedOpens >= FAILED_OPENS_MAX) this.#endings.end(view, CloseCode.keyLimit)
      return
    }
    const arrival = this.#arrival
    arrival.number = receiver.number
    arrival.isNewest = receiver.isNewest
    arrival.hadBoot = receiver.hadBoot
    arrival.tookBoot = receiver.tookBoot
    arrival.isFirst = receiver.tookBoot || isStep
    arrival.ask = this.#header.ask
    arrival.isProbe = this.#header.probe
    arrival.rotation = this.#id.rotation
    arrival.bytes = packet.length
    arrival.remote = remote
    const isWellFormed = readFrames(arrival, opened)
    if (!view.confirmed) {
      // Also of a replay this is true: the device has the new root, and the old one is of no more use.
      if (isStep) this.#sessions.save(view)
      this.#takeUnconfirmed(view, arrival, isWellFormed, nowMs)
      return
    }
    if (!isWellFormed) {
      this.#endings.end(view, CloseCode.protocolError)
      return
    }
    if (arrival.isProbe) this.#effects.takeProbe(view, arrival, nowMs)
    else {
      if (this.#paths.prove(view, arrival, nowMs)) this.#effects.restart(view, nowMs)
      this.#effects.take(view, arrival, false, nowMs)
    }
    if (!view.inUse) return
    if (view.sendNumber >= NUMBER_MAX)
      this.#endings.end(view, CloseCode.keyLimit) // the last number is for CLOSE
    else if (isStep || arrival.tookBoot || crossesSave(view.high, lastHigh)) this.#sessions.save(view)
  }

  /** A packet that may be a replay: nothing but a RESPONSE that matches has an effect. wire-spec §8.2 */
  #takeUnconfirmed(view: SessionView, arrival: Arrival, isWellFormed: boolean, nowMs: number): void {
    const { counters } = this.#core
    if (arrival.isProbe) {
      counters.drop(isWellFormed ? 'unconfirmed' : 'malformed') // [R-9.4-5]
      return
    }
    if (!isWellFormed || !this.#paths.prove(view, arrival, nowMs)) {
      counters.drop(isWellFormed ? 'unconfirmed' : 'malformed')
      if (isWellFormed) this.#paths.answerUnconfirmed(view, arrival, nowMs)
      return
    }
    confirmSession(view, arrival.number)
    counters.sessionsConfirmed++
    this.#core.observer?.note('session_confirmed', view.slot, { number: arrival.number })
    this.#effects.take(view, arrival, true, nowMs)
    if (view.inUse) this.#sessions.save(view)
  }
}

/** Whether h went past a multiple of `SAVE_EVERY`. */
function crossesSave(high: number, lastHigh: number): boolean {
  return Math.floor(high / SAVE_EVERY) !== Math.floor(lastHigh / SAVE_EVERY)
}
