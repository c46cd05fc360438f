/** A browser without a screen: cookies and forms, over `inject`. */
import type { LightMyRequestResponse } from 'fastify'
import { addPages } from '../../src/pages/pages.js'
import { buildApp } from '../../src/sidecar/app.js'
import type { App } from '../../src/sidecar/context.js'
import { Link } from '../../src/sidecar/link.js'
import type { SidecarOptions } from '../../src/sidecar/options.js'
import { APPS, FakeMain, usualDirectory } from '../sidecar/fake-main.js'

interface Fixture {
  app: App
  main: FakeMain
  /** paths of the pages that take a POST, as routes have them */
  posts: string[]
}

/** To build one takes a second of CPU: tests of a file with the same options share it. */
const FIXTURES = new Map<string, Promise<Fixture>>()

/** The pages with a fake main thread behind them, which answers as usual. */
export async function pagesFixture(options: SidecarOptions = {}): Promise<Fixture> {
  const name = JSON.stringify(options)
  const made = FIXTURES.get(name) ?? newFixture(options)
  FIXTURES.set(name, made)
  const { main } = await made
  main.directory = usualDirectory
  main.sent.length = 0
  return made
}

async function newFixture(options: SidecarOptions): Promise<Fixture> {
  const main = new FakeMain()
  const link = new Link({
    post: (message) => main.take(message, (answer) => link.handle(answer)),
    answerTimeoutMs: 10_000,
  })
  const limits = { enrolPerMinute: 1000, personRequestsPerMinute: 100_000 }
  const posts: string[] = []
  const app = await buildApp({ ...limits, ...options }, link, {
    async addPages(pages, context) {
      pages.addHook('onRoute', ({ method, url }) => {
        if (method === 'POST') posts.push(url)
      })
      await addPages(pages, context)
    },
  })
  link.handle({ kind: 'apps', apps: APPS })
  link.handle({ kind: 'ready', state: 'ready' })
  return { app, main, posts }
}

/** One browser. */
export class Visitor {
  readonly cookies = new Map<string, string>()
  readonly #app: App
  readonly #headers: Record<string, string>
  /** token of the page that was seen last */
  csrf = ''

  constructor(app: App, headers: Record<string, string> = {}) {
    this.#app = app
    this.#headers = { host: 'pages.example', accept: 'text/html', ...headers }
  }

  async get(url: string, headers: Record<string, string> = {}): Promise<LightMyRequestResponse> {
    const answer = await this.#app.inject({ url, headers: { ...this.#headers, ...this.#cookie(), ...headers } })
    return this.#keep(answer)
  }

  /** Sends a form with the token of the last page. */
  async post(
    url: string,
    fields: Record<string, string | string[]>,
    headers: Record<string, string> = {},
  ): Promise<LightMyRequestResponse> {
    const form = new URLSearchParams({ csrf: this.csrf })
    for (const [name, value] of Object.entries(fields)) {
      form.delete(name)
      for (const one of [value].flat()) form.append(name, one)
    }
    const answer = await this.#app.inject({
      method: 'POST',
      url,
      headers: {
        ...this.#headers,
        ...this.#cookie(),
        'content-type': 'application/x-www-form-urlencoded',
        origin: 'http://pages.example',
        'sec-fetch-site': 'same-origin',
        ...headers,
      },
      payload: form.toString(),
    })
    return this.#keep(answer)
  }

  #cookie(): Record<string, string> {
    const pairs = [...this.cookies].map(([name, value]) => `${name}=${value}`)
    return pairs.length === 0 ? {} : { cookie: pairs.join('; ') }
  }

  #keep(answer: LightMyRequestResponse): LightMyRequestResponse {
    for (const { name, value } of answer.cookies) {
      if (value === '') this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    this.csrf = /name="csrf" value="([^"]+)"/.exec(answer.body)?.[1] ?? this.csrf
    return answer
  }
}
