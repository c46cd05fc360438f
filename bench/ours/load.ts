/**
 * Load on a Pilotlight server from a process of its own. Use:
 *
 *   const facts = writeStore(crypto, { folder, seed, devices: 10_000 })
 *   const server = await OursServer.start(folder)
 *   const load = await openLoad({ facts, target: server.target, seed, lanes: 512, transport: 'udp' })
 *   await load.call('settle', 0, facts.devices, 256)          // sessions ready, only pings and pongs from here on
 *   await load.call('run', { seconds: 5, outstanding: 64 })   // closed loop
 *   await load.call('run', { seconds: 5, perSecond: 5000, askEvery: 10 })
 *   load.cpuMicros()                                          // of the load process, user and system
 *   await load.close()
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { BenchError } from '../bench-error.js'
import { cpuMicros } from '../process-usage.js'
import { endWithUs } from './children.js'
import type { LoadAnswer, LoadAsk, LoadCalls, LoadOptions } from './load-process.js'

/** Starts a load process and opens its lanes. @throws BenchError. */
export async function openLoad(options: LoadOptions): Promise<Load> {
  const load = new Load()
  try {
    await load.call('open', options)
  } catch (error) {
    await load.close()
    throw error
  }
  return load
}

/** A load process. */
export class Load {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  #lastId = 0

  constructor() {
    // The loaders of a test runner are not for this process.
    const { NODE_OPTIONS: _, ...env } = process.env
    const file = fileURLToPath(new URL('./load-process.js', import.meta.url))
    this.#child = fork(file, { env, execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    endWithUs(this.#child)
    this.#child.on('message', (answer: LoadAnswer) => {
      const waiting = this.#waiting.get(answer.id)
      this.#waiting.delete(answer.id)
      if (answer.error !== undefined) waiting?.reject(new BenchError(answer.error, 1))
      else waiting?.resolve(answer.value)
    })
    this.#child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new BenchError('the load process ended', 1))
      this.#waiting.clear()
    })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** CPU time of the process until now, us; null where the kernel does not tell. */
  cpuMicros(): number | null {
    return cpuMicros(this.pid)
  }

  /** See `LoadCalls`. One call at a time, but for `counts`, and `changes` beside `probe`. @throws BenchError. */
  call<Name extends keyof LoadCalls>(
    name: Name,
    ...args: Parameters<LoadCalls[Name]>
  ): Promise<ReturnType<LoadCalls[Name]>> {
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#child.send({ id, call: name, args } satisfies LoadAsk, (error) => {
        if (error !== null) reject(new BenchError(`the load process is gone: ${error.message}`, 1))
      })
    })
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}
