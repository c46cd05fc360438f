import { ACK_DELAY_MS } from '../packet/constants.js'

/** An ack waits so long for company, ms: half of what the spec allows, so that a slow timer keeps it. wire-spec [R-7.3-1] */
const ACK_WAIT_MS = ACK_DELAY_MS / 2

/** Acks that wait at most; a server has 8 reliable frames in the air. wire-spec [R-7.3-3] */
const ACKS_MAX = 32

/** Ids of reliable frames that came and are to be acked with the next packet, soon. wire-spec §7.3 */
export class Acks {
  readonly #ids = new Set<number>()
  #dueMs = Infinity

  /** A reliable frame came, for the first time or again. @param id 256 to 65535 */
  add(id: number, nowMs: number): void {
    if (this.#ids.size >= ACKS_MAX) return
    this.#ids.add(id)
    this.#dueMs = Math.min(this.#dueMs, nowMs + ACK_WAIT_MS)
  }

  /** Ids for the packet that goes out now. */
  take(): number[] {
    const ids = [...this.#ids]
    this.clear()
    return ids
  }

  /** The session is over. */
  clear(): void {
    this.#ids.clear()
    this.#dueMs = Infinity
  }

  /** Whether a packet must go out for them. */
  isDue(nowMs: number): boolean {
    return nowMs >= this.#dueMs
  }

  /** Monotonic ms; Infinity for none. */
  nextTimeout(): number {
    return this.#dueMs
  }
}
