/** How many connections one address may have, and how many requests at a time behind a proxy. */
import { compile } from '@fastify/proxy-addr'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { limitKey } from './address.js'
import type { SidecarSettings } from './options.js'
import { Problem } from './problem.js'

/** Counts things by address: IPv4 by address, IPv6 by /64. */
export class AddressCounts {
  readonly #counts = new Map<string, number>()

  /** How many an address has. */
  of(address: string | undefined): number {
    return this.#counts.get(limitKey(address)) ?? 0
  }

  /** Adds one. @returns what takes it away again, once. */
  add(address: string | undefined): () => void {
    const key = limitKey(address)
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    let isGone = false
    return () => {
      if (isGone) return
      isGone = true
      const left = (this.#counts.get(key) ?? 1) - 1
      if (left === 0) this.#counts.delete(key)
      else this.#counts.set(key, left)
    }
  }
}

/** What is asked of a socket. */
export interface Peer {
  readonly remoteAddress?: string | undefined
  once(event: 'close', listener: () => void): unknown
}

/** What becomes of a new connection: `refuse` it with words, or `cut` it as there are too many for words. */
export type Admission = 'admit' | 'refuse' | 'cut'

/** Lets connections in, at most so many of one address; trusted proxies may have any number. */
export class ConnectionGate {
  readonly #max: number
  readonly #admitted = new AddressCounts()
  /** being told why not, which takes a moment */
  readonly #refused = new AddressCounts()
  readonly #isTrusted: (address: string, hop: number) => boolean

  /** @throws Error for proxies that are no addresses. */
  constructor({ connectionsPerAddress, trustedProxies }: SidecarSettings) {
    this.#max = connectionsPerAddress
    this.#isTrusted = trustedProxies.length === 0 ? () => false : compile(trustedProxies)
  }

  /** Counts a connection until it closes. */
  enter(peer: Peer): Admission {
    const { remoteAddress } = peer
    if (remoteAddress === undefined) return 'cut' // gone already
    if (this.#isTrusted(remoteAddress, 0)) return 'admit'
    const mayEnter = this.#admitted.of(remoteAddress) < this.#max
    if (!mayEnter && this.#refused.of(remoteAddress) >= this.#max) return 'cut'
    peer.once('close', (mayEnter ? this.#admitted : this.#refused).add(remoteAddress))
    return mayEnter ? 'admit' : 'refuse'
  }

  /** Whether an address has more than it may: for a connection that could not be told so when it came. */
  isOver(peer: Peer): boolean {
    const { remoteAddress = '' } = peer
    const count = this.#admitted.of(remoteAddress) + this.#refused.of(remoteAddress)
    return !this.#isTrusted(remoteAddress, 0) && count > this.#max
  }
}

/** The same limit for clients behind trusted proxies, whose connections tell nothing: requests under way count. */
export function withinAddressLimit({ connectionsPerAddress }: SidecarSettings) {
  const counts = new AddressCounts()
  return async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const isProxied = (request.ips?.length ?? 0) > 1
    const isUpgrade = request.headers.upgrade !== undefined // WebSockets have a limit of their own
    if (!isProxied || isUpgrade) return
    if (counts.of(request.ip) >= connectionsPerAddress) throw tooManyConnections()
    const leave = counts.add(request.ip)
    reply.raw.once('finish', leave)
    reply.raw.once('close', leave)
  }
}

function tooManyConnections(): Problem {
  return new Problem('too-many-connections', '', { 'retry-after': '10' })
}
