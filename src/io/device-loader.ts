/** Loads devices and their sessions behind the running core: part after part, and those first that something waits for. */
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { Queue } from '../base/queue.js'
import type { Now } from '../base/time.js'
import { type DevicePart, handleIn } from '../store/parts.js'
import type { Store } from '../store/store.js'
import type { Core } from './core.js'
import { type LoadedSessions, NODE } from './endpoints.js'

/** Pause after a part that could not be read, ms. */
const RETRY_MS = 1000

/** Parts that are read at a time: while one is loaded, and until the event loop has turned, the store reads others. */
const READS_AT_ONCE = 4

/** What the loader works with. */
export interface LoaderParts {
  core: Pick<Core, 'deviceParts'> & {
    endpoints: Pick<Core['endpoints'], 'load'>
    hub: Pick<Core['hub'], 'addDevice' | 'handleLoaded'>
  }
  store: Pick<Store, 'devices'>
  /** Runs an input of the core, and moves what comes of it. */
  input(load: (now: Now) => void): void
  /** a part could not be read; it is tried again */
  onError(error: unknown): void
  /** pause after that, ms; another one only in tests */
  retryMs?: number
}

/**
 * See above. A few parts are read at a time, and a turn of the event loop loads no more than these, so that what comes meanwhile
 * waits for a few at most. A part is read once, and everything about its devices waits for it, so nothing newer is overwritten.
 */
export class DeviceLoader {
  /** so far */
  readonly sessions: LoadedSessions = { loaded: 0, unreadable: 0 }
  readonly #parts: LoaderParts
  /** parts that nobody has begun to read */
  readonly #unread: Set<number>
  /** where the search for one of them goes on in `deviceParts`: a Set gets slower from its front as that is emptied */
  #at = 0
  readonly #wanted = new Queue<number>()
  #left: number
  readonly #stopping = new AbortController()
  #running: Promise<void> = Promise.resolve()

  constructor(parts: LoaderParts) {
    this.#parts = parts
    this.#unread = new Set(parts.core.deviceParts)
    this.#left = this.#unread.size
  }

  /** Parts that are not loaded yet. */
  get left(): number {
    return this.#left
  }

  /** Something waits for a part: it comes before the others. */
  want(part: number): void {
    this.#wanted.push(part)
  }

  /** Loads all; settles when that is done, or after `stop`. */
  run(): Promise<void> {
    this.#running = Promise.all(Array.from({ length: READS_AT_ONCE }, () => this.#runOne())).then(() => {})
    return this.#running
  }

  /** Settles when the store is asked for nothing more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #runOne(): Promise<void> {
    const { signal } = this.#stopping
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const part = await this.#read(next)
      if (signal.aborted) return
      if (part !== null) await this.#load(part)
      else await pause(this.#parts.retryMs ?? RETRY_MS, null, { signal }).catch(() => {})
      await nextTurn()
      if (signal.aborted) return
    }
  }

  /** What cannot be read becomes null, and comes again after all others. */
  #read(part: number): Promise<DevicePart | null> {
    return this.#parts.store.devices(part).catch((error: unknown) => {
      this.#unread.add(part)
      if (!this.#stopping.signal.aborted) this.#parts.onError(error)
      return null
    })
  }

  #next(): number | undefined {
    for (let wanted = this.#wanted.shift(); wanted !== null; wanted = this.#wanted.shift()) {
      if (this.#unread.delete(wanted)) return wanted
    }
    const { deviceParts } = this.#parts.core
    while (this.#at < deviceParts.length) {
      const part = deviceParts[this.#at++] as number
      if (this.#unread.delete(part)) return part
    }
    // What is left could not be read before.
    const [first] = this.#unread
    if (first !== undefined) this.#unread.delete(first)
    return first
  }

  async #load(part: DevicePart): Promise<void> {
    const { endpoints, hub } = this.#parts.core
    const { loaded, unreadable } = await new Promise<LoadedSessions>((resolve) => {
      this.#parts.input((now) => {
        // The hub first: it must know the devices that the endpoint tells it of.
        for (let at = 0; at < part.count; at++) hub.addDevice(handleIn(part, at, NODE), part.persons[at] as number)
        resolve(endpoints.load(part, now))
        hub.handleLoaded(part.part, now)
      })
    })
    this.#left--
    this.sessions.loaded += loaded
    this.sessions.unreadable += part.unreadable + unreadable
  }
}
