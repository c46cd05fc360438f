import type { ServerResponse } from 'node:http'

/** Limits of one reader. */
export interface EventStreamOptions {
  /** comment line on an idle stream */
  heartbeatMs: number
  /** events that wait for the reader, beside those of `sendAll` */
  bufferBytes: number
  /** starts every event id; ids are opaque to the reader */
  idPrefix: string
  /** called once, when the reader is gone or the stream was ended */
  onEnd(): void
}

/** How long a reader that was told to go may take to read that. */
const FAREWELL_MS = 10_000

/**
 * Server-sent events to one reader (WHATWG HTML §9.2), at the reader's pace. What waits for it is bounded: when that
 * overflows, all of it is dropped, and the last event is `reset`: what the reader knows is out of date, connect again.
 */
export class EventStream {
  readonly #response: ServerResponse
  readonly #options: EventStreamOptions
  readonly #heartbeat: NodeJS.Timeout
  /** texts that wait, and sources that make them when their turn comes */
  #waiting: (string | Iterator<string>)[] = []
  #waitingBytes = 0
  #blocked = false
  #ended = false
  #sent = 0

  /** @param response its head was written; nothing else writes to it from now on. */
  constructor(response: ServerResponse, options: EventStreamOptions) {
    this.#response = response
    this.#options = options
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs)
    response.on('drain', () => {
      this.#blocked = false
      this.#pump()
    })
    response.on('error', () => {}) // 'close' follows
    response.on('close', () => this.#finish())
  }

  /** Sends one event, or queues it; ends the stream with `reset` if too much waits. */
  send(event: string, json: unknown): void {
    if (this.#ended) return
    const text = eventText(event, json)
    this.#waiting.push(text)
    this.#waitingBytes += text.length
    this.#pump()
    if (this.#waitingBytes > this.#options.bufferBytes) this.reset('overflow')
  }

  /** Sends one event after the other, each made when the reader is ready for it; what is sent later comes after them. */
  sendAll(event: string, parts: Iterable<unknown>): void {
    if (this.#ended) return
    this.#waiting.push(eventTexts(event, parts))
    this.#pump()
  }

  /** Drops what waits, tells the reader why it must connect again, and ends. */
  reset(reason: string): void {
    if (this.#ended) return
    this.#waiting = []
    this.#response.end(this.#numbered(eventText('reset', { reason })))
    const { socket } = this.#response
    setTimeout(() => socket?.destroy(), FAREWELL_MS).unref()
    this.#finish()
  }

  /** Ids are given when an event goes out, so that they grow in the order in which the reader sees them. */
  #numbered(text: string): string {
    return `id: ${this.#options.idPrefix}.${++this.#sent}\n${text}`
  }

  #beat(): void {
    if (!this.#blocked && this.#waiting.length === 0) this.#blocked = !this.#response.write(': still here\n\n')
  }

  /** Writes until the socket's buffer is full. */
  #pump(): void {
    while (!this.#blocked && !this.#ended) {
      const first = this.#waiting[0]
      if (first === undefined) return
      if (typeof first === 'string') {
        this.#waiting.shift()
        this.#waitingBytes -= first.length
        this.#blocked = !this.#response.write(this.#numbered(first))
      } else {
        const { done, value } = first.next()
        if (done === true) this.#waiting.shift()
        else this.#blocked = !this.#response.write(this.#numbered(value))
      }
    }
  }

  #finish(): void {
    if (this.#ended) return
    this.#ended = true
    this.#waiting = []
    clearInterval(this.#heartbeat)
    this.#options.onEnd()
  }
}

function eventText(event: string, json: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(json)}\n\n`
}

function* eventTexts(event: string, parts: Iterable<unknown>): Generator<string> {
  for (const part of parts) yield eventText(event, part)
}
