/** A server under load, ours or a peer's, with its generator: what the scenario measures, alike for all. */
import { udpDrops } from '../../../src/io/udp-drops.js'
import { type Stage, settleAll } from '../../ours/stage.js'
import { Generator } from '../../peers/generator.js'
import type { Peer } from '../../peers/peer.js'
import { pinProcess } from '../../peers/program.js'
import type { RunningPeer } from '../../peers/stage.js'

/** What is asked of a server. */
export type Pace = { kind: 'closed'; outstanding: number } | { kind: 'paced'; perSecond: number }

/** What came of it. */
export interface Measured {
  pace: Pace
  sent: number
  /** pings whose pong did not come, or that the kernel dropped at the server's socket */
  lost: number
  seconds: number
  /** pings that the server took */
  pingsPerSecond: number
  /** CPU time of both ends for each of these pings, us */
  cpuMicrosPerPing: number
  generatorMicrosPerPing: number
  /** share of the time that each was on a core */
  serverBusy: number
  generatorBusy: number
}

export interface Contestant {
  name: string
  /** devices or clients */
  clients: number
  measure(pace: Pace, seconds: number): Promise<Measured>
}

/** Of the next measurement the pings are sealed beforehand: so many for a second, at first. */
const RATE_AT_FIRST = 20_000
/** More than the last rate, so that the time ends a measurement and not the count. */
const RATE_MARGIN = 1.3

/** Kept cores: the server's and the generator's; null where they cannot be kept. */
export interface Cores {
  server: number | null
  generator: number | null
}

/** Our server: a pong each time, or every so many pings. */
export class OurContestant implements Contestant {
  readonly name: string
  readonly #stage: Stage
  readonly #askEvery: number

  constructor(name: string, stage: Stage, askEvery: number) {
    this.name = name
    this.#stage = stage
    this.#askEvery = askEvery
  }

  get clients(): number {
    return this.#stage.facts.devices
  }

  async measure(pace: Pace, seconds: number): Promise<Measured> {
    const { load, server } = this.#stage
    const how = pace.kind === 'closed' ? { outstanding: pace.outstanding } : { perSecond: pace.perSecond }
    const dropsAtFirst = (await udpDrops(server.target.udpPort)) ?? 0
    const [serverAtFirst, generatorAtFirst] = [server.cpuMicros(), load.cpuMicros() ?? 0]
    const run = await load.call('run', { seconds, askEvery: this.#askEvery, ...how })
    const [serverMicros, generatorMicros] = [
      server.cpuMicros() - serverAtFirst,
      (load.cpuMicros() ?? 0) - generatorAtFirst,
    ]
    const dropped = ((await udpDrops(server.target.udpPort)) ?? 0) - dropsAtFirst
    // A ping that was dropped and had asked is counted once.
    const lost = Math.max(run.lost, dropped)
    return measured(pace, { sent: run.sent, lost, seconds: run.seconds, serverMicros, generatorMicros })
  }
}

/** A peer. */
export class PeerContestant implements Contestant {
  readonly name: string
  readonly clients: number
  readonly #pid: number
  readonly #generator: Generator
  #rate = RATE_AT_FIRST

  private constructor(name: string, clients: number, pid: number, generator: Generator) {
    this.name = name
    this.clients = clients
    this.#pid = pid
    this.#generator = generator
  }

  /** Connects all clients. @throws BenchError. */
  static async open(
    peer: Peer,
    running: RunningPeer,
    parts: { clients: number; core: number | null; progress: (line: string) => void },
  ): Promise<PeerContestant> {
    const generator = new Generator(peer, running.port, parts)
    try {
      await generator.connect(parts.clients)
    } catch (error) {
      await generator.stop()
      throw error
    }
    return new PeerContestant(peer.name, parts.clients, running.pid, generator)
  }

  async measure(pace: Pace, seconds: number): Promise<Measured> {
    const perSecond = pace.kind === 'paced' ? pace.perSecond : this.#rate * RATE_MARGIN
    const plan = { pid: this.#pid, seconds, pings: Math.ceil(perSecond * seconds) }
    const facts = await this.#generator.load({ ...plan, ...pace })
    const { serverMicros, generatorMicros } = facts
    const found = measured(pace, {
      ...facts,
      serverMicros: serverMicros ?? Number.NaN,
      generatorMicros: generatorMicros ?? Number.NaN,
    })
    if (pace.kind === 'closed') this.#rate = found.pingsPerSecond
    return found
  }

  async stop(): Promise<void> {
    await this.#generator.stop()
  }
}

/** Our devices' sessions are opened, and their process is kept on its core. */
export async function settleOurs({ load, facts }: Stage, cores: Cores): Promise<void> {
  if (cores.generator !== null) pinProcess(load.pid, cores.generator)
  await settleAll(load, 0, facts.devices)
}

function measured(
  pace: Pace,
  facts: { sent: number; lost: number; seconds: number; serverMicros: number; generatorMicros: number },
): Measured {
  const { sent, lost, seconds, serverMicros, generatorMicros } = facts
  const taken = Math.max(1, sent - lost)
  return {
    pace,
    sent,
    lost,
    seconds,
    pingsPerSecond: taken / seconds,
    cpuMicrosPerPing: serverMicros / taken,
    generatorMicrosPerPing: generatorMicros / taken,
    serverBusy: serverMicros / 1e6 / seconds,
    generatorBusy: generatorMicros / 1e6 / seconds,
  }
}
