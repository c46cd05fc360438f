/** Composes the packets of the device: PING first, then acks, then the frames that wait. wire-spec §7.1, §7.3, §9. */
import type { Now } from '../base/time.js'
import type { DeviceFrame, PingFrame } from '../frame/frame.js'
import { encodeFrames } from '../frame/frame-codec.js'
import { pingByte } from '../frame/one-byte.js'
import type { CloseCode } from '../packet/constants.js'
import { plaintextBytesMax } from '../session/sender.js'
import type { Acks } from './acks.js'
import type { AskItem, Asking } from './asking.js'
import type { DeviceChannel } from './device-channel.js'
import type { Keepalive } from './keepalive.js'
import type { Ratchet } from './ratchet.js'
import type { ResetWatch } from './reset-watch.js'
import { SilencePromise } from './silence-promise.js'

/** Keys of frames that the machine itself puts in. */
export const PING = 'ping'
export const SYNC = 'sync'
export const RESPONSE = 'response'
export const THRESHOLDS = 'thresholds'
export const SILENCE = 'silence'

/** Frames in one packet: of at most 8 items each they keep the 64 frames and 256 items of [R-7-1]. */
const FRAMES_PER_PACKET = 32

export class Outgoing {
  readonly #channel: DeviceChannel
  readonly #asking: Asking
  readonly #acks: Acks
  readonly #keepalive: Keepalive
  readonly #reset: ResetWatch
  readonly #ratchet: Ratchet
  /** What the server knows of our silence. */
  readonly promise: SilencePromise
  #datagrams: Uint8Array[] = []
  /** A PING should go out that does not ask. */
  #isPingWanted = false
  #holds = 0

  constructor(
    channel: DeviceChannel,
    asking: Asking,
    acks: Acks,
    keepalive: Keepalive,
    reset: ResetWatch,
    ratchet: Ratchet,
  ) {
    this.promise = new SilencePromise(keepalive.isLearnt)
    this.#channel = channel
    this.#asking = asking
    this.#acks = acks
    this.#keepalive = keepalive
    this.#reset = reset
    this.#ratchet = ratchet
  }

  /** The next datagram to send, fresh bytes; null: none. */
  poll(): Uint8Array | null {
    return this.#datagrams.shift() ?? null
  }

  /** Queues a datagram that is no channel packet. */
  push(datagram: Uint8Array): void {
    this.#datagrams.push(datagram)
  }

  /** Nothing goes out on the session until as many `release` as `hold`: something must be durable first. */
  hold(): void {
    this.#holds++
  }
  release(): void {
    this.#holds--
  }
  get isHeld(): boolean {
    return this.#holds > 0
  }

  /** The one byte of the PING in a message 1. */
  get pingByte(): number {
    return pingByte(this.#keepalive.state, this.#keepalive.silenceClass)
  }

  /** A PING is due: one that asks, or else one that only tells. */
  ping(): void {
    if (this.#keepalive.asks || this.#asking.isUnanswered) this.#asking.put(PING, null)
    else this.#isPingWanted = true
  }

  /**
   * Sends what is due: an asking packet, or acks alone.
   *
   * @returns false when the packet numbers of the session are used up.
   */
  flush(now: Now): boolean {
    const nowMs = now.monotonicMs
    if (this.isHeld || !this.#channel.hasSession) return true
    const hasAcks = this.#acks.isDue(nowMs)
    if (hasAcks && this.#keepalive.rides(nowMs) && !this.#asking.isQuiet(nowMs)) this.#asking.put(PING, null)
    if (this.#asking.isWanted(nowMs)) return this.#sendAsking(now)
    if (this.#isPingWanted) return this.#sendTelling(nowMs)
    if (!hasAcks) return true
    return this.#seal(this.#ackFrames(), false, nowMs) !== null
  }

  /** Sends CLOSE, which nothing repeats. */
  close(code: (typeof CloseCode)[keyof typeof CloseCode], now: Now): void {
    if (!this.isHeld && this.#channel.hasSession) this.#seal([{ kind: 'close', code }], false, now.monotonicMs)
  }

  #sendAsking(now: Now): boolean {
    const nowMs = now.monotonicMs
    if (this.#keepalive.state !== 'gone') this.#ratchet.ride(now)
    const neededS = this.#keepalive.neededS(true)
    const silence = this.promise.frameFor(neededS)
    if (silence !== null) this.#asking.put(SILENCE, silence, true)
    const frames: DeviceFrame[] = [this.#ping(0), ...this.#ackFrames()]
    const items = this.#fill(frames, this.#asking.waiting(nowMs))
    const hasSilence = items.some(({ key }) => key === SILENCE)
    frames[0] = this.#ping(this.promise.classOf(neededS, hasSilence))
    const number = this.#seal(frames, true, nowMs)
    if (number === null) return false
    this.#isPingWanted = false
    this.#asking.handleSent(number, items, nowMs)
    this.#keepalive.handleAsked(nowMs)
    this.#reset.handleAsked(nowMs)
    return true
  }

  #sendTelling(nowMs: number): boolean {
    this.#isPingWanted = false
    const silenceClass = this.promise.classOf(this.#keepalive.neededS(false), false)
    if (this.#seal([this.#ping(silenceClass), ...this.#ackFrames()], false, nowMs) === null) return false
    this.#keepalive.handleTold(nowMs)
    return true
  }

  #ping(silenceClass: number): PingFrame {
    return { kind: 'ping', state: this.#keepalive.state, silenceClass }
  }

  /** Adds the items that fit to `frames`. @returns those that are in. */
  #fill(frames: DeviceFrame[], waiting: readonly AskItem[]): AskItem[] {
    let bytes = encodeFrames(frames, 'd2s').length
    const items: AskItem[] = []
    for (const item of waiting) {
      if (item.frame !== null) {
        const frameBytes = encodeFrames([item.frame], 'd2s').length
        if (bytes + frameBytes > plaintextBytesMax('device') || frames.length >= FRAMES_PER_PACKET) continue
        bytes += frameBytes
        frames.push(item.frame)
      }
      items.push(item)
    }
    return items
  }

  #ackFrames(): DeviceFrame[] {
    return this.#acks.take().map((id) => ({ kind: 'ack', id }))
  }

  #seal(frames: readonly DeviceFrame[], ask: boolean, nowMs: number): number | null {
    const sealed = this.#channel.seal(frames, ask, this.#asking.isUnanswered)
    if (sealed === null) return null
    if (sealed.changedKey) this.#asking.handleKeyChange()
    this.#datagrams.push(sealed.bytes)
    this.#keepalive.handleSent(nowMs)
    return sealed.number
  }
}
