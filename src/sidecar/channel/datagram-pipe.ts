/**
 * Datagrams of many connections on their way to another thread: in batches, one for each turn of the event loop, and
 * never more than `WINDOW` on the way. Beyond it they are dropped, as a full socket buffer drops UDP.
 */
import { readU16, readU48, writeU16, writeU48 } from '../../base/bytes.js'

/** Datagrams that the other thread may not have taken yet. At 1200 B each some 2.5 MB. */
const WINDOW = 2048
/** Bytes of a batch at most: larger than 50 of the largest datagrams. */
const BATCH_BYTES_MAX = 65_536
/** Before each datagram: connection number (u48) and length (u16). */
const LENGTH_OFFSET = 6
const HEAD_BYTES = 8

/** Where a pipe puts its batches. */
export interface PipeParts {
  /** Hands a batch over; its bytes are the receiver's. */
  post(batch: Uint8Array): void
  /** Runs `flush` once, after what the event loop has at hand. */
  later(flush: () => void): void
}

/** One direction, the sending end. */
export class DatagramPipe {
  readonly #parts: PipeParts
  readonly #batch = new Uint8Array(BATCH_BYTES_MAX)
  #bytes = 0
  /** datagrams pushed and not known to be taken */
  #onTheWay = 0
  #isScheduled = false

  constructor(parts: PipeParts) {
    this.#parts = parts
  }

  /**
   * Adds a datagram; it leaves soon.
   *
   * @param connection 0..2^48 - 1.
   * @param datagram   at most 1200 B, copied.
   * @returns false if it was dropped: the other thread is behind.
   */
  push(connection: number, datagram: Uint8Array): boolean {
    if (this.#onTheWay >= WINDOW) return false
    this.#onTheWay++
    if (this.#bytes + HEAD_BYTES + datagram.length > BATCH_BYTES_MAX) this.#flush()
    writeU48(this.#batch, this.#bytes, connection)
    writeU16(this.#batch, this.#bytes + LENGTH_OFFSET, datagram.length)
    this.#batch.set(datagram, this.#bytes + HEAD_BYTES)
    this.#bytes += HEAD_BYTES + datagram.length
    if (this.#isScheduled) return true
    this.#isScheduled = true
    this.#parts.later(() => {
      this.#isScheduled = false
      this.#flush()
    })
    return true
  }

  /** The other thread has taken so many datagrams. */
  taken(count: number): void {
    this.#onTheWay -= count
  }

  #flush(): void {
    if (this.#bytes === 0) return
    this.#parts.post(this.#batch.slice(0, this.#bytes))
    this.#bytes = 0
  }
}

/**
 * Reads a batch.
 *
 * @param each gets each datagram, borrowed.
 * @returns how many there were: tell the sender.
 */
export function readBatch(batch: Uint8Array, each: (connection: number, datagram: Uint8Array) => void): number {
  let count = 0
  for (let at = 0; at < batch.length; count++) {
    const start = at + HEAD_BYTES
    const end = start + readU16(batch, at + LENGTH_OFFSET)
    each(readU48(batch, at), batch.subarray(start, end))
    at = end
  }
  return count
}
