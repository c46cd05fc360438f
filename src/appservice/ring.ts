import { AppServiceError } from './error.js'
import type { Requesting, RingState } from './json.js'

/** Longest wait of one request, seconds. */
const WAIT_SECONDS_MAX = 60
const ENDED = new Set(['accepted', 'dismissed', 'missed', 'withdrawn', 'failed'])

/** A ring that was sent. */
export class Ring {
  /** As last heard of. */
  state: RingState
  readonly #service: Requesting

  /** Made by `AppService.ring`. */
  constructor(service: Requesting, state: RingState) {
    this.#service = service
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
      const wait = { path: { id: this.id }, query: { waitSeconds }, ...(signal && { signal }) }
      this.state = await this.#service.request('get', '/v1/rings/{id}', wait)
    }
    return this.state
  }

  /**
   * Stops the ring on every device. Once more does no harm.
   *
   * @throws AppServiceError `ring-ended` if it ended otherwise before; `outcome` says how.
   */
  async withdraw(): Promise<RingState> {
    this.state = await this.#service.request('delete', '/v1/rings/{id}', { path: { id: this.id } })
    return this.state
  }
}
