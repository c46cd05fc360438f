import type { MissedRing } from './event.js'

/** A ring that was shown, and the earliest time at which it can be forgotten follows from its deadline. */
export type SeenRing = MissedRing

/** Rings remembered as shown. A ring lives 10 min at most, so this is more than 25 a minute. */
export const SEEN_RINGS_MAX = 256

/** Missed rings kept for the host, the newest. */
export const MISSED_RINGS_MAX = 32

/** A ring is forgotten when its deadline surely passed by this, ms. */
const FORGET_AFTER_MS = 600_000

/** What of a ring is kept: `ring` hex, deadline Unix ms by the server's clock, and all of it while it is open. */
interface SeenEntry {
  deadlineMs: number
  open: MissedRing | null
}

/** The memory of rings that outlives the process: which were shown, which were missed. wire-spec §12.2-2 */
export class SeenRings {
  readonly #entries = new Map<string, SeenEntry>()
  #missed: MissedRing[] = []

  /** Whether this ring was shown before. */
  has(ring: string): boolean {
    return this.#entries.has(ring)
  }

  /**
   * Marks a ring as shown.
   *
   * @param earliestMs the server's clock at least, Unix ms, to forget what is over; null when not known.
   * @returns false, with nothing changed, if `SEEN_RINGS_MAX` rings are remembered that may still be repeated: then it
   *   must not be shown.
   */
  add(ring: SeenRing, earliestMs: number | null): boolean {
    for (const [id, entry] of this.#entries) {
      if (earliestMs !== null && entry.deadlineMs + FORGET_AFTER_MS < earliestMs) this.#entries.delete(id)
    }
    if (this.#entries.size >= SEEN_RINGS_MAX) return false
    this.#entries.set(ring.ring, { deadlineMs: ring.deadlineMs, open: missedOf(ring) })
    return true
  }

  /** A shown ring was answered or ended: a restart does not count it as missed. */
  close(ring: SeenRing): void {
    const entry = this.#entries.get(ring.ring)
    if (entry !== undefined) entry.open = null
  }

  /** Missed rings, oldest first. */
  get missed(): readonly MissedRing[] {
    return this.#missed
  }

  /** @returns false if it is in the list already. The oldest goes when the list is full. */
  addMissed(ring: MissedRing): boolean {
    this.close(ring)
    if (this.#missed.some((missed) => missed.ring === ring.ring)) return false
    this.#missed.push(ring)
    if (this.#missed.length > MISSED_RINGS_MAX) this.#missed.shift()
    return true
  }

  /** Takes one ring out of the list of missed ones, or all. */
  dropMissed(ring: string | null): void {
    this.#missed = ring === null ? [] : this.#missed.filter((missed) => missed.ring !== ring)
  }

  /** For the store: entries and missed rings as plain arrays. */
  toStored(): [SeenStored[], MissedStored[]] {
    const entries = [...this.#entries].map(
      ([ring, { deadlineMs, open }]): SeenStored => [ring, deadlineMs, open === null ? [] : missedStored(open)],
    )
    return [entries, this.#missed.map(missedStored)]
  }

  /** From the store. A ring that was open when the process ended can no longer be answered: it is missed. */
  static fromStored(entries: readonly SeenStored[], missed: readonly MissedStored[]): SeenRings {
    const seen = new SeenRings()
    for (const ring of missed) seen.#missed.push(missedFrom(ring))
    for (const [ring, deadlineMs, open] of entries) {
      seen.#entries.set(ring, { deadlineMs, open: null })
      if (open.length > 0) seen.addMissed(missedFrom(open as MissedStored))
    }
    return seen
  }
}

/** ring, deadline, and the ring's fields while it is open */
export type SeenStored = [string, number, MissedStored | []]
/** ring, app, title, body, url, deadline */
export type MissedStored = [string, string, string, string, string, number]

function missedOf({ ring, app, title, body, url, deadlineMs }: MissedRing): MissedRing {
  return { ring, app, title, body, url, deadlineMs }
}

function missedStored({ ring, app, title, body, url, deadlineMs }: MissedRing): MissedStored {
  return [ring, app, title, body, url, deadlineMs]
}

function missedFrom([ring, app, title, body, url, deadlineMs]: MissedStored): MissedRing {
  return { ring, app, title, body, url, deadlineMs }
}
