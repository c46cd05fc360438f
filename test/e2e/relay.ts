/** A UDP relay on loopback before a server, that can stop: to a device it looks as a network that blocks UDP. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

export class UdpRelay {
  isBlocked = false
  /** datagrams that passed, either way */
  passed = 0
  /** from the device */
  readonly up: Uint8Array[] = []
  /** from the server */
  readonly down: Uint8Array[] = []
  readonly #serverPort: number
  readonly #front: Socket = createSocket('udp4')
  /** one socket to the server for each port of a device */
  readonly #backs = new Map<number, Socket>()

  /** @param serverPort UDP port of the server on 127.0.0.1. */
  constructor(serverPort: number) {
    this.#serverPort = serverPort
  }

  /** @returns the endpoint for a device. */
  async open(): Promise<string> {
    this.#front.bind(0, '127.0.0.1')
    await once(this.#front, 'listening')
    this.#front.on('message', (bytes, { port }) => {
      if (this.isBlocked) return
      this.passed++
      this.up.push(Uint8Array.from(bytes))
      this.#backOf(port).send(bytes, this.#serverPort, '127.0.0.1')
    })
    return `udp://127.0.0.1:${(this.#front.address() as AddressInfo).port}`
  }

  close(): void {
    this.#front.close()
    for (const back of this.#backs.values()) back.close()
  }

  #backOf(port: number): Socket {
    const known = this.#backs.get(port)
    if (known !== undefined) return known
    const back = createSocket('udp4')
    back.on('error', () => {})
    back.on('message', (bytes) => {
      if (this.isBlocked) return
      this.passed++
      this.down.push(Uint8Array.from(bytes))
      this.#front.send(bytes, port, '127.0.0.1')
    })
    this.#backs.set(port, back)
    return back
  }
}
