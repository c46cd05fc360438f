/** The main thread's end of one worker of the channel. */
import { Worker } from 'node:worker_threads'
import { ADDRESS_BYTES } from '../base/address.js'
import { DatagramPipe } from '../base/datagram-pipe.js'
import { ServerError } from './server-error.js'
import type { Answers, FromWorker, News, Question, ToWorker, WorkerInput } from './worker-message.js'

/** Datagrams that a worker may not have taken yet: some 30 ms of its work. */
const WINDOW = 4096
/** Above it no message 1 joins: known devices come first. */
const WINDOW_OF_STRANGERS = WINDOW / 2
/**
 * Datagrams wait for others, as a message wakes the other thread, which costs more than a ping: ms until the next one that
 * comes takes all along, and until they go without one, as a timer wakes this thread.
 */
const GATHER_MS = 2
const GATHER_MAX_MS = 4

/** A question that is not answered yet. */
interface Asked {
  resolve(value: unknown): void
  reject(error: Error): void
}

/**
 * A thread with an endpoint. One that breaks takes the process along, as the endpoint of the main thread would: its sessions come
 * back from the store with the next start.
 */
export class WorkerLink {
  /** datagrams that were dropped, as the worker is behind */
  dropped = 0
  readonly #worker: Worker
  readonly #pipe: DatagramPipe
  readonly #ended: Promise<void>
  readonly #asked = new Map<number, Asked>()
  #questions = 0
  #outgoing: ToWorker[] = []
  /** when the first of the datagrams that wait came, ms */
  #gatherMs = 0
  #timer: NodeJS.Timeout | null = null

  /** @param onNews told what the worker has for others. */
  constructor(input: WorkerInput, onNews: (news: News) => void) {
    const name = `channel-${input.share.index}`
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { name, workerData: input })
    this.#ended = new Promise((resolve) => this.#worker.once('exit', () => resolve()))
    this.#worker.on('error', (error) => {
      throw error
    })
    this.#worker.on('message', (message: FromWorker) => {
      if (message.kind === 'answer') this.#answered(message)
      else {
        this.#pipe.taken(message.news.taken)
        onNews(message.news)
      }
    })
    this.#pipe = new DatagramPipe({
      keyBytes: ADDRESS_BYTES,
      window: WINDOW,
      post: (batch) => this.#push({ kind: 'datagrams', batch }),
      later: () => this.#gather(),
    })
  }

  /**
   * Passes a datagram on, or drops and counts it where the worker is behind.
   *
   * @param isStrangers of a device that has no session yet, as far as one can tell.
   */
  datagram(bytes: Uint8Array, remote: Uint8Array, isStrangers: boolean): void {
    const hasRoom = !isStrangers || this.#pipe.onTheWay < WINDOW_OF_STRANGERS
    if (!hasRoom || !this.#pipe.push(remote, bytes)) this.dropped++
    if (performance.now() - this.#gatherMs >= GATHER_MS) this.#pipe.flush()
  }

  /** Tells the worker something, after the datagrams that came before. */
  tell(message: ToWorker): void {
    this.#pipe.flush()
    this.#push(message)
  }

  /** @throws ServerError PL_START_FAILED if the worker says that it failed. */
  ask<Kind extends keyof Answers>(kind: Kind, ask: Answers[Kind]['ask']): Promise<Answers[Kind]['answer']> {
    const id = ++this.#questions
    this.tell({ kind: 'ask', id, question: { kind, ...ask } as Question })
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve: resolve as (value: unknown) => void, reject })
    })
  }

  /** Settles when all news came and the thread has ended. */
  async stop(): Promise<void> {
    await this.ask('stop', {})
    await this.#ended
  }

  #gather(): void {
    this.#gatherMs = performance.now()
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#pipe.flush()
    }, GATHER_MAX_MS)
  }

  #push(message: ToWorker): void {
    this.#outgoing.push(message)
    if (this.#outgoing.length === 1) queueMicrotask(() => this.#post())
  }

  #post(): void {
    this.#worker.postMessage(this.#outgoing)
    this.#outgoing = []
  }

  #answered({ id, value, failed }: Extract<FromWorker, { kind: 'answer' }>): void {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    if (failed === null) asked?.resolve(value)
    else asked?.reject(new ServerError('PL_START_FAILED', failed))
  }
}
