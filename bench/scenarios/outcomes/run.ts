import { join } from 'node:path'
import type { SeededRandom } from '../../../src/base/seeded-random.js'
import { ADMIN_SOCKET, connectCalls } from '../../../src/io/call-socket.js'
import { nativeCrypto } from '../../../src/native/crypto-native.js'
import { BenchError } from '../../bench-error.js'
import { ClockWatch } from '../../clock-watch.js'
import { BEHIND_PROXY } from '../../ours/proxied.js'
import { OursServer } from '../../ours/server.js'
import { OutcomeBook, type Verdict } from './book.js'
import { Caller } from './caller.js'
import { inTurns, People } from './people.js'
import { Receiver } from './receiver.js'
import { RingDriver, type RingingApp } from './rings.js'
import { StreamReaders } from './streams.js'

/**
 * Public options of `serve`, beside folder and ports. The harness plays the proxy in front of the server, so that
 * devices and applications come from addresses of their own, and the limits for each address hold as they are.
 */
export const SERVE_OPTIONS: readonly string[] = [...BEHIND_PROXY, '--webhooks-to-private']

/** What a run is to be. */
export interface Plan {
  applications: number
  ringsEach: number
  kills: number
  /** of so many outcomes one is read with GET */
  readEvery: number
  seed: SeededRandom
}

/** What a run was. */
export interface Facts {
  verdict: Verdict
  kills: number
  /** from the first ring to the last outcome */
  seconds: number
  setupSeconds: number
  /** from a kill to readiness, the longest */
  restartSeconds: number
  requestRepeats: number
  /** webhooks that did not verify, by what was wrong */
  unsigned: Readonly<Record<string, number>>
  /** how far the wall clock was set meanwhile */
  clockSteppedSeconds: number
  devices: number
  handshakes: number
}

/** How often a line tells where the run is, ms. */
const PROGRESS_MS = 5_000
/** Without an outcome for so long nothing comes any more, ms. */
const STUCK_MS = 120_000
/** Rings whose outcome is read again after a kill. */
const REREAD_AFTER_KILL = 2_000
/** Rings that a server keeps readable (docs/rings.md), fewer some that may just have ended. */
const REREAD_AT_END = 60_000

/** Sets everything up, rings, kills, reads. @param folder of the server; whoever calls removes it. */
export async function runOutcomes(folder: string, plan: Plan, progress: (line: string) => void): Promise<Facts> {
  const run = new Run(folder, plan, progress)
  try {
    return await run.run()
  } finally {
    await run.close()
  }
}

class Run {
  readonly #plan: Plan
  readonly #rings: number
  readonly #progress: (line: string) => void
  readonly #folder: string
  readonly #server: OursServer
  readonly #book: OutcomeBook
  readonly #caller: Caller
  readonly #people: People
  readonly #receiver: Receiver
  readonly #streams: StreamReaders
  #driver: RingDriver | null = null
  /** numbers of sent rings at which the server is still to be killed, the next at the end */
  readonly #killAt: number[]
  #killing: Promise<void> = Promise.resolve()
  #kills = 0
  #restartMs = 0

  constructor(folder: string, plan: Plan, progress: (line: string) => void) {
    this.#plan = plan
    this.#rings = plan.applications * plan.ringsEach
    this.#progress = progress
    this.#folder = folder
    this.#server = new OursServer({ folder, options: SERVE_OPTIONS })
    this.#book = new OutcomeBook(this.#rings, this.#isRead)
    this.#caller = new Caller(() => this.#server.url)
    this.#people = new People((number, end) => this.#book.tellDevice(number, end))
    this.#receiver = new Receiver((ring) => this.#driver?.tell('webhook', ring))
    this.#streams = new StreamReaders((ring) => this.#driver?.tell('stream', ring))
    this.#killAt = killTimes(plan, this.#rings).reverse()
  }

