/** What the tabs of a device say to each other. Only pages of the same origin hear it. */
import { DEVICE_ERRORS, DeviceError, type DeviceErrorCode } from '../device-error.js'
import type { CommandName, DeviceView } from './device-view.js'

/** A tab that runs nothing waits so long for the result of a command, ms: the server has to commit it. */
const RESULT_MS = 30_000

/** `tab` is the sender, `ask` counts its questions. */
type Message =
  | { kind: 'hello'; tab: string }
  | { kind: 'bye'; tab: string }
  | { kind: 'view'; tab: string; view: DeviceView }
  | { kind: 'used'; tab: string }
  | { kind: 'enrolled'; tab: string }
  | { kind: 'left'; tab: string }
  | { kind: 'ask'; tab: string; ask: number; name: CommandName; value: unknown }
  | { kind: 'result'; tab: string; to: string; ask: number; result: unknown }
  | { kind: 'failure'; tab: string; to: string; ask: number; code: string; message: string }

/** What a tab does with what it hears. */
export interface TabListener {
  onHello(): void
  onView(view: DeviceView): void
  onUsed(): void
  onEnrolled(): void
  onLeft(): void
  run(name: CommandName, value: unknown): Promise<unknown>
  isRunning(): boolean
}

interface Waiter {
  resolve(result: unknown): void
  reject(error: Error): void
}

export class TabChannel {
  readonly #tab = crypto.randomUUID()
  readonly #channel: BroadcastChannel
  readonly #listener: TabListener
  readonly #others = new Set<string>()
  readonly #asked = new Map<number, Waiter>()
  #asks = 0

  constructor(name: string, listener: TabListener) {
    this.#listener = listener
    this.#channel = new BroadcastChannel(`pilotlight ${name}`)
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#handle(data)
  }

  /** Whether other tabs wait for the device. */
  get hasOthers(): boolean {
    return this.#others.size > 0
  }

  /** This tab is there; the one that runs the device answers with its view, others with theirs. */
  hello(): void {
    this.#post({ kind: 'hello', tab: this.#tab })
  }

  view(view: DeviceView): void {
    this.#post({ kind: 'view', tab: this.#tab, view })
  }

  /** The person uses this tab. */
  used(): void {
    this.#post({ kind: 'used', tab: this.#tab })
  }

  enrolled(): void {
    this.#post({ kind: 'enrolled', tab: this.#tab })
  }

  left(): void {
    this.#post({ kind: 'left', tab: this.#tab })
  }

  /** Has the tab that runs the device do something. @throws DeviceError PL_STOPPED if none answers. */
  ask(name: CommandName, value: unknown): Promise<unknown> {
    const ask = ++this.#asks
    this.#post({ kind: 'ask', tab: this.#tab, ask, name, value })
    return new Promise((resolve, reject) => {
      this.#asked.set(ask, { resolve, reject })
      setTimeout(() => this.#asked.get(ask)?.reject(new DeviceError('PL_STOPPED')), RESULT_MS)
    }).finally(() => this.#asked.delete(ask))
  }

  close(): void {
    this.#post({ kind: 'bye', tab: this.#tab })
    this.#channel.close()
  }

  #post(message: Message): void {
    this.#channel.postMessage(message)
  }

  #handle(message: Message): void {
    switch (message.kind) {
      case 'hello':
        if (!this.#others.has(message.tab)) {
          this.#others.add(message.tab)
          this.hello() // so that it knows of us
        }
        this.#listener.onHello()
        return
      case 'bye':
        this.#others.delete(message.tab)
        return
      case 'view':
        this.#listener.onView(message.view)
        return
      case 'used':
        this.#listener.onUsed()
        return
      case 'enrolled':
        this.#listener.onEnrolled()
        return
      case 'left':
        this.#listener.onLeft()
        return
      case 'ask':
        if (this.#listener.isRunning()) void this.#answer(message)
        return
      case 'result':
        if (message.to === this.#tab) this.#asked.get(message.ask)?.resolve(message.result)
        return
      case 'failure':
        if (message.to === this.#tab) this.#asked.get(message.ask)?.reject(errorOf(message.code, message.message))
    }
  }

  async #answer({ tab: to, ask, name, value }: Message & { kind: 'ask' }): Promise<void> {
    const tab = this.#tab
    try {
      this.#post({ kind: 'result', tab, to, ask, result: await this.#listener.run(name, value) })
    } catch (error) {
      const { code = '', message = '' } = error as { code?: string; message?: string }
      this.#post({ kind: 'failure', tab, to, ask, code, message })
    }
  }
}

function errorOf(code: string, message: string): Error {
  return code in DEVICE_ERRORS ? new DeviceError(code as DeviceErrorCode) : new Error(message)
}
