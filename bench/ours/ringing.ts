/** Applications that ring the persons of a generated store. */
import { randomUUID } from 'node:crypto'
import { Caller } from '../scenarios/outcomes/caller.js'
import { accountOf } from './identity.js'
import { visibleApps } from './list.js'
import type { Stage } from './stage.js'
import { puidWriter } from './store-writer.js'
import { heardOf } from './stored.js'

/** Requests at a time. */
const AT_A_TIME = 16
/** Final states of a ring. */
const ENDS: readonly unknown[] = ['accepted', 'dismissed', 'missed', 'withdrawn', 'failed']

/** Rings of one run: each to another device that speaks, by an application that its person lets in. */
export class Ringing {
  readonly #stage: Stage
  readonly #caller: Caller
  readonly #puids: ((account: number) => string)[]
  readonly #open: { id: string; app: number }[] = []
  /** no key is that of an earlier run on the same store */
  readonly #run = randomUUID()
  #count = 0

  constructor(stage: Stage) {
    this.#stage = stage
    this.#caller = new Caller(() => stage.server.url)
    this.#puids = stage.facts.apps.map((_, app) => puidWriter(stage.crypto, stage.facts, app))
  }

  /** Rings that the server took and that were not read as ended. */
  get open(): number {
    return this.#open.length
  }

  /** Sends so many rings, spread over all persons. @throws if the server refuses one. */
  async send(rings: number, deadlineSeconds: number): Promise<void> {
    const { every, facts } = this.#stage
    const heard = heardOf(facts.devices, every)
    await inTurns(rings, async (nth) => {
      const account = accountOf((Math.floor((nth * heard) / rings) % heard) * every)
      const app = visibleApps(account, this.#puids.length)[nth % 2] as number
      const to = this.#puids[app]?.(account)
      const headers = { ...this.#auth(app), 'idempotency-key': `${this.#run}-${this.#count++}` }
      const { status, json } = await this.#caller.call('POST', '/v1/rings', headers, {
        to,
        title: 'ring',
        deadlineSeconds,
      })
      if (status !== 200 && status !== 201) throw new Error(`ring: ${status} ${JSON.stringify(json)}`)
      this.#open.push({ id: String(json['id']), app })
    })
  }

  /**
   * Reads all open rings; those that have ended are open no more.
   *
   * @param waitSeconds how long the server may wait for the end of each.
   * @returns how many had ended, by final state.
   */
  async read(waitSeconds: number): Promise<Record<string, number>> {
    const ended: Record<string, number> = {}
    const rings = this.#open.splice(0)
    await inTurns(rings.length, async (nth) => {
      const ring = rings[nth] as { id: string; app: number }
      const path = `/v1/rings/${ring.id}?waitSeconds=${waitSeconds}`
      const { status, json } = await this.#caller.call('GET', path, this.#auth(ring.app))
      const state = String(json['state'])
      if (status === 200 && ENDS.includes(state)) ended[state] = (ended[state] ?? 0) + 1
      else this.#open.push(ring)
    })
    return ended
  }

  close(): void {
    this.#caller.close()
  }

  #auth(app: number): Record<string, string> {
    return { authorization: `Bearer ${this.#stage.facts.apps[app]?.apiKey}` }
  }
}

async function inTurns(count: number, act: (nth: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await act(next++)
  }
  await Promise.all(Array.from({ length: Math.min(count, AT_A_TIME) }, worker))
}
