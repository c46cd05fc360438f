/** Datagrams of WebSockets on their way between the sidecar and the main thread: a batch for each turn of the event loop. */
import { readU48, writeU48 } from '../../base/bytes.js'
import { DatagramPipe, readBatch } from '../../base/datagram-pipe.js'

/** Datagrams that the other thread may not have taken yet. At 1200 B each some 2.5 MB. */
const WINDOW = 2048
/** A connection's number. */
const KEY_BYTES = 6

/** One direction, the sending end. */
export class ChannelPipe {
  readonly #pipe: DatagramPipe
  readonly #key = new Uint8Array(KEY_BYTES)

  /**
   * @param post  hands a batch over; its bytes are the receiver's.
   * @param later runs a function once, after what the event loop has at hand.
   */
  constructor(post: (batch: Uint8Array) => void, later: (flush: () => void) => void = setImmediate) {
    this.#pipe = new DatagramPipe({ keyBytes: KEY_BYTES, window: WINDOW, post, later })
  }

  /**
   * Adds a datagram; it leaves soon.
   *
   * @param connection 0..2^48 - 1.
   * @param datagram   at most 1200 B, copied.
   * @returns false if it was dropped: the other thread is behind.
   */
  push(connection: number, datagram: Uint8Array): boolean {
    writeU48(this.#key, 0, connection)
    return this.#pipe.push(this.#key, datagram)
  }

  /** The other thread has taken so many datagrams. */
  taken(count: number): void {
    this.#pipe.taken(count)
  }
}

/**
 * Reads a batch.
 *
 * @param each gets each datagram, borrowed.
 * @returns how many there were: tell the sender.
 */
export function readChannelBatch(batch: Uint8Array, each: (connection: number, datagram: Uint8Array) => void): number {
  return readBatch(batch, KEY_BYTES, (key, datagram) => each(readU48(key, 0), datagram))
}
