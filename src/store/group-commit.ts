import { performance } from 'node:perf_hooks'
import type { PilotlightError } from '../base/errors.js'
import type { Call, Calls } from './call.js'
import { isRead, refusal, writeOlder } from './calls.js'
import { Health } from './health.js'
import { isSqliteError, storeError } from './store-error.js'
import type { Tables } from './tables.js'
import { isWriteBehind, WRITE_BEHIND_ROWS } from './write-behind.js'

/** Least pause between two warnings of refused writes. */
const WARNING_PAUSE_MS = 60_000

/** How a call ended; known only after its commit. */
export type Outcome = { value: unknown } | { error: PilotlightError }

/**
 * Runs calls that wait together in one transaction: one sync of the disk for all of them. A call that fails undoes only
 * itself. If the transaction as a whole fails (disk full at the commit), each call gets one of its own, so that those
 * that still fit are done, and no other is confirmed.
 */
export class GroupCommit {
  readonly #tables: Tables
  readonly #calls: Calls
  readonly #health: Health
  readonly #run: Record<'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'rollbackTo', () => void>

  /** After a sync has failed, a later one may succeed without the bytes of the first: nothing is confirmed any more. */
  #unsynced: Error | null = null

  #warnAtMs = 0

  constructor(tables: Tables, calls: Calls, health = new Health()) {
    this.#health = health
    this.#tables = tables
    this.#calls = calls
    const statement = (sql: string): (() => void) => {
      const prepared = tables.database.prepare(sql)
      return () => void prepared.run()
    }
    this.#run = {
      begin: statement('BEGIN'),
      commit: statement('COMMIT'),
      rollback: statement('ROLLBACK'),
      savepoint: statement('SAVEPOINT one'),
      release: statement('RELEASE one'),
      rollbackTo: statement('ROLLBACK TO one'),
    }
  }

  /** Runs the calls in order. Each has an outcome at the same index, after what it wrote is on disk. */
  run(calls: readonly Call[]): Outcome[] {
    try {
      return this.#inTransaction(() => this.#all(calls))
    } catch {
      return calls.map((call) => {
        if (needsNoCommit(call)) return this.#attempt(call)
        try {
          return this.#inTransaction(() => this.#one(call))
        } catch (error) {
          return this.#failure(call, error)
        }
      })
    }
  }

  /**
   * Runs `body` in a transaction of its own, after so many rows of the write-behind. Throws what it or SQLite throws.
   */
  alone<Result>(body: () => Result, rows = Number.POSITIVE_INFINITY): Result {
    return this.#inTransaction(() => {
      this.#tables.writeBehind.write(rows)
      return body()
    })
  }

  #inTransaction<Result>(body: () => Result): Result {
    const { database, rings, writeBehind } = this.#tables
    writeBehind.begin()
    try {
      if (this.#unsynced !== null) throw this.#unsynced
      this.#run.begin()
      const result = body()
      this.#run.commit()
      return result
    } catch (error) {
      // SQLite rolls back by itself after some errors.
      if (database.inTransaction) this.#run.rollback()
      if (error instanceof Error && Reflect.get(error, 'code') === 'SQLITE_IOERR_FSYNC') this.#unsynced = error
      this.#health.failed(error)
      rings.forget()
      writeBehind.rollback()
      throw error
    }
  }

  #all(calls: readonly Call[]): Outcome[] {
    const outcomes = calls.map((call) => this.#one(call))
    // The disk is synced anyway: some rows of the write-behind go along. If they do not fit, the calls still may.
    if (!calls.every(needsNoCommit)) {
      this.#inSavepoint(
        () => this.#tables.writeBehind.write(WRITE_BEHIND_ROWS),
        () => undefined,
      )
    }
    return outcomes
  }

  #one(call: Call): Outcome {
    if (needsNoCommit(call)) return this.#attempt(call)
    return this.#inSavepoint<Outcome>(
      () => {
        writeOlder(this.#tables, call)
        return { value: this.#call(call) }
      },
      (error) => this.#failure(call, error),
    )
  }

  #attempt(call: Call): Outcome {
    try {
      return { value: this.#call(call) }
    } catch (error) {
      return this.#failure(call, error)
    }
  }

  /** What `body` gives; or, when all that it did was taken back, what `failed` gives. */
  #inSavepoint<Result>(body: () => Result, failed: (error: unknown) => Result): Result {
    const { database, rings, writeBehind } = this.#tables
    const mark = writeBehind.mark()
    this.#run.savepoint()
    try {
      const result = body()
      this.#run.release()
      return result
    } catch (error) {
      this.#health.failed(error)
      if (!database.inTransaction) throw error
      this.#run.rollbackTo()
      this.#run.release()
      rings.forget()
      writeBehind.rollback(mark)
      return failed(error)
    }
  }

  #call(call: Call): unknown {
    return (this.#calls[call.method] as (...args: readonly unknown[]) => unknown)(...call.args)
  }

  /** A reply that says "not stored" cannot say why; the operator hears it here, now and then. */
  #warn(call: Call, error: unknown): void {
    const nowMs = performance.now()
    if (nowMs < this.#warnAtMs) return
    this.#warnAtMs = nowMs + WARNING_PAUSE_MS
    this.#health.warn(error, `${call.method} was not stored`)
  }

  #failure(call: Call, error: unknown): Outcome {
    try {
      const reply = isSqliteError(error) ? refusal(this.#tables, call) : null
      if (reply !== null) {
        this.#warn(call, error)
        return { value: reply }
      }
    } catch {
      // The database cannot even be read: the first error says more.
    }
    return { error: storeError(error, call.method) }
  }
}

/** Whether a call only reads, or only adds to what waits. */
function needsNoCommit(call: Call): boolean {
  if (call.method !== 'endpoint' && call.method !== 'hub') return isRead(call)
  return isWriteBehind(call.args[0]) || isRead(call)
}
