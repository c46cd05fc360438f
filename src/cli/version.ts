/** The folder and the version of this package. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The first folder upwards that has a package.json: compiled code is not always as deep as its source. */
export const PACKAGE_ROOT: string = packageRoot(import.meta.dirname)

/** As in package.json, e.g. `0.1.0`. */
export const PACKAGE_VERSION: string = readVersion()

function packageRoot(from: string): string {
  let folder = from
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${from}`)
    folder = dirname(folder)
  }
  return folder
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string }
  return version
}
