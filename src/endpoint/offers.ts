import { readU32 } from '../base/bytes.js'
import type { ReliableFrame } from '../frame/frame.js'
import { SessionFlag } from '../session/record.js'
import type { SessionView } from '../session/view.js'
import type { Core } from './core.js'
import type { ReliableFrames } from './reliable-frames.js'
import { rotated } from './rotation.js'

/**
 * The endpoint's own reliable frames: the spare connection ID and the next server key (wire-spec §7.4). What a session
 * is owed stands in its record, so nothing is lost with a restart or a device out of reach.
 */
export class Offers {
  readonly #core: Core
  readonly #frames: ReliableFrames
  /** Key to be announced, 32 B, or null. */
  #key: Uint8Array | null = null
  /** First 4 B of the key as a number, never 0. */
  #keyTag = 0

  constructor(core: Core, frames: ReliableFrames) {
    this.#core = core
    this.#frames = frames
  }

  /** From now on each session is told of this key once, when it is next heard. 32 B, copied. */
  announce(publicKey: Uint8Array): void {
    this.#key = publicKey.slice()
    this.#keyTag = Math.max(1, readU32(publicKey, 0))
  }

  /** Sends what the session is owed and does not wait for already. The device was just heard on its proven address. */
  offer(view: SessionView, nowMs: number): void {
    if (!view.has(SessionFlag.spareKnown) && !view.has(SessionFlag.moveUncommitted)) {
      const spare = rotated(view.rotation, 1)
      const cid = this.#core.cid(view.slot, spare)
      const token = this.#core.token(view.slot, spare)
      this.#frames.sendOwn(view, 'new-cid', (id) => ({ kind: 'new-cid', id, cid, token }), nowMs)
    }
    const key = this.#key
    if (key !== null && view.announcedKey !== this.#keyTag) {
      this.#frames.sendOwn(view, 'server-key', (id) => ({ kind: 'server-key', id, key }), nowMs)
    }
  }

  /** The device has one of the endpoint's own frames. */
  acked(view: SessionView, frame: ReliableFrame): void {
    if (frame.kind === 'new-cid') view.raise(SessionFlag.spareKnown)
    else if (frame.kind === 'server-key') view.announcedKey = Math.max(1, readU32(frame.key, 0))
  }
}
