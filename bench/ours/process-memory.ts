/** What the kernel knows of memory and limits. Linux only; null where it cannot be read. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Memory of a process, bytes. */
export interface MemoryFacts {
  /** resident, as smaps_rollup adds it up */
  rssBytes: number
  /** resident and not of a file */
  anonymousBytes: number
}

/** Resident memory of a process. */
export function memoryOf(pid: number): MemoryFacts | null {
  const rollup = textOf(`/proc/${pid}/smaps_rollup`)
  if (rollup !== null) return { rssBytes: kilobytes(rollup, 'Rss'), anonymousBytes: kilobytes(rollup, 'Anonymous') }
  const status = textOf(`/proc/${pid}/status`)
  if (status === null) return null
  return { rssBytes: kilobytes(status, 'VmRSS'), anonymousBytes: kilobytes(status, 'RssAnon') }
}

/**
 * The most resident memory that a process had since `forgetPeak`, or since its start where that was refused, bytes.
 *
 * @returns null where the kernel does not tell.
 */
export function peakRssOf(pid: number): number | null {
  const status = textOf(`/proc/${pid}/status`)
  return status === null ? null : kilobytes(status, 'VmHWM')
}

/** Lets the peak begin anew: the kernel's `clear_refs`, 5. */
export function forgetPeak(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // Then it is that since the start, which is no less.
  }
}

/** Open-file limit of a process. */
export function openFilesOf(pid: number): number | null {
  const found = /^Max open files +(\d+)/m.exec(textOf(`/proc/${pid}/limits`) ?? '')
  return found === null ? null : Number(found[1])
}

/** Memory that the kernel holds in all for its own objects, bytes: Slab of /proc/meminfo. */
export function slabBytes(): number | null {
  const meminfo = textOf('/proc/meminfo')
  return meminfo === null ? null : kilobytes(meminfo, 'Slab')
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
}

function textOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
