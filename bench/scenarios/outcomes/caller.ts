import { Agent, request } from 'node:http'
import { BenchError } from '../../bench-error.js'

/** What came back. */
export interface Reply {
  status: number
  json: Record<string, unknown>
}

/** Connections at a time. */
const SOCKETS = 256
/** Pause before a request is repeated that nobody answered, ms. */
const PAUSE_MS = 200
/** A request that is not answered for so long, however often repeated, ends the run, ms. */
const GIVE_UP_MS = 180_000

/** Requests of applications, repeated as a good AppService does: after no answer, 408, 429 and 5xx. */
export class Caller {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: SOCKETS })
  readonly #base: () => string
  #repeats = 0

  /** @param base of the server, e.g. http://127.0.0.1:7351 */
  constructor(base: () => string) {
    this.#base = base
  }

  /** Requests that were sent again. */
  get repeats(): number {
    return this.#repeats
  }

  /** @throws BenchError when nobody answers for three minutes. */
  async call(method: string, path: string, headers: Record<string, string>, body?: unknown): Promise<Reply> {
    const text = body === undefined ? '' : JSON.stringify(body)
    const endMs = performance.now() + GIVE_UP_MS
    for (;;) {
      const reply = await this.#once(method, path, headers, text)
      if (reply !== null && !isToRepeat(reply.status)) return reply
      if (performance.now() > endMs) throw new BenchError(`no answer to ${method} ${path} (${reply?.status})`, 1)
      this.#repeats++
      await new Promise((resolve) => setTimeout(resolve, reply?.status === 429 ? 5 * PAUSE_MS : PAUSE_MS))
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  /** One request; null for none, or half an answer. */
  #once(method: string, path: string, headers: Record<string, string>, text: string): Promise<Reply | null> {
    return new Promise((resolve) => {
      const length =
        text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
      const options = { method, agent: this.#agent, headers: { ...headers, ...length } }
      const sent = request(`${this.#base()}${path}`, options, (response) => {
        let answer = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          answer += chunk
        })
        response.on('error', () => resolve(null))
        response.on('end', () => resolve({ status: response.statusCode ?? 0, json: parsed(answer) }))
      })
      sent.on('error', () => resolve(null))
      sent.end(text)
    })
  }
}

/** 408: the request was cut off, by a machine that was busy with other things. */
function isToRepeat(status: number): boolean {
  return status === 408 || status === 429 || status >= 500
}

function parsed(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
