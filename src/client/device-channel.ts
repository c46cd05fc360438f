/**
 * The device's end of its sessions: a slab of two records, the session that sends, and the one before it, whose packets
 * are still taken until the new one is confirmed. wire-spec [R-4.1-5], [R-9.2-3].
 */
import type { DeviceFrame, ServerFrame } from '../frame/frame.js'
import { decodeFrames, encodeFrames } from '../frame/frame-codec.js'
import { needsPadding } from '../frame/padding.js'
import type { DropReason } from '../packet/drop.js'
import { emptyHeader, parseHeader } from '../packet/header.js'
import type { SessionContext } from '../session/context.js'
import { changeRoot, startKeys } from '../session/keys.js'
import { Receiver } from '../session/receiver.js'
import { Offset, SessionFlag } from '../session/record.js'
import { loadSession, saveSession } from '../session/saved.js'
import { confirmNumber, Sender } from '../session/sender.js'
import { SessionSlab } from '../session/slab.js'
import type { SessionView } from '../session/view.js'
import { ConnectionIds } from './connection-ids.js'

/** A packet that was sealed. */
export interface Sealed {
  bytes: Uint8Array
  number: number
  /** D changed with it: what was sent before is answered under the last s2d key. wire-spec [R-5.3-2] */
  changedKey: boolean
}

/** A packet that opened. */
export interface Opened {
  /** null: malformed, the session must be closed with code 1. wire-spec [R-7-2]. Byte strings alias the plaintext. */
  frames: ServerFrame[] | null
  byLastKey: boolean
  /** It was sent under the root before this one. wire-spec [R-5.6-5] */
  byLastRoot: boolean
  /** The server's boot value changed: with a CHALLENGE in it, the server was started anew. wire-spec [R-5.3-5] */
  isRestart: boolean
  /** It came on the session before the present one. */
  isOld: boolean
}

export class DeviceChannel {
  readonly #context: SessionContext
  readonly #view: SessionView
  readonly #sender: Sender
  readonly #receiver: Receiver
  readonly #header = emptyHeader()
  readonly ids = new ConnectionIds()
  #slot: 0 | 1 = 0
  #hasSession = false
  #hasOld = false
  #isConfirmed = false
  #sessions = 0
  #packets = 0

  /** @param context with this process's boot value, whose seconds are durable before anything is sealed. */
  constructor(context: SessionContext) {
    this.#context = context
    this.#view = new SessionSlab('device', 2).view()
    this.#sender = new Sender(context)
    this.#receiver = new Receiver(context)
  }

  /** Whether there is a session to send on. */
  get hasSession(): boolean {
    return this.#hasSession
  }

  /** Counts the sessions of this process: what belongs to an earlier one means nothing on this. */
  get sessions(): number {
    return this.#sessions
  }

  /** Packets sealed and opened by this process under the present root. */
  get packets(): number {
    return this.#packets
  }

  /** Whether a step may be asked for: the session is confirmed, and the server was heard under its root. [R-5.6-6] */
  get mayStep(): boolean {
    return this.#hasSession && this.#isConfirmed && !this.view.has(SessionFlag.lastRoot)
  }

  /** The session that sends. */
  get view(): SessionView {
    return this.#view.at(this.#slot)
  }

  /** Takes a stored session. @returns false if it cannot be read: handshake. */
  load(saved: Uint8Array): boolean {
    this.#hasSession = loadSession(this.view, this.#context, saved)
    this.#isConfirmed = this.#hasSession
    return this.#hasSession
  }

  /** The session as the store keeps it, or null. */
  save(): Uint8Array | null {
    return this.#hasSession ? saveSession(this.view) : null
  }

