import { readFileSync } from 'node:fs'

const TABLES = ['/proc/net/udp', '/proc/net/udp6']

/**
 * Datagrams that the kernel dropped because the socket bound to this port did not read in time, so far.
 *
 * @returns null where the kernel does not tell.
 */
export function udpDrops(port: number): number | null {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let drops: number | null = null
  for (const table of TABLES) {
    for (const line of linesOf(table)) {
      const columns = line.trim().split(/\s+/)
      if (columns[1]?.endsWith(suffix) === true) drops = (drops ?? 0) + Number(columns.at(-1))
    }
  }
  return drops
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(1)
  } catch {
    return []
  }
}
