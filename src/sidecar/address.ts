import { isIPv4, isIPv6 } from 'node:net'

/**
 * What limits count an address as: itself for IPv4 (mapped into IPv6 or not), its /64 for IPv6.
 *
 * @param address as node gives it, perhaps with a scope (`%eth0`).
 * @returns a key for a table; '?' for what is no address.
 */
export function limitKey(address: string | undefined): string {
  const plain = plainAddress(address)
  if (isIPv4(plain)) return plain
  return isIPv6(plain) ? `${ipv6Groups(plain).slice(0, 4).join(':')}::/64` : '?'
}

/** Whether both ends of a connection from this address are on this machine. */
export function isLoopback(address: string | undefined): boolean {
  const plain = plainAddress(address)
  return plain === '::1' || (isIPv4(plain) && plain.startsWith('127.'))
}

/** Without scope, and without the mapping of IPv4 into IPv6 (RFC 4291 §2.5.5.2). */
function plainAddress(address: string | undefined): string {
  const plain = (address ?? '').split('%')[0] ?? ''
  const mapped = /^::ffff:([0-9.]+)$/i.exec(plain)
  return mapped?.[1] ?? plain
}

/** The eight groups of an IPv6 address, without leading zeros. */
function ipv6Groups(address: string): string[] {
  const written = new URL(`http://[${address}]`).hostname.slice(1, -1) // RFC 5952 form: no dotted part, lower case
  const [head = '', tail] = written.split('::')
  const before = head === '' ? [] : head.split(':')
  if (tail === undefined) return before
  const after = tail === '' ? [] : tail.split(':')
  return [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after]
}
