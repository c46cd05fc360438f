/**
 * UDP on Node: one connected socket to the server, so that the kernel drops what comes from elsewhere and tells of
 * ICMP errors. Which address of the server it is, IPv6 or IPv4, is found by a race (RFC 8305).
 */
import { createSocket, type Socket } from 'node:dgram'
import { DeviceError } from '../device-error.js'
import type { AddressFamily } from '../learning/network.js'
import type { ProbeSocket, Transport, TransportListener } from '../transport.js'
import { parseEndpoint, type Resolve, resolveEndpoints, type ServerAddress } from './endpoint-addresses.js'
import { UdpProbeSocket } from './probe-socket.js'

/** An address that does not answer within this is joined by the next, ms. RFC 8305 §5, Connection Attempt Delay */
export const ATTEMPT_DELAY_MS = 250

/** Datagrams kept until names are resolved and sockets open; the oldest goes. */
const WAITING_MAX = 4

export interface DgramOptions {
  /** of the credentials; those of other schemes are left out */
  endpoints: readonly string[]
  /** finds the addresses of a host name; default the system's */
  resolve?: Resolve
  /** as `setTimeout` and `clearTimeout`; default those */
  setTimer?: (ms: number, run: () => void) => () => void
}

/** One address of the race, with its socket once it was tried. */
interface Way {
  address: ServerAddress
  socket: Socket | null
  isConnected: boolean
}

/**
 * Sends go to the way that won, or, while the race is open, to the one that was opened last. The first way on which
 * anything comes back wins; the others are closed. Sends that fail and ICMP errors lose the datagram, nothing else.
 */
export class DgramTransport implements Transport {
  readonly kind = 'udp'
  readonly #options: DgramOptions
  readonly #endpoints: { host: string; port: number }[]
  readonly #setTimer: (ms: number, run: () => void) => () => void
  #listener: TransportListener | null = null
  #ways: Way[] = []
  /** Index into `#ways` of the one that datagrams go to; -1: none was opened. */
  #current = -1
  #hasWon = false
  /** Address that answered last: tried first next time. */
  #lastWinner: ServerAddress | null = null
  #waiting: Uint8Array[] = []
  #cancelTimer: (() => void) | null = null
  #isResolving = false
  #isClosed = false
  /** Grows with each `rebind`: what began before it has no effect. */
  #generation = 0

