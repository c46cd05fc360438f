/** The promises that must hold in every run: what is seen is told to the checker, and it keeps what was broken. */
import type { PresenceView, RingView } from '../hub/message.js'

const TERMINAL = new Set(['accepted', 'dismissed', 'missed', 'withdrawn', 'failed'])
/** A handshake answer is at most this part of its trigger, wire-spec [R-3-3]. */
const UNAUTHENTICATED_RATIO = 0.6
/** To an address that never proved itself goes at most this many times what came, wire-spec [R-8.1-4]. */
const UNPROVEN_RATIO = 2

export class Checker {
  readonly violations: string[] = []
  readonly counts = { rings: 0, shown: 0, changes: 0, hostile: 0 }
  readonly #deadlines = new Map<string, number>()
  readonly #ended = new Map<string, string>()
  readonly #shown = new Map<string, string>()
  readonly #versions = new Map<string, number>()
  readonly #hostile = new Map<string, { inBytes: number; outBytes: number; largestInBytes: number }>()

  fail(what: string): void {
    this.violations.push(what)
  }

  ringCreated({ ring, deadlineMs }: RingView): void {
    if (this.#deadlines.has(ring)) return
    this.counts.rings++
    this.#deadlines.set(ring, deadlineMs)
  }

  /** A ring as the sender was told: once it ended, it stays as it ended. */
  ringSeen({ ring, state }: RingView): void {
    const ended = this.#ended.get(ring)
    if (ended !== undefined && ended !== state) this.fail(`ring ${ring} ended ${ended}, then reads ${state}`)
    if (TERMINAL.has(state)) this.#ended.set(ring, state)
  }

  ringShown(device: string, ring: string, wallMs: number): void {
    this.counts.shown++
    const deadlineMs = this.#deadlines.get(ring)
    if (deadlineMs !== undefined && wallMs > deadlineMs)
      this.fail(`${device} showed ring ${ring} ${wallMs - deadlineMs} ms late`)
    const key = `${device} ${ring}`
    if (this.#shown.has(key)) this.fail(`${device} showed ring ${ring} twice`)
    this.#shown.set(key, 'open')
  }

  ringStopped(device: string, ring: string, wallMs: number): void {
    const deadlineMs = this.#deadlines.get(ring)
    if (this.#shown.get(`${device} ${ring}`) === 'open' && deadlineMs !== undefined && wallMs > deadlineMs + 1) {
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

  hostileSent(address: Uint8Array, bytes: number): void {
    this.counts.hostile++
    const seen = this.#hostileAt(address)
    seen.inBytes += bytes
    seen.largestInBytes = Math.max(seen.largestInBytes, bytes)
  }

  /** The server sent something to an address that only the attacker uses. */
  hostileReceived(address: Uint8Array, bytes: Uint8Array): void {
    const seen = this.#hostileAt(address)
    seen.outBytes += bytes.length
    const isChannel = (bytes[0]! & 0x80) !== 0
    if (!isChannel && bytes.length > UNAUTHENTICATED_RATIO * seen.largestInBytes) {
      this.fail(`${bytes.length} B of kind ${bytes[0]} to a stranger who sent at most ${seen.largestInBytes} B`)
    }
    if (seen.outBytes > UNPROVEN_RATIO * seen.inBytes)
      this.fail(`${seen.outBytes} B to a stranger for ${seen.inBytes} B`)
  }

  /** At the end: every ring has one outcome. */
  finish(): void {
    for (const ring of this.#deadlines.keys()) if (!this.#ended.has(ring)) this.fail(`ring ${ring} never ended`)
    for (const [key, state] of this.#shown) if (state === 'open') this.fail(`${key} is still shown`)
  }

  #hostileAt(address: Uint8Array): { inBytes: number; outBytes: number; largestInBytes: number } {
    const key = address.join('.')
    const seen = this.#hostile.get(key) ?? { inBytes: 0, outBytes: 0, largestInBytes: 0 }
    this.#hostile.set(key, seen)
    return seen
  }
}
