/** Runs the sandbox of test keys beside the real core: the same loop, on echo devices. */
import { fromHex } from '../base/bytes.js'
import type { HubOptions } from '../hub/config.js'
import type { AppKey, HubReply, HubRequest, WebhookNews } from '../hub/message.js'
import type { TestPerson, TestPersonChange } from '../sandbox/message.js'
import { Sandbox } from '../sandbox/sandbox.js'
import type { AppEntry } from '../sidecar/message.js'
import { Driver } from './driver.js'
import { systemNow } from './system-clock.js'

/** See the head of this file. Applications are told by their negative number, as test keys call. */
export class SandboxDesk {
  readonly #sandbox: Sandbox
  readonly #driver: Driver
  readonly #onReply: (reply: Exclude<HubReply, WebhookNews>) => void
  readonly #setUp = new Map<AppKey, Promise<void>>()
  #apps = new Map<AppKey, AppEntry>()

  /** @param options as the real hub has them. */
  constructor(options: HubOptions, onReply: (reply: Exclude<HubReply, WebhookNews>) => void) {
    this.#onReply = onReply
    this.#sandbox = new Sandbox(options)
    this.#driver = new Driver({
      endpoint: this.#sandbox,
      hub: this.#sandbox.hub,
      store: {
        endpoint: async () => null,
        hub: async (request) => this.#sandbox.store(request),
      },
      now: systemNow,
      send: () => {},
      close: () => {},
      handOver: () => {},
      reply: (reply) => {
        // Nobody listens by webhook here: what echo persons do is told to streams of test keys only.
        if (!('app' in reply)) this.#onReply(reply)
      },
      want: () => {},
      onStoreError: () => {},
    })
  }

  /** The applications there are. */
  setApps(apps: readonly AppEntry[]): void {
    const next = new Map(apps.map((entry) => [entry.app, entry]))
    for (const app of this.#apps.keys()) {
      if (next.has(app)) continue
      this.#setUp.delete(app)
      this.#sandbox.remove(app, (request) => this.#driver.request(request))
    }
    this.#apps = next
  }

  /** A request of a test key. @param testApp the negative number of the application. */
  request(testApp: AppKey, request: HubRequest): void {
    void this.#ready(-testApp).then(() => this.#driver.request({ ...request, app: -testApp } as HubRequest))
  }

  /** A stream is closed; it may be a real one. */
  unsubscribe(stream: number): void {
    this.#driver.request({ kind: 'unsubscribe', stream })
  }

  /** The echo persons of an application, after a change of one. Null: there is no such person. */
  async persons(testApp: AppKey, change: TestPersonChange | null): Promise<TestPerson[] | null> {
    const app = -testApp
    await this.#ready(app)
    if (change !== null) {
      if (!this.#sandbox.change(app, change)) return null
      this.#driver.start()
      await settled()
    }
    return this.#sandbox.persons(app)
  }

  /** Takes no more requests. */
  stop(): Promise<void> {
    return this.#driver.stop()
  }

  #ready(app: AppKey): Promise<void> {
    const last = this.#setUp.get(app)
    if (last !== undefined) return last
    const entry = this.#apps.get(app)
    if (entry === undefined) return Promise.resolve()
    this.#sandbox.add(app, fromHex(entry.appId), entry.name, (request) => this.#driver.request(request))
    this.#driver.start()
    const ready = settled()
    this.#setUp.set(app, ready)
    return ready
  }
}

/** What was asked of the sandbox's store is answered by then: its promises need no more than the microtasks of a turn. */
function settled(): Promise<void> {
  return new Promise((done) => setImmediate(done))
}
