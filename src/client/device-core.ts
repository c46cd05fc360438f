/**
 * The device, without sockets, clock, storage or timers: bytes and times go in, datagrams, events and saves come out.
 *
 * After each call of a door or command, the driver takes everything from `pollSave`, `pollTransmit` and `pollEvent`
 * until each gives null, and sets its timer by `nextTimeout`. What must be durable before it is used waits here until
 * `handleSaved`: the seconds of the boot value before the first packet, the stamp before message 1, a new session before
 * its first packet, the move to the spare connection ID before a packet with it, a new spare or server key before its
 * ack, the list key before a list is sealed with it, the mark "shown" before the ring is told. A crash between two of
 * these finds the older state, of which nothing was used; `test/client/crash.test.ts` goes through them.
 */
import type { Now } from '../base/time.js'
import { CloseCode, RefusalCode } from '../packet/constants.js'
import { DropCounters, type DropReason } from '../packet/drop.js'
import { datagramKind } from '../packet/header.js'
import { parseReset } from '../packet/reset.js'
import { bootSeconds } from '../session/keys.js'
import { Asking } from './asking.js'
import { closedError, DeviceError, refusalError } from './device-error.js'
import { checkOptions, type DeviceOptions, DeviceParts, drawBoot } from './device-parts.js'
import { type DeviceState, newDeviceState, readDeviceState, writeDeviceState } from './device-state.js'
import type { DeviceEvent } from './event.js'
import type { HandshakeAnswer } from './handshake.js'
import { Incoming } from './incoming.js'
import { PING, RESPONSE, SYNC } from './outgoing.js'
import type { Outlet } from './outlet.js'
import { isProbe } from './probing.js'
import { SaveGate, type SaveRequest } from './save-gate.js'

/** `stop` waits so long for the answer, ms: one packet and its first repeat. */
const STOP_WAIT_MS = 3000

/** Wall clock and monotonic clock may run apart by this before they are thought to have been set, ms. */
const CLOCK_DRIFT_MS = 2000

/** Two protocol errors within this, ms, will not heal by themselves. wire-spec §7.4, close code 1 */
const PROTOCOL_ERROR_SPAN_MS = 3_600_000
/** Then a handshake waits so long, ms. */
const PROTOCOL_ERROR_PAUSE_MS = 600_000

/** Unanswered messages 1 before the host is told that contact is lost: about 7 s. wire-spec [R-9.3-1] */
const SILENT_ATTEMPTS = 3

/** new: not started. running. stopping: the last ping is out. over: stopped, or removed at the server. */
export type Life = 'new' | 'running' | 'stopping' | 'over'

/** The doors of a device, and its life. `HostedDevice` adds what the host tells, `DeviceMachine` the commands. */
export class DeviceCore {
  /** The parts: state to look at, and what commands act on. Use the commands of this class to change anything. */
  readonly parts: DeviceParts
  /** Datagrams dropped, by reason. wire-spec [R-3-4] */
  readonly drops = new DropCounters()
  readonly #saves: SaveGate
  readonly #stored: DeviceState
  readonly #publicKey: Uint8Array
  readonly #incoming: Incoming
  readonly #events: DeviceEvent[] = []
  #life: Life = 'new'
  #stopAtMs = Infinity
  /** The wall clock minus the monotonic one, ms. */
  #wallAheadMs: number
  #protocolErrorMs = -Infinity