  /**
   * Begins the session of a handshake. The present one goes on being read until this one is confirmed; one that never
   * was is replaced.
   *
   * @param root  32 B. @param cid 5 B. @param token 12 B.
   */
  begin(root: Uint8Array, cid: Uint8Array, token: Uint8Array): void {
    if (this.#hasSession && this.#isConfirmed) {
      this.#hasOld = true
      this.#slot = this.#slot === 0 ? 1 : 0
    }
    startKeys(this.view, this.#context, root)
    this.ids.start(this.view, cid, token)
    this.#hasSession = true
    this.#isConfirmed = false
    this.#packets = 0
    this.#sessions++
  }

  /** The session has the root of a step. 32 B, copied. wire-spec §5.6 */
  changeRoot(root: Uint8Array): void {
    changeRoot(this.view, this.#context, root, this.#context.boot)
    this.#packets = 0
  }

  /** Forgets all sessions. */
  drop(): void {
    for (const slot of [0, 1]) this.#view.at(slot).clearSession()
    this.#hasSession = false
    this.#hasOld = false
    this.#isConfirmed = false
    this.#sessions++
  }

  /**
   * Seals a packet.
   *
   * @param retry whether an earlier asking packet is unanswered. wire-spec [R-5.3-2]
   * @returns null when the packet numbers are used up: the session must end.
   */
  seal(frames: readonly DeviceFrame[], ask: boolean, retry: boolean): Sealed | null {
    const { view } = this
    const hadBoot = view.matches(Offset.deviceBoot, this.#context.boot)
    const plaintext = encodeFrames(frames, 'd2s')
    const bytes = this.#sender.seal(view, { plaintext, ask, retry, answers: false, padded: needsPadding(frames) })
    if (bytes === null) return null
    this.#packets++
    const changedKey = !hadBoot && view.matches(Offset.deviceBoot, this.#context.boot)
    return { bytes, number: this.#sender.number, changedKey }
  }

  /** Whether a probe may be sealed: it carries no BOOT, and belongs to a session and root that the server has. [R-9.4-7] */
  get mayProbe(): boolean {
    return this.mayStep && !this.view.has(SessionFlag.bootPending)
  }

  /** Seals a probe. @returns null as `seal` does. [R-9.4-1] */
  sealProbe(delayS: number): Sealed | null {
    const plaintext = encodeFrames([{ kind: 'probe', delayS }], 'd2s')
    const packet = { plaintext, ask: false, retry: false, answers: false, probe: true, padded: false }
    const bytes = this.#sender.seal(this.view, packet)
    return bytes === null ? null : { bytes, number: this.#sender.number, changedKey: false }
  }

  /** A PONG named this packet, under the present key. wire-spec [R-5.4-3] */
  confirmNumber(number: number): void {
    confirmNumber(this.view, number)
  }

  /** Opens a channel packet on the session that sends, else on the one before it. */
  open(datagram: Uint8Array): Opened | DropReason {
    if (!this.#hasSession) return 'no-session'
    const opened = this.#openAt(this.#slot, datagram)
    if (typeof opened !== 'string') {
      this.#packets++
      if (!this.#isConfirmed) this.#confirm()
      return opened
    }
    if (!this.#hasOld) return opened
    const byOld = this.#openAt(this.#slot === 0 ? 1 : 0, datagram)
    return typeof byOld === 'string' ? opened : { ...byOld, isOld: true }
  }

  #openAt(slot: 0 | 1, datagram: Uint8Array): Opened | DropReason {
    const fault = parseHeader(datagram, 's2d', this.#header)
    if (fault !== null) return fault
    const plaintext = this.#receiver.open(this.#view.at(slot), this.#header, datagram)
    if (typeof plaintext === 'string') return plaintext
    const { byLastKey, byLastRoot, tookBoot } = this.#receiver
    return { frames: decodeFrames(plaintext, 's2d'), byLastKey, byLastRoot, isRestart: tookBoot, isOld: false }
  }

  /** The server has committed it: the old one ended with that. wire-spec [R-4.2-2] */
  #confirm(): void {
    this.#isConfirmed = true
    if (!this.#hasOld) return
    this.#hasOld = false
    this.#view.at(this.#slot === 0 ? 1 : 0).clearSession()
  }
}
