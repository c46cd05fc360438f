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

/** The profiler of one process's main thread. */
export class CpuProfiler {
  readonly #socket: WebSocket
  #lastId = 0

  private constructor(socket: WebSocket) {
    this.#socket = socket
  }

  /** @param said what the process wrote when it began to listen. @throws BenchError if it does not listen. */
  static async attach(said: string): Promise<CpuProfiler> {
    const url = /ws:\/\/\S+/.exec(said)?.[0]
    if (url === undefined) throw new BenchError('the server does not listen for a profiler', 1)
    const socket = new WebSocket(url, { perMessageDeflate: false })
    await once(socket, 'open')
    return new CpuProfiler(socket)
  }

  /** @param everyMicros between two samples. */
  async start(everyMicros: number): Promise<void> {
    await this.#call('Profiler.enable')
    await this.#call('Profiler.setSamplingInterval', { interval: everyMicros })
    await this.#call('Profiler.start')
  }

  async stop(): Promise<CpuProfile> {
    const { profile } = (await this.#call('Profiler.stop')) as { profile: CpuProfile }
    return profile
  }

  close(): void {
    this.#socket.terminate()
  }

  async #call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#lastId
    this.#socket.send(JSON.stringify({ id, method, params }))
    for (;;) {
      const [message] = await once(this.#socket, 'message')
      const answer = JSON.parse(String(message))
      if (answer.id !== id) continue
      if (answer.error !== undefined) throw new BenchError(`${method}: ${answer.error.message}`, 1)
      return answer.result
    }
  }
}
