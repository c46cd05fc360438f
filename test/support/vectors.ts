import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './root.js'

/** `../shared/vectors` beside the repository's root. */
const DEFAULT_FOLDER = join(ROOT, '../shared/vectors')

/** Reason to give `t.test(name, { skip })` when `loadVectors` found nothing. */
export const VECTORS_MISSING = 'third-party vectors not found'

/**
 * Reads a file of third-party test vectors (see test/vectors/README.md).
 *
 * @param name file name, for example `wycheproof-x25519.json`.
 * @returns the parsed JSON, or null if the file is not in the default folder; a test must then be
 *   reported as skipped, never as passed.
 * @throws Error if the variable PILOTLIGHT_VECTORS names a folder and the file is not in it.
 */
export function loadVectors(name: string): unknown | null {
  const folder = process.env['PILOTLIGHT_VECTORS']
  const path = join(folder ?? DEFAULT_FOLDER, name)
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'))
  if (folder !== undefined) throw new Error(`PILOTLIGHT_VECTORS is set, but ${path} is missing`)
  return null
}
