/** Commands of `pilotlight` as processes: those that end, those that go on and are spoken with, and the phone's socket. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import type { AppService } from '../../src/appservice/index.js'
import { type CallClient, connectCalls } from '../../src/io/call-socket.js'
import { ROOT } from '../support/root.js'
import { CLI, ServerProcess } from './process.js'

/** So long may a test hang before it fails; nothing is measured by it. */
export const HANGS_MS = 300_000

/** What the command offers, from what was built: to compile all of it for one table would take seconds. */
export async function commands(): Promise<typeof import('../../src/cli/commands/all.js').COMMANDS> {
  return (await import(`${pathToFileURL(join(ROOT, 'dist/cli/commands/all.js'))}`)).COMMANDS
}

/** Between two looks at a server that is to change: looks without a pause would keep it busy. */
export const nextLook = (): Promise<void> => new Promise((done) => setTimeout(done, 50))

/** A short path: sockets have names of at most about 100 characters. */
export function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** @param more further options of `serve`. */
export async function serverIn(t: Test, folder: string, more: string[] = []): Promise<ServerProcess> {
  const server = new ServerProcess(folder, {}, more)
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  return server
}

/** A preload for NODE_OPTIONS: one line of JavaScript that runs before the command. */
export function preload(code: string): Record<string, string> {
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` }
}

/** A process that goes on. What it prints is read in order: each wait begins behind the one before. */
export class Talk {
  readonly #child: ChildProcess
  #unread = ''
  #isOver = false
  #more: () => void = () => {}
  stderr = ''
  /** exit code; null after a signal */
  readonly ended: Promise<number | null>

  constructor(t: Test, file: string, words: string[], env: Record<string, string> = {}) {
    const child = spawn(file, words, { stdio: 'pipe', env: { ...process.env, ...env } })
    this.#child = child
    child.stdin.on('error', () => {}) // it may have ended
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#unread += text
      this.#more()
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((resolve) => {
      child.once('close', (code) => {
        this.#isOver = true
        this.#more()
        resolve(code)
      })
    })
    t.teardown(async () => {
      child.kill('SIGKILL')
      await this.ended
    })
  }

  /** Waits until this is printed, and reads on behind it. */
  async sees(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#unread)
      if (match !== null) {
        this.#unread = this.#unread.slice(match.index + match[0].length)
        return match
      }
      if (this.#isOver) throw new Error(`it ended without ${pattern}: ${this.#unread}${this.stderr}`)
      await new Promise<void>((resolve) => {
        this.#more = resolve
      })
    }
  }

  /** Waits for a line of JSON with this event. */
  async event(name: string): Promise<Record<string, unknown>> {
    return JSON.parse((await this.sees(new RegExp(`^\\{"event":"${name}".*\n`, 'm')))[0])
  }

  /** All that it printed after the last wait, once it ended. */
  async rest(): Promise<string> {
    await this.ended
    return this.#unread
  }

  type(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Ends its stdin. */
  hangUp(): void {
    this.#child.stdin?.end()
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }
}

/** Starts a command that goes on. */
export function talk(t: Test, words: string[], env: Record<string, string> = {}): Talk {
  return new Talk(t, 'node', [CLI, ...words], env)
}

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs a command to its end, however it ends. */
export async function command(t: Test, words: string[], env: Record<string, string> = {}): Promise<Ended> {
  const running = talk(t, words, env)
  running.hangUp()
  const stdout = await running.rest()
  return { code: await running.ended, stdout, stderr: running.stderr }
}

/** Runs a command that must give one JSON value, and nothing else. */
export async function json<Value = Record<string, string>>(
  t: Test,
  words: string[],
  env: Record<string, string> = {},
): Promise<Value> {
  const { code, stdout, stderr } = await command(t, [...words, '--json'], env)
  const name = words.slice(0, 2).join(' ')
  t.equal(code, 0, `${name} succeeds`)
  t.equal(stderr, '', `${name} prints nothing beside its result`)
  t.match(stdout, /^[^\n]+\n$/, `${name} --json prints one line`)
  return JSON.parse(stdout)
}

