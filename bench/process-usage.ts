/** What the kernel counts of a process: CPU time, of any process by its number. */
import { readdirSync, readFileSync } from 'node:fs'

/** Whether this kernel tells CPU times by `/proc`; elsewhere they are null and shown as not known. */
export function hasUsage(): boolean {
  return cpuMicros(process.pid) !== null
}

/**
 * CPU time of each thread of a process so far, us, by the kernel's number of the thread.
 *
 * @returns null if there is no such process, or no /proc.
 */
export function threadCpuMicros(pid: number): Map<number, number> | null {
  try {
    return new Map(readdirSync(`/proc/${pid}/task`).map((thread) => [Number(thread), cpuOf(pid, thread)]))
  } catch {
    return null
  }
}

/**
 * User and system time of a process so far, of all its threads, in microseconds. Threads that have ended are missing;
 * the difference of two readings is right where none ended between them.
 *
 * @returns null if there is no such process, or no /proc.
 */
export function cpuMicros(pid: number): number | null {
  const threads = threadCpuMicros(pid)
  return threads === null ? null : [...threads.values()].reduce((sum, micros) => sum + micros, 0)
}

function cpuOf(pid: number, thread: string): number {
  return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]) / 1000
}