  /** @throws DeviceError PL_BAD_CREDENTIALS if there is no `udp:` endpoint, or one cannot be read. */
  constructor(options: DgramOptions) {
    this.#options = options
    this.#endpoints = options.endpoints.flatMap((text) => parseEndpoint(text) ?? [])
    if (this.#endpoints.length === 0) throw new DeviceError('PL_BAD_CREDENTIALS', 'no udp: endpoint')
    this.#setTimer =
      options.setTimer ??
      ((ms, run) => {
        const timer = setTimeout(run, ms)
        return () => clearTimeout(timer)
      })
  }

  listen(listener: TransportListener): void {
    this.#listener = listener
  }

  /** Address of the way that won, or null while the race is open. For logs and tests. */
  get remote(): ServerAddress | null {
    return this.#hasWon ? (this.#ways[this.#current]?.address ?? null) : null
  }

  get family(): AddressFamily | null {
    const { remote } = this
    if (remote === null) return null
    return remote.family === 6 ? 'ipv6' : 'ipv4'
  }

  /** Only once a way has won: another address of the server might be behind another NAT. */
  openProbe(onDatagram: (datagram: Uint8Array) => void): ProbeSocket | null {
    const { remote } = this
    return remote === null || this.#isClosed ? null : new UdpProbeSocket(remote, onDatagram)
  }

  send(datagram: Uint8Array): void {
    if (this.#isClosed) return
    const isRaceUndecided = !this.#hasWon && this.#ways.length > 1
    // All were tried and none has answered yet: each gets its turn, for the best may have been down.
    if (isRaceUndecided && this.#ways.every(({ isConnected }) => isConnected) && this.#cancelTimer === null) {
      this.#current = (this.#current + 1) % this.#ways.length
    }
    const way = this.#ways[this.#current]
    if (way?.isConnected === true) {
      this.#sendOn(way, datagram)
      return
    }
    this.#waiting.push(datagram)
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift()
    if (way === undefined) void this.#startRace()
    else if (way.socket === null) this.#tryNext()
  }

  rebind(): void {
    this.#generation++
    this.#closeWays()
    this.#waiting = []
    this.#isResolving = false
  }

  close(): void {
    this.rebind()
    this.#isClosed = true
    this.#listener = null
  }

  async #startRace(): Promise<void> {
    if (this.#isResolving) return
    this.#isResolving = true
    const generation = this.#generation
    const addresses = await resolveEndpoints(this.#endpoints, this.#options.resolve)
    if (generation !== this.#generation || this.#isClosed) return
    this.#isResolving = false
    const last = this.#lastWinner
    const isLast = ({ ip, port }: ServerAddress): boolean => ip === last?.ip && port === last.port
    const ordered = [...addresses.filter(isLast), ...addresses.filter((address) => !isLast(address))]
    this.#ways = ordered.map((address) => ({ address, socket: null, isConnected: false }))
    if (this.#ways.length === 0) this.#waiting = []
    else this.#tryNext()
  }

  /** Opens the next way, or goes back to the first when all were tried. */
  #tryNext(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const isFirstRound = this.#ways.some(({ socket }) => socket === null)
    this.#current = (this.#current + 1) % this.#ways.length
    const way = this.#ways[this.#current] as Way
    if (way.socket === null) this.#open(way)
    if (!isFirstRound || this.#ways.length === 1) return
    this.#cancelTimer = this.#setTimer(ATTEMPT_DELAY_MS, () => this.#handleDelay())
  }

  /** No answer within the delay: the next way is opened, and what is unanswered goes out on it. */
  #handleDelay(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    if (this.#hasWon || this.#isClosed || this.#ways.every(({ socket }) => socket !== null)) return
    this.#tryNext()
    this.#listener?.onWay()
  }

  #open(way: Way): void {
    const generation = this.#generation
    const socket = createSocket(way.address.family === 6 ? 'udp6' : 'udp4')
    way.socket = socket
    socket.on('error', () => {
      if (generation === this.#generation) this.#handleError(way)
    })
    socket.on('message', (datagram) => {
      if (generation === this.#generation) this.#handleMessage(way, datagram)
    })
    socket.connect(way.address.port, way.address.ip, () => {
      if (generation !== this.#generation || way.socket !== socket) return
      way.isConnected = true
      for (const datagram of this.#waiting.splice(0)) this.#sendOn(way, datagram)
    })
  }

  #sendOn(way: Way, datagram: Uint8Array): void {
    const generation = this.#generation
    way.socket?.send(datagram, (error) => {
      if (error !== null && generation === this.#generation) this.#handleError(way)
    })
  }

  #handleMessage(way: Way, datagram: Uint8Array): void {
    if (!this.#hasWon) this.#win(way)
    if (this.#ways[this.#current] === way) this.#listener?.onDatagram(datagram)
  }

  #win(way: Way): void {
    this.#hasWon = true
    this.#lastWinner = way.address
    this.#cancelTimer?.()
    this.#cancelTimer = null
    for (const other of this.#ways) if (other !== way) closeQuietly(other)
    this.#ways = [way]
    this.#current = 0
  }

  /**
   * An ICMP error or a send that the kernel refused. During the race the next way is tried at once. Afterwards a
   * refused port may be a server that restarts: the socket stays, and the machine's retries find it again.
   */
  #handleError(way: Way): void {
    if (this.#hasWon || this.#ways[this.#current] !== way) return
    const hasUntried = this.#ways.some(({ socket }) => socket === null)
    if (hasUntried) this.#handleDelay()
    else if (this.#ways.length > 1) this.#current = (this.#current + 1) % this.#ways.length
    else if (!way.isConnected) this.#closeWays()
  }

  #closeWays(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    for (const way of this.#ways) closeQuietly(way)
    this.#ways = []
    this.#current = -1
    this.#hasWon = false
  }
}

function closeQuietly(way: Way): void {
  const { socket } = way
  way.socket = null
  way.isConnected = false
  if (socket === null) return
  socket.removeAllListeners()
  socket.on('error', () => {})
  try {
    socket.close()
  } catch {
    // it was not open yet: an error during connect has closed it
  }
}
