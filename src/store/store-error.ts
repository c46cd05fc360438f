import { type ErrorCode, PilotlightError } from '../base/errors.js'

/** An error as it crosses from the store's thread: structured clone would lose its class and code. */
export interface ErrorMessage {
  code: ErrorCode
  message: string
}

/** SQLite's primary result codes that have a row of their own in the registry. */
const CODE_OF_SQLITE: Readonly<Record<string, ErrorCode>> = {
  SQLITE_FULL: 'PL_STORE_FULL',
  SQLITE_BUSY: 'PL_STORE_BUSY',
  SQLITE_LOCKED: 'PL_STORE_BUSY',
  SQLITE_CORRUPT: 'PL_STORE_DAMAGED',
  SQLITE_NOTADB: 'PL_STORE_NOT_DATABASE',
  SQLITE_CANTOPEN: 'PL_STORE_FOLDER',
  SQLITE_READONLY: 'PL_STORE_FOLDER',
  SQLITE_PERM: 'PL_STORE_FOLDER',
}

/** Codes of the operating system that have a row of their own. */
const CODE_OF_SYSTEM: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'PL_STORE_FULL',
  EDQUOT: 'PL_STORE_FULL',
  EACCES: 'PL_STORE_FOLDER',
  EPERM: 'PL_STORE_FOLDER',
  EROFS: 'PL_STORE_FOLDER',
  ENOTDIR: 'PL_STORE_FOLDER',
  EEXIST: 'PL_STORE_FOLDER',
  EISDIR: 'PL_STORE_FOLDER',
  ENOENT: 'PL_STORE_FOLDER',
}

/** Whether SQLite said no, as opposed to a mistake in our code or in an argument. */
export function isSqliteError(error: unknown): boolean {
  return error instanceof Error && String(Reflect.get(error, 'code')).startsWith('SQLITE_')
}

/** Whether the disk or the file is at fault, so that the same write may work later. */
export function isDiskError(error: unknown): boolean {
  const code = error instanceof Error ? String(Reflect.get(error, 'code')) : ''
  return /^SQLITE_(FULL|IOERR|NOMEM|READONLY|CANTOPEN|BUSY|CORRUPT)/.test(code)
}

/**
 * Anything thrown in the store as an error of the registry.
 *
 * @param error what was thrown; a PilotlightError stays as it is.
 * @param where the file or the call, for the text; '' leaves it out.
 */
export function storeError(error: unknown, where = ''): PilotlightError {
  if (error instanceof PilotlightError) return error
  const name = error instanceof Error ? String(Reflect.get(error, 'code')) : ''
  const primary = name.split('_').slice(0, 2).join('_')
  const code = CODE_OF_SQLITE[primary] ?? CODE_OF_SYSTEM[name] ?? 'PL_STORE_FAILED'
  const text = error instanceof Error ? error.message : String(error)
  return new PilotlightError(code, where === '' ? text : `${where}: ${text}`)
}

/** An error as a plain record for `postMessage`. */
export function errorMessage(error: PilotlightError): ErrorMessage {
  return { code: error.code, message: error.message }
}

/** The error that `errorMessage` described. */
export function errorOf(record: ErrorMessage): PilotlightError {
  const error = new PilotlightError(record.code)
  error.message = record.message
  return error
}
