import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Webhook } from 'standardwebhooks'
import type { Test } from 'tap'
import { ROOT } from './root.js'

/** A request as the endpoint got it. */
export interface Received {
  path: string
  headers: Record<string, string>
  body: string
}

/** One event of a body. */
export interface ReceivedEvent {
  id: string
  type: string
  timestamp: string
  data: Record<string, unknown>
}

/** An endpoint for webhooks as a process of its own. */
export class Receiver {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #unread: Received[] = []
  readonly #scheme: 'http' | 'https'
  port = 0

  private constructor(child: ChildProcess, scheme: 'http' | 'https') {
    this.#child = child
    this.#scheme = scheme
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  /**
   * Starts one; it ends with the test.
   *
   * @param tls PEM texts, null for plain HTTP.
   */
  static async start(t: Test, tls: { cert: string; key: string } | null = null): Promise<Receiver> {
    const file = join(ROOT, 'test/support/receiver.mjs')
    const env = tls === null ? {} : { PILOTLIGHT_TEST_CERT: tls.cert, PILOTLIGHT_TEST_KEY: tls.key }
    const child = spawn('node', [file], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
    t.teardown(() => child.kill('SIGKILL'))
    const receiver = new Receiver(child, tls === null ? 'http' : 'https')
    receiver.port = JSON.parse((await receiver.#lines.next()).value).port
    return receiver
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}/hook`
  }

  /** How the next request is answered, in the order told; settles when the receiver knows. */
  async answer(answer: { status?: number; headers?: Record<string, string>; hang?: boolean; body?: string }) {
    await this.#tell(answer)
  }

  /** Answers all that hang with 204; settles when it does. */
  async release(): Promise<void> {
    await this.#tell({ release: true })
  }

  async #tell(line: object): Promise<void> {
    this.#child.stdin!.write(`${JSON.stringify(line)}\n`)
    for (;;) {
      const read = await this.#read()
      if ('told' in read) return
      this.#unread.push(read)
    }
  }

  /** The next request. */
  async next(): Promise<Received> {
    return this.#unread.shift() ?? ((await this.#read()) as Received)
  }

  async #read(): Promise<Received | { told: true }> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('the receiver ended')
    return JSON.parse(value)
  }

  /** The events of the next request. */
  async events(): Promise<ReceivedEvent[]> {
    return eventsOf(await this.next())
  }
}

/** The events of a request. */
export function eventsOf({ body }: Received): ReceivedEvent[] {
  return JSON.parse(body).data
}

/** Checks a request with the library of Standard Webhooks. @throws if it is not signed with the secret. */
export function verifyWithOracle({ headers, body }: Received, secret: string): void {
  new Webhook(secret).verify(body, headers)
}
