/** The demo's AppService: HTTP only. It listens to the presence stream, and rings. */
import { AppService } from '../../appservice/app-service.js'
import type { Presence, RingState, StreamEvent } from '../../appservice/json.js'
import type { Ring } from '../../appservice/ring.js'
import { cliError } from '../cli-error.js'
import type { Timeline } from './timeline.js'

const PATIENCE_MS = 60_000
/** Pause before a request or the stream is tried again while the server is away. */
const PAUSE_MS = 50

/** One application's back end. */
export class ChatService {
  readonly #url: string
  readonly #service: AppService
  readonly #timeline: Timeline
  readonly #names = new Map<string, string>()
  readonly #changes: Presence[] = []
  /** ids of rings that a device shows */
  readonly #shown = new Set<string>()
  readonly #ended = new AbortController()
  readonly #waiting = new Set<() => void>()
  #opened = 0
  #restarts = 0
  #cursor = 0

  constructor(url: string, apiKey: string, timeline: Timeline) {
    this.#url = url
    this.#service = new AppService({ url, apiKey, pauseMs: () => PAUSE_MS })
    this.#timeline = timeline
  }

  /** What the timeline calls a person. */
  name(puid: string, name: string): void {
    this.#names.set(puid, name)
  }

  /** Opens the stream, and opens it again whenever it ends. */
  listen(): void {
    void this.#listen()
  }

  close(): void {
    this.#ended.abort()
  }

  /** Streams opened so far. */
  get opened(): number {
    return this.#opened
  }

  /** `restarted` events so far. */
  get restarts(): number {
    return this.#restarts
  }

  /** Everything that the stream told about a person, no snapshots. */
  changesOf(puid: string): Presence[] {
    return this.#changes.filter((change) => change.puid === puid)
  }

  /** The next change of a person to a state, after the last that was taken so. */
  async next(puid: string, state: string): Promise<Presence> {
    const what = `${this.#names.get(puid) ?? puid} to be ${state}`
    let found: Presence | undefined
    await this.until(what, () => {
      const at = this.#changes.findIndex(
        (change, index) => index >= this.#cursor && change.puid === puid && change.state === state,
      )
      if (at >= 0) {
        found = this.#changes[at]
        this.#cursor = at + 1
      }
      return at >= 0
    })
    if (found === undefined) throw cliError('PL_DEMO_FAILED', what)
    return found
  }

  /** Waits until something holds that the stream changes. */
  async until(what: string, holds: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
    const untilMs = performance.now() + patienceMs
    while (!holds()) {
      const leftMs = untilMs - performance.now()
      if (leftMs <= 0) throw cliError('PL_DEMO_FAILED', `the AppService waited in vain for ${what}`)
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer)
          this.#waiting.delete(wake)
          resolve()
        }
        const timer = setTimeout(wake, leftMs)
        this.#waiting.add(wake)
      })
    }
  }

  async ring(puid: string, title: string, deadlineSeconds: number, url = 'https://chat.example/call/7'): Promise<Ring> {
    this.#timeline.line('AppService', `rings ${this.#names.get(puid)}: "${title}", ${deadlineSeconds} s`)
    return this.#service.ring({ to: puid, title, deadlineSeconds, url })
  }

  async withdraw(ring: Ring): Promise<void> {
    await ring.withdraw()
    this.#timeline.line('AppService', 'withdraws the ring')
  }

  /** Waits for the end of a ring, and checks it. */
  async outcome(ring: Ring, expected: RingState['state']): Promise<void> {
    const { state } = await ring.outcome({ timeoutMs: PATIENCE_MS })
    if (state !== expected) throw cliError('PL_DEMO_FAILED', `the ring should be ${expected}, it is ${state}`)
    this.#timeline.line('AppService', `the ring was ${expected}`)
  }

  /** Waits until the stream tells that a device shows the ring. */
  async shown(ring: Ring): Promise<void> {
    await this.until('the ring to be shown', () => this.#shown.has(ring.id))
  }

  /** The value of a metric; all label sets together, or those that contain `label`. */
  async metric(name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.#url}/metrics`)).text()
    const lines = text.split('\n').filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    return lines.filter((line) => line.includes(label)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
  }

  async #listen(): Promise<void> {
    for await (const event of this.#service.stream({ signal: this.#ended.signal })) this.#take(event)
  }

  #take(event: StreamEvent): void {
    if (event.type === 'snapshot') this.#opened++
    if (event.type === 'restarted') {
      this.#restarts++
      // The first stream is told so too: the server has just been started.
      if (this.#opened > 0) {
        this.#timeline.line('AppService', 'is told that the server restarted: everybody is unknown until heard')
      }
    }
    if (event.type === 'ring' && event.ring.shownAt !== null) this.#shown.add(event.ring.id)
    if (event.type === 'presence') {
      const { puid, state, cause, version } = event.person
      this.#changes.push(event.person)
      const name = this.#names.get(puid) ?? 'somebody new'
      this.#timeline.line('AppService', `sees ${name} ${state}  (${cause}, version ${version})`)
    }
    for (const wake of this.#waiting) wake()
  }
}
