import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { ROOT } from './models/load.js'

/** Where and with what a run was made. */
export interface Machine {
  cpu: string
  cores: number
  memoryBytes: number
  os: string
  node: string
  /** git commit; `-dirty` if the working copy had changes; null outside a repository */
  commit: string | null
  /** of this package and of what it depends on, as in package.json */
  packages: Record<string, string>
  startedAt: string
}

export function machineFacts(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    os: `${platform()} ${release()}`,
    node: process.version,
    commit: commit(),
    packages: packages(),
    startedAt: new Date().toISOString(),
  }
}

function commit(): string | null {
  const git = (...words: string[]) =>
    execFileSync('git', words, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  try {
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '-dirty')
  } catch {
    return null
  }
}

function packages(): Record<string, string> {
  const { name, version, dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  return { [name]: version, ...dependencies, ...devDependencies }
}
