import { AppServiceError } from './error.js'
import type { RingState } from './json.js'

/** How a ring reaches the server. */
export type RingCall = (method: 'GET' | 'DELETE', path: string, signal?: AbortSignal) => Promise<unknown>

/** Longest wait of one request, seconds. */
const WAIT_SECONDS_MAX = 60
const ENDED = new Set(['accepted', 'dismissed', 'missed', 'withdrawn', 'failed'])

/** A ring that was sent. */
export class Ring {
  /** As last heard of. */
  state: RingState
  readonly #call: RingCall

  /** Made by `AppService.ring`. */
  constructor(call: RingCall, state: RingState) {
    this.#call = call
    this.state = state
  }

  /** 32 hex digits. */
  get id(): string {
    return this.state.id
  }

  /**
   * Waits for the final state: accepted, dismissed, missed, withdrawn or failed.
   *
   * @param options `timeoutMs`: how long at most. Default: until 10 s after the deadline.
   * @throws AppServiceError `timeout` if it has not ended by then.
   */
  async outcome(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<RingState> {
    const { timeoutMs = Date.parse(this.state.deadlineAt) - Date.parse(this.state.createdAt) + 10_000, signal } =
      options
    const endMs = performance.now() + timeoutMs
    while (!ENDED.has(this.state.state)) {
      const leftMs = endMs - performance.now()
      if (leftMs <= 0) throw new AppServiceError('timeout', 'The ring has not ended yet.')
      const waitSeconds = Math.min(WAIT_SECONDS_MAX, Math.ceil(leftMs / 1000))
      this.state = (await this.#call('GET', `/v1/rings/${this.id}?waitSeconds=${waitSeconds}`, signal)) as RingState
    }
    return this.state
  }

  /**
   * Stops the ring on every device.
   *
   * @throws AppServiceError `ring-ended` if it ended before.
   */
  async withdraw(): Promise<RingState> {
    this.state = (await this.#call('DELETE', `/v1/rings/${this.id}`)) as RingState
    return this.state
  }
}
