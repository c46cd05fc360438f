/** Which text address and which socket belong to the core's 18 bytes: a small bounded cache, since most senders come again. */
import { ADDRESS_BYTES, ipText, isIpv4, portOf, writeAddress } from '../base/address.js'
import { isConnectionAddress } from '../base/connection-address.js'

/** Where a datagram goes out. */
export interface Route<Socket> {
  /** as the kernel wrote it, with the scope of a link-local address */
  address: string
  port: number
  socket: Socket
}

/** Remotes held; each costs some 300 B. Beyond it the cache starts anew, and a route is worked out from the bytes. */
const REMOTES_MAX = 4096

interface Heard<Socket> extends Route<Socket> {
  bytes: Uint8Array
}

/** Remotes as heard, over the sockets that they were heard on. */
export class BoundAddresses<Socket> {
  readonly #byText = new Map<string, Heard<Socket>>()
  readonly #byBytes = new Map<string, Heard<Socket>>()
  readonly #firstOf = new Map<4 | 6, Socket>()

  /** The first socket of a family is the way out to remotes that were not heard lately. */
  addSocket(socket: Socket, family: 4 | 6): void {
    if (!this.#firstOf.has(family)) this.#firstOf.set(family, socket)
  }

  /**
   * Notes a sender.
   *
   * @returns its 18 bytes, borrowed; null if it cannot be answered: no address, port 0, which node:dgram refuses, or one
   *   that claims to be a connection.
   */
  received(address: string, port: number, socket: Socket): Uint8Array | null {
    const text = `${port} ${address}`
    const held = this.#byText.get(text)
    if (held !== undefined && held.socket === socket) return held.bytes
    const bytes = new Uint8Array(ADDRESS_BYTES)
    if (port === 0 || !writeAddress(bytes, address, port) || isConnectionAddress(bytes)) return null
    if (this.#byText.size >= REMOTES_MAX) {
      this.#byText.clear()
      this.#byBytes.clear()
    }
    const heard = { address, port, socket, bytes }
    this.#byText.set(text, heard)
    this.#byBytes.set(keyOf(bytes), heard)
    return bytes
  }

  /** The way to a remote of 18 bytes; null if there is no socket of its family, for port 0, and for a connection. */
  route(remote: Uint8Array): Route<Socket> | null {
    const heard = this.#byBytes.get(keyOf(remote))
    if (heard !== undefined) return heard
    const socket = this.#firstOf.get(isIpv4(remote) ? 4 : 6)
    const port = portOf(remote)
    return socket === undefined || port === 0 || isConnectionAddress(remote)
      ? null
      : { address: ipText(remote), port, socket }
  }
}

function keyOf(remote: Uint8Array): string {
  let key = ''
  for (let index = 0; index < ADDRESS_BYTES; index += 2) {
    key += String.fromCharCode((remote[index] ?? 0) * 256 + (remote[index + 1] ?? 0))
  }
  return key
}
