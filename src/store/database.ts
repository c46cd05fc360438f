import { statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { PilotlightError } from '../base/errors.js'
import { touchSecretFile } from './durable-file.js'
import { MIGRATIONS } from './migrations.js'
import { storeError } from './store-error.js'

/** `PRAGMA application_id` of our files: "PLLT". */
export const APPLICATION_ID = 0x50_4c_4c_54

/**
 * Page cache, KiB. What a server reads of a large store is rows of one device each, at random: more of it would not be
 * found in a larger one either, and the system keeps the file in memory as far as there is room.
 */
const CACHE_KIB = 4096

/**
 * Opens the database, makes it if there is none, and brings its schema up to date.
 *
 * A commit is on disk when it returns: WAL with synchronous=FULL. Deleted bytes are overwritten (secure_delete). The
 * file stays locked for this connection, so WAL needs no shared memory file. Checkpoints are the caller's
 * (`truncateWal`), because SQLite's own leave old bytes in the WAL.
 *
 * @param file its folder must exist.
 * @throws PilotlightError PL_STORE_NEWER, PL_STORE_NOT_DATABASE, PL_STORE_DAMAGED, PL_STORE_FOLDER, PL_STORE_FULL.
 */
export function openDatabase(file: string): Database.Database {
  let database: Database.Database | null = null
  try {
    touchSecretFile(file)
    database = new Database(file, { timeout: 0 })
    expectOurs(database, file)
    database.pragma('locking_mode = EXCLUSIVE')
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    database.pragma('secure_delete = ON')
    database.pragma('wal_autocheckpoint = 0')
    database.pragma('temp_store = MEMORY')
    database.pragma(`cache_size = ${-CACHE_KIB}`)
    database.pragma('trusted_schema = OFF')
    migrate(database)
    return database
  } catch (error) {
    database?.close()
    throw storeError(error, file)
  }
}

/**
 * Checks that a database is one of ours and not from a later version; an empty file will do.
 *
 * @throws PilotlightError PL_STORE_NEWER, PL_STORE_NOT_DATABASE; or SQLite's own error.
 */
export function expectOurs(database: Database.Database, file: string): void {
  const application = database.pragma('application_id', { simple: true })
  const tables = database.prepare('SELECT count(*) FROM sqlite_schema').pluck().get() as number
  if (application !== APPLICATION_ID && (application !== 0 || tables > 0)) {
    throw new PilotlightError('PL_STORE_NOT_DATABASE', `${file} belongs to another program`)
  }
  const version = schemaVersion(database)
  if (version > MIGRATIONS.length) {
    throw new PilotlightError('PL_STORE_NEWER', `${file} has schema ${version}, this program ${MIGRATIONS.length}`)
  }
}

/** Steps of `MIGRATIONS` that the database has had. */
export function schemaVersion(database: Database.Database): number {
  return database.pragma('user_version', { simple: true }) as number
}

/**
 * Moves the WAL into the database and cuts it to nothing, so that no deleted byte stays in it.
 *
 * @returns false if a reader (a backup) is in the way: try again later.
 */
export function truncateWal(database: Database.Database): boolean {
  const [result] = database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[]
  return result?.busy === 0
}

/** Bytes of the WAL, 0 if there is none. */
export function walBytes(database: Database.Database): number {
  return statSync(`${database.name}-wal`, { throwIfNoEntry: false })?.size ?? 0
}

function migrate(database: Database.Database): void {
  if (schemaVersion(database) === 0) database.pragma(`application_id = ${APPLICATION_ID}`)
  for (let step = schemaVersion(database); step < MIGRATIONS.length; step++) {
    database.transaction(() => {
      database.exec(MIGRATIONS[step] as string)
      database.pragma(`user_version = ${step + 1}`)
    })()
  }
}
