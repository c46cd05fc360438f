/** The channel over WebSocket: each binary message is one datagram. wire-spec §8.3 */
import {
  HANDSHAKE_RETRY_MAX_MS,
  WEBSOCKET_BUFFER_BYTES,
  WEBSOCKET_PROTOCOL,
  WEBSOCKET_REOPEN_MAX_MS,
  WebSocketClose,
} from '../packet/constants.js'
import { DeviceError } from './device-error.js'
import type { Host } from './host.js'
import type { Transport, TransportListener } from './transport.js'

/** What is used of a WebSocket; browsers, React Native, Node and the package `ws` have it. */
export interface WebSocketLike {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(data: Uint8Array<ArrayBuffer>): void
  close(code?: number): void
}

/** The constructor of the WHATWG's WebSocket. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike

export interface WebSocketOptions {
  /** of the credentials; the first of scheme `wss:` or `ws:` is used */
  endpoints: readonly string[]
  /** gives the constructor, such as `() => WebSocket`; asked once, when the first connection is opened */
  webSocket: () => WebSocketConstructor | Promise<WebSocketConstructor>
  host: Pick<Host, 'setTimer' | 'random'>
}

/** WHATWG: readyState of an open socket. */
const OPEN = 1
/** Datagrams kept until the connection is open; the oldest goes. */
const WAITING_MAX = 4
/** An attempt that is not open by then has failed, ms. */
const OPEN_TIMEOUT_MS = 15_000
/** Pause after an attempt that failed, ms; it doubles. wire-spec [R-9.3-1] */
const RETRY_FIRST_MS = 1000

/** Whether credentials name the channel over WebSocket. */
export function webSocketEndpoint(endpoints: readonly string[]): string | null {
  return endpoints.find((text) => /^wss?:\/\/./.test(text)) ?? null
}

/**
 * Opens with the first datagram or with `open`, and again by itself when the connection closes, after a random pause
 * (a server that restarts is not run over) that grows while nothing comes back. `rest` ends that.
 */
export class WebSocketTransport implements Transport {
  readonly kind = 'tcp'
  readonly #options: WebSocketOptions
  readonly #url: string
  #webSocket: WebSocketConstructor | null = null
  #listener: TransportListener | null = null
  #socket: WebSocketLike | null = null
  #waiting: Uint8Array[] = []
  /** Attempts since something was heard. */
  #attempts = 0
  #isWanted = false
  /** Whether the constructor is being fetched. */
  #isStarting = false
  /** of the attempt's time, or of the pause before the next */
  #cancelTimer: (() => void) | null = null
  /** Grows when all that was begun has no effect any more. */
  #generation = 0
  #isClosed = false

  /** @throws DeviceError PL_BAD_CREDENTIALS if there is no endpoint of a WebSocket. */
  constructor(options: WebSocketOptions) {
    const url = webSocketEndpoint(options.endpoints)
    if (url === null) throw new DeviceError('PL_BAD_CREDENTIALS', 'no wss: endpoint')
    this.#options = options
    this.#url = url
  }

  listen(listener: TransportListener): void {
    this.#listener = listener
  }

  /** Whether datagrams go out at once. */
  get isOpen(): boolean {
    return this.#socket?.readyState === OPEN
  }

