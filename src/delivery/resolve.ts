/** From a host to one address that may be connected to. Looked up once: what was checked is what is connected to. */
import { lookup, Resolver } from 'node:dns/promises'
import { isAddress, isPublicAddress } from '../webhook/public-address.js'

/** All addresses of a name; rejects if there are none. */
export type Resolve = (name: string) => Promise<string[]>

/** An address to connect to, or why there is none. */
export type Destination = { address: string } | { failure: 'dns' | 'private-address' }

/** How long name servers may take, and how often each is asked. */
const DNS_TIMEOUT_MS = 3_000
const DNS_TRIES = 2

/**
 * The system's names. Name servers first, which takes no thread of the pool that all look-ups share; then the system's own way,
 * which knows its hosts file, for names that they do not have.
 */
export function systemResolve(): Resolve {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES })
  return async (name) => {
    const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
    if (addresses.length > 0) return addresses
    const isSlow = answers.some((one) => one.status === 'rejected' && one.reason?.code === 'ETIMEOUT')
    if (isSlow) throw new Error('no name server answered')
    return (await lookup(name, { all: true })).map(({ address }) => address)
  }
}

/**
 * Where to connect for a host.
 *
 * @param host         name or IP address, IPv6 without brackets.
 * @param mayBePrivate any address will do; else a name with even one address that is not public is refused.
 */
export async function destinationOf(host: string, mayBePrivate: boolean, resolve: Resolve): Promise<Destination> {
  let addresses: string[]
  try {
    addresses = isAddress(host) ? [host] : await resolve(host)
  } catch {
    return { failure: 'dns' }
  }
  const [address] = addresses
  if (address === undefined) return { failure: 'dns' }
  if (!mayBePrivate && !addresses.every(isPublicAddress)) return { failure: 'private-address' }
  return { address }
}
