import { randomFillSync } from 'node:crypto'
import { pooledRandom } from '../../base/pooled-random.js'
import type { Host } from '../host.js'

/** Clocks, timers and randomness of Node. A sleep of the computer, in which both timers and the monotonic clock stand still on Linux, is noticed by the machine from the wall clock. */
export function systemHost(): Host {
  return {
    now: () => ({ monotonicMs: Number(process.hrtime.bigint() / 1_000_000n), wallMs: Date.now() }),
    setTimer(ms, run) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    },
    random: pooledRandom(randomFillSync),
  }
}
