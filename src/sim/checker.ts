/** The promises that must hold in every run: what is seen is told to the checker, and it keeps what was broken. */
import type { PresenceView, RingView } from '../hub/message.js'

const TERMINAL = new Set(['accepted', 'dismissed', 'missed', 'withdrawn', 'failed'])
/** A ring that is open may be told as ended so much after its deadline: its commit takes a while, ms. */
const END_SLACK_MS = 1000
/** More of the same says nothing new. */
const VIOLATIONS_MAX = 50

export class Checker {
  readonly violations: string[] = []
  readonly counts = { rings: 0, shown: 0, changes: 0, hostile: 0 }
  readonly #deadlines = new Map<string, number>()
  readonly #open = new Set<string>()
  readonly #ended = new Map<string, string>()
  readonly #shown = new Map<string, string>()
  readonly #versions = new Map<string, number>()

  fail(what: string): void {
    if (this.violations.length < VIOLATIONS_MAX) this.violations.push(what)
  }

  ringCreated({ ring, deadlineMs }: RingView): void {
    if (this.#deadlines.has(ring)) return
    this.counts.rings++
    this.#deadlines.set(ring, deadlineMs)
    this.#open.add(ring)
  }

  /** A ring as the sender was told: once it ended, it stays as it ended. */
  ringSeen({ ring, state }: RingView): void {
    const ended = this.#ended.get(ring)
    if (ended !== undefined && ended !== state) this.fail(`ring ${ring} ended ${ended}, then reads ${state}`)
    if (!TERMINAL.has(state)) return
    this.#ended.set(ring, state)
    this.#open.delete(ring)
  }

  /** Whether a ring should ring. */
  isOpen(ring: string): boolean {
    return this.#open.has(ring)
  }

  /** Whether a device has shown a ring since its flash was put in. */
  wasShown(device: string, ring: string): boolean {
    return this.#shown.has(`${device} ${ring}`)
  }

  /** Looks at the rings that are open. @param upSinceMs when the server started, Unix ms. */
  checkOpen(wallMs: number, upSinceMs: number): void {
    for (const ring of this.#open) {
      const dueMs = Math.max(this.#deadlines.get(ring) as number, upSinceMs) + END_SLACK_MS
      if (wallMs > dueMs) this.fail(`ring ${ring} is open ${wallMs - dueMs + END_SLACK_MS} ms after its deadline`)
    }
  }

  /** An old disk was put in: what became of rings since then, it cannot know. */
  serverRestored(): void {
    this.#open.clear()
    this.#ended.clear()
  }

  /** @param unseenMs by so much the device's clocks may have drifted apart unseen. */
  ringShown(device: string, ring: string, wallMs: number, unseenMs: number): void {
    this.counts.shown++
    const deadlineMs = this.#deadlines.get(ring)
    if (deadlineMs !== undefined && wallMs > deadlineMs + unseenMs)
      this.fail(`${device} showed ring ${ring} ${wallMs - deadlineMs} ms late`)
    const key = `${device} ${ring}`
    if (this.#shown.has(key)) this.fail(`${device} showed ring ${ring} twice`)
    this.#shown.set(key, 'open')
  }

  /**
   * @param wokeMs   when the device's process was last resumed, Unix ms: asleep it can stop nothing.
   * @param unseenMs as of `ringShown`; so long it also waits for the server's clock when it wakes.
   */
  ringStopped(device: string, ring: string, wallMs: number, wokeMs: number, unseenMs: number): void {
    const deadlineMs = this.#deadlines.get(ring)
    const isOpen = this.#shown.get(`${device} ${ring}`) === 'open'
    if (isOpen && deadlineMs !== undefined && wallMs > Math.max(deadlineMs, wokeMs) + unseenMs + 1) {
      this.fail(`${device} stopped ring ${ring} ${wallMs - deadlineMs} ms after its deadline`)
    }
    this.#shown.set(`${device} ${ring}`, 'stopped')
  }

  /** The person answered: from now on the device waits for the outcome, and rings no more. */
  ringAnswered(device: string, ring: string): void {
    this.#shown.set(`${device} ${ring}`, 'answered')
  }

  /** A process that dies shows nothing any more. */
  deviceKilled(device: string): void {
    for (const key of this.#shown.keys()) if (key.startsWith(`${device} `)) this.#shown.set(key, 'stopped')
  }

  /** An old flash was put in: the device cannot know what it showed since then. */
  deviceRestored(device: string): void {
    for (const key of this.#shown.keys()) if (key.startsWith(`${device} `)) this.#shown.delete(key)
  }

  /** A change told by a stream: versions grow for each PUID. */
  presenceChanged({ puid, version, state }: PresenceView): void {
    this.counts.changes++
    const last = this.#versions.get(puid) ?? -1
    if (version <= last) this.fail(`presence of ${puid}: version ${version} (${state}) after ${last}`)
    this.#versions.set(puid, Math.max(version, last))
  }

  /** A snapshot or an answer: never older than what was told before. */
  presenceRead({ puid, version, state }: PresenceView): void {
    const last = this.#versions.get(puid) ?? -1
    if (version < last) this.fail(`presence of ${puid} reads version ${version} (${state}) after ${last}`)
  }

  /** At the end: every ring has one outcome. */
  finish(): void {
    for (const ring of this.#open) this.fail(`ring ${ring} never ended`)
    for (const [key, state] of this.#shown) if (state === 'open') this.fail(`${key} is still shown`)
  }
}
