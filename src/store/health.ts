import type { ErrorCode, PilotlightError } from '../base/errors.js'
import { type ErrorMessage, errorMessage, isDiskError, storeError } from './store-error.js'

/** What the store tells without being asked, for the operator. */
export type StoreNotice =
  /** something nobody waits for went wrong */
  | { kind: 'warning'; warning: ErrorMessage }
  /** from now on nothing can be stored, or (null) it can again */
  | { kind: 'state'; problem: ErrorMessage | null }

/**
 * Whether the store can write. A commit that the disk refuses says no; only a look at the disk (`recovered`) says yes
 * again: small commits may still pass on a disk on which the next larger one fails.
 */
export class Health {
  readonly #tell: (notice: StoreNotice) => void
  #problem: ErrorCode | null = null

  /** @param tell called with each notice. */
  constructor(tell: (notice: StoreNotice) => void = () => {}) {
    this.#tell = tell
  }

  /** Whether the last that is known is that nothing can be stored. */
  get isFailing(): boolean {
    return this.#problem !== null
  }

  /** A commit failed. Only what the disk is to blame for counts. */
  failed(error: unknown): void {
    if (isDiskError(error)) this.fails(storeError(error))
  }

  /** Nothing can be stored. */
  fails(problem: PilotlightError): void {
    if (this.#problem === problem.code) return
    this.#problem = problem.code
    this.#tell({ kind: 'state', problem: errorMessage(problem) })
  }

  /** The disk has room, and a commit was made. */
  recovered(): void {
    if (this.#problem === null) return
    this.#problem = null
    this.#tell({ kind: 'state', problem: null })
  }

  /** Something nobody waits for went wrong. */
  warn(error: unknown, what = ''): void {
    this.#tell({ kind: 'warning', warning: errorMessage(storeError(error, what)) })
  }
}
