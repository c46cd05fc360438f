/** The server's UDP sockets: one port, IPv4 and IPv6. Sending never throws and never waits; what fails is counted. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { BoundAddresses } from './bound-addresses.js'
import { ServerError } from './server-error.js'

/** What went through the sockets. */
export interface UdpCounts {
  datagramsIn: number
  bytesIn: number
  datagramsOut: number
  bytesOut: number
  /** sends that the kernel refused, as far as they were looked at, or for which there is no socket */
  sendErrors: number
  /** datagrams from an address that cannot be answered, or that nobody has */
  badSources: number
  /** errors of the socket itself */
  socketErrors: number
}

/** Sizes of a socket's buffers, bytes, in the kernel's own measure: a datagram of 24 B takes some 770 B of it on Linux. */
export interface BufferBytes {
  receive: number
  send: number
}

/** Open sockets. */
export interface UdpSockets {
  /** the one port of all of them */
  port: number
  /** `192.0.2.1:7350`, `[::]:7350` */
  addresses: string[]
  /** what the kernel gave of what was asked, the smallest of all sockets */
  bufferBytes: BufferBytes
  counts: UdpCounts
  /** Sends `bytes` to `remote` (18 B); both may be reused at once. */
  send(bytes: Uint8Array, remote: Uint8Array): void
  /** Stops reading; sending goes on. */
  pause(): void
  close(): Promise<void>
}

export interface UdpOptions {
  /** IP addresses to listen on; `0.0.0.0` and `::` are all of a family */
  hosts: string[]
  /** 0 takes a free one, the same for all hosts */
  port: number
  /** asked of the kernel, which may give less */
  bufferBytes: BufferBytes
  /**
   * whether others of this process have sockets at this port: all may send from there, and the kernel gives what comes to the
   * last that was bound (Linux). Any user's process could join them. Default false
   */
  isShared?: boolean
  /** `bytes` are the receiver's; `remote` (18 B) is borrowed */
  onDatagram: (bytes: Uint8Array, remote: Uint8Array) => void
}

/** Tries to find one free port for both families. */
const FREE_PORT_TRIES = 16
/** One send of so many is looked at: a callback costs a round of Node's tick queue (docs/performance.md). */
const LOOK_EVERY = 16
/** After one that the kernel refused, so many sends are all looked at. */
const LOOK_AFTER_ERROR = 1000

/**
 * Opens a socket for each host. One of an address family that this machine lacks is left out as long as another works.
 *
 * @throws ServerError PL_PORT_TAKEN, PL_PORT_FORBIDDEN, PL_ADDRESS_UNAVAILABLE, PL_START_FAILED.
 */
export async function openUdpSockets(options: UdpOptions): Promise<UdpSockets> {
  const sockets = await bindAll(options)
  const counts: UdpCounts = {
    datagramsIn: 0,
    bytesIn: 0,
    datagramsOut: 0,
    bytesOut: 0,
    sendErrors: 0,
    badSources: 0,
    socketErrors: 0,
  }
  const bound = new BoundAddresses<Socket>()
  let paused = false
  let closed = false

  function receive(socket: Socket, bytes: Uint8Array, remote: RemoteInfo): void {
    counts.datagramsIn++
    counts.bytesIn += bytes.length
    if (paused) return
    const address = bound.received(remote.address, remote.port, socket)
    if (address === null) counts.badSources++
    else options.onDatagram(bytes, address)
  }

  let watched = 0
  const onSent = (error: Error | null) => {
    if (error === null) return
    counts.sendErrors++
    watched = LOOK_AFTER_ERROR
  }
  for (const socket of sockets) {
    bound.addSocket(socket, socket.address().family === 'IPv6' ? 6 : 4)
    socket.on('message', (bytes, remote) => receive(socket, bytes, remote))
    socket.on('error', () => counts.socketErrors++)
  }

  return {
    port: boundPort(sockets),
    addresses: sockets.map((socket) => hostPort(socket.address().address, socket.address().port)),
    bufferBytes: {
      receive: Math.min(...sockets.map((socket) => givenBytes(socket.getRecvBufferSize()))),
      send: Math.min(...sockets.map((socket) => givenBytes(socket.getSendBufferSize()))),
    },
    counts,
    send(bytes, remote) {
      const route = bound.route(remote)
      if (route === null || closed) {
        counts.sendErrors++
        return
      }
      const isLookedAt = watched > 0 || counts.datagramsOut % LOOK_EVERY === 0
      if (watched > 0) watched--
      counts.datagramsOut++
      counts.bytesOut += bytes.length
      // A copy: where the kernel's buffer is full, libuv sends later from these bytes.
      route.socket.send(Buffer.from(bytes), route.port, route.address, isLookedAt ? onSent : undefined)
    },
    pause() {
      paused = true
    },
    async close() {
      closed = true
      await Promise.all(sockets.map(closeSocket))
    },
  }
}

