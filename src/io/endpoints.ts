/** The endpoints of a server: one in this thread, or several that share its slots (`endpoint-workers.ts`). */
import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import type { EndpointOptions } from '../endpoint/config.js'
import { Endpoint } from '../endpoint/endpoint.js'
import type { DeviceHandle } from '../endpoint/message.js'
import type { EndpointMetrics } from '../endpoint/metrics.js'
import type { ChannelObserver } from '../session/observer.js'
import { type DevicePart, handleIn, sessionIn } from '../store/parts.js'
import type { EndpointDoors } from './driver-parts.js'
import type { DelayCounts } from './loop-delay.js'
import { openUdpSockets, type UdpCounts, type UdpOptions, type UdpSockets } from './udp-socket.js'

/** Node and worker in connection IDs: this release has one node, and its workers do not stand there. wire-spec §13 */
export const NODE = 0

/** What all endpoints of a server are made with, but for their share. Can cross to another thread. */
export interface EndpointSettings extends Omit<EndpointOptions, 'observer' | 'share'> {
  /** whether devices are told the current static key */
  announcesKey: boolean
}

/** Sessions that came back, and those that could not be read: their devices handshake. */
export interface LoadedSessions {
  loaded: number
  unreadable: number
}

/** What one endpoint counts. */
export interface EndpointNumbers {
  /** null: it is the only one */
  worker: number | null
  endpoint: EndpointMetrics
  /** of sockets that are its own; null: it has none */
  udp: UdpCounts | null
  /** of its own thread; null: it has none */
  loopDelay: DelayCounts | null
  /** datagrams that did not reach it, as it is behind */
  dropped: number
}

/** All endpoints of a server as one. */
export interface Endpoints {
  readonly doors: EndpointDoors
  /** called when something can be polled that no call of a door brought */
  onNews: () => void
  /** Loads the sessions of a part, as an input: every endpoint takes its own, and handles what waited for them. */
  load(part: DevicePart, now: Now): Promise<LoadedSessions>
  /** Opens the sockets. @throws ServerError, see `openUdpSockets`. */
  openUdp(options: UdpOptions): Promise<UdpSockets>
  /** Seconds of silence that a device promised last, 0 not known. */
  silenceS(device: DeviceHandle): Promise<number>
  numbers(): Promise<EndpointNumbers[]>
  /** What waits is given to the doors; takes nothing more. */
  stop(): Promise<void>
}

/** Makes an endpoint. */
export function newEndpoint(
  crypto: Crypto,
  random: Random,
  { announcesKey, ...options }: EndpointSettings & Pick<EndpointOptions, 'observer' | 'share'>,
  now: Now,
): Endpoint {
  const endpoint = new Endpoint(crypto, random, options, now)
  const [current] = options.staticKeys
  if (announcesKey && current !== undefined) endpoint.announceServerKey(current.publicKey)
  return endpoint
}

/** Loads those sessions of a part that are in the endpoint's share; then what waited for the part is handled. */
export function loadSessions(endpoint: Endpoint, part: DevicePart, now: Now): LoadedSessions {
  const sessions = { loaded: 0, unreadable: 0 }
  for (let at = 0; at < part.count; at++) {
    const device = handleIn(part, at, NODE)
    if (!endpoint.serves(device)) continue
    const session = sessionIn(part, at)
    if (endpoint.loadSession(device, session, part.rotations[at] as number)) sessions.loaded++
    else if (session !== null) sessions.unreadable++
  }
  endpoint.handleLoaded(part.part, now)
  return sessions
}

/** The one endpoint of a server without workers: the driver calls it without a step between. */
export class OneEndpoint implements Endpoints {
  readonly doors: Endpoint
  onNews = (): void => {}

  constructor(
    crypto: Crypto,
    random: Random,
    settings: EndpointSettings & { observer: ChannelObserver | null },
    now: Now,
  ) {
    this.doors = newEndpoint(crypto, random, settings, now)
  }

  load(part: DevicePart, now: Now): Promise<LoadedSessions> {
    return Promise.resolve(loadSessions(this.doors, part, now))
  }

  openUdp(options: UdpOptions): Promise<UdpSockets> {
    return openUdpSockets(options)
  }

  silenceS(device: DeviceHandle): Promise<number> {
    return Promise.resolve(this.doors.silenceS(device))
  }

  numbers(): Promise<EndpointNumbers[]> {
    return Promise.resolve([{ worker: null, endpoint: this.doors.metrics(), udp: null, loopDelay: null, dropped: 0 }])
  }

  stop(): Promise<void> {
    return Promise.resolve()
  }
}
