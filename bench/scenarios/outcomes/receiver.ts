import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { verifyWebhook, WebhookError, type WebhookEvent } from '../../../src/appservice/index.js'
import type { ToldRing } from './book.js'

/** One of so many outcomes is answered with 500 the first time, one with nothing: they must come again, the same. */
const REFUSED_OF = 400
const CUT_OF = 400

/** The endpoint of all applications: `/hook/NUMBER`. Checks each signature. */
export class Receiver {
  readonly #server = createServer((request, response) => this.#take(request, response))
  readonly #secrets = new Map<string, string>()
  readonly #onOutcome: (ring: ToldRing) => void
  readonly #unsigned: Record<string, number> = {}
  #taken = 0
  port = 0

  /** @param onOutcome told of each outcome, those that are then not acknowledged too. */
  constructor(onOutcome: (ring: ToldRing) => void) {
    this.#onOutcome = onOutcome
  }

  /** Requests that did not verify, by what was wrong with them. */
  get unsigned(): Readonly<Record<string, number>> {
    return this.#unsigned
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.port = (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  /** URL of an application's endpoint. */
  url(app: number): string {
    return `http://127.0.0.1:${this.port}/hook/${app}`
  }

  /** What an application's requests are signed with. */
  setSecret(app: number, secret: string): void {
    this.#secrets.set(`/hook/${app}`, secret)
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk
    })
    request.on('end', () => {
      const events = this.#verified(body, request)
      if (events === null) {
        response.writeHead(401).end()
        return
      }
      for (const event of events) if (event.type === 'ring.ended') this.#onOutcome({ ...event.data })
      const turn = this.#taken++ % (REFUSED_OF + CUT_OF)
      if (turn === REFUSED_OF - 1) response.writeHead(500).end()
      else if (turn === REFUSED_OF + CUT_OF - 1) request.socket.destroy()
      else response.writeHead(204).end()
    })
  }

  #verified(body: string, { headers, url = '' }: IncomingMessage): WebhookEvent[] | null {
    try {
      return verifyWebhook(body, headers, this.#secrets.get(url) ?? '')
    } catch (error) {
      if (!(error instanceof WebhookError)) throw error
      this.#unsigned[error.code] = (this.#unsigned[error.code] ?? 0) + 1
      return null
    }
  }
}
