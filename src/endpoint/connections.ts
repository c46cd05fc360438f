import { connectionOf, isConnectionAddress } from '../base/connection-address.js'

/**
 * Sessions whose proven address is a connection, by its number: they are told when it closes. Sessions on UDP are not in
 * here, so a device at rest costs nothing.
 */
export class Connections {
  readonly #slots = new Map<number, Set<number>>()

  /** A session's proven address is this one now. */
  enter(slot: number, address: Uint8Array): void {
    if (!isConnectionAddress(address)) return
    const number = connectionOf(address)
    const slots = this.#slots.get(number)
    if (slots === undefined) this.#slots.set(number, new Set([slot]))
    else slots.add(slot)
  }

  /** A session's proven address is this one no more. */
  leave(slot: number, address: Uint8Array): void {
    if (!isConnectionAddress(address)) return
    const number = connectionOf(address)
    const slots = this.#slots.get(number)
    if (slots?.delete(slot) === true && slots.size === 0) this.#slots.delete(number)
  }

  /** Takes out the sessions of a connection. */
  take(address: Uint8Array): Iterable<number> {
    const number = connectionOf(address)
    const slots = this.#slots.get(number) ?? []
    this.#slots.delete(number)
    return slots
  }
}
