import { ASK_RETRY_MS, ASK_ROUND_END_MS, PENDING_HANDSHAKE_MS } from '../packet/constants.js'
import { SessionSlab } from '../session/slab.js'
import type { SessionView } from '../session/view.js'
import type { Arrival } from './arrival.js'
import type { DeviceHandle } from './message.js'

/** A handshake whose message 2 was sent, until its first packet is committed. [R-4.1-5] */
export interface PendingHandshake {
  readonly device: DeviceHandle
  readonly slot: number
  /** Place of its session in the table. */
  readonly index: number
  /** Rotation of the connection ID in message 2. */
  readonly rotation: number
  /** Stamp of message 1, Unix ms. */
  readonly stampMs: number
  /** When it is given up, monotonic ms. */
  readonly expiresAtMs: number
  /** The first packet, while it is being committed. */
  first: Arrival | null
}

/**
 * A handshake that was silent for a whole round of asking gives way where there is no room: the device did not get message 2,
 * or went away. wire-spec §9.2
 */
const GIVES_WAY_MS = ASK_RETRY_MS.reduce((sum, pause) => sum + pause, ASK_ROUND_END_MS)

/**
 * Handshakes that wait for their first packet, at most `max`, one for each slot. Their sessions are records of a slab
 * of their own, so that the same code opens and seals for them; nothing of them touches the slot's record.
 */
export class PendingHandshakes {
  readonly #bySlot = new Map<number, PendingHandshake>()
  readonly #view: SessionView
  readonly #free: number[] = []
  #expired = 0

  /** @param max 1 to 65,536. */
  constructor(max: number) {
    this.#view = new SessionSlab('server', max).view()
    for (let index = max - 1; index >= 0; index--) this.#free.push(index)
  }

  get count(): number {
    return this.#bySlot.size
  }

  /** Given up so far: their first packet never came. */
  get expired(): number {
    return this.#expired
  }

  /** When the next one is given up, monotonic ms, or Infinity. */
  get nextMs(): number {
    for (const pending of this.#bySlot.values()) if (pending.first === null) return pending.expiresAtMs
    return Number.POSITIVE_INFINITY
  }

  /** The slot's handshake, or null. */
  of(slot: number): PendingHandshake | null {
    return this.#bySlot.get(slot) ?? null
  }

  /**
   * Whether one more slot can have one, beside `others` that may be added meanwhile.
   *
   * @param nowMs monotonic.
   */
  hasRoom(others: number, nowMs: number): boolean {
    return this.#free.length > others || this.#silent(nowMs) !== null
  }

  /** The session of a handshake; the view holds until the next call. */
  sessionOf(pending: PendingHandshake): SessionView {
    return this.#view.at(pending.index)
  }

  /**
   * Adds a handshake in place of the slot's last one. There is room, or there was a last one.
   *
   * @returns it; its session is yet to be started.
   */
  add(device: DeviceHandle, slot: number, rotation: number, stampMs: number, nowMs: number): PendingHandshake {
    this.drop(slot)
    if (this.#free.length === 0) this.#giveUp(this.#silent(nowMs) as PendingHandshake)
    const index = this.#free.pop() as number
    const expiresAtMs = nowMs + PENDING_HANDSHAKE_MS
    const pending = { device, slot, index, rotation, stampMs, expiresAtMs, first: null }
    this.#bySlot.set(slot, pending)
    return pending
  }

  /** Forgets the slot's handshake and wipes its keys. */
  drop(slot: number): void {
    const pending = this.#bySlot.get(slot)
    if (pending === undefined) return
    this.#bySlot.delete(slot)
    this.#view.at(pending.index).clearSession()
    this.#free.push(pending.index)
  }

  /** Forgets the slot's handshake, unless its first packet is being committed. */
  dropUncommitted(slot: number): void {
    if (this.#bySlot.get(slot)?.first === null) this.drop(slot)
  }

  /** Gives up those whose time is over, but none that is being committed. */
  expire(nowMs: number): void {
    for (const pending of this.#bySlot.values()) {
      if (pending.first !== null) continue
      if (pending.expiresAtMs > nowMs) return
      this.#giveUp(pending)
    }
  }

  /** The oldest that is not being committed, if it was silent for long. */
  #silent(nowMs: number): PendingHandshake | null {
    for (const pending of this.#bySlot.values()) {
      if (pending.first !== null) continue
      return pending.expiresAtMs - PENDING_HANDSHAKE_MS + GIVES_WAY_MS <= nowMs ? pending : null
    }
    return null
  }

  #giveUp(pending: PendingHandshake): void {
    this.drop(pending.slot)
    this.#expired++
  }
}
