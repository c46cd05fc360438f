/** A process of the demo: its JSON lines as they come, words to its stdin, and an end that is certain. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { cliError } from '../cli-error.js'

/** One JSON object that a process printed. */
export type Line = Record<string, unknown>

/** `dist/cli/main.js`, beside this folder. */
const MAIN = join(import.meta.dirname, '..', 'main.js')
/** Nothing in the demo takes longer, unless a step says so. */
const PATIENCE_MS = 60_000
/** A process that is asked to end gets so long. */
const END_MS = 3_000

/** All processes that live, so that every way out ends them. */
const living = new Set<Child>()

/** A `pilotlight` process. */
export class Child {
  readonly name: string
  readonly exited: Promise<number | null>
  readonly #process: ChildProcess
  readonly #lines: Line[] = []
  readonly #waiting = new Set<() => void>()
  #cursor = 0
  #errors = ''
  #ended = false

  constructor(name: string, words: string[]) {
    this.name = name
    this.#process = spawn(process.execPath, [MAIN, ...words], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: cleanEnvironment(),
    })
    living.add(this)
    this.#process.stdin?.on('error', () => {})
    this.#process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-2000)
    })
    if (this.#process.stdout !== null) createInterface(this.#process.stdout).on('line', (line) => this.#take(line))
    this.exited = new Promise((resolve) => {
      this.#process.once('close', (code) => {
        living.delete(this)
        this.#ended = true
        this.#wake()
        resolve(code)
      })
    })
  }

  /** Types a line. */
  type(words: string): void {
    this.#process.stdin?.write(`${words}\n`)
  }

  /** What was printed so far is not looked at by the next `next`. */
  skip(): void {
    this.#cursor = this.#lines.length
  }

  /**
   * The next line for which `matches` holds, after the last one that was taken so.
   *
   * @param what what is waited for, for the message of the timeout.
   */
  async next(what: string, matches: (line: Line) => boolean, patienceMs = PATIENCE_MS): Promise<Line> {
    const untilMs = performance.now() + patienceMs
    for (let at = this.#cursor; ; at++) {
      while (at >= this.#lines.length) await this.#more(what, untilMs - performance.now())
      const line = this.#lines[at]
      if (line !== undefined && matches(line)) {
        this.#cursor = at + 1
        return line
      }
    }
  }

  /** All lines for which `matches` holds. */
  all(matches: (line: Line) => boolean): Line[] {
    return this.#lines.filter(matches)
  }

  /** SIGTERM, then SIGKILL. */
  async end(): Promise<void> {
    this.#process.kill('SIGTERM')
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), END_MS)
    await this.exited
    clearTimeout(timer)
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.exited
  }

  /** At once, on the way out. */
  killNow(): void {
    this.#process.kill('SIGKILL')
  }

  #take(text: string): void {
    try {
      this.#lines.push(JSON.parse(text) as Line)
    } catch {
      this.#errors = (this.#errors + text).slice(-2000)
    }
    this.#wake()
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  async #more(what: string, leftMs: number): Promise<void> {
    const said = this.#errors.trim()
    const quoted = said === '' ? '' : `; it said: ${said.split('\n').at(-1)}`
    if (this.#ended) throw cliError('PL_DEMO_FAILED', `${this.name} ended before ${what}${quoted}`)
    if (leftMs <= 0) throw cliError('PL_DEMO_FAILED', `${this.name}: waited in vain for ${what}${quoted}`)
    await new Promise<void>((resolve) => {
      const timer = leftMs === Infinity ? undefined : setTimeout(resolve, leftMs)
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      this.#waiting.add(wake)
    })
  }
}

/** Kills everything that still lives. */
export function killAll(): void {
  for (const child of living) child.killNow()
}

/** Runs a command to its end and gives what it printed. */
export async function runCommand(words: string[]): Promise<Line> {
  const child = new Child(`pilotlight ${words[0]} ${words[1] ?? ''}`.trim(), words)
  const line = await child.next('its result', () => true)
  await child.exited
  return line
}

/** The caller's PILOTLIGHT_* settings are none of the demo's, but for the primitives. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = (name: string) => !name.startsWith('PILOTLIGHT_') || name === 'PILOTLIGHT_CRYPTO'
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => kept(name)))
}
