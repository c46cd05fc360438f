import { createSocket, type Socket } from 'node:dgram'
import type { ProbeSocket } from '../transport.js'
import type { ServerAddress } from './endpoint-addresses.js'

/** A UDP socket of its own to an address of the server, connected. Errors lose what was sent, nothing else. */
export class UdpProbeSocket implements ProbeSocket {
  readonly #socket: Socket
  /** Sent before the socket was connected: a probe is one datagram. */
  #waiting: Uint8Array | null = null
  #isConnected = false
  #isOpen = true

  constructor({ ip, port, family }: ServerAddress, onDatagram: (datagram: Uint8Array) => void) {
    this.#socket = createSocket(family === 6 ? 'udp6' : 'udp4')
    this.#socket.on('error', () => {})
    this.#socket.on('message', (datagram) => {
      if (this.#isOpen) onDatagram(datagram)
    })
    this.#socket.connect(port, ip, () => {
      if (!this.#isOpen) return
      this.#isConnected = true
      if (this.#waiting !== null) this.send(this.#waiting)
      this.#waiting = null
    })
  }

  send(datagram: Uint8Array): void {
    if (!this.#isOpen) return
    if (this.#isConnected) this.#socket.send(datagram, () => {})
    else this.#waiting = datagram
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    try {
      this.#socket.close()
    } catch {
      // an error during connect has closed it
    }
  }
}
