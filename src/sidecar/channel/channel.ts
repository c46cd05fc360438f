/** One WebSocket of `/v1/channel`: each binary message is one datagram. wire-spec §8.3 */
import type { RawData, WebSocket } from 'ws'
import { TokenBucket } from '../../base/token-bucket.js'
import { DATAGRAM_BYTES_MAX, Flag, WebSocketClose } from '../../packet/constants.js'

/** Datagrams that one connection may send at once, and as many again in each window: 64 a second. */
const BURST = 256
const BURST_MS = 4000

/** Why a datagram or a message of a connection was dropped. */
export type ChannelDrop =
  /** the client sends faster than 64 datagrams a second */
  | 'rate'
  /** the main thread is behind */
  | 'overload'
  /** the client does not read: too much waits to be sent */
  | 'backpressure'
  /** the connection is closing or closed */
  | 'closed'
  /** of no length that a datagram has */
  | 'length'

/** What a connection tells its table. */
export interface ChannelListener {
  /** A datagram of 1 to 1200 B, borrowed. */
  onDatagram(channel: Channel, datagram: Uint8Array): void
  onDrop(reason: ChannelDrop): void
  /** It is closed; nothing follows. */
  onClosed(channel: Channel): void
}

/** A connection from its upgrade to its end. */
export class Channel {
  readonly number: number
  /** what limits count the client as */
  readonly client: string
  readonly openedMs: number
  /** Whether the main thread knows of it. */
  isTold = false
  /** Whether the server has sent a channel packet on it, which it does for authentic ones only. */
  isProven = false
  /** monotonic ms of the last datagram, either way */
  usedMs: number
  readonly #socket: WebSocket
  readonly #bufferBytesMax: number
  readonly #bucket: TokenBucket
  readonly #listener: ChannelListener
  readonly #nowMs: () => number

  /**
   * @param socket open.
   * @param about  its number, its client, and how much may wait to be sent, in bytes.
   */
  constructor(
    socket: WebSocket,
    about: { number: number; client: string; bufferBytesMax: number },
    listener: ChannelListener,
    nowMs: () => number,
  ) {
    this.#socket = socket
    this.number = about.number
    this.client = about.client
    this.#bufferBytesMax = about.bufferBytesMax
    this.#listener = listener
    this.#nowMs = nowMs
    this.openedMs = nowMs()
    this.usedMs = this.openedMs
    this.#bucket = new TokenBucket(BURST, BURST_MS, this.openedMs)
    socket.on('message', (message, isBinary) => this.#handleMessage(message, isBinary))
    // The library answers no ping by itself: a client that sends them and reads nothing would fill our memory.
    socket.on('ping', (payload) => {
      if (this.#hasRoom()) socket.pong(payload)
    })
    socket.on('error', () => {}) // 'close' follows, with 1009 for a message that is too large
    socket.on('close', () => listener.onClosed(this))
  }

  /** Sends a datagram, or drops it. @returns whether it was sent. */
  send(datagram: Uint8Array): boolean {
    const isOpen = this.#socket.readyState === this.#socket.OPEN
    if (!isOpen || !this.#hasRoom()) {
      this.#listener.onDrop(isOpen ? 'backpressure' : 'closed')
      return false
    }
    if (((datagram[0] ?? 0) & Flag.channel) !== 0) this.isProven = true
    this.usedMs = this.#nowMs()
    this.#socket.send(datagram.slice())
    return true
  }

  /** Ends it with a code of `WebSocketClose`; a client that does not answer is cut. @returns false if it is ending already. */
  close(code: number): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false
    this.#socket.close(code)
    return true
  }

  #handleMessage(message: RawData, isBinary: boolean): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    if (!isBinary) {
      this.close(WebSocketClose.text)
      return
    }
    const datagram = message as Buffer // its default `binaryType`
    const nowMs = this.#nowMs()
    this.usedMs = nowMs
    if (!this.#bucket.take(nowMs).ok) this.#listener.onDrop('rate')
    else if (datagram.length === 0 || datagram.length > DATAGRAM_BYTES_MAX) this.#listener.onDrop('length')
    else this.#listener.onDatagram(this, datagram)
  }

  #hasRoom(): boolean {
    return this.#socket.bufferedAmount <= this.#bufferBytesMax
  }
}
