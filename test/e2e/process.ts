/** A real server as its own process, and what tests do with it. */

import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ROOT } from '../support/root.js'
import { runProcess } from '../support/run-process.js'

export const CLI = join(ROOT, 'dist/cli/main.js')
const CRYPTO = process.env['PILOTLIGHT_CRYPTO'] ?? 'native'

export interface Failure {
  code: number
  stderr: string
}

/** Runs `pilotlight` and gives its JSON. */
export async function pilotlight(...words: string[]): Promise<Record<string, string>> {
  return JSON.parse((await runProcess('node', [CLI, ...words, '--json'])).stdout)
}

/** Runs `pilotlight`, which must fail. */
export async function pilotlightFails(...words: string[]): Promise<Failure> {
  try {
    await runProcess('node', [CLI, ...words])
  } catch (error) {
    const { code, stderr } = error as Failure
    return { code, stderr }
  }
  throw new Error(`pilotlight ${words.join(' ')} should have failed`)
}

export class ServerProcess {
  readonly folder: string
  readonly #env: NodeJS.ProcessEnv
  /** further options of `serve` at the next start */
  more: string[]
  readonly #logLevel: string
  readonly #wrapper: string[]
  #child: ChildProcess | null = null
  /** what it logged, if the level was given */
  log = ''
  udpPort = 0
  url = ''

  /**
   * @param more     further options of `serve`.
   * @param logLevel another one than `error`: the log is kept instead of shown.
   * @param wrapper  a command that becomes the one behind it, e.g. `confined`.
   */
  constructor(
    folder: string,
    env: NodeJS.ProcessEnv = {},
    more: string[] = [],
    logLevel = 'error',
    wrapper: string[] = [],
  ) {
    this.folder = folder
    this.#env = env
    this.more = more
    this.#logLevel = logLevel
    this.#wrapper = wrapper
  }

  /** Starts it, on the ports of last time if there was one. */
  async start(): Promise<void> {
    const { port: httpPort = '0' } = this.url === '' ? {} : new URL(this.url)
    const where = ['--host', '127.0.0.1', '--udp-port', `${this.udpPort}`, '--http-port', httpPort]
    const words = [
      'serve',
      '--data',
      this.folder,
      ...where,
      '--crypto',
      CRYPTO,
      '--log-level',
      this.#logLevel,
      '--json',
    ]
    words.push(...this.more)
    const stdio = ['ignore', 'pipe', this.#logLevel === 'error' ? 'inherit' : 'pipe'] as const
    const [program = '', ...args] = [...this.#wrapper, process.execPath, CLI, ...words]
    this.#child = spawn(program, args, { stdio: [...stdio], env: { ...process.env, ...this.#env } })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.log += text
    })
    for await (const line of createInterface({ input: this.#child.stdout! })) {
      const ready = JSON.parse(line)
      this.url = ready.http[0]
      this.udpPort = Number(/:(\d+)$/.exec(ready.udp[0])?.[1])
      return
    }
    throw new Error('the server did not start')
  }

  /**
   * Ends it; nothing is flushed with SIGKILL.
   *
   * @returns its exit code, null if there is none.
   */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null) return child?.exitCode ?? null
    const ended = once(child, 'exit')
    child.kill(signal)
    return (await ended)[0] as number | null
  }

  /** Its exit code, when it ends by itself. */
  async ended(): Promise<number | null> {
    const child = this.#child
    if (child === null || child.exitCode !== null) return child?.exitCode ?? null
    return (await once(child, 'exit'))[0] as number | null
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.url}/metrics`)).text()
  }
}
