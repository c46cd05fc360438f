import type { DeviceClass } from '../../packet/constants.js'
import type { Credentials } from '../credentials.js'
import { connect as connectOver, type Device } from '../device-client.js'
import { type EnrolOptions, enrol as enrolWith } from '../enrol.js'
import type { Storage } from '../storage.js'
import { type WebSocketConstructor, WebSocketTransport } from '../websocket-transport.js'
import { type BrowserHost, browserHost } from './browser-host.js'
import { browserNetwork } from './network.js'

/** What a device in a browser needs. */
export interface BrowserConnectOptions {
  /** of `enrol` */
  credentials: Credentials
  /** such as a `DeviceStore` */
  storage: Storage
  /** URL of the channel, `wss:` or `ws:`; default: the first of the credentials. A page with `connect-src 'self'` gives its own */
  channel?: string | URL
  /** clocks and timers; default: those of the page */
  host?: BrowserHost
  /** seconds between pings at most, 1 to 1800; default: learnt */
  keepaliveS?: number
  /** what the senders of rings are told this device is; default 'browser' */
  deviceClass?: DeviceClass
}

/**
 * Starts a device in a page, over WebSocket. One page at a time may use a storage: see `SharedDevice`.
 *
 * @returns the device, which runs; `device.whenOnline()` waits for the server.
 * @throws as `connect` of `pilotlight/client`.
 */
export function connect(options: BrowserConnectOptions): Promise<Device> {
  const { credentials, storage, host = browserHost(), keepaliveS, channel } = options
  const endpoints = channel === undefined ? credentials.endpoints : [String(channel)]
  const webSocket = () => WebSocket as unknown as WebSocketConstructor
  return connectOver({
    credentials,
    storage,
    host,
    transport: new WebSocketTransport({ endpoints, webSocket, host }),
    network: browserNetwork(),
    deviceClass: options.deviceClass ?? 'browser',
    ...(keepaliveS === undefined ? {} : { keepaliveS }),
  })
}

/**
 * Makes a key pair and enrols this browser. The credentials are the caller's to keep: `DeviceStore.enrolled`.
 *
 * @throws DeviceError PL_PLAIN_HTTP, PL_ENROL_FAILED with what the server said.
 */
export function enrol(options: EnrolOptions): Promise<Credentials> {
  return enrolWith(options, browserHost().random)
}
