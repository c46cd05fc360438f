/** How late the main thread comes to what is due: a histogram for `/metrics`. */
import type { MetricSample } from '../sidecar/message.js'

/** A moment that is due so often, ms. */
const EVERY_MS = 10
/** Upper bounds of the buckets, seconds; finest around 10 ms, which is what a loaded server keeps. */
const BOUNDS_S = [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 5]
/** A longer stall is that of a machine that slept; it counts as so long, ms. */
const STALL_MAX_MS = 60_000
const NAME = 'pilotlight_event_loop_delay_seconds'
const HELP = 'Delay of the main thread, which handles datagrams: how late it is for moments 10 ms apart'

/**
 * Moments 10 ms apart, and how late the event loop came to each. A stall holds up every moment in it and counts for each,
 * as it does for datagrams that come meanwhile. What waits in the socket's buffer for its turn is not seen here.
 */
export class LoopDelay {
  /** by bucket, the last is above all bounds */
  readonly #counts = new Float64Array(BOUNDS_S.length + 1)
  #sumS = 0
  #dueMs: number

  /** @param nowMs monotonic, as in `tick`. */
  constructor(nowMs: number) {
    this.#dueMs = nowMs + EVERY_MS
  }

  /** Counts the moments up to now. @returns ms until the next one. */
  tick(nowMs: number): number {
    this.#dueMs = Math.max(this.#dueMs, nowMs - STALL_MAX_MS)
    for (; this.#dueMs <= nowMs; this.#dueMs += EVERY_MS) {
      const delayS = (nowMs - this.#dueMs) / 1000
      const bucket = BOUNDS_S.findIndex((bound) => delayS <= bound)
      this.#counts[bucket < 0 ? BOUNDS_S.length : bucket]!++
      this.#sumS += delayS
    }
    return this.#dueMs - nowMs
  }

  /** A Prometheus histogram: its buckets (each counts those below too), sum and count. */
  samples(): MetricSample[] {
    const counter = (name: string, value: number, labels = {}): MetricSample => {
      return { name: `${NAME}_${name}`, help: HELP, type: 'counter', labels, value }
    }
    let below = 0
    const buckets = [...BOUNDS_S.map(String), '+Inf'].map((le, bucket) => {
      below += this.#counts[bucket] as number
      return counter('bucket', below, { le })
    })
    return [...buckets, counter('sum', this.#sumS), counter('count', below)]
  }
}

/** Ticks with the event loop until the returned function is called; keeps no process alive. */
export function watchLoop(): { delay: LoopDelay; stop(): void } {
  const delay = new LoopDelay(performance.now())
  const arm = (waitMs: number): NodeJS.Timeout =>
    setTimeout(() => {
      timer = arm(delay.tick(performance.now()))
    }, waitMs).unref()
  let timer = arm(EVERY_MS)
  return { delay, stop: () => clearTimeout(timer) }
}
