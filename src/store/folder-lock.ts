import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { PilotlightError } from '../base/errors.js'
import { touchSecretFile } from './durable-file.js'
import { isSqliteError, storeError } from './store-error.js'

/** Names in the folder that belong to the lock. */
export const LOCK_FILES: readonly string[] = ['lock.db', 'lock.pid']

/** Holds a folder for one process. */
export interface FolderLock {
  release(): void
}

/**
 * Takes the folder, or says who has it. The lock is an exclusive SQLite transaction on an empty side file: SQLite knows
 * every platform's file locks, and the operating system drops them when a process dies in whatever way.
 *
 * @param folder must exist.
 * @throws PilotlightError PL_STORE_BUSY if another store holds it, PL_STORE_FOLDER if it cannot be written.
 */
export function lockFolder(folder: string): FolderLock {
  const pidFile = join(folder, 'lock.pid')
  let database: Database.Database | null = null
  try {
    const file = join(folder, 'lock.db')
    touchSecretFile(file)
    database = new Database(file, { timeout: 0 })
    database.pragma('journal_mode = MEMORY') // nothing is ever written, so no journal is needed beside it
    database.prepare('BEGIN EXCLUSIVE').run()
    writeFileSync(pidFile, `${process.pid}\n`)
  } catch (error) {
    database?.close()
    if (isSqliteError(error) && Reflect.get(error as Error, 'code') === 'SQLITE_BUSY') {
      throw new PilotlightError('PL_STORE_BUSY', `${folder}${holder(pidFile)}`)
    }
    throw storeError(error, folder)
  }
  const held = database
  return {
    release() {
      rmSync(pidFile, { force: true })
      held.close()
    },
  }
}

/** Only for the text of the error: the number may be missing, never wrong for long. */
function holder(pidFile: string): string {
  try {
    return `, process ${Number.parseInt(readFileSync(pidFile, 'utf8'), 10)}`
  } catch {
    return ''
  }
}
