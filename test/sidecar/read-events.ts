import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { EventReader, type SentEvent } from '../../src/appservice/event-reader.js'

/** A reader of server-sent events on a socket of its own, that can stop reading. */
export interface Events {
  status: number
  headers: IncomingMessage['headers']
  response: IncomingMessage
  /** raw text so far */
  text(): string
  /** The next event, its data parsed; null at the end. */
  next(): Promise<{ event: string; id: string; json: unknown } | null>
  /** Resolves when the text contains this. */
  has(text: string): Promise<void>
  close(): void
}

/** Opens a stream and waits for its head. */
export function readEvents(url: string, headers: Record<string, string>): Promise<Events> {
  return new Promise((resolve, reject) => {
    const request: ClientRequest = get(url, { headers, agent: false }, (response) =>
      resolve(eventsOf(request, response)),
    )
    request.on('error', reject)
  })
}

function eventsOf(request: ClientRequest, response: IncomingMessage): Events {
  const reader = new EventReader()
  const queue: (SentEvent | null)[] = []
  let text = ''
  let wake = () => {}
  response.setEncoding('utf8')
  response.on('data', (chunk: string) => {
    text += chunk
    queue.push(...reader.read(chunk))
    wake()
  })
  response.on('error', () => {})
  response.on('close', () => {
    queue.push(null)
    wake()
  })
  const woken = () => new Promise<void>((resolve) => (wake = resolve))
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    response,
    text: () => text,
    async next() {
      while (queue.length === 0) await woken()
      const sent = queue.shift() ?? null
      return sent && { event: sent.event, id: sent.id, json: JSON.parse(sent.data) as unknown }
    },
    async has(wanted) {
      while (!text.includes(wanted)) await woken()
    },
    close() {
      request.destroy()
    },
  }
}