  async run(): Promise<Facts> {
    const startMs = performance.now()
    const driver = await this.#setUp()
    this.#driver = driver
    const clock = new ClockWatch()
    const firstMs = performance.now()
    let last = { settled: 0, atMs: firstMs }
    const timer = setInterval(() => {
      clock.look()
      const nowMs = performance.now()
      if (driver.settled > last.settled) last = { settled: driver.settled, atMs: nowMs }
      const rate = Math.round(driver.settled / ((nowMs - firstMs) / 1000))
      const { opened } = this.#book
      this.#progress(
        `${opened} of ${this.#rings} rings sent, ${driver.settled} ended, ${rate}/s, ${this.#kills} of ${this.#plan.kills} kills`,
      )
      driver.nudge()
    }, PROGRESS_MS)
    const isStuck = () => performance.now() - last.atMs > STUCK_MS
    try {
      await driver.send((sent) => this.#killIfDue(sent))
      await this.#killing
      await driver.settle(isStuck)
    } finally {
      clearInterval(timer)
    }
    const seconds = (performance.now() - firstMs) / 1000
    await this.#rereadAll(driver)
    clock.look()
    return {
      verdict: this.#book.verdict(),
      kills: this.#kills,
      seconds: Math.round(seconds),
      setupSeconds: Math.round((firstMs - startMs) / 1000),
      restartSeconds: Math.round(this.#restartMs / 100) / 10,
      requestRepeats: this.#caller.repeats,
      unsigned: this.#receiver.unsigned,
      clockSteppedSeconds: clock.steppedSeconds,
      devices: this.#people.devices,
      handshakes: this.#people.handshakes,
    }
  }

  /** Goes through all applications. */
  readonly #isRead = (number: number): boolean => {
    const { applications, readEvery } = this.#plan
    return (number + Math.floor(number / applications)) % readEvery === 0
  }

  async close(): Promise<void> {
    this.#streams.close()
    await this.#server.kill()
    await this.#people.close()
    this.#receiver.close()
    this.#caller.close()
  }

  async #setUp(): Promise<RingDriver> {
    await this.#server.start()
    await this.#receiver.open()
    const operator = await connectCalls(join(this.#folder, ADMIN_SOCKET)) // by which the command line speaks with it
    if (operator === null) throw new BenchError('nobody listens on the operators’ socket', 1)
    const ids: string[] = []
    const keys: string[] = []
    await inTurns(Array.from({ length: this.#plan.applications }), 1, async (_, index) => {
      const { app, apiKey } = (await operator.call('app.add', { name: `App ${index}` })) as Record<string, string>
      const settings = { app, url: this.#receiver.url(index), events: ['ring.ended'] }
      const { secret } = (await operator.call('app.webhook.set', settings)) as { secret: string }
      this.#receiver.setSecret(index, secret)
      ids.push(app as string)
      keys.push(apiKey as string)
      if ((index + 1) % 200 === 0) this.#progress(`${index + 1} applications are there`)
    })
    const puids = await this.#people.open({
      url: this.#server.url,
      operator,
      crypto: await nativeCrypto(),
      apps: ids,
      progress: this.#progress,
    })
    operator.close()
    const apps: RingingApp[] = keys.map((apiKey, index) => ({ apiKey, puids: puids[index] ?? [] }))
    this.#streams.open(() => this.#server.url, keys)
    this.#progress(`${apps.length} applications, ${this.#people.devices} devices: ringing`)
    return new RingDriver({
      apps,
      rings: this.#rings,
      seed: this.#plan.seed.fork('deeds'),
      caller: this.#caller,
      book: this.#book,
      isRead: this.#isRead,
    })
  }

  /** Kills the server when enough rings were sent: in the middle of whatever it does. One kill ends before the next begins. */
  #killIfDue(sent: number): void {
    if (sent < (this.#killAt.at(-1) ?? Infinity)) return
    this.#killAt.pop()
    this.#killing = this.#killing.then(() => this.#kill())
  }

  async #kill(): Promise<void> {
    const startMs = performance.now()
    const told = this.#lastTold(REREAD_AFTER_KILL)
    await this.#server.kill()
    this.#kills++
    await this.#server.start()
    this.#restartMs = Math.max(this.#restartMs, performance.now() - startMs)
    await this.#driver?.reread(told)
  }

  /** The rings sent last whose outcome was told. */
  #lastTold(count: number): number[] {
    const told: number[] = []
    for (let number = this.#rings - 1; number >= 0 && told.length < count; number--) {
      if (this.#book.isTold(number, 'read')) told.push(number)
    }
    return told
  }

  async #rereadAll(driver: RingDriver): Promise<void> {
    const numbers = this.#lastTold(REREAD_AT_END)
    const found = await driver.reread(numbers)
    this.#progress(`${found} of the last ${numbers.length} outcomes were read again`)
  }
}

/** After how many rings the server is killed: spread over the run, each somewhere in its part. */
function killTimes({ kills, seed }: Plan, rings: number): number[] {
  const random = seed.fork('kills')
  return Array.from({ length: kills }, (_, nth) => Math.max(1, Math.floor(((nth + random.uniform()) / kills) * rings)))
}
