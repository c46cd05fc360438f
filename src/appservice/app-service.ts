import { AppServiceError, refusalOf } from './error.js'
import { EventReader, type SentEvent } from './event-reader.js'
import type {
  Answer,
  InputOf,
  Method,
  Path,
  Presence,
  Requesting,
  RingRequest,
  StreamEvent,
  UnknownPuid,
} from './json.js'
import { Ring } from './ring.js'

/** Where the server is, and who asks. */
export interface AppServiceOptions {
  /** e.g. https://presence.example */
  url: string
  /** `pl_...` */
  apiKey: string
  /** Default: the platform's. */
  fetch?: typeof fetch
  /** Pause before attempt number 1, 2, ... after a failure. Default: 250 ms doubling to 30 s, half of it random. */
  pauseMs?(attempt: number): number
}

/** Attempts of one request that may pass later. */
const ATTEMPTS = 3
/** A stream that is silent this long is dead: three heartbeats. */
const SILENCE_MAX_MS = 45_000

/** Client of the HTTP API for applications; needs `fetch` and nothing else. */
export class AppService implements Requesting {
  readonly #options: AppServiceOptions
  readonly #base: string

  /** @param options see `AppServiceOptions`. */
  constructor(options: AppServiceOptions) {
    this.#options = options
    this.#base = options.url.replace(/\/+$/, '')
  }

  /** @throws AppServiceError, e.g. `unknown-puid`. */
  presence(puid: string): Promise<Presence> {
    return this.request('get', '/v1/presence/{puid}', { path: { puid } })
  }

  /** @returns one entry for each of up to 1,000 PUIDs, in their order. */
  async query(puids: readonly string[]): Promise<(Presence | UnknownPuid)[]> {
    return (await this.request('post', '/v1/presence/query', { body: { puids: [...puids] } })).persons
  }

  /**
   * Sends a ring. A request without an answer is repeated under the same idempotency key, so the ring goes out once.
   *
   * @param request what to ring; `idempotencyKey` defaults to a random one.
   */
  async ring(request: RingRequest & { idempotencyKey?: string }): Promise<Ring> {
    const { idempotencyKey = crypto.randomUUID(), ...body } = request
    const header = { 'idempotency-key': idempotencyKey }
    return new Ring(this, await this.request('post', '/v1/rings', { header, body }))
  }

  /**
   * Any request that takes an API key, as the OpenAPI document has it: `request('get', '/v1/webhook')`. It is repeated where
   * that does no harm: what only reads, what deletes, what has an idempotency key, and what was refused for now (429).
   *
   * @param input `path`, `query`, `header` and `body`, as far as the route has them; `signal` gives up.
   * @throws AppServiceError
   */
  async request<P extends Path, M extends Method<P>>(
    method: M,
    path: P,
    ...[input]: InputOf<P, M>
  ): Promise<Answer<P, M>> {
    const { body, header = {}, signal, ...place } = (input ?? {}) as AnyInput
    const init: RequestInit = {
      headers: { ...header, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    }
    const isHarmless =
      method === 'get' || method === 'delete' || path === '/v1/presence/query' || 'idempotency-key' in header
    for (let attempt = 1; ; attempt++) {
      try {
        const response = await this.#fetch(method.toUpperCase(), urlOf(path, place), init)
        return (await response.json()) as Answer<P, M>
      } catch (error) {
        if (aborted(signal)) throw error
        const refusal = error instanceof AppServiceError ? error : unreachable(error)
        const mayRepeat = refusal.status === 429 || (isHarmless && refusal.mayPass)
        if (!mayRepeat || attempt >= ATTEMPTS) throw refusal
        await this.#pause(attempt, refusal.retryAfterMs, signal)
      }
    }
  }

  /**
   * Changes as they happen, for ever: after a lost connection it connects again. Ends when `signal` aborts.
   *
   * @param options `puids`: only these persons. Default: everybody visible to the application.
   * @throws AppServiceError for a refusal that cannot pass, e.g. `unauthorized`.
   */
  async *stream(
    options: { puids?: readonly string[]; signal?: AbortSignal } = {},
  ): AsyncGenerator<StreamEvent, void, undefined> {
    const { puids = [], signal } = options
    const path = urlOf('/v1/presence/stream', { query: { puid: puids } })
    let lastId = ''
    for (let failures = 0; !aborted(signal); failures++) {
      try {
        for await (const event of this.#connection(path, lastId, signal)) {
          failures = 0
          lastId = event.id
          yield event
        }
      } catch (error) {
        if (aborted(signal)) return
        if (!(error instanceof AppServiceError) || !error.mayPass) throw error
        await this.#pause(failures + 1, error.retryAfterMs, signal)
        continue
      }
      await this.#pause(failures + 1, 0, signal)
    }
  }

  /** Events of one connection, until it is lost. */
  async *#connection(path: string, lastId: string, signal?: AbortSignal): AsyncGenerator<StreamEvent, void, undefined> {
    const ended = new AbortController()
    const end = () => ended.abort()
    let timer = setTimeout(end, SILENCE_MAX_MS)
    signal?.addEventListener('abort', end)
    try {
      const headers: Record<string, string> = {
        accept: 'text/event-stream',
        ...(lastId !== '' && { 'last-event-id': lastId }),
      }
      const response = await this.#fetch('GET', path, { headers, signal: ended.signal })
      const reader = new EventReader()
      const decoder = new TextDecoder()
      for await (const chunk of chunks(response, ended.signal)) {
        clearTimeout(timer)
        timer = setTimeout(end, SILENCE_MAX_MS)
        for (const sent of reader.read(decoder.decode(chunk, { stream: true }))) {
          const event = streamEvent(sent)
          if (event !== null) yield event
        }
      }
    } catch (error) {
      throw error instanceof AppServiceError ? error : unreachable(error)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      end()
    }
  }

