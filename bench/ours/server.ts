/** `pilotlight serve` as a process on a given folder, stopped or killed and started again on the same ports. */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { BenchError } from '../bench-error.js'
import { ROOT } from '../models/load.js'
import { type Child, freePort, nodeWords, startProgram } from '../peers/program.js'
import { cpuMicros } from '../process-usage.js'
import { CpuProfiler } from '../profile/cpu-profiler.js'
import type { Target } from './lanes.js'
import { type MemoryFacts, memoryOf } from './process-memory.js'

/** Between two looks at what is loaded, ms. */
const LOOK_MS = 250

const CLI = join(ROOT, 'dist', 'cli', 'main.js')

/** How a server is started. */
export interface ServerPlan {
  /** database and keys */
  folder: string
  /** 127.0.0.1 if left out, or ::1 */
  host?: string
  /** further options of `serve` */
  options?: readonly string[]
  /** the one core that it may use, by `taskset`; null any */
  core?: number | null
  /** whether its main thread can be profiled; default no */
  isProfiled?: boolean
}

/** A server of ours. */
export class OursServer {
  readonly #plan: ServerPlan
  #child: Child | null = null
  #udpPort = 0
  #httpPort = 0

  constructor(plan: ServerPlan) {
    this.#plan = plan
  }

  /** Starts one. @throws BenchError if it does not start. */
  static async start(plan: ServerPlan): Promise<OursServer> {
    const server = new OursServer(plan)
    await server.start()
    return server
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  get target(): Target {
    return { host: this.#plan.host ?? '127.0.0.1', udpPort: this.#udpPort, httpPort: this.#httpPort }
  }

  get url(): string {
    const { host, httpPort } = this.target
    return `http://${host.includes(':') ? `[${host}]` : host}:${httpPort}`
  }

  /** Starts it on the ports that it had. @returns seconds from the start of the process to its ready line. */
  async start(): Promise<number> {
    if (!existsSync(CLI)) throw new BenchError(`${CLI} is not there: npm run build`, 1)
    const { folder, host = '127.0.0.1', options = [], core = null, isProfiled = false } = this.#plan
    if (this.#udpPort === 0) this.#udpPort = await freePort('udp', host)
    if (this.#httpPort === 0) this.#httpPort = await freePort('tcp', host)
    const ports = ['--udp-port', String(this.#udpPort), '--http-port', String(this.#httpPort)]
    const words = ['serve', '--data', folder, '--host', host, ...ports, ...options, '--log-level', 'error', '--json']
    const startMs = performance.now()
    const [node, ...rest] = nodeWords(CLI, ...words) as [string, ...string[]]
    const inspected = isProfiled ? ['--inspect=127.0.0.1:0'] : []
    const child = startProgram([node, ...inspected, ...rest], { core, stdio: ['ignore', 'pipe'] })
    this.#child = child
    for await (const line of createInterface({ input: child.process.stdout! })) {
      if (line.includes('"udp"')) return (performance.now() - startMs) / 1000
    }
    throw new BenchError(`the server did not start: ${child.said()}`, 1)
  }

  /** All sessions of its store are loaded: it serves before, but does both then. @throws BenchError. */
  async loaded(): Promise<void> {
    while (((await this.metrics()).get('pilotlight_hub_device_parts_to_load') ?? 0) > 0) await setTimeout(LOOK_MS)
  }

  /** The profiler of its main thread, if it was started so. @throws BenchError. */
  profiler(): Promise<CpuProfiler> {
    return CpuProfiler.attach(this.#child?.said() ?? '')
  }

  /** SIGTERM: everything is written. @returns seconds until it is gone. */
  stop(): Promise<number> {
    return this.#end('SIGTERM')
  }

  /** SIGKILL: nothing is flushed, nobody is told. @returns seconds until it is gone. */
  kill(): Promise<number> {
    return this.#end('SIGKILL')
  }

  /** CPU time until now, us, all threads. @throws BenchError where the kernel does not tell. */
  cpuMicros(): number {
    return told(cpuMicros(this.pid))
  }

  /** Memory now. @throws BenchError where the kernel does not tell. */
  memory(): MemoryFacts {
    return told(memoryOf(this.pid))
  }

  /** Samples of `/metrics`, by name with labels as they stand there. @throws BenchError. */
  async metrics(): Promise<Map<string, number>> {
    const response = await fetch(`${this.url}/metrics`)
    if (!response.ok) throw new BenchError(`/metrics says ${response.status}`, 1)
    const samples = new Map<string, number>()
    for (const line of (await response.text()).split('\n')) {
      const at = line.lastIndexOf(' ')
      if (!line.startsWith('#') && at > 0) samples.set(line.slice(0, at), Number(line.slice(at + 1)))
    }
    return samples
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number> {
    const child = this.#child?.process
    this.#child = null
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return 0
    const startMs = performance.now()
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
    return (performance.now() - startMs) / 1000
  }
}

function told<Value>(value: Value | null): Value {
  if (value === null) throw new BenchError('the server is gone, or this system has no /proc', 1)
  return value
}
