/**
 * Datagrams of many peers on their way to another thread: in batches, and never more than `window` on the way. Beyond it
 * they are dropped, as a full socket buffer drops UDP.
 */
import { readU16, writeU16 } from './bytes.js'

/** Bytes of a batch at most: larger than 50 of the largest datagrams. */
const BATCH_BYTES_MAX = 65_536
const LENGTH_BYTES = 2

/** Where a pipe puts its batches. */
export interface PipeParts {
  /** bytes that name a datagram's peer */
  keyBytes: number
  /** datagrams that the other thread may not have taken yet; with the largest ones, 1200 B each */
  window: number
  /** Hands a batch over; its bytes are the receiver's. */
  post(batch: Uint8Array): void
  /** The first datagram of a batch came: runs `flush` soon, for this one and those that follow it. */
  later(flush: () => void): void
}

/** One direction, the sending end. */
export class DatagramPipe {
  readonly #parts: PipeParts
  readonly #batch = new Uint8Array(BATCH_BYTES_MAX)
  #bytes = 0
  /** datagrams pushed and not known to be taken */
  #onTheWay = 0

  constructor(parts: PipeParts) {
    this.#parts = parts
  }

  /**
   * Adds a datagram; it leaves soon.
   *
   * @param key      of its peer, copied.
   * @param datagram copied.
   * @returns false if it was dropped: the other thread is behind.
   */
  push(key: Uint8Array, datagram: Uint8Array): boolean {
    const { keyBytes, window, later } = this.#parts
    if (this.#onTheWay >= window) return false
    this.#onTheWay++
    const start = keyBytes + LENGTH_BYTES
    if (this.#bytes + start + datagram.length > BATCH_BYTES_MAX) this.flush()
    const isFirst = this.#bytes === 0
    this.#batch.set(key, this.#bytes)
    writeU16(this.#batch, this.#bytes + keyBytes, datagram.length)
    this.#batch.set(datagram, this.#bytes + start)
    this.#bytes += start + datagram.length
    if (isFirst) later(() => this.flush())
    return true
  }

  /** Datagrams that the other thread has not taken yet. */
  get onTheWay(): number {
    return this.#onTheWay
  }

  /** The other thread has taken so many datagrams. */
  taken(count: number): void {
    this.#onTheWay -= count
  }

  /** Hands over what waits, now. */
  flush(): void {
    if (this.#bytes === 0) return
    this.#parts.post(this.#batch.slice(0, this.#bytes))
    this.#bytes = 0
  }
}

/**
 * Reads a batch.
 *
 * @param keyBytes of the pipe.
 * @param each     gets each datagram and the key of its peer, borrowed.
 * @returns how many there were: tell the sender.
 */
export function readBatch(
  batch: Uint8Array,
  keyBytes: number,
  each: (key: Uint8Array, datagram: Uint8Array) => void,
): number {
  let count = 0
  for (let at = 0; at < batch.length; count++) {
    const length = at + keyBytes
    const start = length + LENGTH_BYTES
    const end = start + readU16(batch, length)
    each(batch.subarray(at, length), batch.subarray(start, end))
    at = end
  }
  return count
}
