/** The clients of one peer in the generator process, and the loads that they make. */
import { cpuMicros } from '../process-usage.js'
import { DtlsLink } from './links/dtls-link.js'
import type { Link, Target } from './links/link.js'
import { StreamLink } from './links/stream-link.js'
import { UdpLink } from './links/udp-link.js'
import type { Speech, Transport } from './peer.js'

/** How much is asked of a server. */
export type LoadPlan = {
  /** of the server, for the kernel's accounting of the very same moments */
  pid: number
  /** pings to send in all, and the time after which no more are sent, whichever comes first */
  pings: number
  seconds: number
} & (
  | { kind: 'closed' /** pings that are unanswered at a time, each from another client */; outstanding: number }
  | { kind: 'paced'; perSecond: number }
)

/** What a load was. */
export interface LoadFacts {
  sent: number
  answered: number
  /** unanswered so long after they were sent that nothing comes any more */
  lost: number
  /** answers of another form than a pong */
  strange: number
  seconds: number
  /** CPU time of both ends meanwhile, us; null where the kernel does not tell */
  serverMicros: number | null
  generatorMicros: number | null
}

/** Handshakes that are under way at a time: more would only wait for the server's core. */
const CONNECTING_AT_A_TIME = 32
/** An unanswered ping is lost after, ms: far beyond any queue on a loopback. */
const LOST_MS = 2_000
/** How often lost pings are looked for, ms. */
const LOOK_MS = 250

export class Fleet {
  readonly links: Link[] = []
  readonly #target: Target
  readonly #speech: Speech
  readonly #transport: Transport
  #lost: Error | null = null
  /** whose turn is next: a load goes on where the last one ended, so that nobody is idle until its server closes it */
  #turn = 0

  constructor(target: Target, speech: Speech, transport: Transport) {
    this.#target = target
    this.#speech = speech
    this.#transport = transport
  }

  /** Adds clients until there are so many. @throws Error if one is refused. */
  async connect(clients: number, progress: (connected: number) => void): Promise<void> {
    let next = this.links.length
    const worker = async () => {
      while (next < clients) {
        const client = next++
        const link = this.#link(client)
        this.links[client] = link
        link.onLost = (why) => {
          this.#lost ??= why
        }
        await link.open()
        if (client % 1000 === 999) progress(client + 1)
      }
    }
    await Promise.all(Array.from({ length: CONNECTING_AT_A_TIME }, worker))
  }

  /** @throws Error if a connection was lost. */
  async load(plan: LoadPlan): Promise<LoadFacts> {
    const each = Math.ceil(plan.pings / this.links.length) + 1
    for (const link of this.links) link.prepare(each)
    const run = new LoadRun(this.links, plan, this.#turn)
    const facts = await run.run(() => this.#lost)
    this.#turn = run.turn
    return facts
  }

  close(): void {
    for (const link of this.links) link.close()
  }

  #link(client: number): Link {
    if (this.#transport === 'udp') return new UdpLink(this.#target, this.#speech)
    if (this.#transport === 'dtls') return new DtlsLink(this.#target, this.#speech)
    return new StreamLink(this.#target, { transport: this.#transport, speech: this.#speech, client })
  }
}

/** One load. Clients take turns; one with a ping that is unanswered is passed over. */
class LoadRun {
  readonly #links: readonly Link[]
  readonly #plan: LoadPlan
  /** when the unanswered ping of a client was sent, ms; 0 for none */
  readonly #sentMs: Float64Array
  #turn: number
  #sent = 0
  #answered = 0
  #lost = 0
  #endMs = Infinity
  /** none is to be sent or waited for any more */
  #over: () => void = () => {}

  constructor(links: readonly Link[], plan: LoadPlan, turn: number) {
    this.#links = links
    this.#plan = plan
    this.#turn = turn
    this.#sentMs = new Float64Array(links.length)
  }

  /** the client that is next */
  get turn(): number {
    return this.#turn
  }

  async run(failure: () => Error | null): Promise<LoadFacts> {
    const { pid } = this.#plan
    const strangeBefore = this.#strange()
    const over = new Promise<void>((resolve) => {
      this.#over = resolve
    })
    this.#links.forEach((link, client) => {
      link.onPong = () => this.#take(client)
    })
    const [server, own, startMs] = [cpuMicros(pid), cpuMicros(process.pid), performance.now()]
    let failed: Error | null = null
    this.#endMs = startMs + this.#plan.seconds * 1000
    const watch = setInterval(() => {
      failed = failure()
      this.#expire()
      this.#endIfIdle()
      if (failed !== null) this.#over()
    }, LOOK_MS)
    const stopPacing = this.#begin()
    await over
    const endMs = performance.now()
    clearInterval(watch)
    stopPacing()
    if (failed !== null) throw failed
    const [serverEnd, ownEnd] = [cpuMicros(pid), cpuMicros(process.pid)]
    return {
      sent: this.#sent,
      answered: this.#answered,
      lost: this.#lost,
      strange: this.#strange() - strangeBefore,
      seconds: (endMs - startMs) / 1000,
      serverMicros: server === null || serverEnd === null ? null : serverEnd - server,
      generatorMicros: own === null || ownEnd === null ? null : ownEnd - own,
    }
  }

  /** @returns what ends the pacing. */
  #begin(): () => void {
    const plan = this.#plan
    if (plan.kind === 'closed') {
      const atFirst = Math.min(plan.outstanding, plan.pings, this.#links.length)
      for (let nth = 0; nth < atFirst; nth++) this.#send()
      return () => {}
    }
    const startMs = performance.now()
    const timer = setInterval(() => {
      if (performance.now() >= this.#endMs) return
      const due = Math.min(plan.pings, Math.floor(((performance.now() - startMs) / 1000) * plan.perSecond))
      while (this.#sent < due && this.#send());
    }, 1)
    return () => clearInterval(timer)
  }

  /** Sends the ping of the next client that has none unanswered; false if all have. */
  #send(): boolean {
    for (let tries = 0; tries < this.#links.length; tries++) {
      const client = this.#turn
      this.#turn = client + 1 === this.#links.length ? 0 : client + 1
      if (this.#sentMs[client] !== 0) continue
      this.#sentMs[client] = performance.now()
      this.#sent++
      this.#links[client]!.ping()
      return true
    }
    return false
  }

  #take(client: number): void {
    if (this.#sentMs[client] === 0) return
    this.#sentMs[client] = 0
    this.#answered++
    this.#goOn()
  }

  #goOn(): void {
    if (this.#sent < this.#plan.pings && performance.now() < this.#endMs) {
      if (this.#plan.kind === 'closed') this.#send()
    } else if (this.#answered + this.#lost === this.#sent) this.#over()
  }

  /** Time is over, and nothing is under way that would tell. */
  #endIfIdle(): void {
    if (performance.now() >= this.#endMs && this.#answered + this.#lost === this.#sent) this.#over()
  }

  #expire(): void {
    const beforeMs = performance.now() - LOST_MS
    this.#sentMs.forEach((sentMs, client) => {
      if (sentMs === 0 || sentMs > beforeMs) return
      this.#sentMs[client] = 0
      this.#lost++
      this.#goOn()
    })
  }

  #strange(): number {
    return this.#links.reduce((sum, link) => sum + link.strange, 0)
  }
}
