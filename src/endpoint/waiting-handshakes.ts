import { ADDRESS_BYTES } from '../base/address.js'
import { MESSAGE1_COOKIE_BYTES } from '../packet/constants.js'

/** Messages 1 that wait for a free moment, at most: more than a socket's buffer brings at once where it is of a common size. */
export const WAITING_MAX = 1024

const PLACE_BYTES = MESSAGE1_COOKIE_BYTES + ADDRESS_BYTES

/**
 * Messages 1 that wait until nothing of known devices does. Fixed memory: a new one takes the place of the oldest, whose
 * device has waited longest and is the first to give up.
 */
export class WaitingHandshakes {
  readonly #bytes = new Uint8Array(WAITING_MAX * PLACE_BYTES)
  readonly #lengths = new Uint8Array(WAITING_MAX)
  /** place of the oldest */
  #head = 0
  #count = 0

  get count(): number {
    return this.#count
  }

  /**
   * Keeps a copy.
   *
   * @param message 120 or 136 B.
   * @param remote  18 B.
   * @returns false if that cost the oldest its place.
   */
  add(message: Uint8Array, remote: Uint8Array): boolean {
    const hasRoom = this.#count < WAITING_MAX
    if (!hasRoom) this.#leave()
    const place = (this.#head + this.#count++) % WAITING_MAX
    this.#lengths[place] = message.length
    this.#bytes.set(message, place * PLACE_BYTES)
    this.#bytes.set(remote, place * PLACE_BYTES + MESSAGE1_COOKIE_BYTES)
    return hasRoom
  }

  /** The oldest, taken out, or null; its bytes are valid until the next `add`. */
  take(): { message: Uint8Array; remote: Uint8Array } | null {
    if (this.#count === 0) return null
    const at = this.#head * PLACE_BYTES
    const message = this.#bytes.subarray(at, at + (this.#lengths[this.#head] as number))
    const remote = this.#bytes.subarray(at + MESSAGE1_COOKIE_BYTES, at + PLACE_BYTES)
    this.#leave()
    return { message, remote }
  }

  #leave(): void {
    this.#head = (this.#head + 1) % WAITING_MAX
    this.#count--
  }
}
