import type { ListenAddress, ToSidecar } from './message.js'
import type { SidecarOptions } from './options.js'
import { type Sidecar, type SidecarMessage, startSidecar } from './start.js'

/** Numbers of one sidecar's life; the next one starts above. */
const NUMBERS_PER_LIFE = 2 ** 32
const PAUSE_FIRST_MS = 100
const PAUSE_MAX_MS = 10_000
/** A sidecar that ran this long starts the pauses anew. */
const STEADY_MS = 60_000

/** What the main thread does for the sidecar. */
export interface SidecarHooks {
  /** A message of the sidecar that runs now. */
  onMessage(message: SidecarMessage): void
  /** The sidecar listens, for the first time or again: post `apps` and `ready`. */
  onStart(post: (message: ToSidecar) => void): void
  /** The sidecar broke: every stream and request of it is gone. Another one starts after `pauseMs`. */
  onCrash(error: Error, pauseMs: number): void
  /** Pause before start number `attempt` (1..) in a row. Default: 100 ms doubling to 10 s. */
  pauseMs?(attempt: number): number
  /** The worker's file, see `StartOptions`. */
  entry?: URL
}

/** The sidecar, whichever worker it is at the moment. */
export interface SupervisedSidecar {
  readonly addresses: readonly ListenAddress[]
  /** How often it was started again. */
  readonly restarts: number
  /** Sends without waiting; while no sidecar runs, to nobody. */
  post(message: ToSidecar): void
  /** Stops for good. */
  stop(): Promise<void>
}

/**
 * Starts the sidecar and starts it again, alone and with growing pauses, whenever it breaks.
 *
 * @throws SidecarError if the first start fails.
 */
export async function superviseSidecar(options: SidecarOptions, hooks: SidecarHooks): Promise<SupervisedSidecar> {
  const supervisor = new Supervisor(options, hooks)
  await supervisor.start()
  return supervisor
}

class Supervisor implements SupervisedSidecar {
  addresses: readonly ListenAddress[] = []
  restarts = 0
  #options: SidecarOptions
  readonly #hooks: SidecarHooks
  #lives = 0
  #attempts = 0
  #sidecar: Sidecar | null = null
  #starting: Promise<void> | null = null
  #pause: NodeJS.Timeout | null = null
  #stopped = false

  constructor(options: SidecarOptions, hooks: SidecarHooks) {
    this.#options = options
    this.#hooks = hooks
  }

  async start(): Promise<void> {
    const life = this.#lives++
    const startedMs = performance.now()
    const current = () => this.#lives === life + 1 && !this.#stopped
    const onMessage = (message: SidecarMessage) => {
      if (current()) this.#hooks.onMessage(message)
    }
    const { entry } = this.#hooks
    const firstNumber = life * NUMBERS_PER_LIFE + 1
    const sidecar = await startSidecar(this.#options, onMessage, { firstNumber, ...(entry && { entry }) })
    this.#sidecar = sidecar
    this.addresses = sidecar.addresses
    // A free port was found once; those who know it shall find the next sidecar there too.
    this.#options = { ...this.#options, port: sidecar.addresses[0]?.port ?? 0 }
    void sidecar.ended.then((error) => {
      if (error === null || this.#stopped) return
      this.#sidecar = null
      if (performance.now() - startedMs > STEADY_MS) this.#attempts = 0
      this.#again(error)
    })
    if (!this.#stopped) this.#hooks.onStart((message) => sidecar.post(message))
  }

  post(message: ToSidecar): void {
    this.#sidecar?.post(message)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#pause !== null) clearTimeout(this.#pause)
    await this.#starting
    await this.#sidecar?.stop()
    this.#sidecar = null
  }

  /** Starts another one after a pause, and again if that fails. */
  #again(error: Error): void {
    const attempt = ++this.#attempts
    const pauseMs = this.#hooks.pauseMs?.(attempt) ?? Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (attempt - 1))
    this.#hooks.onCrash(error, pauseMs)
    this.#pause = setTimeout(() => {
      this.#pause = null
      this.restarts++
      this.#starting = this.start()
        .catch((failed: Error) => {
          if (!this.#stopped) this.#again(failed)
        })
        .finally(() => {
          this.#starting = null
        })
    }, pauseMs)
  }
}
