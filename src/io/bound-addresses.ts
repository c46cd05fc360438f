/** Which text address and which socket belong to the core's 18 bytes. */
import { ADDRESS_BYTES, ipText, isIpv4, portOf, writeAddress } from '../base/address.js'
import { isConnectionAddress } from '../base/connection-address.js'

/** Where a datagram goes out. */
export interface Route<Socket> {
  /** as the kernel wrote it, with the scope of a link-local address */
  address: string
  port: number
  socket: Socket
}

/** Remotes held whose bytes do not tell the way back; each costs some 300 B. Beyond it all are forgotten. */
const REMOTES_MAX = 4096

/**
 * Remotes as heard. The bytes of nearly all of them tell the way back: their text, and the socket of their family. Held
 * are only those with a scope (`fe80::1%eth0`), and those that came over another socket than their family's first.
 */
export class BoundAddresses<Socket> {
  readonly #firstOf = new Map<4 | 6, Socket>()
  readonly #held = new Map<string, Route<Socket>>()
  readonly #bytes = new Uint8Array(ADDRESS_BYTES)

  /** The first socket of a family is the way out to remotes that were not heard lately. */
  addSocket(socket: Socket, family: 4 | 6): void {
    if (!this.#firstOf.has(family)) this.#firstOf.set(family, socket)
  }

  /**
   * Notes a sender.
   *
   * @returns its 18 bytes, borrowed until the next call; null if it cannot be answered: no address, port 0, which
   *   node:dgram refuses, or one that claims to be a connection.
   */
  received(address: string, port: number, socket: Socket): Uint8Array | null {
    const bytes = this.#bytes
    if (port === 0 || !writeAddress(bytes, address, port) || isConnectionAddress(bytes)) return null
    const isPlain = socket === this.#firstFor(bytes) && !address.includes('%')
    if (isPlain) {
      if (this.#held.size > 0) this.#held.delete(keyOf(bytes))
      return bytes
    }
    if (this.#held.size >= REMOTES_MAX) this.#held.clear()
    this.#held.set(keyOf(bytes), { address, port, socket })
    return bytes
  }

  /** The way to a remote of 18 bytes; null if there is no socket of its family, for port 0, and for a connection. */
  route(remote: Uint8Array): Route<Socket> | null {
    const held = this.#held.size > 0 ? this.#held.get(keyOf(remote)) : undefined
    if (held !== undefined) return held
    const socket = this.#firstFor(remote)
    const port = portOf(remote)
    return socket === undefined || port === 0 || isConnectionAddress(remote)
      ? null
      : { address: ipText(remote), port, socket }
  }

  #firstFor(remote: Uint8Array): Socket | undefined {
    return this.#firstOf.get(isIpv4(remote) ? 4 : 6)
  }
}

function keyOf(remote: Uint8Array): string {
  let key = ''
  for (let index = 0; index < ADDRESS_BYTES; index += 2) {
    key += String.fromCharCode((remote[index] ?? 0) * 256 + (remote[index + 1] ?? 0))
  }
  return key
}
