/** The WHATWG's WebSocket as a simulated phone has it, over `TcpConnection`; the client's own transport is above it. */
import type { WebSocketConstructor, WebSocketLike } from '../client/websocket-transport.js'
import type { DevicePath, Socket } from './network.js'
import { TcpConnection } from './tcp-connection.js'

const State = { connecting: 0, open: 1, closing: 2, closed: 3 } as const

export class SimWebSocket implements WebSocketLike, Socket {
  binaryType = 'blob'
  readyState: number = State.connecting
  onopen: WebSocketLike['onopen'] = null
  onmessage: WebSocketLike['onmessage'] = null
  onclose: WebSocketLike['onclose'] = null
  onerror: WebSocketLike['onerror'] = null
  readonly #path: DevicePath
  readonly #connection: TcpConnection

  /** @param runs gives what happens to the process: at once, when it goes on, or never. */
  constructor(path: DevicePath, port: number, runs: (step: () => void) => void) {
    const guarded = (step: () => void) => runs(() => this.readyState < State.closing && step())
    this.#path = path
    this.#connection = new TcpConnection(path, {
      message: (bytes) => guarded(() => this.onmessage?.({ data: bytes.slice().buffer } as never)),
      closed: () => guarded(() => this.#over()),
    })
    path.sockets.add(this)
    this.#connection.open(port, (isOpen) =>
      guarded(() => {
        if (isOpen) this.readyState = State.open
        if (isOpen) this.onopen?.({} as never)
        else this.#over()
      }),
    )
  }

  get bufferedAmount(): number {
    return this.#connection.waitingBytes
  }

  send(bytes: Uint8Array): void {
    if (this.readyState === State.open) this.#connection.sendUp(bytes)
  }

  close(): void {
    this.readyState = State.closed
    this.#path.sockets.delete(this)
    this.#connection.closeDevice()
  }

  breaks(): void {
    if (this.readyState < State.closing) this.#over()
  }

  /** What a middlebox may do to it. */
  get connection(): TcpConnection {
    return this.#connection
  }

  #over(): void {
    this.close()
    this.onclose?.({} as never)
  }
}

/** The constructor for a phone's process. */
export function webSocketOf(path: DevicePath, port: number, runs: (step: () => void) => void): WebSocketConstructor {
  return class extends SimWebSocket {
    constructor() {
      super(path, port, runs)
    }
  }
}
