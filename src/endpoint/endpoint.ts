import { ADDRESS_BYTES } from '../base/address.js'
import { assert } from '../base/assert.js'
import { hex } from '../base/bytes.js'
import { isConnectionAddress } from '../base/connection-address.js'
import { PilotlightError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { datagramKind } from '../packet/header.js'
import { loadSession } from '../session/saved.js'
import { SessionSlab } from '../session/slab.js'
import { Commands } from './commands.js'
import { checkedConfig, type EndpointOptions } from './config.js'
import { Contact } from './contact.js'
import { Core } from './core.js'
import { Effects } from './effects.js'
import { Endings } from './endings.js'
import { FirstPackets } from './first-packets.js'
import { Handshakes } from './handshakes.js'
import { Incoming } from './incoming.js'
import type {
  DeviceHandle,
  EndpointCommand,
  EndpointEvent,
  EndpointStoreReply,
  EndpointStoreRequest,
  HandOver,
  Transmit,
} from './message.js'
import type { EndpointMetrics } from './metrics.js'
import { Moves } from './moves.js'
import { Offers } from './offers.js'
import { Outgoing } from './outgoing.js'
import { Paths } from './paths.js'
import { PendingHandshakes } from './pending-handshakes.js'
import { Probes } from './probes.js'
import { ReliableFrames } from './reliable-frames.js'
import { Resets } from './resets.js'
import { Sessions } from './sessions.js'
import { Steps } from './steps.js'
import { WaitingHandshakes } from './waiting-handshakes.js'

/**
 * The server's side of one socket, without the socket: datagrams, commands of the hub, replies of the store and the
 * passing of time go in; datagrams, events, store requests, connections to close, handshakes for another endpoint and the
 * time of the next timeout are polled out. Pure: the same inputs give the same outputs.
 *
 * After a `handle..` call, or several of one turn, poll all queues until they are empty, and call `handleTimeout` when
 * `nextTimeout` has come. Time must not go back.
 *
 * This file only routes; each part owns its fields, timers and frames.
 */
export class Endpoint {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #contact: Contact
  readonly #paths: Paths
  readonly #frames: ReliableFrames
  readonly #offers: Offers
  readonly #moves: Moves
  readonly #steps: Steps
  readonly #startMs: number
  readonly #pendings: PendingHandshakes
  readonly #probes: Probes
  readonly #handshakes: Handshakes
  readonly #first: FirstPackets
  readonly #incoming: Incoming
  readonly #commands: Commands
  readonly #waiting = new WaitingHandshakes()

  /**
   * @param crypto  primitives.
   * @param random  source of secrets: handshake keys, challenges, ids, the cookie secret.
   * @param options see `EndpointOptions`.
   * @param slab    where the session records lie; given only by who wants to look into them, as a test does.
   * @throws PilotlightError PL_BAD_OPTION.
   */
  constructor(crypto: Crypto, random: Random, options: EndpointOptions, now: Now, slab?: SessionSlab) {
    const config = checkedConfig(options)
    const core = new Core(crypto, random, config, slab ?? new SessionSlab('server', config.slots, config.share.of))
    const outgoing = new Outgoing(core)
    const sessions = new Sessions(core)
    const contact = new Contact(config, core.out, sessions, core.slab.view(), now.monotonicMs)
    const paths = new Paths(core, outgoing)
    const frames = new ReliableFrames(core, outgoing, sessions)
    const offers = new Offers(core, frames)
    const pendings = new PendingHandshakes(config.pendingHandshakesMax)
    const moves = new Moves(core, { sessions, pendings, paths, frames, offers })
    const probes = new Probes(core, outgoing, now.monotonicMs)
    const endings = new Endings(core, outgoing, { sessions, contact, paths, frames, probes })
    const steps = new Steps(core, outgoing, sessions)
    const effects = new Effects(core, { sessions, contact, paths, frames, offers, moves, steps, probes, endings })
    const first = new FirstPackets(core, outgoing, { sessions, pendings, paths, frames, probes, effects })
    const resets = new Resets(core)
    this.#core = core
    this.#sessions = sessions
    this.#contact = contact
    this.#paths = paths
    this.#frames = frames
    this.#offers = offers
    this.#moves = moves
    this.#steps = steps
    this.#startMs = now.monotonicMs
    this.#pendings = pendings
    this.#probes = probes
    this.#handshakes = new Handshakes(core, sessions, pendings, now.monotonicMs)
    this.#first = first
    this.#incoming = new Incoming(core, { sessions, first, resets, paths, effects, steps, endings })
    this.#commands = new Commands(core, outgoing, { sessions, pendings, contact, frames, endings })
    core.observer?.note('process_started', null, { boot: hex(config.boot) })
  }

  /**
   * After a start: a device that is enrolled, and its session if it has one. The session is unconfirmed until the device is
   * heard and has answered a CHALLENGE. wire-spec §8.2
   *
   * @param saved    of `save-session` or `commit-session`, or null.
   * @param rotation of the slot, 0..1023, as it was saved.
   * @returns whether a session was loaded; false for bytes of another version: the device will handshake.
   * @throws PilotlightError PL_BAD_OPTION for a handle of another worker or a slot out of range.
   */
  loadSession(device: DeviceHandle, saved: Uint8Array | null, rotation: number): boolean {
    if (!this.#sessions.isInRange(device)) throw new PilotlightError('PL_BAD_OPTION', `device: ${device}`)
    if (!this.#sessions.own(device, rotation) || saved === null) return false
    const { view } = this.#core
    if (view.inUse || !loadSession(view, this.#core, saved)) return false
    this.#steps.load(view, saved, this.#startMs)
    this.#paths.load(view)
    this.#sessions.began()
    return true
  }

  /** All devices of a part were loaded: what waited for them is handled. @param part of `partOf`. */
  handleLoaded(part: number, now: Now): void {
    this.#core.wallAheadMs = now.wallMs - now.monotonicMs
    this.#core.loading.handleLoaded(part, now)
  }

  /** Whether a device's slot is in our range and share. */
  serves(device: DeviceHandle): boolean {
    return this.#sessions.isInRange(device)
  }

  /**
   * Announces a static key of ours, current or next, to every session when it is next heard, once. wire-spec §12.3
   *
   * @param publicKey 32 B.
   * @throws PilotlightError PL_BAD_OPTION for another length.
   */
  announceServerKey(publicKey: Uint8Array): void {
    if (publicKey.length !== KEY_BYTES) throw new PilotlightError('PL_BAD_OPTION', 'publicKey')
    this.#offers.announce(publicKey)
  }

  /**
   * A datagram came.
   *
   * @param bytes  any bytes, borrowed.
   * @param remote 18 B: address and port it came from, borrowed.
   */
  handleDatagram(bytes: Uint8Array, remote: Uint8Array, now: Now): void {
    assert(remote.length === ADDRESS_BYTES, 'remote address of 18 bytes')
    const { counters, observer } = this.#core
    this.#core.wallAheadMs = now.wallMs - now.monotonicMs
    if (observer !== null) observer.came(bytes, remote)
    const kind = datagramKind(bytes, 'd2s')
    counters.came(kind)
    if (kind === 'channel') this.#incoming.handle(bytes, remote, now.monotonicMs)
    else if (kind === 'message-1' || kind === 'message-1-cookie') {
      this.#handshakes.handleMessage1(bytes, remote, now.monotonicMs)
    } else counters.drop(kind === 'length' ? 'length' : 'kind')
    if (observer !== null) observer.settle()
  }

  /**
   * Before `handleDatagram`, by a driver that sees whether more waits in its socket: a message 1 is put aside until
   * `handlePostponed`, so that the packets of known devices come first. Fixed memory; where it is full the oldest gives way.
   *
   * @param bytes  any bytes, borrowed.
   * @param remote 18 B, borrowed.
   * @returns false for any other datagram: nothing was done.
   */
  postpone(bytes: Uint8Array, remote: Uint8Array): boolean {
    const kind = datagramKind(bytes, 'd2s')
    if (kind !== 'message-1' && kind !== 'message-1-cookie') return false
    if (!this.#waiting.add(bytes, remote)) {
      this.#core.counters.came(kind)
      this.#core.counters.drop('limit')
    }
    return true
  }

  /** Handles the oldest message 1 that was put aside. @returns whether there are more. */
  handlePostponed(now: Now): boolean {
    const next = this.#waiting.take()
    if (next !== null) this.handleDatagram(next.message, next.remote, now)
    return this.#waiting.count > 0
  }

  /** A message 1 that another endpoint of the server polled: the device's slot is in our share. */
  handleHandOver(handOver: HandOver, now: Now): void {
    this.#handshakes.handleHandOver(handOver, now.monotonicMs)
  }

  /**
   * A connection closed: nothing is sent to the sessions whose path it was until they are heard again; what waits for
   * an ACK goes on waiting, presence as it was. wire-spec §8.3
   *
   * @param remote 18 B, of `connectionAddress`.
   */
  handlePathClosed(remote: Uint8Array): void {
    assert(isConnectionAddress(remote), 'the address of a connection')
    this.#paths.close(this.#core.view, remote, (slot) => this.#frames.hold(slot))
  }

  /**
   * A command of the hub.
   *
   * @throws PilotlightError PL_BAD_OPTION, see `Commands.handle`.
   */
  handleCommand(command: EndpointCommand, now: Now): void {
    this.#commands.handle(command, now.monotonicMs)
  }

  /** A reply of the store. Replies may come in any order; one that nobody waits for any more is ignored. */
  handleStored(reply: EndpointStoreReply, now: Now): void {
    this.#core.wallAheadMs = now.wallMs - now.monotonicMs
    if (reply.kind === 'found') this.#handshakes.handleFound(reply.request, reply.device, now)
    else if (this.#steps.handleCommitted(reply.request, reply.ok)) return
    else if (!this.#first.handleCommitted(reply, now.monotonicMs)) {
      this.#moves.handleCommitted(reply.request, reply.ok, now.monotonicMs)
    }
  }

  /** Does everything whose time has come. */
  handleTimeout(now: Now): void {
    const nowMs = now.monotonicMs
    const { view, slab, dueTimes } = this.#core
    this.#contact.expire(view, nowMs, (slot) => this.#frames.dropOwn(slot))
    for (let slot = dueTimes.take(nowMs); slot >= 0; slot = dueTimes.take(nowMs)) {
      if (!slab.has(slot) || !view.at(slot).inUse) continue
      this.#paths.handleDue(view, nowMs)
      this.#frames.handleDue(view, nowMs)
    }
    this.#probes.expire(nowMs)
    this.#paths.expire(nowMs)
    this.#pendings.expire(nowMs)
    this.#handshakes.expire(nowMs)
  }

  /** When to call `handleTimeout`, in monotonic ms: never later than something is due; Infinity if nothing is. */
  nextTimeout(): number {
    return Math.min(
      this.#contact.nextMs,
      this.#core.dueTimes.nextMs,
      this.#probes.nextMs,
      this.#paths.nextMs,
      this.#pendings.nextMs,
      this.#handshakes.nextMs,
    )
  }

  /** The next datagram to send, or null. */
  pollTransmit(): Transmit | null {
    return this.#core.out.transmits.shift()
  }

  /** The next event for the hub, or null. */
  pollEvent(): EndpointEvent | null {
    return this.#core.out.events.shift()
  }

  /** The next request to the store, or null. Requests must be done in this order. */
  pollStore(): EndpointStoreRequest | null {
    return this.#core.out.requests.shift()
  }

  /** The address, 18 B, of the next connection to close, as its session has moved away; or null. [R-8.3-14] */
  pollClose(): Uint8Array | null {
    return this.#core.out.closes.shift()
  }

  /** The next message 1 for the endpoint whose share has the slot of its device, or null. Without a share there is none. */
  pollHandOver(): HandOver | null {
    return this.#core.out.handOvers.shift()
  }

  /** The next part of devices that something waits for, or null: it is best loaded next. */
  pollWanted(): number | null {
    return this.#core.loading.pollWanted()
  }

  /** Seconds of silence that a device promised last, as far as we allow; 0 if it was not heard in this session and start. */
  silenceS(device: DeviceHandle): number {
    const { view } = this.#core
    return this.#sessions.find(device) && view.inUse && view.confirmed ? this.#contact.silenceS(view) : 0
  }

  /** Counters and gauges at this moment; the object is the caller's. */
  metrics(): EndpointMetrics {
    const { counters, slab } = this.#core
    const { packetsIn, packetsOut, refused } = counters
    return {
      dropped: counters.dropped.snapshot(),
      packetsIn: { ...packetsIn },
      packetsOut: { ...packetsOut },
      handshakes: counters.handshakes,
      handshakesExpired: this.#pendings.expired,
      refused: { ...refused },
      commitsFailed: counters.commitsFailed,
      failedOpens: counters.failedOpens,
      resetsSent: packetsOut.reset,
      cookiesSent: packetsOut.cookie,
      challengesSent: counters.challengesSent,
      probesAnswered: counters.probesAnswered,
      sessionsConfirmed: counters.sessionsConfirmed,
      pathsClosed: counters.pathsClosed,
      sessionsEnded: counters.sessionsEnded,
      steps: counters.steps,
      stepsRefused: counters.stepsRefused,
      sessions: this.#sessions.count,
      handshakesPending: this.#pendings.count,
      probesHeld: this.#probes.count,
      lookupsPending: this.#handshakes.lookups,
      handshakesWaiting: this.#waiting.count,
      loadsWaiting: this.#core.loading.waiting,
      pathsProving: this.#paths.count,
      framesWaiting: this.#frames.count,
      stepsPromised: this.#core.promised.count,
      recordBytes: slab.allocatedBytes,
    }
  }
}
