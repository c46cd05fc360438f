import { Worker } from 'node:worker_threads'
import { MessageBatch } from '../base/message-batch.js'
import type { FromSidecar, ListenAddress, StartFailure, ToSidecar } from './message.js'
import type { SidecarOptions } from './options.js'
import type { WorkerInput } from './run.js'

/** Heap of the worker; beyond it the sidecar ends and is started again, and the channel goes on. */
const HEAP_MIB_MAX = 512

/** What the main thread hears while the sidecar runs. */
export type SidecarMessage = Exclude<FromSidecar, { kind: 'listening' | 'failed' }>

/** Why the sidecar did not start. */
export class SidecarError extends Error {
  override readonly name = 'SidecarError'
  /** Stable, see docs/errors.md. */
  readonly code: StartFailure

  /** @param message for the operator. */
  constructor(code: StartFailure, message: string) {
    super(message)
    this.code = code
  }
}

/** A sidecar that listens. */
export interface Sidecar {
  readonly addresses: readonly ListenAddress[]
  /** Sends without waiting; after the end, to nobody. */
  post(message: ToSidecar): void
  /** Lets running requests finish, see `stopGraceMs`, and ends the worker. */
  stop(): Promise<void>
  /** Settles when the worker has ended: with null after `stop`, else with what broke it. */
  readonly ended: Promise<Error | null>
}

/** What `startSidecar` may be given beside the options. */
export interface StartOptions {
  /** No request or stream number of this sidecar is below. Default 1. */
  firstNumber?: number
  /** The worker's file; default: one that serves the API alone. */
  entry?: URL
}

/** Serves the API alone. */
const API_ENTRY = new URL('./worker.js', import.meta.url)

/**
 * Starts the sidecar in a worker thread of its own and resolves when it listens. It answers 503 until it is told
 * `apps` and `ready`.
 *
 * @param onMessage called for each message; never by a call of this function itself.
 * @throws SidecarError, e.g. `port-taken`.
 */
export async function startSidecar(
  options: SidecarOptions,
  onMessage: (message: SidecarMessage) => void,
  { firstNumber = 1, entry = API_ENTRY }: StartOptions = {},
): Promise<Sidecar> {
  const workerData: WorkerInput = { options, firstNumber }
  const worker = new Worker(entry, {
    name: 'sidecar',
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
  })
  let broken: Error | null = null
  let stopping = false
  worker.on('error', (error) => {
    broken = error instanceof Error ? error : new Error('the sidecar threw')
  })
  const ended = new Promise<Error | null>((resolve) => {
    worker.on('exit', (code) => resolve(stopping ? null : (broken ?? new Error(`the sidecar ended with code ${code}`))))
  })
  const addresses = await new Promise<ListenAddress[]>((resolve, reject) => {
    worker.on('message', (messages: FromSidecar[]) => {
      for (const message of messages) {
        if (message.kind === 'listening') resolve(message.addresses)
        else if (message.kind === 'failed') reject(new SidecarError(message.code, message.message))
        else onMessage(message)
      }
    })
    void ended.then((error) => reject(new SidecarError('start-failed', error?.message ?? 'the sidecar ended')))
  })
  // What one turn of the hub brings goes together.
  const batch = new MessageBatch<ToSidecar>((messages) => worker.postMessage(messages), queueMicrotask)
  const stop = async () => {
    stopping = true
    batch.push({ kind: 'stop' })
    await ended
  }
  return { addresses, post: (message) => batch.push(message), stop, ended }
}
