/** What a device remembers of its networks, in its stored state. Networks stand there by a digest, never in clear. */
import { type LearntInterval, newLearntInterval, START_S } from './learnt-interval.js'
import type { Carrier } from './network.js'

/** Networks remembered; that which was not used for longest goes. */
export const NETWORKS_MAX = 20

const CARRIERS: readonly Carrier[] = ['udp', 'tcp']

/** What is remembered of one network over one carrier. */
export interface Remembered extends LearntInterval {
  /** seconds spent there, fading within a week */
  spentS: number
  /** Unix ms */
  usedAtMs: number
  /** when the server was last told, Unix ms; 0 never */
  reportedAtMs: number
  /** when it was last found that datagrams do not pass this way, while they passed the other, Unix ms; 0: they pass, as far as is known */
  blockedAtMs: number
}

/** One row of the stored form: digest, carrier, and the numbers in the order of `FIELDS`. */
export type StoredNetwork = [string, Carrier, ...number[]]

/** What outlives a process: a failure or suspicion under way begins anew with it. */
const FIELDS = [
  'safeS',
  'safeAtMs',
  'boundS',
  'boundAtMs',
  'assumedS',
  'spentS',
  'usedAtMs',
  'reportedAtMs',
  'blockedAtMs',
] as const

export class NetworkMemory {
  readonly #networks = new Map<string, Map<Carrier, Remembered>>()

  /** @param stored as `toStored` made it; rows that make no sense are left out. */
  constructor(stored: readonly unknown[] = []) {
    for (const row of stored.slice(0, NETWORKS_MAX * CARRIERS.length)) this.#load(row)
  }

  /**
   * What is remembered of a network, made if there is nothing. The network counts as used.
   *
   * @param key digest of its identity, or null: it is not remembered beyond the object that is returned.
   */
  of(key: string | null, carrier: Carrier): Remembered {
    const fresh: Remembered = {
      ...newLearntInterval(START_S[carrier]),
      spentS: 0,
      usedAtMs: 0,
      reportedAtMs: 0,
      blockedAtMs: 0,
    }
    if (key === null) return fresh
    const carriers = this.#networks.get(key) ?? new Map<Carrier, Remembered>()
    const remembered = carriers.get(carrier) ?? fresh
    carriers.set(carrier, remembered)
    this.#networks.delete(key)
    this.#networks.set(key, carriers)
    const [oldest] = this.#networks.keys()
    if (this.#networks.size > NETWORKS_MAX && oldest !== undefined) this.#networks.delete(oldest)
    return remembered
  }

  /** Everything, the network used last being the last. */
  entries(): { key: string; carrier: Carrier; remembered: Remembered }[] {
    return [...this.#networks].flatMap(([key, carriers]) =>
      [...carriers].map(([carrier, remembered]) => ({ key, carrier, remembered })),
    )
  }

  /** Plain JSON. */
  toStored(): StoredNetwork[] {
    return this.entries().map(({ key, carrier, remembered }) => [
      key,
      carrier,
      ...FIELDS.map((field) => Math.round(remembered[field])),
    ])
  }

  #load(row: unknown): void {
    if (!Array.isArray(row)) return
    const [key, carrier, ...numbers] = row as unknown[]
    const isSound =
      numbers.length === FIELDS.length && numbers.every((one) => Number.isSafeInteger(one) && Number(one) >= 0)
    if (typeof key !== 'string' || !CARRIERS.includes(carrier as Carrier) || !isSound) return
    const remembered = this.of(key, carrier as Carrier)
    FIELDS.forEach((field, at) => {
      remembered[field] = numbers[at] as number
    })
    if (remembered.assumedS === 0) remembered.assumedS = START_S[carrier as Carrier]
  }
}
