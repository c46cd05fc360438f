/** How long a datagram waits because the main thread does something else. */
import type { HistogramSample } from '../sidecar/message.js'

/** Between two looks: 50 a second, which cost next to nothing, and 3,000 a minute, enough for a p99. */
const EVERY_MS = 20
/** Upper bounds, seconds; 10 ms is the promise (p99). Timers go by whole milliseconds: less than 1 tells nothing. */
const BOUNDS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]

/**
 * The delay of a thing that comes at any moment, as a histogram. A timer that is due every 20 ms and fires late stands for
 * a datagram that came when it was due. One that comes after a long block fires once for all that were due meanwhile;
 * those are added, each with its own wait, as HdrHistogram does against "coordinated omission": otherwise a second
 * without service would count as one late timer of fifty. `perf_hooks.monitorEventLoopDelay` counts it so, and tells
 * percentiles since the start only, which Prometheus cannot take apart by time.
 */
export class LoopDelay {
  readonly #counts = new Float64Array(BOUNDS_S.length + 1)
  #sumS = 0
  #lastMs: number
  #timer: NodeJS.Timeout | null = null

  /** @param nowMs monotonic clock. */
  constructor(nowMs: number) {
    this.#lastMs = nowMs
  }

  /** Looks every 20 ms until it is stopped; keeps no process alive. */
  start(): void {
    this.#lastMs = performance.now()
    this.#timer = setInterval(() => this.tick(performance.now()), EVERY_MS).unref()
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  /** The timer fired. */
  tick(nowMs: number): void {
    const lateMs = Math.max(0, nowMs - this.#lastMs - EVERY_MS)
    this.#lastMs = nowMs
    for (let waitedMs = lateMs; waitedMs >= 0; waitedMs -= EVERY_MS) this.#add(waitedMs / 1000)
  }

  #add(delayS: number): void {
    const bucket = BOUNDS_S.findIndex((bound) => delayS <= bound)
    const at = bucket < 0 ? BOUNDS_S.length : bucket
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#sumS += delayS
  }

  /** For `/metrics`. */
  sample(): HistogramSample {
    return {
      name: 'pilotlight_event_loop_delay_seconds',
      help: 'What a datagram that comes at any moment waits for the main thread',
      type: 'histogram',
      bounds: BOUNDS_S,
      counts: [...this.#counts],
      sum: this.#sumS,
    }
  }
}
