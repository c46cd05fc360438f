import { readU16 } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import type { DeviceHandle } from '../endpoint/message.js'
import type { ReliableFrame } from '../frame/frame.js'
import type { Outbox } from './outbox.js'

/** Least id of a reliable frame: wire-spec §7. */
const ID_MIN = 256

/** Told what became of a reliable frame; exactly once, unless it was cancelled. */
export interface FrameOwner {
  /** The device acked it. */
  handleAcked(device: DeviceHandle, id: number, now: Now): void
  /** It was given up, or refused, or the device is lost. */
  handleUnacked(device: DeviceHandle, id: number, now: Now): void
}

/** The reliable frames of the hub that wait for an ACK: who sent them. Objects only for devices with such frames. */
export class ReliableFrames {
  readonly #random: Random
  readonly #outbox: Outbox
  readonly #waiting = new Map<DeviceHandle, Map<number, FrameOwner>>()

  constructor(random: Random, outbox: Outbox) {
    this.#random = random
    this.#outbox = outbox
  }

  /** Devices with frames that wait. */
  get devices(): number {
    return this.#waiting.size
  }

  /** Whether no frame of ours with this id waits on the device. */
  isIdFree(device: DeviceHandle, id: number): boolean {
    return this.#waiting.get(device)?.has(id) !== true
  }

  /** A random id that is free on the device, 256..65535. */
  newId(device: DeviceHandle): number {
    const bytes = new Uint8Array(2)
    for (;;) {
      const id = readU16(this.#random.fill(bytes), 0)
      if (id >= ID_MIN && this.isIdFree(device, id)) return id
    }
  }

  /** Sends frames in one packet; each is repeated until acked or until the time. Their ids must be free. */
  send(device: DeviceHandle, frames: ReliableFrame[], untilMonotonicMs: number, owner: FrameOwner): void {
    const waiting = this.#waiting.get(device) ?? new Map<number, FrameOwner>()
    for (const { id } of frames) waiting.set(id, owner)
    this.#waiting.set(device, waiting)
    this.#outbox.commands.push({ kind: 'send', device, frames, untilMonotonicMs })
  }

  /** Stops repeating a frame, if it still waits. Its owner is not told. */
  cancel(device: DeviceHandle, id: number): void {
    if (this.#take(device, id) !== null) this.#outbox.commands.push({ kind: 'cancel', device, id })
  }

  /** The device acked a frame. @returns false for one that does not wait. */
  handleAcked(device: DeviceHandle, id: number, now: Now): boolean {
    const owner = this.#take(device, id)
    owner?.handleAcked(device, id, now)
    return owner !== null
  }

  /** A frame was given up or refused. @returns false for one that does not wait. */
  handleUnacked(device: DeviceHandle, id: number, now: Now): boolean {
    const owner = this.#take(device, id)
    owner?.handleUnacked(device, id, now)
    return owner !== null
  }

  /** The device cannot be sent to any more: all its frames are given up. */
  handleLost(device: DeviceHandle, now: Now): void {
    const waiting = this.#waiting.get(device)
    if (waiting === undefined) return
    this.#waiting.delete(device)
    for (const id of waiting.keys()) this.#outbox.commands.push({ kind: 'cancel', device, id })
    for (const [id, owner] of waiting) owner.handleUnacked(device, id, now)
  }

  #take(device: DeviceHandle, id: number): FrameOwner | null {
    const waiting = this.#waiting.get(device)
    const owner = waiting?.get(id)
    if (waiting === undefined || owner === undefined) return null
    waiting.delete(id)
    if (waiting.size === 0) this.#waiting.delete(device)
    return owner
  }
}
