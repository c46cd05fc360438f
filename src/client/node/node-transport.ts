import type { Host } from '../host.js'
import { PathsTransport } from '../paths-transport.js'
import type { Transport } from '../transport.js'
import { WebSocketTransport, webSocketEndpoint } from '../websocket-transport.js'
import { DgramTransport } from './dgram-transport.js'
import { nodeWebSocket } from './websocket.js'

/**
 * The transport that the endpoints of a device ask for: UDP, WebSocket where UDP does not pass, or the one that there is.
 *
 * @throws DeviceError PL_BAD_CREDENTIALS if there is no endpoint that is known.
 */
export function nodeTransport(endpoints: readonly string[], host: Host): Transport {
  if (webSocketEndpoint(endpoints) === null) return new DgramTransport({ endpoints })
  const tcp = new WebSocketTransport({ endpoints, webSocket: nodeWebSocket, host })
  if (!endpoints.some((text) => text.startsWith('udp:'))) return tcp
  return new PathsTransport({ udp: new DgramTransport({ endpoints }), tcp, host })
}
