/** The sockets of a load process. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import WebSocket from 'ws'
import { WEBSOCKET_PATH, WEBSOCKET_PROTOCOL } from '../../src/packet/constants.js'

/** One address and port that devices speak from. */
export interface Lane {
  send(datagram: Uint8Array): void
}

/** Where the server is. */
export interface Target {
  /** 127.0.0.1 or ::1 */
  host: string
  udpPort: number
  httpPort: number
}

/** All lanes of a process. */
export interface Lanes {
  readonly lanes: readonly Lane[]
  /** sends and receives that the kernel refused, e.g. while the server is down */
  errors(): number
  close(): void
}

/** Told of each datagram; bytes are the receiver's. */
type OnDatagram = (lane: number, datagram: Uint8Array) => void

/** Asked of the kernel for each socket. */
const BUFFER_BYTES = 1024 * 1024
/** Connections that are opened at a time. */
const OPENING = 64

/** IPv4 source address of a lane: 127.1.0.1 and on. Over ::1 there is one address only, lanes differ by port. */
export function laneAddress(lane: number): string {
  return `127.${1 + (lane >> 16)}.${(lane >> 8) & 255}.${lane & 255}`
}

/** UDP: every lane is a socket of its own, from an address of its own (IPv4). */
export async function openUdpLanes(target: Target, count: number, onDatagram: OnDatagram): Promise<Lanes> {
  const isIpv6 = target.host.includes(':')
  let errors = 0
  const sockets: Socket[] = []
  for (let lane = 0; lane < count; lane++) {
    const socket = createSocket(isIpv6 ? 'udp6' : 'udp4')
    sockets.push(socket)
    socket.bind(0, isIpv6 ? '::1' : laneAddress(lane + 1))
    await once(socket, 'listening')
    socket.connect(target.udpPort, target.host)
    await once(socket, 'connect')
    try {
      socket.setRecvBufferSize(BUFFER_BYTES)
    } catch {
      // The default will do.
    }
    socket.on('error', () => errors++)
    socket.on('message', (bytes) => onDatagram(lane, bytes))
  }
  const onSent = (error: Error | null) => {
    if (error !== null) errors++
  }
  return {
    lanes: sockets.map((socket) => ({ send: (datagram) => socket.send(datagram, onSent) })),
    errors: () => errors,
    close: () => {
      for (const socket of sockets) socket.close()
    },
  }
}

/** WebSocket: every lane is a connection, and every device needs one of its own. */
export async function openWebSocketLanes(target: Target, count: number, onDatagram: OnDatagram): Promise<Lanes> {
  let errors = 0
  const sockets: WebSocket[] = []
  const open = async (lane: number) => {
    const localAddress = target.host.includes(':') ? {} : { localAddress: laneAddress(lane + 1) }
    const url = `ws://${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.httpPort}${WEBSOCKET_PATH}`
    const socket = new WebSocket(url, WEBSOCKET_PROTOCOL, { perMessageDeflate: false, ...localAddress })
    sockets[lane] = socket
    await once(socket, 'open')
    socket.on('error', () => errors++)
    socket.on('message', (bytes: Buffer) => onDatagram(lane, bytes))
  }
  for (let from = 0; from < count; from += OPENING) {
    const part = Array.from({ length: Math.min(OPENING, count - from) }, (_, nth) => open(from + nth))
    await Promise.all(part)
  }
  return {
    lanes: sockets.map((socket) => ({
      send: (datagram) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(datagram)
        else errors++
      },
    })),
    errors: () => errors,
    close: () => {
      for (const socket of sockets) socket.terminate()
    },
  }
}
