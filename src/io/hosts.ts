/** Where the server listens, and what it tells devices about that. */
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { WEBSOCKET_PATH } from '../packet/constants.js'
import { ServerError } from './server-error.js'
import { hostPort } from './udp-socket.js'

/** All addresses of this machine. */
export const ALL_HOSTS: readonly string[] = ['0.0.0.0', '::']

/** IP addresses of hosts that may be names. @throws ServerError PL_ADDRESS_UNAVAILABLE for a name without address. */
export async function resolveHosts(hosts: readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  for (const host of hosts.length === 0 ? ALL_HOSTS : hosts) {
    if (isIP(host) !== 0) found.add(host)
    else for (const address of await addressesOf(host)) found.add(address)
  }
  return [...found]
}

async function addressesOf(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address)
  } catch {
    throw new ServerError('PL_ADDRESS_UNAVAILABLE', name)
  }
}

/** What tells where devices find the channel. */
export interface Reachable {
  /** as the operator gave them; they win */
  endpoints: readonly string[]
  /** as the operator gave it, or null: its host is the one of UDP too */
  publicUrl: string | null
  /** IP addresses that the sockets are bound to */
  hosts: readonly string[]
  udpPort: number
  httpPort: number
  /** whether HTTP is HTTPS where the server itself listens */
  isTls: boolean
}

/**
 * The endpoints that a device is told at enrolment.
 *
 * @param enrollingAddress the IP address that the device came from.
 */
export function deviceEndpoints(reachable: Reachable, enrollingAddress: string): string[] {
  const { endpoints, publicUrl, hosts, udpPort, httpPort, isTls } = reachable
  const addresses = new Set(
    hosts.flatMap((host) => (ALL_HOSTS.includes(host) ? machineAddresses(host, enrollingAddress) : [host])),
  )
  const urls =
    publicUrl === null
      ? [...addresses].map((address) => `${isTls ? 'https' : 'http'}://${hostPort(address, httpPort)}`)
      : [publicUrl]
  const webSockets = urls.flatMap((url) => webSocketEndpoint(url) ?? [])
  if (endpoints.length > 0) return [...endpoints, ...webSockets]
  if (publicUrl !== null) return [`udp://${new URL(publicUrl).hostname}:${udpPort}`, ...webSockets]
  return [...[...addresses].map((address) => `udp://${hostPort(address, udpPort)}`), ...webSockets]
}

/** The channel over WebSocket at a URL of ours; null for plain HTTP from elsewhere, which browsers and proxies refuse or break. */
function webSocketEndpoint(url: string): string | null {
  const { protocol, host, hostname, pathname } = new URL(url)
  const isLoopback = /^127\.|^localhost$|^\[::1\]$/.test(hostname)
  if (protocol !== 'https:' && !isLoopback) return null
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${pathname.replace(/\/+$/, '')}${WEBSOCKET_PATH}`
}

/** What a wildcard stands for: loopback to those who come from there, else the addresses that others can reach. */
function machineAddresses(wildcard: string, enrollingAddress: string): string[] {
  const family = wildcard === '::' ? 'IPv6' : 'IPv4'
  const fromLoopback = /^(::ffff:)?127\.|^::1$/.test(enrollingAddress)
  if (fromLoopback) return [family === 'IPv6' ? '::1' : '127.0.0.1']
  const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return interfaces
    .filter((one) => one.family === family && !one.internal && !one.address.startsWith('fe80:'))
    .map(({ address }) => address)
}
