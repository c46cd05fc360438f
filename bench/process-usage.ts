/** What the kernel counts of a process: CPU time, of any process by its number. */
import { readdirSync, readFileSync } from 'node:fs'

/** Whether this kernel tells CPU times by `/proc`; elsewhere they are null and shown as not known. */
export function hasUsage(): boolean {
  return cpuMicros(process.pid) !== null
}

/**
 * User and system time of a process so far, of all its threads, in microseconds. Threads that have ended are missing;
 * the difference of two readings is right where none ended between them.
 *
 * @returns null if there is no such process, or no /proc.
 */
export function cpuMicros(pid: number): number | null {
  try {
    let nanoseconds = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
    }
    return nanoseconds / 1000
  } catch {
    return null
  }
}
