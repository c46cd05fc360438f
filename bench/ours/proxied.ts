/** Requests as a proxy makes them that speaks for many addresses: a server limits what one address may do. */

/** Options of a server that believes such a proxy. */
export const BEHIND_PROXY: readonly string[] = ['--trusted-proxies', '127.0.0.1']

/** Headers that tell the address of the one who asks. */
export function proxiedHeaders(address: string): Record<string, string> {
  return { 'x-forwarded-for': address, 'x-forwarded-proto': 'https' }
}

/** `fetch` for that address. */
export function proxiedFetch(address: string): typeof fetch {
  return (target, init) =>
    fetch(target, { ...init, headers: { ...(init?.headers as Record<string, string>), ...proxiedHeaders(address) } })
}
