/** Rings while nobody looks: a notification of the system, where the person allowed it. */

/** Held by each tab that is looked at. */
const LOOKS_LOCK = 'pilotlight looks'

/** A ring, as a notification says it. */
export interface Alert {
  title: string
  body: string
}

export class Alerts {
  readonly #open = new Map<string, Notification>()
  #look: () => void = () => {}

  /** @param onLook told when the person comes to look at this tab. */
  constructor(onLook: () => void) {
    const changed = () => {
      this.#look()
      if (document.visibilityState !== 'visible') return
      this.#holdLook()
      this.#closeAll()
      onLook()
    }
    document.addEventListener('visibilitychange', changed)
    // A notification would outlive the page that could answer.
    addEventListener('pagehide', () => this.#closeAll())
    if (document.visibilityState === 'visible') this.#holdLook()
  }

  /** Whether asking could gain anything: browsers ask a person once. */
  static get canAsk(): boolean {
    return typeof Notification !== 'undefined' && Notification.permission === 'default'
  }

  /** Asks the person whether rings may raise notifications; call it from a click. */
  static async ask(): Promise<void> {
    await Notification.requestPermission()
  }

  /** Whether the person looks at a tab of ours: this one, or another. */
  async isSeen(): Promise<boolean> {
    const { held = [] } = await navigator.locks.query()
    return held.some(({ name }) => name === LOOKS_LOCK)
  }

  /**
   * Raises a notification for a ring; it stays until `close`.
   *
   * @returns whether the system shows it: not where the person has not allowed it, or the browser has none for pages
   *   (Chromium on Android).
   */
  raise(ring: string, { title, body }: Alert): Promise<boolean> {
    if (typeof Notification === 'undefined' || Notification.permission !== 'granted') return Promise.resolve(false)
    return new Promise((resolve) => {
      try {
        const notification = new Notification(title, { body, tag: ring, requireInteraction: true })
        notification.onshow = () => resolve(true)
        notification.onerror = () => resolve(false)
        notification.onclick = () => focus()
        this.#open.set(ring, notification)
      } catch {
        resolve(false)
      }
    })
  }

  /** The ring is over, or somebody looks at it. */
  close(ring: string): void {
    this.#open.get(ring)?.close()
    this.#open.delete(ring)
  }

  #closeAll(): void {
    for (const ring of [...this.#open.keys()]) this.close(ring)
  }

  /** Until this tab is hidden. */
  #holdLook(): void {
    const looked = new Promise<void>((resolve) => {
      this.#look = resolve
    })
    void navigator.locks.request(LOOKS_LOCK, { mode: 'shared' }, () => looked)
  }
}
