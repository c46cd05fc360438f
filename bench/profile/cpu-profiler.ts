/** V8's sampling profiler in another process, by the protocol of `node --inspect`. */
import { once } from 'node:events'
import WebSocket from 'ws'
import { BenchError } from '../bench-error.js'

/** A profile as V8 gives it: a tree of calls, and which node was on top at each sample. */
export interface CpuProfile {
  nodes: ProfileNode[]
  /** ids of nodes */
  samples: number[]
  /** us before each sample */
  timeDeltas: number[]
}

/** One function, called from one chain of callers. */
export interface ProfileNode {
  id: number
  callFrame: { functionName: string; url: string; lineNumber: number }
  /** ids */
  children?: number[]
}

/** A message of the inspector: an answer, or an event about a worker thread. */
interface InspectorMessage {
  id?: number
  result?: unknown
  error?: { message: string }
  method?: string
  params?: { sessionId?: string; message?: string; workerInfo?: { title: string } }
}

/** A thread that runs JavaScript; session null: the main thread. */
interface ProfiledThread {
  name: string
  session: string | null
}

/** Profiles of one process: of its main thread, and of its worker threads if asked. */
export class CpuProfiler {
  readonly #socket: WebSocket
  readonly #waiting = new Map<string, { resolve(result: unknown): void; reject(error: Error): void }>()
  readonly #threads: ProfiledThread[] = [{ name: 'main', session: null }]
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (message) => this.#take(JSON.parse(String(message)), null))
  }

  /** @param said what the process wrote when it began to listen. @throws BenchError if it does not listen. */
  static async attach(said: string): Promise<CpuProfiler> {
    const url = /ws:\/\/\S+/.exec(said)?.[0]
    if (url === undefined) throw new BenchError('the server does not listen for a profiler', 1)
    const socket = new WebSocket(url, { perMessageDeflate: false })
    await once(socket, 'open')
    return new CpuProfiler(socket)
  }

  /** From now on worker threads are profiled too. */
  async addWorkers(): Promise<void> {
    await this.#call('NodeWorker.enable', { waitForDebuggerOnStart: false })
  }

  /** @param everyMicros between two samples. */
  async start(everyMicros: number): Promise<void> {
    for (const { session } of this.#threads) {
      await this.#call('Profiler.enable', {}, session)
      await this.#call('Profiler.setSamplingInterval', { interval: everyMicros }, session)
    }
    for (const { session } of this.#threads) await this.#call('Profiler.start', {}, session)
  }

  /** By name of the thread: `main`, and as workers were named. */
  async stop(): Promise<Map<string, CpuProfile>> {
    const profiles = new Map<string, CpuProfile>()
    for (const { name, session } of this.#threads) {
      const { profile } = (await this.#call('Profiler.stop', {}, session)) as { profile: CpuProfile }
      profiles.set(name, profile)
    }
    return profiles
  }

  /** Numbers that the kernel has for the threads, by name (Linux). */
  async threadIds(): Promise<Map<string, number>> {
    const ids = new Map<string, number>()
    const expression = "process.getBuiltinModule('node:fs').readlinkSync('/proc/thread-self')"
    for (const { name, session } of this.#threads) {
      const { result } = (await this.#call('Runtime.evaluate', { expression }, session)) as {
        result: { value: string }
      }
      ids.set(name, Number(result.value.split('/').at(-1)))
    }
    return ids
  }

  close(): void {
    this.#socket.terminate()
  }

  /** @param session of a worker thread; null: the main thread. */
  #call(method: string, params: object = {}, session: string | null = null): Promise<unknown> {
    const id = ++this.#lastId
    const message = JSON.stringify({ id, method, params })
    const answer = new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(`${session} ${id}`, { resolve, reject })
    })
    if (session === null) this.#socket.send(message)
    else void this.#call('NodeWorker.sendMessageToWorker', { sessionId: session, message })
    return answer
  }

  #take(message: InspectorMessage, session: string | null): void {
    const { id, method, params } = message
    if (id !== undefined) {
      const waiting = this.#waiting.get(`${session} ${id}`)
      this.#waiting.delete(`${session} ${id}`)
      if (message.error === undefined) waiting?.resolve(message.result)
      else waiting?.reject(new BenchError(`${message.error.message}`, 1))
    } else if (method === 'NodeWorker.attachedToWorker') {
      this.#threads.push({ name: threadName(params?.workerInfo?.title ?? ''), session: params?.sessionId ?? '' })
    } else if (method === 'NodeWorker.receivedMessageFromWorker') {
      this.#take(JSON.parse(params?.message ?? '{}'), params?.sessionId ?? '')
    }
  }
}

/** Node's title of a worker thread is `[worker 3] sidecar`. */
function threadName(title: string): string {
  return title.replace(/^\[worker \d+\] ?/, '') || title
}
