import { chmodSync, existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { PilotlightError } from '../base/errors.js'
import { partialName, SECRET_MODE, syncFile, syncFolder, touchSecretFile } from './durable-file.js'
import { storeError } from './store-error.js'

/** Pages (4 KiB) copied between two turns of the thread: a commit waits for a few milliseconds at most. */
const PAGES_PER_STEP = 256

/**
 * Copies a database that is in use, and the key file, into one file with mode 0600. THE FILE HOLDS EVERY SECRET OF THE
 * SERVER IN THE CLEAR: keep it like the key file.
 *
 * What the server soon destroys stays out: rings in flight and outcomes that webhooks are still to tell, with the keys of
 * their hours (a backup must not keep what the server itself destroys), consents on their way for the same reason,
 * enrolment codes (a restore must not revive a used one) and sessions of persons (nor one that ended).
 *
 * @param database the open database.
 * @param file     must not exist; its folder must.
 * @param keyText  the key file's text.
 * @returns the size of the file. It exists only when it is whole.
 * @throws PilotlightError PL_BACKUP_EXISTS, PL_STORE_FOLDER, PL_STORE_FULL.
 */
export async function writeBackup(
  database: Database.Database,
  file: string,
  keyText: string,
): Promise<{ bytes: number }> {
  const partial = partialName(file)
  try {
    if (existsSync(file)) throw new PilotlightError('PL_BACKUP_EXISTS', file)
    touchSecretFile(partial)
    await database.backup(partial, { progress: () => PAGES_PER_STEP })
    finishCopy(partial, keyText)
    chmodSync(partial, SECRET_MODE)
    syncFile(partial)
    if (existsSync(file)) throw new PilotlightError('PL_BACKUP_EXISTS', file)
    renameSync(partial, file)
    syncFolder(dirname(file))
    return { bytes: statSync(file).size }
  } catch (error) {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${partial}${suffix}`, { force: true })
    throw storeError(error, file)
  }
}

function finishCopy(file: string, keyText: string): void {
  const copy = new Database(file, { fileMustExist: true, timeout: 0 })
  try {
    copy.pragma('journal_mode = DELETE') // one file, without a WAL beside it
    copy.pragma('secure_delete = ON')
    copy.transaction(() => {
      for (const table of ['rings', 'outcomes', 'hour_keys', 'grants', 'codes', 'sessions'])
        copy.prepare(`DELETE FROM ${table}`).run()
      copy.prepare('CREATE TABLE key_file (content TEXT NOT NULL) STRICT').run()
      copy.prepare('INSERT INTO key_file (content) VALUES (?)').run(keyText)
    })()
  } finally {
    copy.close()
  }
}
