import { AppService } from '../../../src/appservice/index.js'
import { proxiedFetch } from '../../ours/proxied.js'
import type { ToldRing } from './book.js'

/** One application in so many has a stream. */
const STREAM_OF = 20

/** Streams of some applications, which connect again after a kill. What ended meanwhile they do not tell. */
export class StreamReaders {
  readonly #end = new AbortController()
  readonly #onRing: (ring: ToldRing) => void

  constructor(onRing: (ring: ToldRing) => void) {
    this.#onRing = onRing
  }

  /** @param keys API key of each application. */
  open(base: () => string, keys: readonly string[]): void {
    keys.forEach((apiKey, index) => {
      if (index % STREAM_OF === 0) void this.#read(base(), apiKey, `10.2.${index >> 8}.${index & 255}`)
    })
  }

  close(): void {
    this.#end.abort()
  }

  /** Through a proxy, which speaks of another address for each application. */
  async #read(url: string, apiKey: string, address: string): Promise<void> {
    const service = new AppService({ url, apiKey, fetch: proxiedFetch(address) })
    for await (const event of service.stream({ signal: this.#end.signal })) {
      if (event.type === 'ring') this.#onRing({ ...event.ring })
    }
  }
}
