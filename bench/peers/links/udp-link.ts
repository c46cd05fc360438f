/** A client on UDP alone: a socket of its own. */
import { createSocket, type Socket } from 'node:dgram'
import type { Speech } from '../peer.js'
import type { Link, Target } from './link.js'

const NOTHING = (): void => {}

export class UdpLink implements Link {
  onPong: () => void = NOTHING
  onBytes: ((bytes: Uint8Array) => void) | null = null
  onLost: (why: Error) => void = NOTHING
  strange = 0
  readonly #target: Target
  readonly #ping: Uint8Array
  readonly #pong: Buffer
  readonly #socket: Socket = createSocket('udp4')

  constructor(target: Target, speech: Speech) {
    this.#target = target
    this.#ping = speech.ping
    this.#pong = Buffer.from(speech.pong)
  }

  async open(): Promise<void> {
    const socket = this.#socket
    socket.on('error', (error) => this.onLost(error))
    socket.on('message', (datagram) => {
      if (this.onBytes !== null) this.onBytes(datagram)
      else if (datagram.equals(this.#pong)) this.onPong()
      else this.strange++
    })
    await new Promise<void>((resolve) => socket.connect(this.#target.port, this.#target.host, resolve))
  }

  /** Every ping is the same. */
  prepare(): void {}

  ping(): void {
    this.#socket.send(this.#ping)
  }

  say(bytes: Uint8Array): void {
    this.#socket.send(bytes)
  }

  close(): void {
    this.#socket.close()
  }
}
