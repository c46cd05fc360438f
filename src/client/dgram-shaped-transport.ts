/**
 * UDP by sockets that look like those of Node's dgram, for a host that has such a module: React Native's
 * `react-native-udp`, for one, whose sockets are closed while the application sleeps. They cannot be connected, so each
 * send names the address, and what comes from elsewhere is dropped here.
 */
import { DeviceError } from './device-error.js'
import type { AddressFamily } from './learning/network.js'
import type { ProbeSocket, Transport, TransportListener } from './transport.js'

/** What is used of a socket. */
export interface DgramShapedSocket {
  bind(port: number): unknown
  send(
    bytes: Uint8Array,
    offset: number,
    length: number,
    port: number,
    address: string,
    callback?: (error?: unknown) => void,
  ): unknown
  on(event: 'message', listener: (bytes: Uint8Array, from: { address: string; port: number }) => void): unknown
  on(event: 'error' | 'close', listener: () => void): unknown
  close(): unknown
}

/** What is used of the module. */
export interface DgramShaped {
  createSocket(options: { type: 'udp4' | 'udp6' }): DgramShapedSocket
}

export interface DgramShapedOptions {
  dgram: DgramShaped
  /** of the credentials; those of other schemes are left out */
  endpoints: readonly string[]
}

interface ServerName {
  host: string
  port: number
  /** whether the host is an address: then only it may answer */
  isLiteral: boolean
}

/** The module finds the addresses of names itself. The endpoints take turns with each new socket. */
export class DgramShapedTransport implements Transport {
  readonly kind = 'udp'
  readonly #dgram: DgramShaped
  readonly #servers: ServerName[]
  #listener: TransportListener | null = null
  #server = 0
  #socket: OwnSocket | null = null
  #isClosed = false

  /** @throws DeviceError PL_BAD_CREDENTIALS if there is no `udp:` endpoint, or one cannot be read. */
  constructor({ dgram, endpoints }: DgramShapedOptions) {
    this.#dgram = dgram
    this.#servers = endpoints.filter((text) => text.startsWith('udp:')).map(serverOf)
    if (this.#servers.length === 0) throw new DeviceError('PL_BAD_CREDENTIALS', 'no udp: endpoint')
  }

  get family(): AddressFamily {
    return familyOf(this.#current)
  }

  listen(listener: TransportListener): void {
    this.#listener = listener
  }

  send(datagram: Uint8Array): void {
    if (this.#isClosed) return
    if (this.#socket?.isOpen !== true) this.#socket = this.#open((bytes) => this.#listener?.onDatagram(bytes))
    this.#socket.send(datagram)
  }

  rebind(): void {
    this.#socket?.close()
    if (this.#socket !== null) this.#server = (this.#server + 1) % this.#servers.length
    this.#socket = null
  }

  isAlive(): boolean {
    return this.#socket === null || this.#socket.isOpen
  }

  openProbe(onDatagram: (datagram: Uint8Array) => void): ProbeSocket | null {
    return this.#isClosed || this.#socket?.isOpen !== true ? null : this.#open(onDatagram)
  }

  close(): void {
    this.#socket?.close()
    this.#isClosed = true
    this.#listener = null
  }

  get #current(): ServerName {
    return this.#servers[this.#server] as ServerName
  }

  #open(onDatagram: (datagram: Uint8Array) => void): OwnSocket {
    return new OwnSocket(this.#dgram, this.#current, onDatagram)
  }
}

/** One socket and the server it is for. */
class OwnSocket implements ProbeSocket {
  readonly #server: ServerName
  readonly #socket: DgramShapedSocket
  isOpen = true

  constructor(dgram: DgramShaped, server: ServerName, onDatagram: (datagram: Uint8Array) => void) {
    this.#server = server
    this.#socket = dgram.createSocket({ type: familyOf(server) === 'ipv6' ? 'udp6' : 'udp4' })
    this.#socket.on('error', () => this.close())
    this.#socket.on('close', () => {
      this.isOpen = false
    })
    this.#socket.on('message', (bytes, { address, port }) => {
      const isServer = port === server.port && (!server.isLiteral || address === server.host)
      if (this.isOpen && isServer) onDatagram(bytes)
    })
    this.#socket.bind(0)
  }

  /** The module opens and resolves by itself; what it cannot send is lost. */
  send(datagram: Uint8Array): void {
    if (!this.isOpen) return
    try {
      this.#socket.send(datagram, 0, datagram.length, this.#server.port, this.#server.host, () => {})
    } catch {
      this.close()
    }
  }

  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    try {
      this.#socket.close()
    } catch {
      // the system was faster
    }
  }
}

function familyOf({ host }: ServerName): AddressFamily {
  return host.includes(':') ? 'ipv6' : 'ipv4'
}

function serverOf(text: string): ServerName {
  const match = /^udp:\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^:/[\]]+)):(\d{1,5})\/?$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3])
  if (host === '' || !(port > 0 && port <= 65_535)) throw new DeviceError('PL_BAD_CREDENTIALS', `endpoint ${text}`)
  return { host, port, isLiteral: match?.[1] !== undefined || /^[\d.]+$/.test(host) }
}
