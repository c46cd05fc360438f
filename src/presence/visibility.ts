import { isVisibleBy } from '../frame/person-list.js'
import { BlockPool } from './block-pool.js'
import { type HoursWindow, openingAt } from './hours.js'
import { PersonFlag, type PersonTable } from './person-table.js'
import type { Choice, PresenceState } from './state.js'
import type { ZoneSource } from './zone-source.js'

/** An application in a person's list: wire-spec §10. */
export interface ListedApp {
  /** 8 B */
  app: Uint8Array
  /** 1 visible, 2 appear offline, 4 share the messages, 8 blocked, 16 revoked, and the application may know */
  flags: number
  /** 0 to 2^32 - 1 */
  rotation: number
  /** none: all hours */
  windows: readonly HoursWindow[]
}

/** A person's list, as a device told it: wire-spec §10. */
export interface HeldList {
  choice: Choice
  status: string
  away: string
  /** IANA name, '' UTC */
  zone: string
  /** at most 256 */
  entries: readonly ListedApp[]
}

/** Whether an application may see a person now, by its entry alone: yes; no; no, but it has hours. */
export type Allowance = 'yes' | 'hidden' | 'window'

/** Flags of an entry at rest: those of the list, and ours above. */
const EntryFlag = { appearOffline: 2, share: 4, toldRevoked: 16, hours: 32, shown: 64 } as const
const LIST_FLAGS = 31
/** The first word of an entry: its application's index, and above that its flags. */
const INDEX_BITS = 24

/** What only few persons have. */
interface Extra {
  status: string
  away: string
  zone: string
  /** hours by index of the application */
  hours: Map<number, readonly HoursWindow[]>
}

/**
 * What persons told us about who may see them. An entry is 8 bytes in a pool: the application's index with
 * the flags, and the rotation. Hours and texts stand in a side map, for those who have them. In memory only: docs/presence.md.
 */
export class Visibility {
  readonly #persons: PersonTable
  readonly #zones: ZoneSource
  readonly #appIndexOf: (appId: Uint8Array) => number
  readonly #pool = new BlockPool()
  readonly #extras = new Map<number, Extra>()

  /** @param appIndexOf index of an application by its 8-byte id, or -1: its entry is left out. */
  constructor(persons: PersonTable, zones: ZoneSource, appIndexOf: (appId: Uint8Array) => number) {
    this.#persons = persons
    this.#zones = zones
    this.#appIndexOf = appIndexOf
  }

  /** Entries of all persons. */
  get entriesHeld(): number {
    return this.#pool.unitsHeld
  }

  /** Persons with hours or texts. */
  get extras(): number {
    return this.#extras.size
  }

  /** Bytes of the pool. */
  get allocatedBytes(): number {
    return this.#pool.allocatedBytes
  }

  /** Puts a list in place of the one held. Nobody is shown to anybody yet. The choice is not ours. */
  replace(person: number, list: HeldList): void {
    this.clear(person)
    const known: { index: number; entry: ListedApp }[] = []
    for (const entry of list.entries) {
      const index = this.#appIndexOf(entry.app)
      if (index >= 0) known.push({ index, entry })
    }
    const hours = new Map<number, readonly HoursWindow[]>()
    for (const { index, entry } of known) if (entry.windows.length > 0) hours.set(index, entry.windows)
    if (list.status !== '' || list.away !== '' || hours.size > 0) {
      this.#extras.set(person, { status: list.status, away: list.away, zone: list.zone, hours })
      this.#persons.put(person, PersonFlag.extra, true)
    }
    if (known.length === 0) return
    const block = this.#pool.take(known.length)
    this.#persons.setEntries(person, block, known.length)
    known.forEach(({ index, entry }, at) => {
      const flags = (entry.flags & LIST_FLAGS) | (entry.windows.length > 0 ? EntryFlag.hours : 0)
      this.#pool.setWord(block, at * 2, ((flags << INDEX_BITS) | index) >>> 0)
      this.#pool.setWord(block, at * 2 + 1, entry.rotation)
    })
  }

