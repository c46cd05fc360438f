/** Makes the requests of webhooks: signed, to a checked address, without redirects, bounded in time and bytes. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { hostOf } from '../webhook/config.js'
import type { Send, SendFailure, SendResult } from '../webhook/message.js'
import { signatures } from '../webhook/signature.js'
import { destinationOf, type Resolve } from './resolve.js'

/** How long a request may take, from the look-up of the name to the end of the answer, ms. */
export const REQUEST_TIMEOUT_MS = 15_000
/** So much of an answer is read; what is longer is cut off there. */
const ANSWER_BYTES_MAX = 16_384
/** Idle connections kept, in all. */
const IDLE_CONNECTIONS_MAX = 256

/** What a sender works with. */
export interface SenderParts {
  /** plain HTTP and addresses that are not public are allowed */
  mayBePrivate: boolean
  resolve: Resolve
  /** wall clock, ms: for the time of a request and dates in Retry-After */
  nowMs(): number
  /** monotonic clock, ms */
  monotonicMs(): number
  /** calls back once after a time; gives what takes it back */
  after(ms: number, act: () => void): () => void
  /** e.g. Pilotlight/0.1.0 */
  userAgent: string
  /** further trusted certificates, PEM, for tests */
  ca?: string
}

interface Answer {
  status: number
  failure: SendFailure
  retryAfterMs: number
}

/** Makes requests, any number at a time. */
export class Sender {
  readonly #parts: SenderParts
  readonly #http = new HttpAgent({ keepAlive: true, maxFreeSockets: IDLE_CONNECTIONS_MAX })
  readonly #https: HttpsAgent

  constructor(parts: SenderParts) {
    this.#parts = parts
    const ca = parts.ca === undefined ? {} : { ca: parts.ca }
    this.#https = new HttpsAgent({ keepAlive: true, maxFreeSockets: IDLE_CONNECTIONS_MAX, ...ca })
  }

  /** Makes one request. Never rejects. */
  async send(send: Send): Promise<SendResult> {
    const startMs = this.#parts.monotonicMs()
    const answer = await this.#withTimeout((signal) => this.#attempt(send, signal))
    const latencyMs = Math.max(0, Math.round(this.#parts.monotonicMs() - startMs))
    return { number: send.number, ...answer, latencyMs }
  }

  /** Closes idle connections. */
  close(): void {
    this.#http.destroy()
    this.#https.destroy()
  }

  #withTimeout(act: (signal: AbortSignal) => Promise<Answer>): Promise<Answer> {
    const controller = new AbortController()
    return new Promise((settle) => {
      const cancel = this.#parts.after(REQUEST_TIMEOUT_MS, () => {
        settle(failed('timeout'))
        controller.abort()
      })
      void act(controller.signal).then((answer) => {
        cancel()
        settle(answer)
      })
    })
  }

  async #attempt(send: Send, signal: AbortSignal): Promise<Answer> {
    const { mayBePrivate, resolve } = this.#parts
    const url = new URL(send.url)
    if (url.protocol !== 'https:' && !(mayBePrivate && url.protocol === 'http:')) return failed('private-address')
    const destination = await destinationOf(hostOf(url), mayBePrivate, resolve)
    if ('failure' in destination) return failed(destination.failure)
    if (signal.aborted) return failed('timeout')
    const first = await this.#request(send, url, destination.address, signal)
    // The endpoint closed an idle connection just as it was used again: nobody's failure (Node's own advice).
    return first === 'stale' ? ((await this.#request(send, url, destination.address, signal, true)) as Answer) : first
  }

  #request(send: Send, url: URL, address: string, signal: AbortSignal, isSecond = false): Promise<Answer | 'stale'> {
    const isTls = url.protocol === 'https:'
    const family = address.includes(':') ? 6 : 4
    const lookup: LookupFunction = (_name, options, found) => {
      if (options.all === true) found(null, [{ address, family }])
      else found(null, address, family)
    }
    return new Promise((settle) => {
      const agent = isSecond ? false : isTls ? this.#https : this.#http
      const options = { method: 'POST', lookup, signal, agent, headers: this.#headers(send) }
      const ca = isTls && this.#parts.ca !== undefined ? { ca: this.#parts.ca } : {}
      const request: ClientRequest = isTls ? httpsRequest(url, { ...options, ...ca }) : httpRequest(url, options)
      request.on('response', (response) => settle(this.#answerOf(response)))
      request.on('error', (error: NodeJS.ErrnoException) => {
        settle(request.reusedSocket && !isSecond && error.code === 'ECONNRESET' ? 'stale' : failed(failureOf(error)))
      })
      request.end(send.body)
    })
  }

  /** Made for each request: endpoints refuse a time that is 5 minutes off, however long the request waited for its turn. */
  #headers(send: Send): Record<string, string> {
    const timestamp = Math.floor(this.#parts.nowMs() / 1000)
    return {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(send.body)),
      'user-agent': this.#parts.userAgent,
      'webhook-id': send.id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatures(send.id, timestamp, send.body, send.secrets),
    }
  }

  /** Reads a little of the body, so that the connection can be used again, and nothing of what is in it. */
  async #answerOf(response: IncomingMessage): Promise<Answer> {
    const status = response.statusCode ?? 0
    let bytes = 0
    try {
      for await (const chunk of response) {
        bytes += (chunk as Buffer).length
        if (bytes > ANSWER_BYTES_MAX) break // destroys the connection
      }
    } catch {
      // The status was told; that is all we need.
    }
    const retryAfterMs = retryAfter(response.headers['retry-after'], this.#parts.nowMs())
    return { status, failure: failureOfStatus(status), retryAfterMs }
  }
}

function failed(failure: SendFailure): Answer {
  return { status: 0, failure, retryAfterMs: 0 }
}

function failureOfStatus(status: number): SendFailure {
  if (status >= 200 && status < 300) return ''
  if (status === 410) return 'gone'
  return status >= 300 && status < 400 ? 'redirect' : 'status'
}

function failureOf(error: NodeJS.ErrnoException): SendFailure {
  const { code = '', name } = error
  if (name === 'AbortError') return 'timeout'
  return /EPROTO|TLS|SSL|CERT|SELF_SIGNED|UNABLE_TO|HOSTNAME/.test(code) ? 'tls' : 'connection'
}

/** Retry-After in ms: seconds or a date (RFC 9110 §10.2.3); 0 for none. */
function retryAfter(header: string | undefined, nowMs: number): number {
  if (header === undefined) return 0
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const dateMs = Date.parse(header)
  return Number.isNaN(dateMs) ? 0 : Math.max(0, dateMs - nowMs)
}
