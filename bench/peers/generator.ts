/** The generator of load for a peer: a process of its own, on a core of its own. */
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { BenchError } from '../bench-error.js'
import type { CallFacts, CallPlan } from './call-load.js'
import type { LoadFacts, LoadPlan } from './fleet.js'
import type { Peer, SpeechName, Transport } from './peer.js'
import { type Child, nodeWords, startProgram } from './program.js'

const PROCESS = fileURLToPath(new URL('generator-process.js', import.meta.url))

/** What the process is told. */
export type Order =
  | { kind: 'connect'; speech: SpeechName; transport: Transport; port: number; clients: number }
  | { kind: 'load'; plan: LoadPlan }
  | { kind: 'calls'; speech: SpeechName; plan: CallPlan }

/** What it says. */
export type Answer =
  | { kind: 'progress'; connected: number }
  | { kind: 'done' }
  | { kind: 'loaded'; facts: LoadFacts }
  | { kind: 'called'; facts: CallFacts }
  | { kind: 'failed'; why: string }

/** The clients of one server, elsewhere. */
export class Generator {
  readonly #peer: Peer
  readonly #port: number
  readonly #child: Child
  readonly #lines: AsyncIterator<string>
  readonly #reader: Interface
  readonly #progress: (line: string) => void

  constructor(peer: Peer, port: number, parts: { core: number | null; progress: (line: string) => void }) {
    this.#peer = peer
    this.#port = port
    this.#progress = parts.progress
    this.#child = startProgram(nodeWords(PROCESS), { core: parts.core, stdio: ['pipe', 'pipe'] })
    this.#reader = createInterface({ input: this.#child.process.stdout! })
    this.#lines = this.#reader[Symbol.asyncIterator]()
  }

  /** of the process */
  get pid(): number {
    return this.#child.pid
  }

  /** Adds clients until there are so many, each welcomed. @throws BenchError with the reason. */
  async connect(clients: number): Promise<void> {
    const { transport, speech } = this.#peer
    await this.#order({ kind: 'connect', speech: speech.name, transport, port: this.#port, clients })
  }

  async load(plan: LoadPlan): Promise<LoadFacts> {
    const answer = await this.#order({ kind: 'load', plan })
    if (answer.kind !== 'loaded') throw this.#broken('said something else')
    return answer.facts
  }

  /** Messages of client 0 to the others and back. */
  async calls(plan: CallPlan): Promise<CallFacts> {
    const answer = await this.#order({ kind: 'calls', speech: this.#peer.speech.name, plan })
    if (answer.kind !== 'called') throw this.#broken('said something else')
    return answer.facts
  }

  async stop(): Promise<void> {
    this.#reader.close()
    await this.#child.stop()
  }

  async #order(order: Order): Promise<Answer> {
    this.#child.process.stdin!.write(`${JSON.stringify(order)}\n`)
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done === true) throw this.#broken(this.#child.said() || 'ended')
      const answer = JSON.parse(value) as Answer
      if (answer.kind === 'failed') throw this.#broken(answer.why)
      if (answer.kind !== 'progress') return answer
      this.#progress(`${this.#peer.name}: ${answer.connected} clients are connected`)
    }
  }

  #broken(why: string): BenchError {
    return new BenchError(`the generator for ${this.#peer.name}: ${why}`, 1)
  }
}
