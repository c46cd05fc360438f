import { accessSync, chmodSync, constants, copyFileSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { PilotlightError } from '../base/errors.js'
import { expectOurs, schemaVersion } from './database.js'
import { makeFolder, partialName, removePartials, SECRET_MODE, syncFile, syncFolder } from './durable-file.js'
import { databaseFile, defaultKeyFile, restoredFile } from './folder-layout.js'
import { LOCK_FILES, lockFolder } from './folder-lock.js'
import { parseKeyFile, writeKeyFile } from './key-file.js'
import { storeError } from './store-error.js'

/**
 * How many row numbers a restore skips. Accounts made after the backup was taken are unknown to it, but applications may
 * know PUIDs made of their numbers; no new account may get one of those.
 */
const KEYS_SKIPPED = 2 ** 20

/** What to restore, and where. */
export interface RestoreOptions {
  /** what `Store.backup` wrote; stays as it is */
  file: string
  /** made with mode 0700 if it is missing */
  folder: string
  /** default: `keys.json` in the folder */
  keyFile?: string
  /** replace what the folder holds */
  force?: boolean
}

/**
 * Puts a backup into a folder that no server uses. All or nothing: after a crash the next start has the old store or
 * the restored one. The server's next boot seconds are above those of the backup and of the store it replaces.
 *
 * @throws PilotlightError PL_BACKUP_INVALID, PL_STORE_NEWER, PL_STORE_BUSY, PL_RESTORE_NOT_EMPTY, PL_STORE_FOLDER,
 *   PL_STORE_FULL.
 */
export async function restore(options: RestoreOptions): Promise<void> {
  const { file, folder, keyFile = defaultKeyFile(folder), force = false } = options
  expectBackup(file)
  makeFolder(folder)
  const lock = lockFolder(folder)
  try {
    removePartials(folder)
    const held = readdirSync(folder).filter((name) => !LOCK_FILES.includes(name))
    if ((held.length > 0 || existsSync(keyFile)) && !force) {
      throw new PilotlightError('PL_RESTORE_NOT_EMPTY', folder)
    }
    accessSync(dirname(keyFile), constants.W_OK)
    finishRestore(folder, keyFile) // one that was cut off
    stage(file, folder)
    finishRestore(folder, keyFile)
  } catch (error) {
    throw storeError(error, folder)
  } finally {
    lock.release()
  }
}

/**
 * Goes on with a restore from the moment it was decided, as often as it takes; nothing if there is none. The caller
 * holds the folder.
 */
export function finishRestore(folder: string, keyFile: string): void {
  const restored = restoredFile(folder)
  if (!existsSync(restored)) return
  const backup = new Database(restored, { fileMustExist: true, timeout: 0 })
  let text: string | undefined
  try {
    text = readKeyText(backup)
  } finally {
    backup.close()
  }
  if (text !== undefined) writeKeyFile(keyFile, parseKeyFile(text, restored))
  const target = databaseFile(folder)
  // Only a copy may lose its key: the name `restored.db` stays until the key is durable elsewhere.
  for (const suffix of ['-wal', '-shm', '-journal']) rmSync(`${target}${suffix}`, { force: true })
  dropKeyText(restored)
  renameSync(restored, target)
  syncFolder(folder)
}

/** Makes `restored.db`, whole and synced; from its rename on, the restore has happened. */
function stage(file: string, folder: string): void {
  const partial = partialName(restoredFile(folder))
  try {
    copyFileSync(file, partial, constants.COPYFILE_EXCL)
    chmodSync(partial, SECRET_MODE)
    const copy = new Database(partial, { fileMustExist: true, timeout: 0 })
    try {
      copy.transaction(() => {
        copy
          .prepare('UPDATE meta SET boot_seconds = max(boot_seconds, ?), clock_seconds = max(clock_seconds, ?)')
          .run(...secondsOf(folder))
        skipKeys(copy, 'accounts')
        skipKeys(copy, 'apps')
      })()
    } finally {
      copy.close()
    }
    syncFile(partial)
    renameSync(partial, restoredFile(folder))
    syncFolder(folder)
  } catch (error) {
    for (const suffix of ['', '-journal']) rmSync(`${partial}${suffix}`, { force: true })
    throw error
  }
}

function skipKeys(database: Database.Database, table: string): void {
  const { changes } = database
    .prepare('UPDATE sqlite_sequence SET seq = seq + ? WHERE name = ?')
    .run(KEYS_SKIPPED, table)
  if (changes > 0) return // else the table never had a row
  database.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)').run(table, KEYS_SKIPPED)
}

/** Boot seconds and clock seconds of the store that is being replaced; 0 if there is none or it cannot be read any more. */
function secondsOf(folder: string): [number, number] {
  const file = databaseFile(folder)
  if (!existsSync(file)) return [0, 0]
  let database: Database.Database | null = null
  try {
    database = new Database(file, { fileMustExist: true, timeout: 0 })
    const row = database.prepare('SELECT boot_seconds, clock_seconds FROM meta').raw().get()
    return (row as [number, number] | undefined) ?? [0, 0]
  } catch {
    return [0, 0]
  } finally {
    database?.close()
  }
}

/** @throws PilotlightError PL_BACKUP_INVALID, PL_STORE_NEWER, PL_STORE_FOLDER. */
function expectBackup(file: string): void {
  let database: Database.Database | null = null
  try {
    if (!existsSync(file)) throw new PilotlightError('PL_STORE_FOLDER', `${file}: no such file`)
    database = new Database(file, { readonly: true, fileMustExist: true, timeout: 0 })
    expectOurs(database, file)
    const text = readKeyText(database)
    const whole = database.pragma('integrity_check', { simple: true }) === 'ok'
    if (!whole || text === undefined || schemaVersion(database) < 1)
      throw new PilotlightError('PL_BACKUP_INVALID', file)
    parseKeyFile(text, file)
  } catch (error) {
    const { code, message } = storeError(error, file)
    if (code === 'PL_STORE_NEWER' || code === 'PL_STORE_FOLDER' || code === 'PL_BACKUP_INVALID') throw error
    throw new PilotlightError('PL_BACKUP_INVALID', `${file}: ${message}`)
  } finally {
    database?.close()
  }
}

function readKeyText(database: Database.Database): string | undefined {
  const tables = database.prepare("SELECT count(*) FROM sqlite_schema WHERE name = 'key_file'").pluck().get()
  if (tables === 0) return undefined
  return database.prepare('SELECT content FROM key_file').pluck().get() as string | undefined
}

function dropKeyText(file: string): void {
  const database = new Database(file, { fileMustExist: true, timeout: 0 })
  try {
    database.pragma('secure_delete = ON')
    database.prepare('DROP TABLE IF EXISTS key_file').run()
  } finally {
    database.close()
  }
}
