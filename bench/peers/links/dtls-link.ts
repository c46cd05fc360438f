/** A client on DTLS: a socket of its own, as the server tells sessions apart by address and port. */
import { createSocket, type Socket } from 'node:dgram'
import type { Speech } from '../peer.js'
import { DtlsClient } from './dtls.js'
import type { Link, Target } from './link.js'

const NOTHING = (): void => {}
/** A handshake that is not done by then failed, ms. */
const OPEN_MS = 60_000

export class DtlsLink implements Link {
  onPong: () => void = NOTHING
  onBytes: ((bytes: Uint8Array) => void) | null = null
  onLost: (why: Error) => void = NOTHING
  strange = 0
  readonly #target: Target
  readonly #speech: Speech
  readonly #dtls: DtlsClient
  readonly #pong: Buffer
  readonly #socket: Socket = createSocket('udp4')
  #prepared: Buffer[] = []

  constructor(target: Target, speech: Speech) {
    this.#target = target
    this.#speech = speech
    this.#pong = Buffer.from(speech.pong)
    this.#dtls = new DtlsClient((datagram) => this.#socket.send(datagram))
  }

  async open(): Promise<void> {
    await this.#connect()
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the DTLS handshake is not answered')), OPEN_MS)
      this.#socket.on('message', (datagram) => {
        try {
          this.#take(this.#dtls.handle(datagram))
        } catch (error) {
          clearTimeout(timer)
          reject(error)
          this.onLost(error as Error)
        }
        if (!this.#dtls.isOpen) return
        clearTimeout(timer)
        resolve()
      })
      this.#dtls.start()
    })
  }

  /** of our end, once open */
  get localPort(): number {
    return this.#socket.address().port
  }

  prepare(pings: number): void {
    while (this.#prepared.length < pings) this.#prepared.unshift(this.#dtls.seal(this.#speech.ping))
  }

  ping(): void {
    this.#socket.send(this.#prepared.pop() ?? this.#dtls.seal(this.#speech.ping))
  }

  say(bytes: Uint8Array): void {
    this.#socket.send(this.#dtls.seal(bytes))
  }

  close(): void {
    this.#socket.close()
  }

  async #connect(): Promise<void> {
    const socket = this.#socket
    socket.on('error', (error) => this.onLost(error))
    await new Promise<void>((resolve) => socket.connect(this.#target.port, this.#target.host, resolve))
  }

  #take(content: Buffer | null): void {
    if (content === null) return
    if (this.onBytes !== null) this.onBytes(content)
    else if (content.equals(this.#pong)) this.onPong()
    else this.strange++
  }
}
