import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { ADMIN_SOCKET, type CallClient, connectCalls } from '../../../src/io/call-socket.js'
import { BenchError } from '../../bench-error.js'
import { ROOT } from '../../models/load.js'

const CLI = join(ROOT, 'dist', 'cli', 'main.js')

/**
 * Public options of `serve`, beside folder and ports. The harness plays the proxy in front of the server, so that
 * devices and applications come from addresses of their own, and the limits for each address hold as they are.
 */
export const SERVE_OPTIONS: readonly string[] = ['--trusted-proxies', '127.0.0.1', '--webhooks-to-private']

/** `pilotlight serve` as a process, killed and started again on the same folder and ports. */
export class Server {
  readonly #folder: string
  #child: ChildProcess | null = null
  #udpPort = '0'
  #httpPort = '0'
  url = ''

  /** @param folder of database and keys. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Settles when it serves. @throws BenchError if it does not start. */
  async start(): Promise<void> {
    if (!existsSync(CLI)) throw new BenchError(`${CLI} is not there: npm run build`, 1)
    const where = ['--host', '127.0.0.1', '--udp-port', this.#udpPort, '--http-port', this.#httpPort]
    const words = ['serve', '--data', this.#folder, ...where, ...SERVE_OPTIONS, '--log-level', 'error', '--json']
    const child = spawn(process.execPath, [CLI, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#child = child
    for await (const line of createInterface({ input: child.stdout })) {
      const ready = JSON.parse(line)
      this.url = ready.http[0]
      this.#httpPort = new URL(this.url).port
      this.#udpPort = /:(\d+)$/.exec(ready.udp[0])?.[1] ?? '0'
      return
    }
    throw new BenchError('the server did not start', 1)
  }

  /** SIGKILL: nothing is flushed, nobody is told. Settles when it is gone. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }

  /** The operators' socket, by which the command line speaks with a running server. */
  async operator(): Promise<CallClient> {
    const client = await connectCalls(join(this.#folder, ADMIN_SOCKET))
    if (client === null) throw new BenchError('nobody listens on the operators’ socket', 1)
    return client
  }
}
