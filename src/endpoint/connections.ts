import { connectionOf, isConnectionAddress } from '../base/connection-address.js'
import { WEBSOCKET_LEFT_MS } from '../packet/constants.js'

/** A connection that no session is on any more. */
interface Left {
  address: Uint8Array
  /** monotonic ms */
  dueMs: number
}

/**
 * Sessions whose proven address is a connection, by its number: they are told when it closes, and it is closed when they
 * have moved away. Sessions on UDP are not in here, so a device at rest costs nothing.
 */
export class Connections {
  readonly #slots = new Map<number, Set<number>>()
  /** By number, in the order of their times. */
  readonly #left = new Map<number, Left>()

  /** When `expire` has something to do, monotonic ms. */
  get nextMs(): number {
    for (const { dueMs } of this.#left.values()) return dueMs
    return Infinity
  }

  /** A session's proven address is this one now. */
  enter(slot: number, address: Uint8Array): void {
    if (!isConnectionAddress(address)) return
    const number = connectionOf(address)
    this.#left.delete(number)
    const slots = this.#slots.get(number)
    if (slots === undefined) this.#slots.set(number, new Set([slot]))
    else slots.add(slot)
  }

  /**
   * A session's proven address is this one no more.
   *
   * @param movedMs when it moved to another address, monotonic ms; null if it is over.
   */
  leave(slot: number, address: Uint8Array, movedMs: number | null): void {
    if (!isConnectionAddress(address)) return
    const number = connectionOf(address)
    const slots = this.#slots.get(number)
    if (slots?.delete(slot) !== true || slots.size > 0) return
    this.#slots.delete(number)
    if (movedMs !== null) this.#left.set(number, { address: address.slice(), dueMs: movedMs + WEBSOCKET_LEFT_MS })
  }

  /** Takes out the sessions of a connection. */
  take(address: Uint8Array): Iterable<number> {
    const number = connectionOf(address)
    const slots = this.#slots.get(number) ?? []
    this.#slots.delete(number)
    this.#left.delete(number)
    return slots
  }

  /** Takes out the connections that were left for long enough. [R-8.3-14] @param onLeft gets each address. */
  expire(nowMs: number, onLeft: (address: Uint8Array) => void): void {
    for (const [number, { address, dueMs }] of this.#left) {
      if (nowMs < dueMs) return
      this.#left.delete(number)
      onLeft(address)
    }
  }
}