  /**
   * @param now when this process began: its boot value is drawn by it. wire-spec §5.3
   * @throws DeviceError PL_BAD_CREDENTIALS, PL_BAD_STORED; PilotlightError PL_BAD_OPTION for a wrong `keepaliveS`.
   */
  constructor(options: DeviceOptions, now: Now) {
    checkOptions(options)
    const { stored, credentials, random } = options
    this.#publicKey = credentials.publicKey
    this.#wallAheadMs = now.wallMs - now.monotonicMs
    this.#stored = stored === null ? newDeviceState() : readDeviceState(stored, this.#publicKey)
    const boot = drawBoot(random, this.#stored.bootSeconds, now.wallMs)
    this.#saves = new SaveGate(() => this.#write())
    const asking = new Asking()
    const outlet: Outlet = {
      emit: (event) => this.#events.push(event),
      ask: (key, frame) => asking.put(key, frame),
      askAgain: (key, frame) => {
        asking.put(key, frame)
        asking.again()
      },
      askAlong: (key, frame) => asking.put(key, frame, true),
      unask: (key) => asking.remove(key),
      save: (then) => this.#saves.want(then),
    }
    this.parts = new DeviceParts(options, this.#stored, boot, asking, outlet)
    this.#incoming = new Incoming(this.parts)
  }

  /** Begins: on the stored session, or with a handshake. Once. wire-spec §5.3-1, §4 */
  start(now: Now): void {
    if (this.#life !== 'new') return
    this.#life = 'running'
    const { channel, handshake, asking } = this.parts
    const { session } = this.#stored
    if (session === null || !channel.load(session)) handshake.begin(true, now)
    else {
      this.parts.ratchet.load(session, now)
      this.parts.askSync()
      this.parts.learner.askHint()
      asking.put(PING, null)
      this.holdUntilSaved()
    }
    this.handleTimeout(now)
  }

  /** Where its life stands. */
  protected get life(): Life {
    return this.#life
  }

  /** Takes a datagram from the server's address; borrowed. Anything may be in it. */
  handleDatagram(datagram: Uint8Array, now: Now): void {
    if (this.#life !== 'running' && this.#life !== 'stopping') return
    this.#compareClocks(now)
    const kind = datagramKind(datagram, 's2d')
    if (kind === 'channel') this.#handleChannel(datagram, now)
    else if (kind === 'message-2') this.#handleMessage2(this.parts.handshake.handleMessage2(datagram, now), now)
    else if (kind === 'cookie') this.#drop(this.parts.handshake.handleCookie(datagram, now))
    else if (kind === 'reset') this.#handleReset(parseReset(datagram) as Uint8Array)
    else this.#drop(kind === 'length' ? 'length' : 'kind')
    this.handleTimeout(now)
  }

  /** Earliest monotonic ms at which `handleTimeout` has something to do; Infinity for never. */
  nextTimeout(): number {
    if (this.#life !== 'running' && this.#life !== 'stopping') return Infinity
    const { asking, acks, keepalive, reset, handshake, rings, flow, transfer, grants, outgoing } = this.parts
    const owners = [handshake, rings, flow, transfer, grants]
    const next = Math.min(this.#stopAtMs, ...owners.map((owner) => owner.nextTimeout()))
    // While something must be durable first nothing goes out; `handleSaved` goes on.
    if (outgoing.isHeld) return next
    const { learner } = this.parts
    return Math.min(next, ...[asking, acks, keepalive, reset, learner].map((owner) => owner.nextTimeout()))
  }

  /** Runs what is due, then sends what waits. Also called by every other door, so a late timer is no harm. */
  handleTimeout(now: Now): void {
    if (this.#life !== 'running' && this.#life !== 'stopping') return
    this.#compareClocks(now)
    const { keepalive, reset, handshake, rings, flow, transfer, grants, outgoing, learner } = this.parts
    rings.handleTimeout(now)
    grants.handleTimeout(now)
    flow.handleTimeout(now)
    transfer.handleTimeout(now)
    if (!outgoing.isHeld) {
      if (keepalive.isDue(now.monotonicMs)) {
        keepalive.stop()
        outgoing.ping()
      }
      if (reset.handleTimeout(now.monotonicMs)) handshake.begin(false, now)
      this.#handleAskTimeout(now)
    }
    if (handshake.handleTimeout(now)) this.#sendMessage1()
    if (now.monotonicMs >= this.#stopAtMs) this.#finish(false)
    if (!outgoing.flush(now)) this.#endSession(now)
    learner.handleTimeout(this.#life === 'running' && !outgoing.isHeld, now)
  }

  /** The next datagram to send to the server, fresh bytes; null: none. */
  pollTransmit(): Uint8Array | null {
    return this.parts.outgoing.poll()
  }

  /** The next thing that the host should know; null: none. */
  pollEvent(): DeviceEvent | null {
    return this.#events.shift() ?? null
  }

  /** The next state to store; null: none, or one is on its way. Hand it to `handleSaved` when it is durable. */
  pollSave(): SaveRequest | null {
    return this.#saves.poll()
  }

  /** A state is durable: what waited for it goes on. */
  handleSaved(request: SaveRequest, now: Now): void {
    for (const then of this.#saves.handleSaved(request)) then(now)
    this.handleTimeout(now)
  }

  /** A state could not be stored: `pollSave` gives the then newest; what waits goes on waiting. */
  handleSaveFailed(request: SaveRequest): void {
    this.#saves.handleSaveFailed(request)
  }

  /** The person uses the device, or does not, or the device leaves. A change goes out at once. wire-spec §9.1 */
  setState(state: 'active' | 'idle' | 'gone', now: Now): void {
    if (!this.parts.keepalive.setState(state)) return
    this.parts.asking.put(PING, null)
    this.handleTimeout(now)
  }

  /** The transport opened another way to the server: what is unanswered goes out on it at once, as a new packet. */
  retry(now: Now): void {
    if (this.parts.handshake.isActive) this.parts.handshake.retry(now)
    else this.parts.asking.again()
    this.handleTimeout(now)
  }

  /** Says that the device is gone, waits a little for the answer, then 'stopped'. The session stays in the store. */
  stop(now: Now): void {
    if (this.#life === 'new' || !this.parts.channel.hasSession) this.#finish(false)
    if (this.#life !== 'running') return
    this.#life = 'stopping'
    this.#stopAtMs = now.monotonicMs + STOP_WAIT_MS
    this.parts.handshake.cancel()
    this.parts.keepalive.setState('gone')
    this.parts.asking.restart()
    this.parts.asking.put(PING, null)
    this.handleTimeout(now)
  }

  /** The two clocks drifted apart: one was set, or the monotonic one stood still in a sleep. wire-spec §12.2-1 */
  #compareClocks(now: Now): void {
    const aheadMs = now.wallMs - now.monotonicMs
    const driftMs = aheadMs - this.#wallAheadMs
    if (Math.abs(driftMs) < CLOCK_DRIFT_MS) return
    this.#wallAheadMs = aheadMs
    const { clock, channel, rings, asking } = this.parts
    clock.forget()
    asking.voidTimes()
    rings.handleDrift(driftMs, now)
    if (!channel.hasSession) return
    asking.remove(SYNC) // one that is under way brings a CLOCK of no use
    this.parts.askSync()
  }

  #handleChannel(datagram: Uint8Array, now: Now): void {
    const { channel, asking } = this.parts
    const opened = isProbe(datagram) ? 'unexpected' : channel.open(datagram) // [R-9.4-6]
    if (typeof opened === 'string') {
      this.#drop(opened)
      return
    }
    if (opened.frames === null) {
      if (!opened.isOld) this.#endMalformed(now)
      return
    }
    const code = this.#incoming.handle(opened, opened.frames, now)
    if (code === 'malformed') this.#endMalformed(now)
    else if (code !== null) this.#handleClose(code, now)
    else if (this.#life === 'stopping' && !asking.has(PING)) this.#finish(true)
  }

  #handleMessage2(answer: HandshakeAnswer, now: Now): void {
    if (answer.kind === 'dropped') this.#drop(answer.reason)
    else if (answer.kind === 'refused') this.#handleRefusal(answer)
    else {
      const { channel, asking, reset, flow, contact, transfer, acks, keepalive } = this.parts
      channel.begin(answer.root, answer.cid, answer.token)
      this.parts.ratchet.startSession(now)
      contact.handleHandshake(answer.bytes)
      acks.clear()
      reset.clear()
      keepalive.stop()
      asking.startSession()
      asking.remove(RESPONSE)
      asking.put(PING, null)
      this.parts.putThresholds()
      flow.startSession()
      this.parts.grants.startSession()
      transfer.repeat()
      this.parts.outgoing.promise.forget()
      this.#incoming.startSession()
      this.parts.askSync()
      this.parts.learner.askHint()
      this.holdUntilSaved()
    }
  }

  #handleRefusal({ code, value, aheadMs }: HandshakeAnswer & { kind: 'refused' }): void {
    const willRetry = code !== RefusalCode.unknownDevice
    this.parts.outlet.emit({ kind: 'refused', code, willRetry, error: refusalError(code, value, aheadMs) })
    this.parts.outlet.save(null)
    if (!willRetry) this.#forget('over')
  }

  #handleReset(token: Uint8Array): void {
    const { channel, reset, asking } = this.parts
    if (!channel.hasSession || !channel.ids.isCurrentToken(channel.view, token)) this.#drop('reset-token')
    else if (reset.handleReset()) asking.put(PING, null)
  }

  /** wire-spec §7.4 */
  #handleClose(code: number, now: Now): void {
    const willRetry = code !== CloseCode.deviceRemoved && code !== CloseCode.accountRemoved
    this.parts.outlet.emit({ kind: 'closed', code, own: false, willRetry, error: closedError(code) })
    this.#forget(willRetry ? 'running' : 'over')
    if (willRetry) this.#handshakeAfter(code, now)
  }

  /** The server broke the frame rules. wire-spec [R-7-2] */
  #endMalformed(now: Now): void {
    const code = CloseCode.protocolError
    this.parts.outgoing.close(code, now)
    const error = new DeviceError('PL_PROTOCOL', 'a packet of the server breaks the rules')
    this.parts.outlet.emit({ kind: 'closed', code, own: true, willRetry: true, error })
    this.#forget('running')
    this.#handshakeAfter(code, now)
  }

  /** The packet numbers are used up. */
  #endSession(now: Now): void {
    this.#forget('running')
    this.#handshakeAfter(CloseCode.keyLimit, now)
  }

  #handshakeAfter(code: number, now: Now): void {
    if (this.#life !== 'running') return
    const { handshake } = this.parts
    const isRepeated = now.monotonicMs - this.#protocolErrorMs < PROTOCOL_ERROR_SPAN_MS
    if (code === CloseCode.protocolError) {
      this.#protocolErrorMs = now.monotonicMs
      if (isRepeated) {
        handshake.beginAt(now.monotonicMs + PROTOCOL_ERROR_PAUSE_MS)
        return
      }
    }
    handshake.begin(false, now)
  }

  /** Forgets the session, here and in the store. */
  #forget(life: 'running' | 'over'): void {
    const { channel, asking, acks, keepalive, reset, contact, handshake, flow } = this.parts
    if (life === 'over' || this.#life === 'stopping') {
      handshake.cancel()
      this.#finish(true)
    }
    channel.drop()
    asking.stopSession()
    acks.clear()
    keepalive.stop()
    reset.clear()
    contact.handleEnd()
    flow.startSession()
    this.parts.grants.startSession()
    this.parts.ratchet.stopSession()
    this.parts.outlet.save(null)
  }

  #handleAskTimeout(now: Now): void {
    const { asking, contact, handshake, channel } = this.parts
    const outcome = channel.hasSession ? asking.handleTimeout(now.monotonicMs) : 'none'
    if (outcome === 'round-failed' || outcome === 'lost') {
      this.parts.watch?.note('round_failed', { outcome })
      this.parts.learner.handleSilence(now)
      contact.handleSilence('PL_NO_ANSWER')
    }
    if (outcome === 'lost' && this.#life === 'running') handshake.begin(false, now)
  }

  /** The stamp has grown: message 1 goes out when that is durable. wire-spec [R-4.1-2] */
  #sendMessage1(): void {
    const { handshake, outgoing, contact, outlet } = this.parts
    if (handshake.unreadable >= SILENT_ATTEMPTS) contact.handleUnreadable()
    else if (handshake.attempts >= SILENT_ATTEMPTS) contact.handleSilence('PL_NO_HANDSHAKE')
    outlet.save((now) => {
      const message1 = handshake.writeMessage1(outgoing.pingByte, now)
      if (message1 !== null) outgoing.push(message1)
    })
  }

  /** Nothing goes out on the session until the state as it is now is durable. */
  protected holdUntilSaved(): void {
    const { outgoing, outlet } = this.parts
    outgoing.hold()
    outlet.save(() => outgoing.release())
  }

  #finish(isConfirmed: boolean): void {
    if (this.#life === 'over') return
    this.#life = 'over'
    this.#stopAtMs = Infinity
    this.parts.outlet.emit({ kind: 'stopped', confirmed: isConfirmed })
  }

  #drop(reason: DropReason | null): void {
    if (reason !== null) this.drops.count(reason)
  }

  #write(): Uint8Array {
    const { handshake, channel, list, transfer } = this.parts
    const { stampMs, serverKeys } = handshake.memory
    const session = channel.save()
    if (session !== null) this.parts.ratchet.save(session)
    const state: DeviceState = {
      bootSeconds: bootSeconds(this.parts.boot),
      stampMs,
      serverKeys,
      session: this.#life === 'new' ? this.#stored.session : session,
      list: list.memory,
      keyRequest: transfer.request,
      learnt: this.parts.learner.policy.toStored(),
      seen: this.parts.seen,
    }
    return writeDeviceState(state, this.#publicKey)
  }
}
