/**
 * A connection of messages between a device and the server, as WebSocket over TCP through a NAT: in order, each once, late
 * where packets are lost; or it ends, and often only one end knows. What TCP does below is modelled by what it does to
 * messages: repeats with growing pauses until an end gives up.
 */
import { WEBSOCKET_BUFFER_BYTES } from '../packet/constants.js'
import type { Connection, ConnectionEnd, DevicePath } from './network.js'

/** First pause before a repeat, ms (RFC 6298 §2: 1 s, less once the round trip is known), and the longest. */
const REPEAT_FIRST_MS = 300
const REPEAT_LONGEST_MS = 30_000
/** An end gives up after so long without an acknowledgement, ms: systems differ, from a minute to Linux's 15. */
const GIVE_UP_LEAST_MS = 60_000
const GIVE_UP_MOST_MS = 924_000
/** Round trips of TCP, TLS 1.3 and the upgrade. */
const OPEN_TRIPS = 3

/** One direction: what was sent and has not arrived. */
class Stream {
  readonly waiting: Uint8Array[] = []
  bytes = 0
  /** the end that receives; null: it is gone, and answers with RST */
  to: ConnectionEnd | null = null
  isPumping = false
  repeatMs = REPEAT_FIRST_MS
  /** since when nothing got through; Infinity: it does */
  stuckMs = Number.POSITIVE_INFINITY
  arrivesMs = 0
}

export class TcpConnection implements Connection {
  readonly #path: DevicePath
  readonly #up = new Stream()
  readonly #down = new Stream()
  readonly #giveUpMs: number
  /** The network that it was opened on; it does not outlive it. */
  readonly #visit: number
  #usedMs: number

  /** @param device the end that opens it. */
  constructor(path: DevicePath, device: ConnectionEnd) {
    const { random, queue } = path.network
    this.#path = path
    this.#visit = path.visit
    this.#down.to = device
    this.#usedMs = queue.nowMs
    this.#giveUpMs = GIVE_UP_LEAST_MS + random.uniform() * (GIVE_UP_MOST_MS - GIVE_UP_LEAST_MS)
  }

  /** Opens it. @param then told whether it is open; not called if that is never known, as when packets vanish. */
  open(port: number, then: (isOpen: boolean) => void): void {
    const { network } = this.#path
    const { queue } = network
    if (this.#isCut() || this.#path.tcp === 'hole') return
    queue.at(queue.nowMs + OPEN_TRIPS * this.#tripMs() * 2, () => {
      if (this.#down.to === null || this.#isCut()) return
      const host = this.#path.isCaptive || this.#path.tcp === 'refused' ? null : (network.hosts()?.[port] ?? null)
      this.#up.to = host?.accept(this) ?? null
      then(this.#up.to !== null)
    })
  }

  /** Bytes of the device's that wait. */
  get waitingBytes(): number {
    return this.#up.bytes
  }

  sendUp(bytes: Uint8Array): void {
    this.#send(this.#up, bytes)
  }

  /** The server drops what a slow receiver does not take. [R-8.3-3] */
  sendDown(bytes: Uint8Array): void {
    if (this.#down.bytes <= WEBSOCKET_BUFFER_BYTES) this.#send(this.#down, bytes)
  }

  /** The device's end is closed, by its process or its system: the server learns it if the packet gets there. */
  closeDevice(): void {
    this.#down.to = null
    this.#tell(this.#up)
  }

  /** The server's end is closed. */
  closeServer(): void {
    this.#up.to = null
    this.#tell(this.#down)
  }

  /** A middlebox ends it; both learn it. */
  reset(): void {
    this.#end(this.#up)
    this.#end(this.#down)
  }

  /** A middlebox forgets it; nobody learns it. */
  vanish(): void {
    this.#usedMs = Number.NEGATIVE_INFINITY
  }

  #tripMs(): number {
    const { latencyMs, jitterMs } = this.#path.conditions
    return latencyMs + this.#path.network.random.uniform() * jitterMs
  }

  /** Whether nothing passes, for now or for ever. */
  #isCut(): boolean {
    return this.#path.dark || this.#visit !== this.#path.visit
  }

  get #isMapped(): boolean {
    return this.#path.network.queue.nowMs - this.#usedMs < this.#path.nat.tcpMs
  }

  /** A packet goes: whether it gets there. */
  #carries(isUp: boolean): boolean {
    const { nowMs } = this.#path.network.queue
    if (this.#isCut() || this.#path.isCaptive || this.#path.loses()) return false
    if (!this.#isMapped) {
      if (isUp && this.#path.nat.resetsTcp) this.#end(this.#down)
      return false
    }
    this.#usedMs = nowMs
    return true
  }

  #send(stream: Stream, bytes: Uint8Array): void {
    stream.waiting.push(bytes.slice())
    stream.bytes += bytes.length
    if (!stream.isPumping) this.#pump(stream)
  }

  #pump(stream: Stream): void {
    const { queue } = this.#path.network
    stream.isPumping = false
    while (stream.waiting.length > 0) {
      if (this.#carries(stream === this.#up)) {
        stream.repeatMs = REPEAT_FIRST_MS
        stream.stuckMs = Number.POSITIVE_INFINITY
        this.#arrive(stream, stream.waiting.shift() as Uint8Array)
        continue
      }
      stream.stuckMs = Math.min(stream.stuckMs, queue.nowMs)
      const own = stream === this.#up ? this.#down : this.#up
      if (own.to === null || queue.nowMs - stream.stuckMs > this.#giveUpMs) {
        stream.waiting.length = 0
        stream.bytes = 0
        this.#end(own)
        return
      }
      stream.isPumping = true
      queue.at(queue.nowMs + stream.repeatMs, () => this.#pump(stream))
      stream.repeatMs = Math.min(stream.repeatMs * 2, REPEAT_LONGEST_MS)
      return
    }
  }

  #arrive(stream: Stream, bytes: Uint8Array): void {
    const { queue } = this.#path.network
    stream.bytes -= bytes.length
    stream.arrivesMs = Math.max(stream.arrivesMs, queue.nowMs + this.#tripMs())
    queue.at(stream.arrivesMs, () => {
      if (stream.to !== null) stream.to.message(bytes)
      else this.#tell(stream === this.#up ? this.#down : this.#up) // RST
    })
  }

  /** FIN or RST on its way to the end that `stream` goes to; repeated like anything else. */
  #tell(stream: Stream, pauseMs = REPEAT_FIRST_MS): void {
    const { queue } = this.#path.network
    if (stream.to === null) return
    if (this.#carries(stream === this.#up)) {
      stream.arrivesMs = Math.max(stream.arrivesMs, queue.nowMs + this.#tripMs())
      queue.at(stream.arrivesMs, () => this.#end(stream))
    } else if (pauseMs < this.#giveUpMs) queue.at(queue.nowMs + pauseMs, () => this.#tell(stream, pauseMs * 2))
  }

  /** The end that `stream` goes to is over. */
  #end(stream: Stream): void {
    const end = stream.to
    stream.to = null
    end?.closed()
  }
}
