import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { DeviceError } from '../device-error.js'

/** One address of the server. */
export interface ServerAddress {
  /** dotted IPv4 or IPv6 */
  ip: string
  /** 1..65535 */
  port: number
  family: 4 | 6
}

/** An endpoint of the credentials, read. */
export interface Endpoint {
  /** name, or IP address without brackets */
  host: string
  /** 1..65535 */
  port: number
}

/** Finds the addresses of a host; as `dns.lookup` with `all`. */
export type Resolve = (host: string) => Promise<{ address: string; family: number }[]>

const systemResolve: Resolve = (host) => lookup(host, { all: true })

/**
 * Reads an endpoint.
 *
 * @param text such as `udp://host:7350` or `udp://[2001:db8::1]:7350`.
 * @returns null for another scheme, which may be a transport of a later version.
 * @throws DeviceError PL_BAD_CREDENTIALS for a `udp:` endpoint without host or port.
 */
export function parseEndpoint(text: string): Endpoint | null {
  if (!text.startsWith('udp:')) return null
  const url = URL.canParse(text) ? new URL(text) : null
  const port = Number(url?.port)
  if (url === null || url.hostname === '' || !(port > 0))
    throw new DeviceError('PL_BAD_CREDENTIALS', `endpoint ${text}`)
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port }
}

/**
 * The order in which addresses are tried: families in turn, IPv6 first, each family in the given order. RFC 8305 §4.
 */
export function interleaved(addresses: readonly ServerAddress[]): ServerAddress[] {
  const six = addresses.filter(({ family }) => family === 6)
  const four = addresses.filter(({ family }) => family === 4)
  return addresses.map((_, at) => {
    const [first, second] = at % 2 === 0 ? [six, four] : [four, six]
    return (first.shift() ?? second.shift()) as ServerAddress
  })
}

/**
 * All addresses of the endpoints, in the order in which to try them. A name that does not resolve is left out.
 *
 * @param resolve finds addresses; default the system's.
 * @returns none if nothing resolves: the network is down.
 */
export async function resolveEndpoints(
  endpoints: readonly Endpoint[],
  resolve: Resolve = systemResolve,
): Promise<ServerAddress[]> {
  const found = await Promise.all(endpoints.map((endpoint) => addressesOf(endpoint, resolve)))
  return interleaved(found.flat())
}

async function addressesOf({ host, port }: Endpoint, resolve: Resolve): Promise<ServerAddress[]> {
  const literal = isIP(host)
  if (literal !== 0) return [{ ip: host, port, family: literal === 6 ? 6 : 4 }]
  try {
    const addresses = await resolve(host)
    return addresses.map(({ address, family }) => ({ ip: address, port, family: family === 6 ? 6 : 4 }))
  } catch {
    return []
  }
}
