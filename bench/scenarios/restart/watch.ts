/** Reads the streams of applications across a restart, and counts what they say of persons. */
import { AppService } from '../../../src/appservice/index.js'
import type { StoredApp } from '../../ours/store-writer.js'

/** What all streams said since `reset`. */
export interface Seen {
  /** persons told `offline`, by change or snapshot */
  offline: number
  /** persons told to be there */
  online: number
  /** `restarted` events */
  restarted: number
}

export class StreamWatch {
  readonly #end = new AbortController()
  readonly #readers: Promise<void>[]
  #seen: Seen = { offline: 0, online: 0, restarted: 0 }

  constructor(url: string, apps: readonly StoredApp[]) {
    this.#readers = apps.map(({ apiKey }) => this.#read(new AppService({ url, apiKey })))
  }

  /** Streams that are read. */
  get streams(): number {
    return this.#readers.length
  }

  get seen(): Seen {
    return { ...this.#seen }
  }

  reset(): void {
    this.#seen = { offline: 0, online: 0, restarted: 0 }
  }

  async close(): Promise<void> {
    this.#end.abort()
    await Promise.all(this.#readers)
  }

  async #read(service: AppService): Promise<void> {
    const { signal } = this.#end
    try {
      for await (const event of service.stream({ signal })) {
        if (event.type === 'restarted') this.#seen.restarted++
        else if (event.type === 'snapshot') for (const person of event.persons) this.#count(person)
        else if (event.type === 'presence') this.#count(event.person)
      }
    } catch (error) {
      if (!signal.aborted) throw error
    }
  }

  #count(person: object): void {
    if (!('state' in person)) return
    if (person.state === 'offline') this.#seen.offline++
    else if (person.state === 'online') this.#seen.online++
  }
}
