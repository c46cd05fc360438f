import { RESET_RATE, RESET_TRIGGER_BYTES_MIN } from '../packet/constants.js'
import { writeReset } from '../packet/reset.js'
import { SessionFlag } from '../session/record.js'
import type { Core } from './core.js'
import { TokenBucket } from './token-bucket.js'

/** Resets: the only answer to a packet that nobody authenticated. wire-spec §6.1 */
export class Resets {
  readonly #core: Core
  readonly #bucket: TokenBucket

  constructor(core: Core) {
    this.#core = core
    // The limit is that of the server: each of its endpoints has its part.
    const perSecond = RESET_RATE / core.config.share.of
    this.#bucket = new TokenBucket(perSecond, perSecond)
  }

  /**
   * Answers a packet to a connection ID that belongs to no session, if its slot has or had an owner. Moves the view
   * there. [R-6.1-1]
   *
   * @param bytes    of the datagram.
   * @param rotation of the ID.
   */
  answer(bytes: number, slot: number, rotation: number, remote: Uint8Array, nowMs: number): void {
    const { counters, out, slab, view } = this.#core
    counters.drop('dead-cid')
    if (!slab.has(slot) || !view.at(slot).has(SessionFlag.owned)) return
    if (bytes < RESET_TRIGGER_BYTES_MIN || !this.#bucket.take(nowMs)) return
    counters.packetsOut.reset++
    out.transmit(writeReset(this.#core.token(slot, rotation)), remote)
  }
}
