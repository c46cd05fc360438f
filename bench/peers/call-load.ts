/** Calls of an application to devices, and their answers: latency at a given rate. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { Link } from './links/link.js'
import { StreamLink } from './links/stream-link.js'
import type { Calls, Speech } from './peer.js'
import { TOKEN_LENGTH } from './speech/body.js'

/** How many calls, how fast. */
export interface CallPlan {
  perSecond: number
  calls: number
}

/** Latency of calls at one rate, from the moment at which each was due: what waits behind a stall counts. */
export interface CallFacts {
  perSecond: number
  /** per second that were answered, from the first to the last */
  answeredPerSecond: number
  calls: number
  lost: number
  p50Ms: number
  p99Ms: number
  p999Ms: number
  maxMs: number
}

/** Without any answer for so long the rest is lost, ms. */
const SILENCE_MS = 3_000

export class CallLoad {
  readonly #links: readonly Link[]
  readonly #calls: Calls
  #isJoined = false

  /** @throws Error for a speech without calls. */
  constructor(links: readonly Link[], { name, calls }: Speech) {
    if (calls === undefined) throw new Error(`${name} has no calls`)
    this.#links = links
    this.#calls = calls
  }

  async run(plan: CallPlan): Promise<CallFacts> {
    if (!this.#isJoined) await this.#join()
    this.#isJoined = true
    return await new ScheduledCalls(plan, this.#links.length - 1, (device, token) =>
      this.#links[0]!.say(this.#calls.call(device, token)),
    ).run((onAnswer) => {
      this.#onAnswer = onAnswer
    })
  }

  #onAnswer: (token: string) => void = () => {}

  async #join(): Promise<void> {
    for (const [client, link] of this.#links.entries()) {
      if (!(link instanceof StreamLink)) throw new Error('calls need a stream')
      await link.ask(this.#calls.join(client), this.#calls.readyBytes)
      let rest: Buffer = Buffer.alloc(0)
      link.onBytes = (bytes) => {
        rest = rest.length === 0 ? Buffer.from(bytes) : Buffer.concat([rest, bytes])
        for (let found = this.#calls.read(rest); found !== null; found = this.#calls.read(rest)) {
          rest = rest.subarray(found.bytes)
          if (found.reply !== undefined) link.say(found.reply)
          if (found.call !== undefined) link.say(this.#calls.answer(client, found.call))
          if (found.answer !== undefined) this.#onAnswer(found.answer)
        }
      }
    }
  }
}

/** Sends each call when it is due, whatever became of those before it. Coordinated omission has no place here. */
export class ScheduledCalls {
  readonly #plan: CallPlan
  readonly #devices: number
  readonly #call: (device: number, token: string) => void
  readonly #histogram: RecordableHistogram = createHistogram()
  readonly #dueMs = new Map<string, number>()
  #sent = 0
  #answered = 0
  #lastMs = 0

  /** @param devices numbered from 1. */
  constructor(plan: CallPlan, devices: number, call: (device: number, token: string) => void) {
    this.#plan = plan
    this.#devices = devices
    this.#call = call
  }

  /** @param listen is given what takes the answers. */
  async run(listen: (onAnswer: (token: string) => void) => void): Promise<CallFacts> {
    const { perSecond, calls } = this.#plan
    const startMs = performance.now()
    this.#lastMs = startMs
    await new Promise<void>((resolve) => {
      listen((token) => {
        if (this.#take(token) && this.#answered === calls) resolve()
      })
      const timer = setInterval(() => {
        const nowMs = performance.now()
        while (this.#sent < calls && startMs + (this.#sent * 1000) / perSecond <= nowMs) {
          this.#send(startMs + (this.#sent * 1000) / perSecond)
        }
        if (this.#answered === calls || nowMs - this.#lastMs > SILENCE_MS) {
          clearInterval(timer)
          resolve()
        }
      }, 1)
    })
    const seconds = (this.#lastMs - startMs) / 1000
    const at = (percent: number) => this.#histogram.percentile(percent) / 1000
    return {
      perSecond,
      answeredPerSecond: seconds > 0 ? this.#answered / seconds : 0,
      calls: this.#sent,
      lost: this.#sent - this.#answered,
      p50Ms: at(50),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: this.#histogram.max / 1000,
    }
  }

  #send(dueMs: number): void {
    const token = this.#sent.toString(36).padStart(TOKEN_LENGTH, '0')
    this.#dueMs.set(token, dueMs)
    this.#call(1 + (this.#sent % this.#devices), token)
    this.#sent++
  }

  #take(token: string): boolean {
    const dueMs = this.#dueMs.get(token)
    if (dueMs === undefined) return false
    this.#dueMs.delete(token)
    this.#lastMs = performance.now()
    this.#histogram.record(Math.max(1, Math.round((this.#lastMs - dueMs) * 1000)))
    this.#answered++
    return true
  }
}
