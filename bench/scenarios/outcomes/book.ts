import type { RingEnd } from '../../../src/client/index.js'

/** Where an outcome can be read. `read`: GET after the end. `reread`: GET again, later, after a kill and at the end. */
export const PLACES = ['webhook', 'read', 'stream', 'reread'] as const
export type Place = (typeof PLACES)[number]

/** Final states of a ring. */
export const ENDS = ['accepted', 'dismissed', 'missed', 'withdrawn', 'failed'] as const

/**
 * What each end on a device says of the outcome. A device says `missed` also when it stopped by its own bound of the
 * deadline before it heard an outcome, and `unconfirmed` when it never heard: neither claims anything.
 */
const DEVICE_CLAIMS: Record<RingEnd, readonly (typeof ENDS)[number][]> = {
  accepted: ['accepted'],
  'answered-elsewhere': ['accepted', 'dismissed'],
  dismissed: ['dismissed'],
  withdrawn: ['withdrawn'],
  missed: ENDS,
  unconfirmed: ENDS,
}

const DEVICE_ENDS = Object.keys(DEVICE_CLAIMS) as RingEnd[]

/** A ring as any place tells it. */
export type ToldRing = Readonly<Record<string, unknown>>

/** What the book adds up to. */
export interface Verdict {
  /** rings that were accepted by the server */
  rings: number
  /** rings with one outcome, the same at each place that must tell it */
  outcomes: number
  /** outcomes that differ from another of the same ring, and rings that nobody sent: an idempotency key that counted twice */
  duplicates: number
  /** rings that the webhook did not tell, or GET, of those that are read */
  missing: number
  states: Record<string, number>
  /** outcomes told again with the same content, by place */
  repeats: Record<string, number>
  /** outcomes told, by place */
  told: Record<string, number>
  /** rings of which a device said another end than the server */
  devicesDiffer: number
  /** ends of rings by device */
  deviceEnds: number
  /** in words, the first of what is wrong */
  faults: string[]
}

const FAULTS_MAX = 10

/** Every outcome of every ring, by place, held against each other. A few bytes for each ring and its id. */
export class OutcomeBook {
  readonly #numbers = new Map<string, number>()
  /** hash of what was told first; 0 nothing yet */
  readonly #hashes: Int32Array
  /** index into ENDS, plus 1 */
  readonly #states: Uint8Array
  /** bit of each place that told it */
  readonly #places: Uint8Array
  /** bit of each end that a device was told */
  readonly #deviceEnds: Uint8Array
  /** told before the sender had its answer, by id */
  readonly #early = new Map<string, [place: Place, ring: ToldRing][]>()
  readonly #repeats: Record<string, number> = {}
  readonly #told: Record<string, number> = {}
  readonly #faults: string[] = []
  #differing = 0
  #deviceEndCount = 0
  readonly #isRead: (number: number) => boolean

  /**
   * @param rings  their numbers are below this.
   * @param isRead whether the outcome of this ring must be read with GET.
   */
  constructor(rings: number, isRead: (number: number) => boolean) {
    this.#isRead = isRead
    this.#hashes = new Int32Array(rings)
    this.#states = new Uint8Array(rings)
    this.#places = new Uint8Array(rings)
    this.#deviceEnds = new Uint8Array(rings)
  }

  /** Rings that the server accepted. */
  get opened(): number {
    return this.#numbers.size
  }

  /** The sender was answered: this ring has this id. */
  open(number: number, id: string): void {
    this.#numbers.set(id, number)
    const early = this.#early.get(id) ?? []
    this.#early.delete(id)
    for (const [place, ring] of early) this.tell(place, ring)
  }

  /** Whether a ring was told at a place. */
  isTold(number: number, place: Place): boolean {
    return ((this.#places[number] ?? 0) & bitOf(place)) !== 0
  }

  /** The ring with an id, or null. */
  numberOf(id: string): number | null {
    return this.#numbers.get(id) ?? null
  }

  /**
   * A ring was told at a place. One that has not ended is no outcome.
   *
   * @returns its number if this place tells its outcome for the first time, else null.
   */
  tell(place: Place, ring: ToldRing): number | null {
    const id = String(ring['id'])
    const state = ENDS.indexOf(ring['state'] as (typeof ENDS)[number]) + 1
    const number = this.#numbers.get(id)
    if (number === undefined) {
      if (state > 0) this.#early.set(id, [...(this.#early.get(id) ?? []), [place, ring]])
      return null
    }
    const before = this.#states[number] ?? 0
    if (state === 0 && before === 0) return null
    const hash = hashOf(ring)
    if (state === 0 && place === 'stream') return null // an earlier change, told on its way
    if (before === 0) {
      this.#hashes[number] = hash
      this.#states[number] = state
    } else if (this.#hashes[number] !== hash) {
      this.#differing++
      this.#note(`${place} tells ring ${number} (${id}) anew: ${JSON.stringify(ring)}, it was ${ENDS[before - 1]}`)
    }
    if (state === 0) return null
    this.#told[place] = (this.#told[place] ?? 0) + 1
    if (this.isTold(number, place)) {
      this.#repeats[place] = (this.#repeats[place] ?? 0) + 1
      return null
    }
    this.#places[number] = (this.#places[number] ?? 0) | bitOf(place)
    return number
  }

  /** A device was told how a ring ended. */
  tellDevice(number: number, end: RingEnd): void {
    this.#deviceEndCount++
    this.#deviceEnds[number] = (this.#deviceEnds[number] ?? 0) | (1 << DEVICE_ENDS.indexOf(end))
  }

  /** Adds everything up. */
  verdict(): Verdict {
    const states: Record<string, number> = Object.fromEntries(ENDS.map((end) => [end, 0]))
    let [missing, devicesDiffer] = [0, 0]
    for (const [id, number] of this.#numbers) {
      const required: readonly Place[] = this.#isRead(number) ? ['webhook', 'read'] : ['webhook']
      const absent = required.filter((place) => !this.isTold(number, place))
      if (absent.length > 0) {
        missing++
        this.#note(`ring ${number} (${id}) was not told by ${absent.join(' and ')}`)
      }
      const end = (this.#states[number] ?? 0) - 1
      const name = ENDS[end]
      if (name !== undefined) states[name] = (states[name] ?? 0) + 1
      if (name === undefined) continue
      const claimed = DEVICE_ENDS.filter((_, bit) => ((this.#deviceEnds[number] ?? 0) & (1 << bit)) !== 0)
      if (claimed.every((claim) => DEVICE_CLAIMS[claim].includes(name))) continue
      devicesDiffer++
      this.#note(`devices call the end of ring ${number} (${id}) ${claimed.join(' and ')}, it was ${name}`)
    }
    for (const [id, told] of this.#early) this.#note(`nobody sent ring ${id}, told by ${told.map(([place]) => place)}`)
    const duplicates = this.#differing + this.#early.size
    return {
      rings: this.#numbers.size,
      outcomes: this.#numbers.size - missing,
      duplicates,
      missing,
      states,
      repeats: { ...this.#repeats },
      told: { ...this.#told },
      devicesDiffer,
      deviceEnds: this.#deviceEndCount,
      faults: this.#faults,
    }
  }

  #note(fault: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(fault)
  }
}

function bitOf(place: Place): number {
  return 1 << PLACES.indexOf(place)
}

/** FNV-1a over every field, in the order of their names; never 0. */
function hashOf(ring: ToldRing): number {
  let hash = 0x811c9dc5
  const text = JSON.stringify(Object.entries(ring).sort(([a], [b]) => (a < b ? -1 : 1)))
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash === 0 ? 1 : hash
}
