import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The first folder upwards that has a package.json: compiled code is not always as deep as its source. */
export function packageRoot(from: string): string {
  let folder = from
  while (!existsSync(join(folder, 'package.json'))) {
    if (dirname(folder) === folder) throw new Error(`no package.json above ${from}`)
    folder = dirname(folder)
  }
  return folder
}