  /** Forgets a person's list. */
  clear(person: number): void {
    const entries = this.#persons.entries(person)
    if (entries > 0) this.#pool.give(this.#persons.block(person), entries)
    this.#persons.setEntries(person, 0, 0)
    this.#extras.delete(person)
    this.#persons.put(person, PersonFlag.extra, false)
  }

  /** Number of a person's entries. */
  entries(person: number): number {
    return this.#persons.entries(person)
  }

  /** Index of the application of entry `at`. */
  app(person: number, at: number): number {
    return this.#head(person, at) & ((1 << INDEX_BITS) - 1)
  }

  /** Rotation of entry `at`. */
  rotation(person: number, at: number): number {
    return this.#pool.word(this.#persons.block(person), at * 2 + 1)
  }

  /** Number of the entry of an application and rotation, or -1. */
  find(person: number, app: number, rotation: number): number {
    const at = this.findApp(person, app)
    return at >= 0 && this.rotation(person, at) === rotation ? at : -1
  }

  /** Number of the entry of an application, or -1. */
  findApp(person: number, app: number): number {
    const entries = this.#persons.entries(person)
    for (let at = 0; at < entries; at++) if (this.app(person, at) === app) return at
    return -1
  }

  /** Whether the application of entry `at` is being shown the person's own line. */
  isShown(person: number, at: number): boolean {
    return (this.#flags(person, at) & EntryFlag.shown) !== 0
  }

  /** Notes whether the application of entry `at` is shown the person's own line. */
  setShown(person: number, at: number, isShown: boolean): void {
    const bit = EntryFlag.shown << INDEX_BITS
    const head = this.#head(person, at)
    this.#pool.setWord(this.#persons.block(person), at * 2, (isShown ? head | bit : head & ~bit) >>> 0)
  }

  /** Whether entry `at` is visible, at whatever hours. */
  isAllowed(person: number, at: number): boolean {
    return isVisibleBy(this.#flags(person, at))
  }

  /** Whether the person revoked the application of entry `at`, and lets it know. */
  isToldRevoked(person: number, at: number): boolean {
    return (this.#flags(person, at) & EntryFlag.toldRevoked) !== 0
  }

  /** Whether entry `at` lets its application see the person at a time, Unix ms. */
  allowance(person: number, at: number, wallMs: number): Allowance {
    const flags = this.#flags(person, at)
    if (!isVisibleBy(flags) || (flags & EntryFlag.appearOffline) !== 0) return 'hidden'
    if ((flags & EntryFlag.hours) === 0) return 'yes'
    const { zone, hours } = this.#extras.get(person) as Extra
    const windows = hours.get(this.app(person, at)) as readonly HoursWindow[]
    return openingAt(windows, zone, this.#zones, wallMs).open ? 'yes' : 'window'
  }

  /**
   * The text that the application of entry `at` may read: the status while online or unavailable, the away message while
   * away, nothing while offline or if the texts are not shared with it.
   */
  message(person: number, at: number, state: PresenceState): string {
    if ((this.#flags(person, at) & EntryFlag.share) === 0) return ''
    const extra = this.#extras.get(person)
    if (extra === undefined) return ''
    if (state === 'away') return extra.away
    return state === 'online' || state === 'unavailable' ? extra.status : ''
  }

  /** When a person's hours are to be looked at again, Unix ms; Infinity for one without hours. */
  nextOpeningMs(person: number, wallMs: number): number {
    const extra = this.#extras.get(person)
    let nextMs = Infinity
    if (extra === undefined) return nextMs
    for (const windows of extra.hours.values()) {
      nextMs = Math.min(nextMs, openingAt(windows, extra.zone, this.#zones, wallMs).untilMs)
    }
    return nextMs
  }

  #head(person: number, at: number): number {
    return this.#pool.word(this.#persons.block(person), at * 2)
  }

  #flags(person: number, at: number): number {
    return this.#head(person, at) >>> INDEX_BITS
  }
}
