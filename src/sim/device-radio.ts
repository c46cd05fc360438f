/** The transports of a simulated phone's process: the client's own code, UDP alone or with WebSocket, on a simulated path. */
import type { Host } from '../client/host.js'
import { PathsTransport } from '../client/paths-transport.js'
import type { Transport, TransportListener } from '../client/transport.js'
import { WebSocketTransport } from '../client/websocket-transport.js'
import type { DevicePath } from './network.js'
import { webSocketOf } from './web-socket.js'

/** A UDP socket; a new one is a new mapping in the NAT. */
export class SimUdp implements Transport {
  readonly kind = 'udp'
  readonly #path: DevicePath
  #listener: TransportListener | null = null

  constructor(path: DevicePath) {
    this.#path = path
  }

  listen(listener: TransportListener): void {
    this.#listener = listener
  }

  send(datagram: Uint8Array): void {
    this.#path.send(datagram)
  }

  rebind(): void {
    this.#path.rebind()
  }

  close(): void {
    this.#listener = null
  }

  /** A datagram comes out of the socket. */
  receive(datagram: Uint8Array): void {
    this.#listener?.onDatagram(datagram)
  }
}

export interface DeviceRadio {
  transport: Transport
  udp: SimUdp
}

/**
 * For one process.
 *
 * @param port         of the server.
 * @param host         its clock, timers and randomness.
 * @param hasWebSocket whether it knows the server's WebSocket too.
 * @param runs         gives what its WebSockets tell: see `SimWebSocket`.
 */
export function deviceRadio(
  path: DevicePath,
  port: number,
  host: Host,
  hasWebSocket: boolean,
  runs: (step: () => void) => void,
): DeviceRadio {
  const udp = new SimUdp(path)
  if (!hasWebSocket) return { transport: udp, udp }
  const webSocket = webSocketOf(path, port, runs)
  const tcp = new WebSocketTransport({ endpoints: ['ws://sim:1/v1/channel'], webSocket: () => webSocket, host })
  return { transport: new PathsTransport({ udp, tcp, host }), udp }
}
