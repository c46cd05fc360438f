/** The demo's Chat as a reader meets it: one page with one button, which rings Ada. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the page does. */
export interface ChatDeeds {
  /** Rings Ada. @param url where Accept leads. */
  ring(url: string): Promise<void>
  /** How the last ring went, for people. */
  outcome(): string
}

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': "default-src 'none'; form-action 'self'; frame-ancestors 'none'",
  'cache-control': 'no-store',
}

/** Serves the page on loopback, on a free port, as long as the process lives. */
export class ChatPage {
  readonly #server: Server
  readonly #deeds: ChatDeeds

  constructor(deeds: ChatDeeds) {
    this.#deeds = deeds
    this.#server = createServer((request, response) => {
      const route = `${request.method} ${request.url}`
      if (route === 'GET /') this.#home(response)
      else if (route === 'GET /call') send(response, 200, '<p>You are in the call. <a href="/">Back</a></p>')
      else if (route === 'POST /ring' && isFromHere(request.headers['sec-fetch-site'])) void this.#ring(response)
      else send(response, 404, '<p>Nothing here. <a href="/">Back</a></p>')
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  open(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
  }

  #home(response: ServerResponse): void {
    const said = escaped(this.#deeds.outcome())
    const form = '<form method="post" action="/ring"><button>Ring me</button></form>'
    send(response, 200, `<h1>Chat</h1><p>An application of the demo, which Ada allowed.</p>${form}<p>${said}</p>`)
  }

  async #ring(response: ServerResponse): Promise<void> {
    try {
      await this.#deeds.ring(`${this.url}/call`)
      response.writeHead(303, { location: '/' }).end()
    } catch (error) {
      send(response, 502, `<p>${escaped((error as Error).message)}</p>`)
    }
  }
}

/** Another site must not ring with a form of its own; programs may. */
function isFromHere(site: string | string[] | undefined): boolean {
  return site === undefined || site === 'same-origin'
}

function send(response: ServerResponse, status: number, body: string): void {
  const head = '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width"><title>Chat</title>'
  response.writeHead(status, HEADERS).end(`${head}${body}\n`)
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
}
