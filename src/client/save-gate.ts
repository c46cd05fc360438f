import type { AfterSave } from './outlet.js'

/** One state to be stored. Only one is on its way at a time. */
export interface SaveRequest {
  /** Counts from 1; hand it back to `handleSaved` when `bytes` are durable. */
  readonly request: number
  /** The whole stored form of the device; it holds keys in the clear. */
  readonly bytes: Uint8Array
}

/**
 * Orders saving and what waits for it. What a part hands over with a change runs when a save that began after the
 * change is durable; so a crash between the two finds either the old state, with nothing done on the new one, or the new.
 */
export class SaveGate {
  readonly #write: () => Uint8Array
  #isDirty = false
  #waiting: AfterSave[] = []
  #inFlight: { request: number; after: AfterSave[] } | null = null
  #count = 0

  /** @param write makes the stored form as it is now. */
  constructor(write: () => Uint8Array) {
    this.#write = write
  }

  /** The stored form changed; `then` waits for it. */
  want(then: AfterSave | null): void {
    this.#isDirty = true
    if (then !== null) this.#waiting.push(then)
  }

  /** The next state to store, or null: nothing changed, or one is on its way. */
  poll(): SaveRequest | null {
    if (!this.#isDirty || this.#inFlight !== null) return null
    this.#isDirty = false
    this.#inFlight = { request: ++this.#count, after: this.#waiting }
    this.#waiting = []
    return { request: this.#count, bytes: this.#write() }
  }

  /** What waited for this request, in order; empty for one that is not on its way. */
  handleSaved(request: SaveRequest): AfterSave[] {
    if (this.#inFlight?.request !== request.request) return []
    const { after } = this.#inFlight
    this.#inFlight = null
    return after
  }

  /** The request could not be stored: what waited for it waits for the next. */
  handleSaveFailed(request: SaveRequest): void {
    if (this.#inFlight?.request !== request.request) return
    this.#waiting = [...this.#inFlight.after, ...this.#waiting]
    this.#inFlight = null
    this.#isDirty = true
  }
}
