import type { Random } from './random.js'

/** Bytes drawn at once: a call for 8 bytes costs a system as much as one for 4096. */
const POOL_BYTES = 4096

/**
 * A source of secret random bytes over one pool of its own.
 *
 * Bytes that were handed out are wiped from the pool, so that a later look at the memory tells nothing of old keys.
 *
 * @param draw fills an array from the system's own source.
 */
export function pooledRandom(draw: (out: Uint8Array) => unknown): Random {
  const pool = new Uint8Array(POOL_BYTES)
  let used = POOL_BYTES
  return {
    fill(out) {
      if (out.length > POOL_BYTES) {
        draw(out)
        return out
      }
      if (used + out.length > POOL_BYTES) {
        draw(pool)
        used = 0
      }
      for (let i = 0; i < out.length; i++) out[i] = pool[used + i] as number
      pool.fill(0, used, used + out.length)
      used += out.length
      return out
    },
  }
}
