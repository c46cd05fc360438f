/** How late a thread comes to what is due: a histogram for `/metrics`. */
import type { HistogramSample } from '../sidecar/message.js'

/** A moment that is due so often, ms. */
const EVERY_MS = 10
/** Upper bounds of the buckets, seconds; finest around 10 ms, which is what a loaded server keeps. */
const BOUNDS_S = [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 5]
/** A longer stall is that of a machine that slept; it counts as so long, ms. */
const STALL_MAX_MS = 60_000
const MAIN = {
  name: 'pilotlight_event_loop_delay_seconds',
  help: 'Delay of the main thread, which receives datagrams: how late it is for moments 10 ms apart',
}
const WORKER = {
  name: 'pilotlight_worker_loop_delay_seconds',
  help: 'Delay of a worker of the channel: how late it is for moments 10 ms apart',
}

/** Moments by how late the loop came to them, and how late in all, seconds. */
export interface DelayCounts {
  /** by bucket, the last is above all bounds */
  counts: number[]
  sumS: number
}

/** For `/metrics`. @param worker whose it is; null: the main thread's. */
export function delaySample({ counts, sumS }: DelayCounts, worker: number | null): HistogramSample {
  const labels: Record<string, string> = worker === null ? {} : { worker: String(worker) }
  return { ...(worker === null ? MAIN : WORKER), type: 'histogram', labels, bounds: BOUNDS_S, counts, sum: sumS }
}

/**
 * Moments 10 ms apart, and how late the event loop came to each. A stall holds up every moment in it and counts for each,
 * as it does for datagrams that come meanwhile; `perf_hooks.monitorEventLoopDelay` counts it once, and tells percentiles
 * since the start only, which Prometheus cannot take apart by time. What waits in the socket's buffer for its turn is not seen here.
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

  /** What was counted. Can cross to another thread. */
  get counted(): DelayCounts {
    return { counts: [...this.#counts], sumS: this.#sumS }
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
