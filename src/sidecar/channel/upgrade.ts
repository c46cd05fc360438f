/** Upgrade requests on their way through the application: routes, limits and errors are those of any request. */
import { type IncomingMessage, type RequestListener, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { refuseSocket } from '../refusal.js'

/** What came with an upgrade request beside its head. */
export interface Upgrade {
  socket: Duplex
  /** bytes after the head */
  head: Buffer
  response: ServerResponse
}

const upgrades = new WeakMap<IncomingMessage, Upgrade>()

/**
 * Hands an upgrade request to the application like any other. A route takes it with `takeUpgrade`; where none does, the
 * header is ignored (RFC 9110 §7.8), the request answered, and the connection closed.
 */
export function routeUpgrade(handle: RequestListener, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const response = new ServerResponse(request)
  socket.on('error', () => socket.destroy())
  response.shouldKeepAlive = false
  response.assignSocket(socket as Socket)
  response.on('finish', () => (socket as Socket).destroySoon())
  if (hasBody(request)) {
    // Nobody reads it any more.
    response.detachSocket(socket as Socket)
    refuseSocket(socket, 'bad-upgrade', 'An upgrade has no body.')
    return
  }
  upgrades.set(request, { socket, head, response })
  handle(request, response)
}

/** Takes the connection of an upgrade request out of HTTP; null if the request is no upgrade. */
export function takeUpgrade(request: IncomingMessage): Upgrade | null {
  const upgrade = upgrades.get(request)
  if (upgrade === undefined) return null
  upgrades.delete(request)
  upgrade.response.detachSocket(upgrade.socket as Socket)
  return upgrade
}

/** Whether a request is an upgrade to a WebSocket (RFC 6455 §4.2.1). */
export function isWebSocketUpgrade(request: IncomingMessage): boolean {
  return upgrades.has(request) && request.headers.upgrade?.toLowerCase() === 'websocket'
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || !['0', undefined].includes(headers['content-length'])
}
