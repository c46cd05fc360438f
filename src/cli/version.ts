/** The version of this package. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** As in package.json, e.g. `0.1.0`. */
export const PACKAGE_VERSION: string = readVersion()

/** `dist/cli` and `src/cli` both lie two folders below package.json. */
function readVersion(): string {
  const file = join(import.meta.dirname, '..', '..', 'package.json')
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
  return version
}
