import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Test files that run a source file, nearest first: which import it, or import what imports it.
 *
 * @param root    folder of the built code.
 * @param built   the file, from there.
 * @param folders test folders, from there; those of an earlier one come first.
 */
export function testsOf(root: string, built: string, folders: readonly string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => ({ test: join(folder, name), steps: steps(root, join(folder, name), built) }))
      .filter(({ steps }) => steps !== Infinity)
      .sort((a, b) => a.steps - b.steps)
      .map(({ test }) => test),
  )
}

/** How many imports lead from one built file to another; Infinity if none do. */
function steps(root: string, from: string, to: string): number {
  const seen = new Set([from])
  let ring = [from]
  for (let count = 0; ring.length > 0; count++) {
    if (ring.includes(to)) return count
    ring = ring.flatMap((file) => importsOf(root, file)).filter((file) => !seen.has(file) && seen.add(file))
  }
  return Infinity
}

const known = new Map<string, string[]>()

function importsOf(root: string, file: string): string[] {
  const path = join(root, file)
  const found =
    known.get(path) ??
    [...readFileSync(path, 'utf8').matchAll(/^(?:import|export)\b[^;]*?\bfrom '(\.[^']+)'/gm)].map((match) =>
      join(dirname(file), match[1] as string),
    )
  known.set(path, found)
  return found
}
