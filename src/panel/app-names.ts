/** Names of applications: the list on the device has ids alone, the server knows what they are called. */

import { SERVER_APP } from '../client/ring.js'

const ID = /^[0-9a-f]{16}$/

export class AppNames {
  readonly #url: string
  readonly #known = new Map<string, Promise<string | null>>()

  /** @param url of names; the id is put behind it. @param server what the server itself is called, when it rings. */
  constructor(url: string, server: string) {
    this.#url = url
    this.#known.set(SERVER_APP, Promise.resolve(server))
  }

  /** Puts the name of an application into an element: at first its id. */
  fill(element: HTMLElement, app: string): void {
    element.textContent = `app_${app}`
    void this.nameOf(app).then((name) => {
      if (name !== null) element.textContent = name
    })
  }

  /** The name of an application; null: it is not known. */
  nameOf(app: string): Promise<string | null> {
    const known = this.#known.get(app) ?? this.#ask(app)
    this.#known.set(app, known)
    return known
  }

  /** Without cookies: who asks is not told. */
  async #ask(app: string): Promise<string | null> {
    if (this.#url === '' || !ID.test(app)) return null
    try {
      const answer = await fetch(`${this.#url}app_${app}`, {
        credentials: 'omit',
        headers: { accept: 'application/json' },
      })
      const { name } = (await answer.json()) as { name?: unknown }
      return answer.ok && typeof name === 'string' && name !== '' ? name : null
    } catch {
      return null
    }
  }
}
