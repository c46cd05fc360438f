/** `device run`: a phone until it is told to end, by a person at a terminal, by words on stdin, or by its socket. */
import { createInterface } from 'node:readline'
import { asCliError, type CliError } from '../cli-error.js'
import { openServedPhone, type ServedPhone, type ServedPhoneOptions, Subscribers } from './daemon.js'
import { runOnRing } from './on-ring.js'
import { jsonOutlet, lineOutlet, type Outlet, terminalOutlet } from './outlet.js'
import type { PhoneEvent } from './phone-event.js'
import { type Deed, deedOf, parseLine, wordOfKey, wordsHelp } from './words.js'

/** How `device run` was called. */
export interface RunOptions extends ServedPhoneOptions {
  json: boolean
  daemon: boolean
  /** '' for none */
  onRing: string
}

/** Methods whose result is for who asked; what others do is told as an event anyway. */
const QUESTIONS = new Set(['apps', 'missed', 'status'])

/** Ctrl-C in raw mode. */
const CTRL_C = '\u0003'

/** Arrows and the like: ECMA-48 §5.4 (CSI), §8.3.143 (SS3). The Escape key alone is none. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what they begin with
const ESCAPE_SEQUENCES = /\u001b[[O][0-9;?]*[@-~]/g

/** Runs until the end; settles when the server knows that the device is gone. @throws CliError, DeviceError. */
export async function runPhone(options: RunOptions): Promise<void> {
  const run = new PhoneRun(options)
  await run.open()
  try {
    await run.untilEnd()
  } finally {
    await run.close()
  }
}

class PhoneRun {
  readonly #options: RunOptions
  readonly #outlet: Outlet
  readonly #isTerminal: boolean
  #served: ServedPhone | null = null
  readonly #subscribers = new Subscribers()
  /** why it cannot go on */
  #failure: CliError | null = null
  #end: () => void = () => {}
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve
  })

  constructor(options: RunOptions) {
    const write = (text: string) => void process.stdout.write(text)
    this.#options = options
    this.#isTerminal = !options.daemon && !options.json && process.stdin.isTTY === true && process.stdout.isTTY === true
    if (options.json) this.#outlet = jsonOutlet(write)
    else if (this.#isTerminal) this.#outlet = terminalOutlet(write, () => fitted(this.#statusLine()))
    else this.#outlet = lineOutlet(write)
  }

  async open(): Promise<void> {
    this.#served = await openServedPhone(this.#options, this.#subscribers, (event) => this.#tell(event))
    process.once('SIGTERM', () => this.#end())
    process.once('SIGINT', () => this.#end())
    if (this.#isTerminal) this.#readKeys()
    else if (!this.#options.daemon) this.#readLines()
  }

  async untilEnd(): Promise<void> {
    await this.#ended
    if (this.#failure !== null) throw this.#failure
  }

  async close(): Promise<void> {
    process.stdin.pause()
    if (this.#isTerminal) process.stdin.setRawMode(false)
    if (this.#served === null) return
    await this.#served.close()
    this.#outlet.end({ event: 'counters', counters: this.#served.phone.counters() })
  }

  #tell(event: PhoneEvent): void {
    this.#outlet.show(event)
    this.#subscribers.tell(event)
    if (event.event === 'ring' && this.#options.onRing !== '') this.#runCommand(event)
    if (event['willRetry'] === false) {
      this.#failure = asCliError(Object.assign(new Error(String(event['message'])), { code: event['code'] }))
      this.#end()
    }
  }

  #runCommand(event: PhoneEvent): void {
    const text = (name: string) => String(event[name])
    const [ring, app, title, body, url] = ['ring', 'app', 'title', 'body', 'url'].map(text) as [
      string,
      string,
      string,
      string,
      string,
    ]
    const untilMs = Date.now() + Number(event['remainingMs'])
    runOnRing(this.#options.onRing, { ring, app, title, body, url, untilMs }, (why) =>
      this.#tell({ event: 'on-ring-failed', ring, message: why }),
    )
  }

  /** Single keys, but for those that need an application. */
  #readKeys(): void {
    process.stdin.setRawMode(true)
    process.stdin.setEncoding('utf8')
    this.#outlet.lines(['? shows the keys.'])
    process.stdin.on('data', (keys: string) => {
      for (const key of keys.replace(ESCAPE_SEQUENCES, '')) this.#pressed(key)
    })
    process.once('SIGHUP', () => this.#end()) // the window was closed
    process.stdin.resume()
  }

  /** What is typed after a key that needs more, or null. */
  #typed: { key: string; text: string } | null = null

  #pressed(key: string): void {
    if (key === CTRL_C) {
      this.#end()
      return
    }
    const typed = this.#typed
    const word = wordOfKey(typed?.key ?? key)
    if (typed === null) {
      if (word?.needed === true) this.#typed = { key, text: '' }
      else if (word !== null) this.#try(() => deedOf(word, ''))
    } else if (key === '\r' || key === '\n') {
      this.#typed = null
      if (word !== null) this.#try(() => deedOf(word, typed.text.trim()))
    } else if (key === '\u007f' || key === '\b') typed.text = typed.text.slice(0, -1)
    else if (key === '\u001b') this.#typed = null
    else if (key >= ' ') typed.text += key
    this.#outlet.refresh()
  }

  #readLines(): void {
    const lines = createInterface(process.stdin)
    lines.on('line', (line) => this.#try(() => parseLine(line)))
    lines.on('close', () => this.#end())
  }

  #try(read: () => Deed | null): void {
    try {
      const deed = read()
      if (deed !== null) void this.#do(deed)
    } catch (error) {
      this.#showError(error)
    }
  }

  async #do({ method, params }: Deed): Promise<void> {
    if (method === 'quit') return this.#end()
    if (method === 'help') return this.#outlet.lines(wordsHelp())
    try {
      const result = await this.#served?.phone.methods()[method]?.(params)
      if (QUESTIONS.has(method)) this.#outlet.show(result as PhoneEvent)
    } catch (error) {
      this.#showError(error)
    }
    this.#outlet.refresh()
  }

  #showError(error: unknown): void {
    const { code, message, hint } = asCliError(error)
    this.#outlet.show({ event: 'error', code, message: hint === '' ? message : `${message}. ${hint}` })
  }

  #statusLine(): string {
    if (this.#served === null) return 'connecting'
    const { phone } = this.#served
    if (this.#typed !== null) return `application to ${wordOfKey(this.#typed.key)?.word}: ${this.#typed.text}`
    const contact = phone.device.isOnline ? 'online' : 'no contact, trying'
    const rings = phone.ringing === 0 ? '' : ` | ${phone.ringing} ringing: y accepts, n dismisses`
    const { datagramsOut, bytesOut, datagramsIn, bytesIn } = phone.counters()
    return `[${contact} | ${phone.state} | ${phone.choice} | sent ${datagramsOut}/${bytesOut} B, received ${datagramsIn}/${bytesIn} B${rings}] `
  }
}

/** A line that wraps could not be cleared. */
function fitted(line: string): string {
  return line.slice(0, Math.max(20, (process.stdout.columns ?? 80) - 1))
}
