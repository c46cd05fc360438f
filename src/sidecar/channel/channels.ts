/** All WebSockets of the channel: who may open one, where their datagrams go, and when they are closed. wire-spec §8.3 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { WebSocketServer } from 'ws'
import { DATAGRAM_BYTES_MAX, WEBSOCKET_PROTOCOL, WebSocketClose } from '../../packet/constants.js'
import type { FromSidecar, ToSidecar } from '../message.js'
import type { SidecarSettings } from '../options.js'
import { refuseSocket } from '../refusal.js'
import { Channel, type ChannelDrop } from './channel.js'
import { ChannelPipe, readChannelBatch } from './channel-pipe.js'

/** Time for a client's answer to our close, ms. */
const CLOSE_TIMEOUT_MS = 5000
/** Frames of one message, and pieces of it that wait: a datagram needs one. */
const FRAGMENTS_MAX = 16
const CHUNKS_MAX = 1024
/** Looks at the ages of all connections in one time of proof. */
const SWEEPS = 4

const SERVER_OPTIONS = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: DATAGRAM_BYTES_MAX,
  maxFragments: FRAGMENTS_MAX,
  maxBufferedChunks: CHUNKS_MAX,
  autoPong: false,
  closeTimeout: CLOSE_TIMEOUT_MS,
  handleProtocols: () => WEBSOCKET_PROTOCOL,
}

/** Counts since the start, and the gauge of open connections. */
export interface ChannelCounts {
  open: number
  opened: number
  messagesIn: number
  messagesOut: number
  dropped: Record<ChannelDrop, number>
  /** closed because no channel packet of a session came, or nothing at all for too long */
  silent: number
  /** closed because its session moved to another path */
  left: number
}

/** What the table works with. */
export interface ChannelsParts {
  settings: SidecarSettings
  /** Hands a message to the main thread. */
  post(message: FromSidecar): void
  /** monotonic */
  nowMs(): number
  /** no connection of this sidecar has a number below */
  firstNumber: number
}

/** The table. */
export class Channels {
  readonly counts: ChannelCounts = {
    open: 0,
    opened: 0,
    messagesIn: 0,
    messagesOut: 0,
    dropped: { rate: 0, overload: 0, backpressure: 0, closed: 0, length: 0 },
    silent: 0,
    left: 0,
  }
  readonly #parts: ChannelsParts
  readonly #channels = new Map<number, Channel>()
  readonly #perClient = new Map<string, number>()
  readonly #pipe: ChannelPipe
  readonly #server = new WebSocketServer(SERVER_OPTIONS)
  readonly #sweep: NodeJS.Timeout
  #next: number
  #isStopping = false

  constructor(parts: ChannelsParts) {
    const { settings, post, firstNumber } = parts
    this.#parts = parts
    this.#next = firstNumber
    this.#pipe = new ChannelPipe((batch) => post({ kind: 'datagrams', batch }))
    this.#server.on('wsClientError', (_error, socket) => refuseSocket(socket, 'bad-upgrade'))
    this.#sweep = setInterval(() => this.#closeSilent(), settings.channelProofMs / SWEEPS)
    this.#sweep.unref()
  }

  /** Why a client may not open one more: 'address' if it has too many, 'total' if all together have. */
  refusal(client: string): 'address' | 'total' | null {
    const { channelsMax, channelsPerAddress } = this.#parts.settings
    if ((this.#perClient.get(client) ?? 0) >= channelsPerAddress) return 'address'
    return this.#channels.size >= channelsMax || this.#isStopping ? 'total' : null
  }

  /**
   * Makes a WebSocket of an upgrade request. One that the library finds to be none gets a problem document.
   *
   * @param client what limits count it as; `refusal` said null.
   */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, client: string): void {
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      const { settings, nowMs } = this.#parts
      const about = { number: this.#next++, client, bufferBytesMax: settings.channelBufferBytes }
      const channel = new Channel(webSocket, about, this, nowMs)
      this.#channels.set(channel.number, channel)
      this.#perClient.set(client, (this.#perClient.get(client) ?? 0) + 1)
      this.counts.open = this.#channels.size
      this.counts.opened++
    })
  }

  /** Takes a message from the main thread. @returns whether it was for the channels. */
  take(message: ToSidecar): boolean {
    if (message.kind === 'datagrams') {
      const count = readChannelBatch(message.batch, (number, datagram) => this.#send(number, datagram))
      this.#parts.post({ kind: 'datagrams-taken', count })
    } else if (message.kind === 'datagrams-taken') this.#pipe.taken(message.count)
    else if (message.kind === 'channel-left') this.#leave(message.connection)
    else return false
    return true
  }

  /** Opens none any more and closes all. */
  stop(): void {
    this.#isStopping = true
    clearInterval(this.#sweep)
    for (const channel of this.#channels.values()) channel.close(WebSocketClose.goingAway)
  }

  /** For `Channel`. */
  onDatagram(channel: Channel, datagram: Uint8Array): void {
    const { number, client } = channel
    this.counts.messagesIn++
    if (!channel.isTold) {
      channel.isTold = true
      this.#parts.post({ kind: 'channel-open', connection: number, client })
    }
    if (!this.#pipe.push(number, datagram)) this.onDrop('overload')
  }

  /** For `Channel`. */
  onDrop(reason: ChannelDrop): void {
    this.counts.dropped[reason]++
  }

  /** For `Channel`. */
  onClosed(channel: Channel): void {
    const { number, client, isTold } = channel
    if (!this.#channels.delete(number)) return
    const left = (this.#perClient.get(client) ?? 1) - 1
    if (left === 0) this.#perClient.delete(client)
    else this.#perClient.set(client, left)
    this.counts.open = this.#channels.size
    if (isTold) this.#parts.post({ kind: 'channel-closed', connection: number })
  }

  #send(number: number, datagram: Uint8Array): void {
    const channel = this.#channels.get(number)
    if (channel === undefined) this.onDrop('closed')
    else if (channel.send(datagram)) this.counts.messagesOut++
  }

  #leave(number: number): void {
    if (this.#channels.get(number)?.close(WebSocketClose.left)) this.counts.left++
  }

  #closeSilent(): void {
    const { channelProofMs, channelIdleMs } = this.#parts.settings
    const nowMs = this.#parts.nowMs()
    for (const channel of this.#channels.values()) {
      const isSilent = channel.isProven
        ? nowMs - channel.usedMs >= channelIdleMs
        : nowMs - channel.openedMs >= channelProofMs
      if (isSilent && channel.close(WebSocketClose.silent)) this.counts.silent++
    }
  }
}
