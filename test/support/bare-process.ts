import { execFile, type SpawnOptions, spawn } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Words for `env` that keep the test runner's NODE_OPTIONS away: with them a process loads thrice as much. */
export function bareWords(file: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): string[] {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  return ['-u', 'NODE_OPTIONS', ...variables, file, ...words]
}

/** Starts a process as a user would. */
export function spawnBare(file: string, words: readonly string[], options: SpawnOptions, env: NodeJS.ProcessEnv = {}) {
  return spawn('env', bareWords(file, words, env), options)
}

/** Runs a process to its end. @throws what `execFile` throws. */
export function runBare(file: string, words: readonly string[], options: { cwd?: string } = {}) {
  return run('env', bareWords(file, words), { ...options, maxBuffer: 2 ** 26 })
}
