import { Worker } from 'node:worker_threads'
import type { Send, SendResult } from '../webhook/message.js'
import type { FromDelivery, ToDelivery, WorkerInput } from './worker.js'

/** Heap of the thread, MiB. */
const HEAP_MIB_MAX = 256

/** What is told of the thread. */
export interface DeliveryHooks {
  onResults(results: SendResult[]): void
  /** It broke: nothing that was under way is answered. The next request starts another one. */
  onBroken(error: Error): void
}

/** The thread that sends webhooks. It starts with the first request, and again after it broke. */
export class DeliveryThread {
  readonly #input: WorkerInput
  readonly #hooks: DeliveryHooks
  #worker: Worker | null = null
  #isStopped = false

  constructor(input: WorkerInput, hooks: DeliveryHooks) {
    this.#input = input
    this.#hooks = hooks
  }

  /** Makes requests; their results come one by one. */
  send(sends: Send[]): void {
    if (this.#isStopped || sends.length === 0) return
    this.#worker ??= this.#start()
    this.#worker.postMessage(sends satisfies ToDelivery)
  }

  /** Ends it. Requests under way are broken off. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const worker = this.#worker
    if (worker === null) return
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    worker.postMessage(null satisfies ToDelivery)
    await ended
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      name: 'delivery',
      workerData: this.#input,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
    })
    let broken = new Error('the thread ended')
    worker.on('message', (results: FromDelivery) => this.#hooks.onResults(results))
    worker.on('error', (error) => {
      broken = error instanceof Error ? error : broken
    })
    worker.on('exit', () => {
      this.#worker = null
      if (!this.#isStopped) this.#hooks.onBroken(broken)
    })
    return worker
  }
}
