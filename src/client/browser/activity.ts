/** Whether the person uses this computer: by the Idle Detection API where it was granted, else by what reaches the page. */

/** Without a key, a click or a touch for this long the person does not use the page, ms. */
const IDLE_AFTER_MS = 60_000
/** Input is counted at most this often, ms. */
const EVERY_MS = 5_000

/** WICG Idle Detection; not in TypeScript's DOM library. */
interface IdleDetector extends EventTarget {
  readonly userState: 'active' | 'idle' | null
  readonly screenState: 'locked' | 'unlocked' | null
  start(options: { threshold: number; signal: AbortSignal }): Promise<void>
}
type IdleDetectorClass = (new () => IdleDetector) & { requestPermission(): Promise<'granted' | 'denied'> }

const INPUTS = ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'focus'] as const

/** What tells of activity in the page. */
export interface ActivityOptions {
  /** told at once, and at each change; ends of activity come late by a minute */
  onChange(state: 'active' | 'idle'): void
  setTimer(ms: number, run: () => void): () => void
  /** told of input in this page, at most every 5 s, where the page alone is watched */
  onInput?(): void
}

/** Watches one page. */
export class Activity {
  readonly #options: ActivityOptions
  readonly #end = new AbortController()
  #state: 'active' | 'idle' | null = null
  #lastMs = -Infinity
  #cancel: (() => void) | null = null
  #isDetected = false

  constructor(options: ActivityOptions) {
    this.#options = options
    const { signal } = this.#end
    for (const name of INPUTS) {
      addEventListener(name, () => this.#input(), { capture: true, passive: true, signal })
    }
    document.addEventListener('visibilitychange', () => this.#input(), { signal })
    if (document.visibilityState === 'visible') this.used()
    else this.#change('idle')
    void this.#detect()
  }

  /** Somebody uses the computer: here, or in another tab of ours. */
  used(): void {
    if (this.#isDetected) return
    this.#change('active')
    this.#cancel?.()
    this.#cancel = this.#options.setTimer(IDLE_AFTER_MS, () => this.#change('idle'))
  }

  /** Whether asking could gain anything. */
  get canAsk(): boolean {
    return idleDetector() !== null && !this.#isDetected
  }

  /** Asks the person to let this page see whether the computer is used; call it from a click. @returns whether it may. */
  async ask(): Promise<boolean> {
    const isGranted =
      (await idleDetector()
        ?.requestPermission()
        .catch(() => 'denied')) === 'granted'
    if (isGranted) await this.#detect()
    return isGranted
  }

  close(): void {
    this.#end.abort()
    this.#cancel?.()
  }

  #input(): void {
    const nowMs = performance.now()
    if (document.visibilityState !== 'visible' || nowMs - this.#lastMs < EVERY_MS) return
    this.#lastMs = nowMs
    this.used()
    this.#options.onInput?.()
  }

  async #detect(): Promise<void> {
    const Detector = idleDetector()
    if (Detector === null || this.#isDetected || !(await isGranted())) return
    try {
      const detector = new Detector()
      detector.addEventListener('change', () => {
        const isIdle = detector.userState === 'idle' || detector.screenState === 'locked'
        this.#change(isIdle ? 'idle' : 'active')
      })
      await detector.start({ threshold: IDLE_AFTER_MS, signal: this.#end.signal })
      this.#isDetected = true
      this.#cancel?.()
    } catch {
      // Refused by policy: the page's own input has to do.
    }
  }

  #change(state: 'active' | 'idle'): void {
    if (state === this.#state || this.#end.signal.aborted) return
    this.#state = state
    this.#options.onChange(state)
  }
}

function idleDetector(): IdleDetectorClass | null {
  return (globalThis as { IdleDetector?: IdleDetectorClass }).IdleDetector ?? null
}

async function isGranted(): Promise<boolean> {
  try {
    const { state } = await navigator.permissions.query({ name: 'idle-detection' as PermissionName })
    return state === 'granted'
  } catch {
    return false
  }
}
