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

/** Keys of frames that the machine itself puts in. */
export const PING = 'ping'
export const SYNC = 'sync'
export const RESPONSE = 'response'
export const THRESHOLDS = 'thresholds'

/** Frames in one packet: of at most 8 items each they keep the 64 frames and 256 items of [R-7-1]. */
const FRAMES_PER_PACKET = 32

export class Outgoing {
  readonly #channel: DeviceChannel
  readonly #asking: Asking
  readonly #acks: Acks
  readonly #keepalive: Keepalive
  readonly #reset: ResetWatch
  readonly #ratchet: Ratchet
  #datagrams: Uint8Array[] = []
  #holds = 0

  constructor(
    channel: DeviceChannel,
    asking: Asking,
    acks: Acks,
    keepalive: Keepalive,
    reset: ResetWatch,
    ratchet: Ratchet,
  ) {
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
    if (!hasAcks) return true
    return this.#seal(this.#ackFrames(), false) !== null
  }

  /** Sends CLOSE, which nothing repeats. */
  close(code: (typeof CloseCode)[keyof typeof CloseCode]): void {
    if (!this.isHeld && this.#channel.hasSession) this.#seal([{ kind: 'close', code }], false)
  }

  #sendAsking(now: Now): boolean {
    const nowMs = now.monotonicMs
    if (this.#keepalive.state !== 'gone') this.#ratchet.ride(now)
    const ping: PingFrame = { kind: 'ping', state: this.#keepalive.state, silenceClass: this.#keepalive.silenceClass }
    const frames: DeviceFrame[] = [ping, ...this.#ackFrames()]
    const items = this.#fill(frames, this.#asking.waiting(nowMs))
    const number = this.#seal(frames, true)
    if (number === null) return false
    this.#asking.handleSent(number, items, nowMs)
    this.#keepalive.handleAsked(nowMs)
    this.#reset.handleAsked(nowMs)
    return true
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

  #seal(frames: readonly DeviceFrame[], ask: boolean): number | null {
    const sealed = this.#channel.seal(frames, ask, this.#asking.isUnanswered)
    if (sealed === null) return null
    if (sealed.changedKey) this.#asking.handleKeyChange()
    this.#datagrams.push(sealed.bytes)
    return sealed.number
  }
}
