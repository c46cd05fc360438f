/** The WebSockets of one life of a simulated server, as the channel desk and the sidecar hold them. wire-spec §8.3 */
import { connectionAddress, connectionOf } from '../base/connection-address.js'
import { Flag, GRACE_BASE_MS, GRACE_DIVISOR, SILENCE_MAX_S, WEBSOCKET_PROOF_MS } from '../packet/constants.js'
import type { EventQueue } from './event-queue.js'
import type { Connection, ConnectionEnd } from './network.js'

/** All WebSockets are of one client here, as behind one proxy. */
const CLIENT_TAG = new Uint8Array(6).fill(7)
/** No device may be silent for longer; then a WebSocket is closed. [R-8.3-4] */
const CHANNEL_IDLE_MS = SILENCE_MAX_S * 1000 * (1 + 1 / GRACE_DIVISOR) + GRACE_BASE_MS

interface Channel {
  connection: Connection
  /** whether a channel packet went out on it */
  isProven: boolean
  /** when something last came or went, virtual ms */
  usedMs: number
  close: () => void
}

/** Told of what comes. */
export interface ChannelOwner {
  receive: (bytes: Uint8Array, address: Uint8Array) => void
  closed: (address: Uint8Array) => void
}

export class ServerChannels {
  readonly #queue: EventQueue
  /** by number */
  readonly #channels = new Map<number, Channel>()
  #connections = 0
  #isOver = false

  constructor(queue: EventQueue) {
    this.#queue = queue
  }

  /** Sends a datagram. @returns false: its WebSocket is gone. */
  transmit(remote: Uint8Array, bytes: Uint8Array): boolean {
    const channel = this.#channels.get(connectionOf(remote))
    if (channel === undefined) return false
    if (((bytes[0] as number) & Flag.channel) !== 0) channel.isProven = true
    channel.usedMs = this.#queue.nowMs
    channel.connection.sendDown(bytes)
    return true
  }

  /** The endpoint wants one closed. */
  close(remote: Uint8Array): void {
    this.#channels.get(connectionOf(remote))?.close()
  }

  /** The process ends, and all with it. */
  end(): void {
    for (const { connection } of this.#channels.values()) connection.closeServer()
    this.#channels.clear()
    this.#isOver = true
  }

  /** A WebSocket is open. */
  accept(connection: Connection, owner: ChannelOwner): ConnectionEnd {
    const number = ++this.#connections
    const address = connectionAddress(CLIENT_TAG, number)
    const close = (): void => {
      if (this.#channels.delete(number)) owner.closed(address)
    }
    const channel: Channel = {
      connection,
      isProven: false,
      usedMs: this.#queue.nowMs,
      close: () => {
        connection.closeServer()
        close()
      },
    }
    this.#channels.set(number, channel)
    const look = (): void => {
      if (!this.#channels.has(number)) return
      const closesMs = channel.usedMs + CHANNEL_IDLE_MS
      if (channel.isProven && this.#queue.nowMs < closesMs) this.#queue.at(closesMs, look)
      else channel.close()
    }
    this.#queue.at(this.#queue.nowMs + WEBSOCKET_PROOF_MS, look)
    const message = (bytes: Uint8Array): void => {
      channel.usedMs = this.#queue.nowMs
      if (!this.#isOver) owner.receive(bytes, address)
    }
    return { message, closed: close }
  }
}
