import { Worker } from 'node:worker_threads'
import { PilotlightError } from '../base/errors.js'
import type { EndpointStoreReply } from '../endpoint/message.js'
import type { HubStoreReply } from '../hub/message.js'
import type { AnswerMessage, Call, CallMessage, LoneCall, ThreadMessage, ThreadOptions } from './call.js'
import { defaultKeyFile } from './folder-layout.js'
import type { StoreNotice } from './health.js'
import type { Store } from './store.js'
import { errorMessage, errorOf } from './store-error.js'
import { isWriteBehind } from './write-behind.js'

/** Where a store is, and who seals it. */
export interface StoreOptions {
  /** made with mode 0700 if it is missing */
  folder: string
  /** default: `keys.json` in the folder. Kept elsewhere, a copy of the folder opens nothing. */
  keyFile?: string
  /** primitives of the store's thread; default 'native'. A `Crypto` object could not cross to a thread. */
  crypto?: 'native' | 'noble'
  /** makes a database where there is none but a key file; default false: PL_STORE_MISSING */
  newDatabase?: boolean
  /** hears what goes wrong where nobody waits; default: nobody */
  onNotice?: (notice: StoreNotice) => void
}

/** What the thread holds for long is little; without a limit its garbage alone would grow to 30 MB and more. */
const LIMITS = { maxYoungGenerationSizeMb: 8 }

/**
 * Opens the store of a folder in a thread of its own; on first use it makes database and key file. Only one process can
 * have a folder open: PL_STORE_BUSY says that a server is running.
 *
 * @throws PilotlightError PL_STORE_BUSY, PL_STORE_FOLDER, PL_STORE_NOT_DATABASE, PL_STORE_NEWER, PL_STORE_DAMAGED,
 *   PL_STORE_FULL, PL_STORE_MISSING, PL_KEYS_OPEN, PL_KEYS_INVALID, PL_KEYS_MISSING, PL_KEYS_WRONG.
 */
export async function openStore(options: StoreOptions): Promise<Store> {
  const {
    folder,
    keyFile = defaultKeyFile(folder),
    crypto = 'native',
    newDatabase = false,
    onNotice = () => {},
  } = options
  const workerData: ThreadOptions = { folder, keyFile, crypto, newDatabase }
  const entry = new URL('./worker.js', import.meta.url)
  const worker = new Worker(entry, { name: 'store', workerData, resourceLimits: LIMITS })
  const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
  const first = await new Promise<ThreadMessage>((resolve, reject) => {
    worker.on('message', (message: ThreadMessage) => {
      if ('notice' in message) onNotice(message.notice)
      else resolve(message)
    })
    worker.once('error', reject)
    void exited.then(() => reject(new PilotlightError('PL_STORE_FAILED', 'the thread ended at its start')))
  })
  if ('failed' in first) {
    await exited // the folder is free when the caller hears of it
    throw errorOf(first.failed)
  }
  return new ThreadStore(worker, exited, onNotice)
}

/** A call that nobody waits for goes to the thread after so long, ms, or when so many are there. */
const LATER_MS = 20
const LATER_MAX = 256

/** A promise that waits for the thread. */
interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** The thread's calls as promises. */
class ThreadStore implements Store {
  readonly #worker: Worker
  readonly #exited: Promise<void>
  readonly #onNotice: (notice: StoreNotice) => void
  readonly #waiting = new Map<number, Waiting>()
  #lastId = 0
  /** calls that are posted together, as each message wakes the thread */
  #outgoing: CallMessage[] = []
  #isFlushing = false
  #laterTimer: NodeJS.Timeout | null = null
  #ended: PilotlightError | null = null
  #closing: Promise<void> | null = null

