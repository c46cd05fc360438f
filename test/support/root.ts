import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The repository: the first folder upwards that has a package.json. Compiled tests are not where their data are. */
export const ROOT = findRoot(import.meta.dirname)

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : findRoot(dirname(folder))
}