async function bindAll({ hosts, port, bufferBytes, isShared = false }: UdpOptions): Promise<Socket[]> {
  for (let tries = 1; ; tries++) {
    const sockets: Socket[] = []
    let missing: ServerError | null = null
    try {
      for (const host of hosts) {
        const bound = await bindSocket(host, port || boundPort(sockets), bufferBytes, isShared)
        if (!(bound instanceof ServerError)) sockets.push(bound)
        else if (bound.code === 'PL_ADDRESS_UNAVAILABLE') missing = bound
        else throw bound
      }
      if (sockets.length === 0) throw missing ?? new ServerError('PL_ADDRESS_UNAVAILABLE', 'no address')
      return sockets
    } catch (error) {
      await Promise.all(sockets.map(closeSocket))
      // A port that was free on the first host may be taken on the next: take another.
      const again = port === 0 && sockets.length > 0 && (error as ServerError).code === 'PL_PORT_TAKEN'
      if (!again || tries === FREE_PORT_TRIES) throw error
    }
  }
}

function boundPort(sockets: Socket[]): number {
  return sockets[0]?.address().port ?? 0
}

function bindSocket(
  host: string,
  port: number,
  bufferBytes: BufferBytes,
  isShared: boolean,
): Promise<Socket | ServerError> {
  const type = host.includes(':') ? 'udp6' : 'udp4'
  // Addresses are literals: answering at once keeps `send` synchronous, without a turn of the event loop per datagram.
  const lookup = (address: string, _options: unknown, done: (error: null, address: string, family: number) => void) =>
    done(null, address, type === 'udp6' ? 6 : 4)
  const socket = createSocket({ type, ipv6Only: type === 'udp6', reuseAddr: isShared, lookup })
  return new Promise((resolve) => {
    socket.once('error', (error) => {
      socket.close()
      resolve(bindError(error, host, port))
    })
    socket.bind(port, host, () => {
      socket.removeAllListeners('error')
      askBuffers(socket, bufferBytes)
      resolve(socket)
    })
  })
}

function bindError(error: NodeJS.ErrnoException, host: string, port: number): ServerError {
  const where = `UDP ${hostPort(host, port)}`
  if (error.code === 'EADDRINUSE') return new ServerError('PL_PORT_TAKEN', where)
  if (error.code === 'EACCES') return new ServerError('PL_PORT_FORBIDDEN', where)
  const unavailable = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'].includes(error.code ?? '')
  if (unavailable) return new ServerError('PL_ADDRESS_UNAVAILABLE', where)
  return new ServerError('PL_START_FAILED', `${where}: ${error.code ?? error.message}`)
}

function askBuffers(socket: Socket, { receive, send }: BufferBytes): void {
  for (const ask of [() => socket.setRecvBufferSize(receive), () => socket.setSendBufferSize(send)]) {
    try {
      ask()
    } catch {
      // Some systems refuse instead of giving less; what they gave is reported either way.
    }
  }
}

/** Linux doubles what is asked, for its bookkeeping, and tells the doubled value (socket(7), SO_RCVBUF). */
function givenBytes(told: number): number {
  return process.platform === 'linux' ? told / 2 : told
}

/** What to tell the operator of buffers that the kernel made smaller than asked: they lose the datagrams of a rush unseen. */
export function bufferWarnings(
  asked: BufferBytes,
  given: BufferBytes,
): { asked: number; given: number; text: string }[] {
  const limits = { receive: 'net.core.rmem_max', send: 'net.core.wmem_max' }
  return (['receive', 'send'] as const)
    .filter((which) => given[which] < asked[which])
    .map((which) => ({
      asked: asked[which],
      given: given[which],
      text: `the kernel gave a smaller UDP ${which} buffer than asked: raise ${limits[which]} (docs/operations.md), or a rush loses datagrams`,
    }))
}

function closeSocket(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.close(() => resolve()))
}

/** `192.0.2.1:7350` or `[2001:db8::1]:7350`. */
export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
