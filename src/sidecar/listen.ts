import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, isIPv4, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { routeUpgrade } from './channel/upgrade.js'
import { ConnectionGate } from './connections.js'
import type { ListenAddress, StartFailure } from './message.js'
import type { SidecarSettings } from './options.js'
import { refuseConnection, refuseSocket } from './refusal.js'

/** Request line and header fields together. */
const HEAD_BYTES_MAX = 16_384
const KEEP_ALIVE_MS = 20_000
/** How often a free port is tried that must be free on every host. */
const FREE_PORT_TRIES = 10

/** Why the sidecar cannot listen. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
  readonly code: StartFailure

  /** @param message for the operator. */
  constructor(code: StartFailure, message: string) {
    super(message)
    this.code = code
  }
}

/** The sockets of the sidecar. */
export interface Listeners {
  addresses: ListenAddress[]
  /** Takes no more connections, lets running requests finish for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>
}

/**
 * Listens on every host, with one port. With a host of IPv4 in the list, `::` means IPv6 only; alone it takes both. A host
 * of an address family that this machine lacks is left out as long as another works.
 *
 * @throws ListenError.
 */
export async function listen(settings: SidecarSettings, handle: RequestListener): Promise<Listeners> {
  for (let tries = 1; ; tries++) {
    try {
      return await listenOnce(settings, handle)
    } catch (error) {
      // A port that was free on the first host may be taken on the next: take another.
      const again =
        settings.port === 0 && error instanceof ListenError && error.code === 'port-taken' && tries < FREE_PORT_TRIES
      if (!again) throw error
    }
  }
}

async function listenOnce(settings: SidecarSettings, handle: RequestListener): Promise<Listeners> {
  const servers: Server[] = []
  const gate = new ConnectionGate(settings)
  /** connections that left HTTP: node does not cut them */
  const upgraded = new Set<Duplex>()
  let { port } = settings
  let missing: ListenError | null = null
  try {
    for (const host of settings.hosts) {
      const server = newServer(settings, handle, gate, upgraded)
      const failure = await bind(server, host, port, settings.hosts.some(isIPv4))
      if (failure?.code === 'address-unavailable' && settings.hosts.length > 1) missing = failure
      else if (failure !== null) throw failure
      else {
        servers.push(server)
        port = (server.address() as AddressInfo).port
      }
    }
    if (servers.length === 0) throw missing ?? new ListenError('bad-option', 'no host to listen on')
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
  return { addresses: servers.map(addressOf), close: (graceMs) => closeAll(servers, upgraded, graceMs) }
}

function newServer(settings: SidecarSettings, handle: RequestListener, gate: ConnectionGate, upgraded: Set<Duplex>) {
  const options = {
    maxHeaderSize: HEAD_BYTES_MAX,
    headersTimeout: settings.headersTimeoutMs,
    requestTimeout: settings.requestTimeoutMs,
    connectionsCheckingInterval: settings.connectionCheckMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requireHostHeader: false, // the application answers that itself, with a problem document
  }
  /** the last answer on each connection */
  const answers = new WeakMap<Duplex, ServerResponse>()
  const listener: RequestListener = (request, response) => {
    answers.set(request.socket, response)
    handle(request, response)
  }
  const { tls } = settings
  const server = tls === null ? createServer(options, listener) : tlsServer({ ...options, ...tls }, listener)
  server.maxConnections = settings.connectionsMax + settings.channelsMax
  guardConnections(server, gate, tls !== null)
  server.on('clientError', (error, socket) => refuseConnection(error, socket, answers.get(socket)))
  server.on('checkExpectation', listener)
  server.on('connect', (_request, socket) => refuseSocket(socket, 'bad-http', 'This server is no proxy.'))
  server.on('upgrade', (request, socket, head) => {
    upgraded.add(socket)
    socket.once('close', () => upgraded.delete(socket))
    routeUpgrade(handle, request, socket, head)
  })
  return server
}

/**
 * Puts the gate before node's own listeners, which would read from a connection at once. A connection of TLS can hear
 * why it is refused only after its handshake.
 */
function guardConnections(server: Server, gate: ConnectionGate, isTls: boolean): void {
  const refuse = (socket: Socket) => refuseSocket(socket, 'too-many-connections', '', { 'retry-after': '10' })
  guard(server, 'connection', (socket) => {
    const admission = gate.enter(socket)
    if (admission === 'cut') socket.destroy()
    else if (admission === 'refuse' && !isTls) refuse(socket)
    else return true
    return false
  })
  if (!isTls) return
  guard(server, 'secureConnection', (socket) => {
    if (!gate.isOver(socket)) return true
    refuse(socket)
    return false
  })
}

function guard(server: Server, event: 'connection' | 'secureConnection', mayPass: (socket: Socket) => boolean): void {
  const listeners = server.listeners(event)
  server.removeAllListeners(event)
  server.on(event, (socket: Socket) => {
    if (mayPass(socket)) for (const listener of listeners) listener.call(server, socket)
  })
}

function tlsServer(options: Parameters<typeof createTlsServer>[0], handle: RequestListener): Server {
  try {
    return createTlsServer({ ...options, minVersion: 'TLSv1.2', handshakeTimeout: options.headersTimeout ?? 0 }, handle)
  } catch (error) {
    throw new ListenError('bad-tls', `the certificate or its key cannot be used (${(error as Error).message})`)
  }
}

/** Resolves with null once the server listens. */
function bind(server: Server, host: string, port: number, ipv6Only: boolean): Promise<ListenError | null> {
  return new Promise((resolve) => {
    const fail = (error: NodeJS.ErrnoException) => resolve(listenError(error, host, port))
    server.once('error', fail)
    try {
      server.listen({ host, port, ipv6Only }, () => {
        server.removeListener('error', fail)
        resolve(null)
      })
    } catch (error) {
      fail(error as NodeJS.ErrnoException) // a port out of range
    }
  })
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): ListenError {
  const where = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (error.code === 'EADDRINUSE') return new ListenError('port-taken', `${where} is taken by another program`)
  if (error.code === 'EACCES') return new ListenError('port-forbidden', `no permission to listen on ${where}`)
  if (error.code === 'ERR_SOCKET_BAD_PORT') return new ListenError('bad-option', `${port} is not a port`)
  if (['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL'].includes(error.code ?? '')) {
    return new ListenError('address-unavailable', `${host} is not an address of this machine`)
  }
  return new ListenError('start-failed', `cannot listen on ${where} (${error.code ?? error.message})`)
}

function addressOf(server: Server): ListenAddress {
  const { address, port, family } = server.address() as AddressInfo
  return { address, port, family: family === 'IPv6' ? 6 : 4 }
}

async function closeAll(servers: readonly Server[], upgraded: ReadonlySet<Duplex>, graceMs: number): Promise<void> {
  const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)))
  const cut = setTimeout(() => {
    for (const server of servers) server.closeAllConnections()
    for (const socket of upgraded) socket.destroy()
  }, graceMs)
  for (const server of servers) server.closeIdleConnections()
  await Promise.all(closed)
  clearTimeout(cut)
}
