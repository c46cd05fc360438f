/** What the store tells without being asked: into the log, the metrics, and `/readyz`. */
import type { StoreNotice } from '../store/health.js'
import type { ErrorMessage } from '../store/store-error.js'
import type { Log } from './log.js'

/** Counts and state for `/metrics`. */
export interface StoreNumbers {
  /** warnings by code of the registry */
  warnings: Record<string, number>
  isWritable: boolean
}

/** Keeps what the store told. */
export class StoreWatch {
  readonly numbers: StoreNumbers = { warnings: { PL_STORE_FULL: 0, PL_STORE_FAILED: 0 }, isWritable: true }
  /** called when the store cannot write any more, with why, and when it can again, with null */
  onState: (problem: string | null) => void = () => {}
  readonly #log: Log
  #problem: ErrorMessage | null = null

  constructor(log: Log) {
    this.#log = log
  }

  /** Why nothing can be stored; null if it can. */
  get problem(): string | null {
    return this.#problem?.message ?? null
  }

  /** Takes a notice of the store. */
  take(notice: StoreNotice): void {
    if (notice.kind === 'warning') {
      this.#count(notice.warning, 'warning of the store')
      return
    }
    this.#problem = notice.problem
    this.numbers.isWritable = notice.problem === null
    if (notice.problem === null) this.#log.info('the store can write again')
    else this.#count(notice.problem, 'the store cannot write')
    this.onState(this.problem)
  }

  #count({ code, message }: ErrorMessage, what: string): void {
    const { warnings } = this.numbers
    warnings[code] = (warnings[code] ?? 0) + 1
    this.#log.warn({ code, detail: message }, what)
  }
}
