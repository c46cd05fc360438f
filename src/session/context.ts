import type { Random } from '../base/random.js'
import type { Crypto } from '../crypto/crypto.js'
import type { SessionObserver } from './observer.js'

/** What every part of a session needs from outside. The role is the slab's. */
export interface SessionContext {
  readonly crypto: Crypto
  readonly random: Random
  /**
   * Boot value, 12 B: 4 B of seconds and 8 random bytes. A device's is written over when it moves to another network.
   * wire-spec §5.3, [R-5.3-7]
   */
  readonly boot: Uint8Array
  /** Told of each packet and change of keys; null or left out: nobody watches. */
  readonly observer?: SessionObserver | null
}