  send(datagram: Uint8Array): void {
    if (this.#isClosed) return
    if (this.isOpen) {
      this.#sendNow(datagram)
      return
    }
    this.#waiting.push(datagram)
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift()
    this.open()
  }

  /**
   * Opens the connection, unless it is open or the next attempt waits for its pause. What waits goes out then; if
   * nothing does, `onMoved` says that the device has another address.
   */
  open(): void {
    this.#isWanted = true
    const isBusy = this.#isStarting || this.#socket !== null || this.#cancelTimer !== null
    if (!this.#isClosed && !isBusy) this.#begin()
  }

  /** Closes the connection until the next `open` or `send`. */
  rest(): void {
    this.#isWanted = false
    this.#waiting = []
    this.#attempts = 0
    this.#drop()
  }

  rebind(why: 'network' | 'silence'): void {
    if (why === 'silence' && !this.isOpen) return // it is being opened already
    const wasWanted = this.#isWanted
    this.#attempts = 0
    this.#drop()
    if (wasWanted && !this.#isClosed) this.open()
  }

  close(): void {
    this.rest()
    this.#isClosed = true
  }

  #begin(): void {
    const generation = this.#generation
    this.#attempts++
    this.#isStarting = true
    const given = this.#webSocket ?? this.#constructorGiven()
    if (!(given instanceof Promise)) this.#construct(given, generation)
    else
      given.then(
        (webSocket) => this.#construct(webSocket, generation),
        () => this.#construct(null, generation),
      )
  }

  /** A constructor that is there already is used at once. */
  #constructorGiven(): WebSocketConstructor | Promise<WebSocketConstructor> | null {
    try {
      return this.#options.webSocket()
    } catch {
      return null
    }
  }

  /** Begins to connect, unless that is not wanted any more. @param webSocket null: there is none. */
  #construct(webSocket: WebSocketConstructor | null, generation: number): void {
    if (webSocket !== null) this.#webSocket = webSocket
    if (generation !== this.#generation) return
    this.#isStarting = false
    let socket: WebSocketLike
    try {
      if (webSocket === null) throw new Error('no constructor')
      socket = new webSocket(this.#url, [WEBSOCKET_PROTOCOL])
    } catch {
      this.#retry()
      return
    }
    this.#adopt(socket, generation)
  }

  #adopt(socket: WebSocketLike, generation: number): void {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    socket.onerror = () => {} // 'close' follows
    let isUsed = false
    socket.onopen = () => {
      isUsed = true
      if (generation === this.#generation) this.#handleOpen()
    }
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (generation !== this.#generation || !(data instanceof ArrayBuffer)) return
      this.#attempts = 0
      this.#listener?.onDatagram(new Uint8Array(data))
    }
    socket.onclose = ({ code }: { code?: number }) => {
      if (generation !== this.#generation) return
      const isOfServer = code === WebSocketClose.goingAway || code === WebSocketClose.left
      if (isUsed && !isOfServer) this.#listener?.onBroken?.()
      this.#drop()
      this.#retry()
    }
    this.#cancelTimer = this.#options.host.setTimer(OPEN_TIMEOUT_MS, () => {
      this.#drop()
      this.#retry()
    })
  }

  /** What waited tells the server the new address; without, the device must say something there. */
  #handleOpen(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const waiting = this.#waiting.splice(0)
    for (const datagram of waiting) this.#sendNow(datagram)
    if (waiting.length === 0) this.#listener?.onMoved()
  }

  #sendNow(datagram: Uint8Array): void {
    const socket = this.#socket
    if (socket === null || socket.bufferedAmount > WEBSOCKET_BUFFER_BYTES) return
    try {
      socket.send(datagram.slice())
    } catch {
      // It is closing: the datagram is lost, 'close' follows.
    }
  }

  /** Tries again after a random pause: at most 5 s at first, then doubling. [R-8.3-8] */
  #retry(): void {
    if (!this.#isWanted || this.#isClosed) return
    const [byte = 0] = this.#options.host.random.fill(new Uint8Array(1))
    const fraction = byte / 255
    const doubledMs = Math.min(RETRY_FIRST_MS * 2 ** Math.min(this.#attempts, 20), HANDSHAKE_RETRY_MAX_MS)
    const pauseMs = this.#attempts === 0 ? fraction * WEBSOCKET_REOPEN_MAX_MS : doubledMs * (0.75 + fraction / 2)
    this.#cancelTimer = this.#options.host.setTimer(Math.trunc(pauseMs), () => {
      this.#cancelTimer = null
      this.#begin()
    })
  }

  #drop(): void {
    this.#generation++
    this.#isStarting = false
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const socket = this.#socket
    this.#socket = null
    if (socket !== null) quietly(socket)
  }
}

/** Closes a socket of which nobody wants to hear. */
function quietly(socket: WebSocketLike): void {
  socket.onopen = null
  socket.onmessage = null
  socket.onclose = null
  socket.onerror = () => {}
  try {
    socket.close()
  } catch {
    // it was never open
  }
}
