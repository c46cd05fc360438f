/** Clocks, timers and randomness of a browser. */
import type { Host } from '../host.js'

/** A host whose timers may run in a worker. */
export interface BrowserHost extends Host {
  /** Ends the worker, if there is one. */
  close(): void
}

/**
 * @param timerWorker URL of `timer-worker.js`, of the page's origin; null: timers of the page, which a browser holds back by up
 *   to a minute while the page is hidden. Where a worker cannot be started they are used as well.
 */
export function browserHost(timerWorker: string | URL | null = null): BrowserHost {
  const timers = timerWorker === null ? null : WorkerTimers.start(timerWorker)
  return {
    now: () => ({ monotonicMs: Math.trunc(performance.now()), wallMs: Date.now() }),
    setTimer: (ms, run) => (timers === null ? pageTimer(ms, run) : timers.set(ms, run)),
    random: { fill: (out) => crypto.getRandomValues(out as Uint8Array<ArrayBuffer>) as typeof out },
    close: () => timers?.close(),
  }
}

function pageTimer(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

/** A timer under way. */
interface Running {
  ms: number
  run: () => void
  /** of the page, after the worker failed */
  cancel: (() => void) | null
}

class WorkerTimers {
  readonly #worker: Worker
  readonly #running = new Map<number, Running>()
  #last = 0
  #hasFailed = false

  private constructor(worker: Worker) {
    this.#worker = worker
    worker.onmessage = ({ data }: MessageEvent<number>) => this.#over(data)
    worker.onerror = () => this.#fail()
  }

  static start(url: string | URL): WorkerTimers | null {
    try {
      return new WorkerTimers(new Worker(url, { type: 'module', name: 'timers' }))
    } catch {
      return null // no workers here, or none from there
    }
  }

  set(ms: number, run: () => void): () => void {
    const id = ++this.#last
    const running: Running = { ms, run, cancel: null }
    this.#running.set(id, running)
    if (this.#hasFailed) this.#runHere(id, running)
    else this.#worker.postMessage([id, ms])
    return () => {
      if (!this.#running.delete(id)) return
      running.cancel?.()
      if (!this.#hasFailed) this.#worker.postMessage([id])
    }
  }

  close(): void {
    this.#worker.terminate()
  }

  #over(id: number): void {
    const running = this.#running.get(id)
    if (running === undefined) return // cancelled meanwhile
    this.#running.delete(id)
    running.run()
  }

  /** The script could not be loaded: what runs begins anew in the page. A late timer is no harm to the device. */
  #fail(): void {
    this.#hasFailed = true
    for (const [id, running] of this.#running) this.#runHere(id, running)
  }

  #runHere(id: number, running: Running): void {
    running.cancel = pageTimer(running.ms, () => this.#over(id))
  }
}
