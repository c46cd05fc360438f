/** Longest wait for an answer of an authenticator, ms. */
const ANSWER_MS = 300_000
/** Browsers that may be asked at a time; the one that was asked first gives way. */
const BROWSERS_MAX = 10_000

/** Challenges of passkeys: one for each browser, used once, in memory only. */
export class Challenges {
  readonly #open = new Map<string, { challenge: string; untilMs: number }>()
  readonly #nowMs: () => number

  /** @param nowMs monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Remembers what a browser is asked. @param browser the token of its forms. */
  put(browser: string, challenge: string): void {
    this.#open.delete(browser)
    this.#open.set(browser, { challenge, untilMs: this.#nowMs() + ANSWER_MS })
    if (this.#open.size > BROWSERS_MAX) this.#open.delete(this.#open.keys().next().value ?? '')
  }

  /** What a browser was asked, if that is not too long ago; it counts once. */
  take(browser: string): string | null {
    const asked = this.#open.get(browser)
    this.#open.delete(browser)
    return asked !== undefined && asked.untilMs > this.#nowMs() ? asked.challenge : null
  }
}