  async #fetch(method: string, path: string, init: RequestInit): Promise<Response> {
    const { apiKey, fetch: request = fetch } = this.#options
    const headers = { ...(init.headers as Record<string, string>), authorization: `Bearer ${apiKey}` }
    const response = await request(`${this.#base}${path}`, { ...init, method, headers, redirect: 'error' })
    if (!response.ok) throw await refusalOf(response)
    return response
  }

  async #pause(attempt: number, atLeastMs: number, signal?: AbortSignal): Promise<void> {
    const fullMs = Math.min(30_000, 250 * 2 ** (attempt - 1))
    const ms = this.#options.pauseMs?.(attempt) ?? Math.max(atLeastMs, fullMs * (0.5 + Math.random() / 2))
    if (aborted(signal)) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, ms)
      signal?.addEventListener('abort', done)
      function done(): void {
        clearTimeout(timer)
        signal?.removeEventListener('abort', done)
        resolve()
      }
    })
  }
}

/** What a request may take, whichever it is. */
interface AnyInput {
  path?: Readonly<Record<string, string>>
  query?: Readonly<Record<string, unknown>>
  header?: Readonly<Record<string, string>>
  body?: unknown
  signal?: AbortSignal
}

function urlOf(template: string, { path = {}, query = {} }: AnyInput): string {
  const url = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(path[name] ?? ''))
  const fields = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) for (const one of [value].flat()) fields.append(name, `${one}`)
  return fields.size === 0 ? url : `${url}?${fields}`
}

function aborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

function unreachable(error: unknown): AppServiceError {
  return new AppServiceError('unreachable', error instanceof Error ? error.message : 'no answer')
}

/** The body until it ends, or until the signal aborts: that of `fetch` alone is forgotten by a garbage collection on Node 20. */
async function* chunks(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  if (response.body === null) return
  const reader = response.body.getReader()
  const end = () => void reader.cancel().catch(() => {})
  signal.addEventListener('abort', end)
  if (signal.aborted) end()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value as Uint8Array
    }
  } finally {
    signal.removeEventListener('abort', end)
    end()
  }
}

/** An event of the server as one of ours; null for a kind that is younger than this client. */
function streamEvent({ event, id, data }: SentEvent): StreamEvent | null {
  const json = JSON.parse(data)
  if (event === 'presence') return { type: 'presence', id, person: json }
  if (event === 'ring') return { type: 'ring', id, ring: json }
  if (event === 'restarted' || event === 'snapshot' || event === 'reset') return { type: event, id, ...json }
  return null
}
