/** Hands each frame that came to the part that owns it. wire-spec §7. */
import type { Now } from '../base/time.js'
import type { PongFrame, ServerFrame, StateFrame, SteppedFrame } from '../frame/frame.js'
import { CLOCK_WIDTH_MAX_MS, RETRY_AFTER_MAX_S, StateFlag } from '../packet/constants.js'
import type { Opened } from './device-channel.js'
import type { DeviceParts } from './device-parts.js'
import { PING, RESPONSE, SILENCE, SYNC } from './outgoing.js'

/** Frames that are acked, and that mean nothing on a session that is about to end. */
const OF_SESSION: ReadonlySet<ServerFrame['kind']> = new Set([
  'pong',
  'challenge',
  'close',
  'new-cid',
  'retry-after',
  'stepped',
  'want-step',
])

export class Incoming {
  readonly #parts: DeviceParts
  /** Version of the newest STATE under this S; -1 none. [R-10-5] */
  #version = -1

  constructor(parts: DeviceParts) {
    this.#parts = parts
  }

  /** Another session: its first STATE is new, whatever its version. */
  startSession(): void {
    this.#version = -1
  }

  /**
   * Takes the frames of a packet.
   *
   * @returns the code of a CLOSE among them; 'malformed' if the server broke the rules by one of them; or null.
   */
  handle(opened: Opened, frames: readonly ServerFrame[], now: Now): number | 'malformed' | null {
    const { rings, clock, handshake, transfer } = this.#parts
    const settles = !frames.some(({ kind }) => kind === 'challenge')
    if (opened.isRestart && !settles) {
      clock.handleRestart()
      this.#parts.askSync()
      this.#parts.putThresholds()
      transfer.repeat()
      this.#parts.outgoing.promise.forget()
      this.#version = -1
    }
    if (!settles && !opened.isOld) this.#parts.learner.handleChallenge(opened.isRestart, now)
    let askedMs: number | null = null
    for (const frame of frames) {
      if (opened.isOld && OF_SESSION.has(frame.kind)) continue
      if (frame.kind === 'close') return frame.code
      if (frame.kind === 'pong') askedMs = this.#handlePong(frame, opened.byLastKey, settles, now)
      else if (frame.kind === 'clock') this.#handleClock(frame.clockMs, askedMs, now)
      else if (frame.kind === 'stepped') {
        if (!this.#handleStepped(frame, opened.byLastRoot, now)) return 'malformed'
      } else this.#handleFrame(frame, now)
    }
    rings.handleChange(now)
    if (rings.wantsClock && !handshake.isActive) this.#parts.askSync()
    return null
  }

  /** @returns when the packet left that was answered, monotonic ms; null for an answer to none, or if it is not known. */
  #handlePong(frame: PongFrame, byLastKey: boolean, settles: boolean, now: Now): number | null {
    const { asking, channel, reset, contact, flow, puids, ratchet, handshake } = this.#parts
    const answered = asking.handlePong(frame.residue, byLastKey, settles)
    if (answered === null) return null
    if (!answered.byLastKey) channel.confirmNumber(answered.number)
    reset.clear()
    if (!settles) return answered.sentAtMs
    if (handshake.isActive) handshake.cancel() // the session lives after all
    contact.handleAnswer()
    this.#parts.learner.handleAnswered(now)
    for (const key of answered.keys) {
      if (key === SILENCE) this.#parts.outgoing.promise.handleConfirmed()
      flow.handleConfirmed(key, now)
      puids.handleConfirmed(key)
      ratchet.handleConfirmed(key)
    }
    return answered.sentAtMs
  }

