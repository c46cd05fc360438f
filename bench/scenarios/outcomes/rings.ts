import type { SeededRandom } from '../../../src/base/seeded-random.js'
import type { OutcomeBook, Place, ToldRing } from './book.js'
import type { Caller } from './caller.js'
import { type Deed, titleOf } from './people.js'

/** An application that rings. */
export interface RingingApp {
  apiKey: string
  puids: readonly string[]
}

/** Requests that make rings, at a time. */
const SENDERS = 128
/** Rings that are not settled; no more are sent meanwhile. */
const OPEN_MAX = 1_500
/** Requests that read outcomes, at a time. */
const READERS = 48
/** A ring that is not answered runs so long, seconds. */
const IGNORED_DEADLINE_S = 5
const DEADLINE_S = 30
/** Share of rings by what becomes of them; the rest is withdrawn. */
const SHARES: readonly [Deed, number][] = [
  ['accept', 0.55],
  ['dismiss', 0.2],
  ['ignore', 0.15],
]

/** What a ring becomes: drawn from the seed and its number. */
export function deedOf(random: SeededRandom): Deed {
  let drawn = random.uniform()
  for (const [deed, share] of SHARES) {
    if (drawn < share) return deed
    drawn -= share
  }
  return 'withdraw'
}

/** Sends all rings and reads their outcomes. Ring `n` is of application `n % applications`. */
export class RingDriver {
  readonly #apps: readonly RingingApp[]
  readonly #rings: number
  readonly #seed: SeededRandom
  readonly #caller: Caller
  readonly #book: OutcomeBook
  readonly #settled: Uint8Array
  readonly #isRead: (number: number) => boolean
  readonly #toRead: number[] = []
  readonly #ids = new Map<number, string>()
  #settledCount = 0
  #readerCount = 0
  #next = 0
  #more: (() => void)[] = []
  #failed: unknown = null

  constructor(parts: {
    apps: readonly RingingApp[]
    rings: number
    seed: SeededRandom
    caller: Caller
    book: OutcomeBook
    isRead: (number: number) => boolean
  }) {
    this.#apps = parts.apps
    this.#rings = parts.rings
    this.#seed = parts.seed
    this.#caller = parts.caller
    this.#book = parts.book
    this.#isRead = parts.isRead
    this.#settled = new Uint8Array(parts.rings)
  }

  /** Rings that were told by webhook, and read if they are to be. */
  get settled(): number {
    return this.#settledCount
  }

  /** Sends all rings. @throws what a sender or a reader throws. */
  async send(onSent: (sent: number) => void): Promise<void> {
    const sender = async () => {
      while (this.#next < this.#rings) {
        const number = this.#next++
        await this.#send(number)
        onSent(this.#book.opened)
        while (this.#book.opened - this.#settledCount >= OPEN_MAX) await this.#change()
      }
    }
    await Promise.all(Array.from({ length: SENDERS }, sender))
  }

  /** Settles when all were told and read, or `isStuck` says that nothing comes any more. */
  async settle(isStuck: () => boolean): Promise<void> {
    while (this.#settledCount < this.#book.opened && !isStuck()) await this.#change()
    if (this.#failed !== null) throw this.#failed
  }

  /** Wakes whoever waits, so that they look around. */
  nudge(): void {
    for (const wake of this.#more.splice(0)) wake()
  }

  /** A place tells a ring. The webhook's outcomes are then read. */
  tell(place: Place, ring: ToldRing): void {
    const number = this.#book.tell(place, ring)
    if (number === null || place !== 'webhook') return
    this.#settle(number)
  }

  /**
   * Reads rings again whose outcome was told.
   *
   * @param numbers those that are not readable any more are left out.
   * @returns how many could be read.
   */
  async reread(numbers: readonly number[]): Promise<number> {
    let found = 0
    const todo = numbers.values()
    const reader = async () => {
      for (const number of todo) if (await this.#get(number, 'reread')) found++
    }
    await Promise.all(Array.from({ length: READERS }, reader))
    return found
  }

  async #send(number: number): Promise<void> {
    const app = this.#apps[number % this.#apps.length] as RingingApp
    const round = Math.floor(number / this.#apps.length)
    const deed = deedOf(this.#seed.fork(number))
    const headers = { authorization: `Bearer ${app.apiKey}`, 'idempotency-key': `ring-${number}` }
    const { status, json } = await this.#caller.call('POST', '/v1/rings', headers, {
      to: app.puids[round % app.puids.length],
      title: titleOf(deed, number),
      deadlineSeconds: deed === 'ignore' ? IGNORED_DEADLINE_S : DEADLINE_S,
    })
    if (status !== 200 && status !== 201) throw new Error(`ring ${number}: ${status} ${JSON.stringify(json)}`)
    const id = String(json['id'])
    this.#ids.set(number, id)
    this.#book.open(number, id)
    if (this.#book.isTold(number, 'webhook')) this.#settle(number) // it came before the answer
    if (deed === 'withdraw') await this.#caller.call('DELETE', `/v1/rings/${id}`, auth(app))
  }

  /** The webhook told it; to be read with GET, or done. */
  #settle(number: number): void {
    if (this.#isRead(number)) this.#toRead.push(number)
    else this.#count(number)
    if (this.#readerCount < READERS) void this.#read()
  }

  #count(number: number): void {
    if (this.#settled[number] === 1) return
    this.#settled[number] = 1
    this.#settledCount++
    this.nudge()
  }

  async #read(): Promise<void> {
    this.#readerCount++
    try {
      for (;;) {
        const number = this.#toRead.shift()
        if (number === undefined) break
        if (await this.#get(number, 'read')) this.#count(number)
      }
    } catch (error) {
      this.#failed = error
    } finally {
      this.#readerCount--
    }
  }

  /** @returns false: it is not readable any more. */
  async #get(number: number, place: Place): Promise<boolean> {
    const app = this.#apps[number % this.#apps.length] as RingingApp
    const { status, json } = await this.#caller.call('GET', `/v1/rings/${this.#ids.get(number)}`, auth(app))
    if (status === 200) this.#book.tell(place, json)
    return status === 200
  }

  #change(): Promise<void> {
    if (this.#failed !== null) throw this.#failed
    return new Promise((resolve) => this.#more.push(resolve))
  }
}

function auth({ apiKey }: RingingApp): Record<string, string> {
  return { authorization: `Bearer ${apiKey}` }
}
