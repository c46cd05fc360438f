/** The folder and the version of this package. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../sidecar/package-root.js'

/** The folder of this package. */
export const PACKAGE_ROOT: string = packageRoot(import.meta.dirname)

/** As in package.json, e.g. `0.1.0`. */
export const PACKAGE_VERSION: string = readVersion()

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string }
  return version
}