  constructor(worker: Worker, exited: Promise<void>, onNotice: (notice: StoreNotice) => void) {
    this.#onNotice = onNotice
    this.#worker = worker
    this.#exited = exited
    worker.on('message', (answers: ThreadMessage) => {
      if (Array.isArray(answers)) this.#settle(answers)
    })
    worker.on('error', (error) => this.#end(new PilotlightError('PL_STORE_FAILED', String(error))))
    void exited.then(() => this.#end(new PilotlightError('PL_STORE_FAILED', 'the thread ended')))
  }

  endpoint(...args: Parameters<Store['endpoint']>): Promise<EndpointStoreReply | null> {
    return this.#ask({ method: 'endpoint', args })
  }

  hub(...args: Parameters<Store['hub']>): Promise<HubStoreReply | null> {
    return this.#ask({ method: 'hub', args })
  }

  boot = this.#method('boot')
  persons = this.#method('persons')
  devices = this.#method('devices')
  addAccount = this.#method('addAccount')
  listAccounts = this.#method('listAccounts')
  removeAccount = this.#method('removeAccount')
  addEnrolmentCode = this.#method('addEnrolmentCode')
  enrol = this.#method('enrol')
  listDevices = this.#method('listDevices')
  removeDevice = this.#method('removeDevice')
  addApp = this.#method('addApp')
  listApps = this.#method('listApps')
  removeApp = this.#method('removeApp')
  rotateApp = this.#method('rotateApp')
  directory = this.#method('directory')
  listWebhooks = this.#method('listWebhooks')
  putWebhook = this.#method('putWebhook')
  backup = this.#method('backup')
  rotateKeys = this.#method('rotateKeys')

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    try {
      const closed = this.#call({ method: 'close', args: [] })
      this.#ended = new PilotlightError('PL_STORE_CLOSED')
      await closed
    } finally {
      await this.#exited
    }
  }

  #method<M extends keyof Store>(method: M): Store[M] {
    return ((...args: unknown[]) => this.#call({ method, args } as Call | LoneCall)) as Store[M]
  }

  /** An endpoint's or hub's request; nobody waits for the write-behind ones. */
  #ask<Reply>(call: Call & { method: 'endpoint' | 'hub' }): Promise<Reply | null> {
    if (!isWriteBehind(call.args[0])) return this.#call(call) as Promise<Reply | null>
    if (this.#ended === null) this.#postLater({ method: call.method, args: detached(call.args), id: 0 } as CallMessage)
    return Promise.resolve(null)
  }

  #call(call: Call | LoneCall): Promise<unknown> {
    if (this.#ended !== null) return Promise.reject(this.#ended)
    const id = ++this.#lastId
    this.#post({ method: call.method, args: detached<readonly unknown[]>(call.args), id } as CallMessage)
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }))
  }

  /** Waited for: goes out at the end of this turn, after all that was posted before. */
  #post(call: CallMessage): void {
    this.#outgoing.push(call)
    if (this.#isFlushing) return
    this.#isFlushing = true
    queueMicrotask(() => this.#flush())
  }

  /** Waited for by nobody: goes out with the next that is, when many are there, or after a while. */
  #postLater(call: CallMessage): void {
    this.#outgoing.push(call)
    if (this.#outgoing.length >= LATER_MAX) this.#flush()
    else this.#laterTimer ??= setTimeout(() => this.#flush(), LATER_MS)
  }

  #flush(): void {
    if (this.#laterTimer !== null) clearTimeout(this.#laterTimer)
    this.#laterTimer = null
    this.#isFlushing = false
    if (this.#outgoing.length === 0) return
    this.#worker.postMessage(this.#outgoing)
    this.#outgoing = []
  }

  #settle(answers: readonly AnswerMessage[]): void {
    for (const answer of answers) {
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if ('error' in answer) waiting?.reject(errorOf(answer.error))
      else waiting?.resolve(answer.value)
    }
  }

  /** The thread is gone: nothing that waits will be answered. */
  #end(error: PilotlightError): void {
    if (this.#ended === null) this.#onNotice({ kind: 'state', problem: errorMessage(error) })
    this.#ended ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

/**
 * Arguments that the caller's later writes do not touch, and whose byte arrays own their buffers: `postMessage` clones
 * the whole buffer behind a view, which may be a slab of sessions. Requests are flat records.
 */
function detached<Args extends readonly unknown[]>(args: Args): Args {
  return args.map((arg) => {
    if (arg instanceof Uint8Array) return new Uint8Array(arg)
    if (typeof arg !== 'object' || arg === null) return arg
    const copy: Record<string, unknown> = { ...arg }
    for (const name in copy) if (copy[name] instanceof Uint8Array) copy[name] = new Uint8Array(copy[name])
    return copy
  }) as unknown as Args
}
