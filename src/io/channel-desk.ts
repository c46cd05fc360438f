/** Where the main thread meets the WebSockets of the sidecar: their datagrams become those of an address, and back. */
import { CLIENT_TAG_BYTES, connectionAddress, connectionOf } from '../base/connection-address.js'
import type { Random } from '../base/random.js'
import { ascii } from '../base/text.js'
import { type Crypto, KEY_BYTES } from '../crypto/crypto.js'
import { ChannelPipe, readChannelBatch } from '../sidecar/channel/channel-pipe.js'
import type { ToSidecar } from '../sidecar/message.js'
import type { SidecarMessage } from '../sidecar/start.js'

/** What a message about WebSockets is. */
export type ChannelMessage = Extract<
  SidecarMessage,
  { kind: 'channel-open' | 'channel-closed' | 'datagrams' | 'datagrams-taken' }
>

/** What the desk works with. */
export interface ChannelDeskParts {
  crypto: Crypto
  /** source of the secret under which clients are tagged */
  random: Random
  /** both arguments are borrowed; `remote` has 18 B */
  onDatagram(bytes: Uint8Array, remote: Uint8Array): void
  /** nothing can be sent to this address any more */
  onClosed(remote: Uint8Array): void
}

/** Datagrams for a WebSocket that were dropped here: the sidecar is behind, or the connection is closed. */
export interface ChannelDeskCounts {
  overload: number
  closed: number
}

/** One desk serves all sidecars, one after the other. */
export class ChannelDesk {
  readonly counts: ChannelDeskCounts = { overload: 0, closed: 0 }
  readonly #parts: ChannelDeskParts
  readonly #secret: Uint8Array
  readonly #addresses = new Map<number, Uint8Array>()
  #pipe: ChannelPipe | null = null
  #post: (message: ToSidecar) => void = () => {}

  constructor(parts: ChannelDeskParts) {
    this.#parts = parts
    this.#secret = parts.random.fill(new Uint8Array(KEY_BYTES))
  }

  /** A sidecar listens. */
  start(post: (message: ToSidecar) => void): void {
    this.#post = post
    this.#pipe = new ChannelPipe((batch) => post({ kind: 'datagrams', batch }))
  }

  /** Takes a message of the sidecar. */
  take(message: ChannelMessage): void {
    if (message.kind === 'channel-open') {
      const tag = this.#parts.crypto.mac(this.#secret, ascii(message.client), CLIENT_TAG_BYTES)
      this.#addresses.set(message.connection, connectionAddress(tag, message.connection))
    } else if (message.kind === 'channel-closed') this.#close(message.connection)
    else if (message.kind === 'datagrams-taken') this.#pipe?.taken(message.count)
    else {
      const count = readChannelBatch(message.batch, (connection, bytes) => {
        const remote = this.#addresses.get(connection)
        if (remote !== undefined) this.#parts.onDatagram(bytes, remote)
      })
      this.#post({ kind: 'datagrams-taken', count })
    }
  }

  /** Sends `bytes` to `remote`, the address of a connection; both may be reused at once. */
  send(bytes: Uint8Array, remote: Uint8Array): void {
    const connection = connectionOf(remote)
    if (!this.#addresses.has(connection)) {
      // A session that was being committed while its connection closed learns it now.
      this.counts.closed++
      this.#parts.onClosed(remote)
    } else if (this.#pipe?.push(connection, bytes) !== true) this.counts.overload++
  }

  /** The session of a connection has moved away: the sidecar closes it. @param remote its address. */
  close(remote: Uint8Array): void {
    const connection = connectionOf(remote)
    if (this.#addresses.has(connection)) this.#post({ kind: 'channel-left', connection })
  }

  /** The sidecar broke: all connections are gone. */
  crashed(): void {
    this.#post = () => {}
    this.#pipe = null
    for (const connection of [...this.#addresses.keys()]) this.#close(connection)
  }

  #close(connection: number): void {
    const remote = this.#addresses.get(connection)
    if (remote === undefined) return
    this.#addresses.delete(connection)
    this.#parts.onClosed(remote)
  }
}
