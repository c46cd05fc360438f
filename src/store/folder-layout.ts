import { join } from 'node:path'

/** The database of a store's folder. */
export function databaseFile(folder: string): string {
  return join(folder, 'pilotlight.db')
}

/** Where the key file is unless the operator keeps it elsewhere. */
export function defaultKeyFile(folder: string): string {
  return join(folder, 'keys.json')
}

/** A backup that is about to replace the database: once this name exists, the restore has happened. */
export function restoredFile(folder: string): string {
  return join(folder, 'restored.db')
}
