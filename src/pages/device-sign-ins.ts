/** Sign-ins that wait for one of the person's devices: docs/pages.md. */
import { randomInt } from 'node:crypto'
import { BucketTable } from '../base/token-bucket.js'
import type { PersonKey, RingState } from '../hub/message.js'

/** How long devices ring. */
export const RING_MS = 60_000
/** How long after its ring a sign-in may be fetched, or read how it ended. */
const KEPT_MS = 60_000
/** Browsers that may wait at a time; the one that asked first gives way. */
const BROWSERS_MAX = 10_000

/** Rings of one person for sign-ins: so many at once, and in each window on average. More would wear them down. */
const RINGS_PER_WINDOW = 3
const WINDOW_MS = 600_000
const PERSONS_MAX = 50_000

/** One that waits. */
export interface DeviceSignIn {
  /** what the browser kept: the person is known by it */
  readonly known: string
  /** two digits, on the page and in the ring */
  readonly number: number
  /** 32 hex digits; '' nothing rings */
  readonly ring: string
  /** page to go to */
  readonly next: string
  /** when the ring ends, monotonic ms */
  readonly untilMs: number
  /** how it ended; null while it rings */
  end: Exclude<RingState, 'queued' | 'sent' | 'delivered'> | null
}

/** One for each browser, in memory only: named by the token of the browser's forms, so no other browser can go on with it. */
export class DeviceSignIns {
  readonly #waiting = new Map<string, DeviceSignIn>()
  readonly #rings = new BucketTable<PersonKey>(RINGS_PER_WINDOW, WINDOW_MS, PERSONS_MAX)
  readonly #nowMs: () => number

  /** @param nowMs monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Seconds until a person may be rung again; 0 now, and that counts. */
  retryAfterS(person: PersonKey): number {
    return this.#rings.take(person, this.#nowMs()).retryAfterS
  }

  /** A number for a new one. */
  newNumber(): number {
    return randomInt(10, 100)
  }

  /** Begins one in a browser; it takes the place of the last. */
  put(browser: string, asked: Pick<DeviceSignIn, 'known' | 'number' | 'ring' | 'next'>): void {
    this.#waiting.delete(browser)
    this.#waiting.set(browser, { ...asked, untilMs: this.#nowMs() + RING_MS, end: null })
    if (this.#waiting.size > BROWSERS_MAX) this.#waiting.delete(this.#waiting.keys().next().value ?? '')
  }

  /** That of a browser, or null. */
  get(browser: string): DeviceSignIn | null {
    const found = this.#waiting.get(browser)
    if (found === undefined || found.untilMs + KEPT_MS > this.#nowMs()) return found ?? null
    this.#waiting.delete(browser)
    return null
  }

  /** Ms until its ring is surely over. */
  leftMs({ untilMs }: DeviceSignIn): number {
    return Math.max(0, untilMs - this.#nowMs())
  }

  /** It is over for the browser. @returns false if it was: one agreement is one sign-in. */
  take(browser: string, signIn: DeviceSignIn): boolean {
    return this.#waiting.get(browser) === signIn && this.#waiting.delete(browser)
  }
}
