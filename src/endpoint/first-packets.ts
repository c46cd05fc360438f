import { assert } from '../base/assert.js'
import { hex } from '../base/bytes.js'
import { CloseCode } from '../packet/constants.js'
import type { DropReason } from '../packet/drop.js'
import type { Header } from '../packet/header.js'
import { Offset } from '../session/record.js'
import { saveSession } from '../session/saved.js'
import { emptyArrival, readFrames } from './arrival.js'
import type { Core } from './core.js'
import type { Effects } from './effects.js'
import type { EndpointStoreReply } from './message.js'
import type { Outgoing } from './outgoing.js'
import type { Paths } from './paths.js'
import type { PendingHandshake, PendingHandshakes } from './pending-handshakes.js'
import type { Probes } from './probes.js'
import type { ReliableFrames } from './reliable-frames.js'
import type { Sessions } from './sessions.js'

/**
 * The first packet under the keys of a handshake: it is opened, the new session is committed, and only then it takes
 * the place of the old one and the packet takes effect. [R-4.1-5] [R-4.2-2]
 */
export class FirstPackets {
  readonly #core: Core
  readonly #outgoing: Outgoing
  readonly #sessions: Sessions
  readonly #pendings: PendingHandshakes
  readonly #paths: Paths
  readonly #frames: ReliableFrames
  readonly #probes: Probes
  readonly #effects: Effects
  readonly #commits = new Map<number, PendingHandshake>()

  constructor(
    core: Core,
    outgoing: Outgoing,
    parts: {
      sessions: Sessions
      pendings: PendingHandshakes
      paths: Paths
      frames: ReliableFrames
      probes: Probes
      effects: Effects
    },
  ) {
    this.#core = core
    this.#outgoing = outgoing
    this.#sessions = parts.sessions
    this.#pendings = parts.pendings
    this.#paths = parts.paths
    this.#frames = parts.frames
    this.#probes = parts.probes
    this.#effects = parts.effects
  }

  /** The handshake to whose connection ID a packet came, or null. */
  pendingAt(slot: number, rotation: number): PendingHandshake | null {
    const pending = this.#pendings.of(slot)
    return pending?.rotation === rotation ? pending : null
  }

  /**
   * Opens a packet under the keys of a handshake and asks the store to commit its session.
   *
   * @param header of the packet.
   * @param remote 18 B; it will be the proven address. wire-spec §8.1
   * @returns null if the packet was one of this handshake, else why not; then nothing has changed.
   */
  open(pending: PendingHandshake, header: Header, packet: Uint8Array, remote: Uint8Array): DropReason | null {
    const { receiver, counters, out } = this.#core
    if (pending.first !== null) return 'no-session' // a repeat, while the first one is being committed
    const session = this.#pendings.sessionOf(pending)
    const opened = receiver.open(session, header, packet)
    if (typeof opened === 'string') return opened
    const first = emptyArrival()
    first.number = receiver.number
    first.isNewest = true
    first.hadBoot = receiver.hadBoot
    first.tookBoot = receiver.tookBoot
    first.ask = header.ask
    first.rotation = pending.rotation
    first.bytes = packet.length
    first.remote = remote.slice()
    session.write(Offset.address, remote)
    if (!readFrames(first, opened)) {
      counters.drop('malformed')
      this.#outgoing.toProven(session, [{ kind: 'close', code: CloseCode.protocolError }])
      this.#pendings.drop(pending.slot)
      return null
    }
    pending.first = first
    const request = this.#core.nextRequest()
    this.#commits.set(request, pending)
    this.#sessions.replacing(pending.slot)
    const { device, stampMs, rotation } = pending
    out.request({ kind: 'commit-session', request, device, stampMs, rotation, session: saveSession(session) })
    return null
  }

  /** The store's reply to a commit; false if the request is not of these. */
  handleCommitted(reply: EndpointStoreReply & { kind: 'committed' }, nowMs: number): boolean {
    const pending = this.#commits.get(reply.request)
    if (pending === undefined) return false
    this.#commits.delete(reply.request)
    this.#sessions.replaced(pending.slot)
    const isOwner = this.#sessions.find(pending.device)
    const { view, slab } = this.#core
    if (!reply.ok) this.#core.counters.commitsFailed++
    if (reply.ok && isOwner) this.#begin(pending, nowMs)
    else {
      this.#pendings.drop(pending.slot)
      const isHere = slab.has(pending.slot)
      if (isHere) view.at(pending.slot)
      if (isOwner && view.inUse) this.#sessions.save(view)
      else this.#sessions.eraseOf(pending.device, isHere ? view.rotation : pending.rotation)
    }
    return true
  }

  /** The new session takes the place of the old one, whose waiting frames go on; then the packet takes effect. */
  #begin(pending: PendingHandshake, nowMs: number): void {
    const { view, counters } = this.#core
    const first = pending.first
    assert(first !== null, 'a committed handshake has its first packet')
    if (!view.inUse) this.#sessions.began()
    this.#paths.leave(view, nowMs)
    this.#probes.drop(pending.slot)
    this.#frames.carryOver(pending.slot, nowMs)
    this.#core.promised.drop(pending.slot)
    view.takeSession(this.#pendings.sessionOf(pending))
    view.rotation = pending.rotation
    this.#paths.begin(view)
    this.#pendings.drop(pending.slot)
    counters.handshakes++
    this.#core.observer?.note('session_started', view.slot, { cid: hex(this.#core.cid(view.slot, view.rotation)) })
    this.#effects.take(view, first, true, nowMs)
  }
}
