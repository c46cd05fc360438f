/**
 * The store's thread: owns SQLite, so that the main thread never waits for a disk. Started by `open.ts`.
 *
 * Calls that came while the last commit ran are done in one transaction, and answered after it. Lone calls (boot,
 * backup, ...) run between transactions, in the order of arrival.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../base/assert.js'
import { nobleCrypto } from '../crypto/noble.js'
import { nativeCrypto } from '../native/crypto-native.js'
import { Nicer, yieldToMainThread } from '../native/thread-priority.js'
import {
  type AnswerMessage,
  type Call,
  type CallMessage,
  LONE_METHODS,
  type LoneCall,
  type ThreadMessage,
  type ThreadOptions,
} from './call.js'
import { type Engine, openEngine } from './engine.js'
import { partBuffers } from './parts.js'
import { errorMessage, storeError } from './store-error.js'
import { WRITE_BEHIND_MS, WRITE_BEHIND_ROWS } from './write-behind.js'

/** How often deleted rows are driven out of the WAL. */
const TIDY_MS = 60_000

/** How often the disk is looked at. */
const CHECK_MS = 1_000

/** Pause after a failed write-behind (disk full). */
const RETRY_MS = 1000

const port = parentPort
assert(port !== null, 'worker.ts runs as a thread')
const queue: CallMessage[] = []
const backups = new Set<Promise<void>>()
let writeTimer: NodeJS.Timeout | null = null
/** `writeTimer` fires at once */
let urgent = false
/** the last write-behind failed */
let retrying = false
let scheduled = false

/** @param engine opened, owned by this thread from now on. */
function serve(engine: Engine): void {
  const tidyTimer = setInterval(() => warned(engine, () => engine.tidy()), TIDY_MS)
  const checkTimer = setInterval(() => warned(engine, () => engine.check()), CHECK_MS)

  function drain(): void {
    scheduled = false
    let group: (Call & { id: number })[] = []
    for (const call of queue.splice(0)) {
      if (!isLone(call)) {
        group.push(call)
        continue
      }
      runGroup(engine, group)
      group = []
      runLone(engine, call, () => {
        clearInterval(tidyTimer)
        clearInterval(checkTimer)
      })
    }
    runGroup(engine, group)
    planWrite(engine)
  }

  port?.on('message', (calls: CallMessage[]) => {
    queue.push(...calls)
    if (scheduled) return
    scheduled = true
    setImmediate(drain)
  })
}

function runGroup(engine: Engine, group: readonly (Call & { id: number })[]): void {
  if (group.length === 0) return
  const outcomes = engine.run(group)
  const answers: AnswerMessage[] = []
  group.forEach(({ id }, i) => {
    const outcome = outcomes[i]
    if (id === 0 || outcome === undefined) return
    if ('value' in outcome) answers.push({ id, value: outcome.value })
    else answers.push({ id, error: errorMessage(outcome.error) })
  })
  if (answers.length > 0) post(answers)
}

function runLone(engine: Engine, call: LoneCall & { id: number }, stop: () => void): void {
  const { id } = call
  const fail = (error: unknown): void => post([{ id, error: errorMessage(storeError(error)) }])
  if (call.method === 'backup') {
    const backup = engine.backup(...call.args).then((value) => post([{ id, value }]), fail)
    backups.add(backup)
    void backup.finally(() => backups.delete(backup))
    return
  }
  if (call.method === 'close') {
    void Promise.all(backups).then(() => {
      stop()
      cancelWrite()
      try {
        engine.close()
        post([{ id, value: undefined }])
      } catch (error) {
        fail(error)
      }
      port?.close()
    })
    return
  }
  try {
    if (call.method === 'persons' || call.method === 'devices') {
      const part = call.method === 'persons' ? engine.persons(...call.args) : engine.devices(...call.args)
      post([{ id, value: part }], partBuffers(part))
    } else if (call.method === 'boot') post([{ id, value: engine.boot(...call.args) }])
    else post([{ id, value: engine.rotateKeys(...call.args) }])
  } catch (error) {
    fail(error)
  }
}

/** Sees to it that rows in the write-behind get written soon; many of them in parts, with calls in between. */
function planWrite(engine: Engine): void {
  if (engine.waitingRows === 0) {
    cancelWrite()
    retrying = false
  } else if (engine.waitingRows >= WRITE_BEHIND_ROWS && !retrying) {
    if (urgent) return
    cancelWrite()
    urgent = true
    writeTimer = setTimeout(writeBehind, 0, engine)
  } else writeTimer ??= setTimeout(writeBehind, retrying ? RETRY_MS : WRITE_BEHIND_MS, engine)
}

function writeBehind(engine: Engine): void {
  cancelWrite()
  retrying = !warned(engine, () => engine.flush())
  planWrite(engine)
}

function cancelWrite(): void {
  if (writeTimer !== null) clearTimeout(writeTimer)
  writeTimer = null
  urgent = false
}

/** Runs what nobody waits for; false and a warning if it failed. */
function warned(engine: Engine, body: () => void): boolean {
  try {
    body()
    return true
  } catch (error) {
    engine.warn(error)
    return false
  }
}

function isLone(call: CallMessage): call is LoneCall & { id: number } {
  return (LONE_METHODS as readonly string[]).includes(call.method)
}

function post(message: ThreadMessage, transfer: ArrayBuffer[] = []): void {
  port?.postMessage(message, transfer)
}

yieldToMainThread(Nicer.store)
try {
  const { crypto, ...places } = workerData as ThreadOptions
  const engine = openEngine({
    ...places,
    crypto: crypto === 'noble' ? nobleCrypto : await nativeCrypto(),
    onNotice: (notice) => post({ notice }),
  })
  serve(engine)
  post({ opened: true })
} catch (error) {
  post({ failed: errorMessage(storeError(error)) })
}
