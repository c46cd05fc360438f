/** The real randomness: the kernel's. */
import { randomFillSync } from 'node:crypto'
import { pooledRandom } from '../base/pooled-random.js'
import type { Random } from '../base/random.js'

/** A source of secret random bytes with a pool of its own. */
export function systemRandom(): Random {
  return pooledRandom(randomFillSync)
}
