/** The real randomness: the kernel's, drawn in pools since a call for 8 bytes costs as much as one for 4096. */
import { randomFillSync } from 'node:crypto'
import type { Random } from '../base/random.js'

/** Bytes drawn at once. */
const POOL_BYTES = 4096

/**
 * A source of secret random bytes over one pool of its own.
 *
 * Bytes that were handed out are wiped from the pool, so that a later look at the memory tells nothing of old keys.
 */
export function systemRandom(): Random {
  const pool = new Uint8Array(POOL_BYTES)
  let used = POOL_BYTES
  return {
    fill(out) {
      if (out.length > POOL_BYTES) return randomFillSync(out)
      if (used + out.length > POOL_BYTES) {
        randomFillSync(pool)
        used = 0
      }
      for (let i = 0; i < out.length; i++) out[i] = pool[used + i] as number
      pool.fill(0, used, used + out.length)
      used += out.length
      return out
    },
  }
}