  /** A new root must be durable before the first packet under it, which asks. [R-5.6-5] @returns false for a bad key. */
  #handleStepped(frame: SteppedFrame, byLastRoot: boolean, now: Now): boolean {
    const { ratchet, asking, outgoing, outlet } = this.#parts
    const outcome = ratchet.handleStepped(frame, byLastRoot, now)
    if (outcome !== 'stepped') return outcome === 'ignored'
    asking.handleKeyChange()
    asking.put(PING, null)
    outgoing.hold()
    outlet.save(() => outgoing.release())
    return true
  }

  #handleClock(clockMs: number, askedMs: number | null, now: Now): void {
    if (askedMs === null) return
    const { clock, outlet } = this.#parts
    const { widthMs } = clock
    clock.handleClock(clockMs, now.monotonicMs, askedMs)
    if (clock.widthMs !== widthMs) this.#tellTime(now)
    if (clock.widthMs > CLOCK_WIDTH_MAX_MS) outlet.askAlong(SYNC, { kind: 'sync', version: this.#parts.list.version })
  }

  #handleFrame(frame: Exclude<ServerFrame, { kind: 'pong' | 'clock' | 'close' | 'stepped' }>, now: Now): void {
    const { acks, asking, channel, rings, flow, transfer, puids, ratchet, keepalive } = this.#parts
    switch (frame.kind) {
      case 'challenge':
        asking.put(RESPONSE, { kind: 'response', challenge: frame.challenge.slice() })
        return
      case 'new-cid':
        this.#ackSaved(frame.id, channel.ids.takeSpare(channel.view, frame.cid, frame.token), now)
        return
      case 'notify':
        acks.add(frame.id, now.monotonicMs)
        rings.handleNotify(frame, now)
        return
      case 'outcome':
        acks.add(frame.id, now.monotonicMs)
        rings.handleOutcome(frame, now)
        return
      case 'state':
        this.#handleState(frame, now)
        return
      case 'list-part':
        flow.handlePart(frame, now)
        return
      case 'list-result':
        flow.handleResult(frame, now)
        return
      case 'retry-after': {
        const untilMs = now.monotonicMs + Math.min(frame.seconds, RETRY_AFTER_MAX_S) * 1000
        asking.quietUntil(untilMs)
        keepalive.postpone(untilMs)
        return
      }
      case 'server-key':
        this.#ackSaved(frame.id, this.#parts.handshake.addServerKey(frame.key), now)
        return
      case 'key-offer':
        acks.add(frame.id, now.monotonicMs)
        transfer.handleOffer(frame, now)
        return
      case 'key-given': {
        const listKey = transfer.handleGiven(frame)
        if (listKey !== null) flow.handleKey(listKey, now)
        this.#ackSaved(frame.id, listKey !== null, now)
        return
      }
      case 'puid':
        puids.handlePuid(frame)
        return
      case 'grant':
        acks.add(frame.id, now.monotonicMs)
        this.#parts.grants.handleGrant(frame, flow.cannotCommit, now)
        flow.handleEdit(now)
        return
      case 'want-step':
        ratchet.handleWanted()
        return
      case 'hint':
        this.#parts.learner.handleHint(frame)
    }
  }

  /** Acks at once, or, when something of it must be durable first, after that. */
  #ackSaved(id: number, isNew: boolean, now: Now): void {
    const { acks, outlet, channel } = this.#parts
    if (!isNew) {
      acks.add(id, now.monotonicMs)
      return
    }
    const sessions = channel.sessions
    outlet.save((later) => {
      if (channel.sessions === sessions) acks.add(id, later.monotonicMs)
    })
  }

  #handleState(frame: StateFrame, now: Now): void {
    const { acks, flow, transfer } = this.#parts
    acks.add(frame.id, now.monotonicMs)
    if (frame.version < this.#version) return // a late repeat of an older one
    this.#version = frame.version
    if ((frame.flags & StateFlag.noVisibility) !== 0) {
      this.#parts.putThresholds()
      transfer.repeat()
    }
    flow.handleState(frame.version, frame.flags, now)
  }

  #tellTime(now: Now): void {
    const { clock, outlet } = this.#parts
    const earliestMs = clock.earliest(now.monotonicMs)
    const latestMs = clock.latest(now.monotonicMs)
    if (earliestMs !== null && latestMs !== null) outlet.emit({ kind: 'server-time', earliestMs, latestMs })
  }
}
