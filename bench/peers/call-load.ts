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
  /** null where nothing was answered */
  p50Ms: number | null
  p99Ms: number | null
  p999Ms: number | null
  maxMs: number | null
}

/** Without any answer for so long the rest is lost, ms. */
const SILENCE_MS = 3_000
/** Of all runs of this process, so that a late answer is never taken for one of the next run. */
let lastToken = 0

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

/** What time it is, and what comes again and again; a test has its own. */
export interface Clock {
  nowMs(): number
  /** @returns what ends it. */
  every(ms: number, run: () => void): () => void
}

const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  every: (ms, run) => {
    const timer = setInterval(run, ms)
    return () => clearInterval(timer)
  },
}

/** Sends each call when it is due, whatever became of those before it. Coordinated omission has no place here. */
export class ScheduledCalls {
  readonly #plan: CallPlan
  readonly #devices: number
  readonly #call: (device: number, token: string) => void
  readonly #histogram: RecordableHistogram = createHistogram()
  readonly #dueMs = new Map<string, number>()
  readonly #clock: Clock
  #sent = 0
  #answered = 0
  #lastMs = 0

  /** @param devices numbered from 1. */
  constructor(
    plan: CallPlan,
    devices: number,
    call: (device: number, token: string) => void,
    clock: Clock = SYSTEM_CLOCK,
  ) {
    this.#clock = clock
    this.#plan = plan
    this.#devices = devices
    this.#call = call
  }

  /** @param listen is given what takes the answers, with the moment at which each came if that is not now. */
  async run(listen: (onAnswer: (token: string, atMs?: number) => void) => void): Promise<CallFacts> {
    const { perSecond, calls } = this.#plan
    const startMs = this.#clock.nowMs()
    this.#lastMs = startMs
    await new Promise<void>((resolve) => {
      listen((token, atMs = this.#clock.nowMs()) => {
        if (this.#take(token, atMs) && this.#answered === calls) resolve()
      })
      const stop = this.#clock.every(1, () => {
        const nowMs = this.#clock.nowMs()
        while (this.#sent < calls && startMs + (this.#sent * 1000) / perSecond <= nowMs) {
          this.#send(startMs + (this.#sent * 1000) / perSecond)
        }
        if (this.#answered === calls || nowMs - this.#lastMs > SILENCE_MS) {
          stop()
          resolve()
        }
      })
    })
    const seconds = (this.#lastMs - startMs) / 1000
    const at = (percent: number) => (this.#answered === 0 ? null : this.#histogram.percentile(percent) / 1000)
    return {
      perSecond,
      answeredPerSecond: seconds > 0 ? this.#answered / seconds : 0,
      calls: this.#sent,
      lost: this.#sent - this.#answered,
      p50Ms: at(50),
      p99Ms: at(99),
      p999Ms: at(99.9),
      maxMs: at(100),
    }
  }

  #send(dueMs: number): void {
    const token = (++lastToken).toString(36).padStart(TOKEN_LENGTH, '0')
    this.#dueMs.set(token, dueMs)
    this.#call(1 + (this.#sent % this.#devices), token)
    this.#sent++
  }

  #take(token: string, atMs: number): boolean {
    const dueMs = this.#dueMs.get(token)
    if (dueMs === undefined) return false
    this.#dueMs.delete(token)
    this.#lastMs = atMs
    this.#histogram.record(Math.max(1, Math.round((atMs - dueMs) * 1000)))
    this.#answered++
    return true
  }
}