/** What a command that must fail has to say. */
interface Refusal {
  code: string
  message?: RegExp
  exitCode?: 1 | 2
}

/** Runs a command that must fail in words: one line with its code, a hint, no stack trace; the same as JSON. */
export async function refused(
  t: Test,
  words: string[],
  refusal: Refusal,
  env: Record<string, string> = {},
): Promise<void> {
  const name = words.join(' ')
  const { code, stdout, stderr } = await command(t, words, env)
  t.equal(code, refusal.exitCode ?? 1, `exit code of ${name}`)
  t.equal(stdout, '', 'errors are not results')
  t.match(stderr, /^[^\n]+\n$/, 'one line, no stack trace')
  if (words.includes('--json')) {
    const { error } = JSON.parse(stderr)
    t.equal(error.code, refusal.code, name)
    t.match(error, { message: refusal.message ?? /./, hint: /^/ })
  } else {
    t.ok(stderr.startsWith(`pilotlight: ${refusal.code}: `), `${name}: ${stderr}`)
    t.match(stderr, refusal.message ?? /./)
  }
}

/** The other side of a phone's socket: its methods, and events in the order of their names. */
export class PhoneSocket {
  readonly #client: CallClient
  readonly #events: Record<string, unknown>[]
  readonly #next: { more: () => void }

  private constructor(client: CallClient, events: Record<string, unknown>[], next: { more: () => void }) {
    this.#client = client
    this.#events = events
    this.#next = next
  }

  static async open(t: Test, file: string): Promise<PhoneSocket> {
    const events: Record<string, unknown>[] = []
    const next = { more: () => {} }
    const client = await connectCalls(file, (value) => {
      events.push(value as Record<string, unknown>)
      next.more()
    })
    if (client === null) throw new Error(`nobody listens at ${file}`)
    t.teardown(() => client.close())
    return new PhoneSocket(client, events, next)
  }

  call<Result = Record<string, unknown>>(method: string, params: Record<string, unknown> = {}): Promise<Result> {
    return this.#client.call(method, params) as Promise<Result>
  }

  /** The next event of this name; those before it are dropped. */
  async event(name: string): Promise<Record<string, unknown>> {
    for (;;) {
      const at = this.#events.findIndex(({ event }) => event === name)
      const found = this.#events.splice(0, at + 1).at(-1)
      if (found !== undefined) return found
      await new Promise<void>((resolve) => {
        this.#next.more = resolve
      })
    }
  }

  close(): void {
    this.#client.close()
  }
}

/** Sends lines to a socket as they are, and gives the answers. */
export async function rawLines(t: Test, file: string, sent: string[]): Promise<Record<string, unknown>[]> {
  const socket = connect(file)
  t.teardown(() => socket.destroy())
  socket.write(sent.map((line) => `${line}\n`).join(''))
  const answers: Record<string, unknown>[] = []
  for await (const line of createInterface({ input: socket })) {
    answers.push(JSON.parse(line))
    if (answers.length === sent.length) break
  }
  return answers
}

/** How an application sees a person, by its stream. */
export class PersonWatch {
  #state = ''
  #more: () => void = () => {}

  constructor(t: Test, service: AppService, puid: string) {
    const end = new AbortController()
    const read = async () => {
      for await (const event of service.stream({ puids: [puid], signal: end.signal })) {
        const person = event.type === 'snapshot' ? event.persons[0] : event.type === 'presence' ? event.person : null
        if (person == null || !('state' in person)) continue
        this.#state = person.state
        this.#more()
      }
    }
    void read().catch((error) => t.fail(error))
    t.teardown(() => end.abort())
  }

  /** Settles when the person is seen in this state. */
  async until(state: string): Promise<void> {
    while (this.#state !== state) {
      await new Promise<void>((resolve) => {
        this.#more = resolve
      })
    }
  }
}
