/** What the kernel tells of UDP sockets, where it does: Linux. */
import { readFile } from 'node:fs/promises'

/** Linux, net/ipv4/udp.c: one row for each socket; the second column is its own address and port, the last its drops. */
const TABLES = ['/proc/self/net/udp', '/proc/self/net/udp6']

/**
 * Datagrams that the kernel dropped so far because the sockets bound to this port did not read in time: their buffers
 * were full. The count of a socket begins with it.
 *
 * @param port   of this network namespace, whoever's its sockets are.
 * @param tables files to read, in the form of Linux.
 * @returns null where the kernel does not tell, or knows no such socket.
 */
export async function udpDrops(port: number, tables: readonly string[] = TABLES): Promise<number | null> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  let drops: number | null = null
  for (const text of await Promise.all(tables.map(textOf))) {
    for (const line of text.split('\n').slice(1)) {
      // Most rows are of others: only ours are taken apart.
      if (!line.includes(suffix)) continue
      const columns = line.trim().split(/\s+/)
      if (columns[1]?.endsWith(suffix) === true) drops = (drops ?? 0) + Number(columns.at(-1))
    }
  }
  return drops
}

/** '' where there is no such file. */
function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '')
}
