import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Runs a process to its end. @throws what `execFile` throws. */
export function runProcess(file: string, words: readonly string[], options: { cwd?: string } = {}) {
  return run(file, words, { ...options, maxBuffer: 2 ** 26 })
}
