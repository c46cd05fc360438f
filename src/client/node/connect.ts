import { type DeviceClass, VERSION_LABEL } from '../../packet/constants.js'
import { openTrace } from '../../trace/open.js'
import type { Credentials } from '../credentials.js'
import { connect as connectOver, type Device } from '../device-client.js'
import type { Network } from '../learning/network.js'
import type { Storage } from '../storage.js'
import type { Transport } from '../transport.js'
import { FileStorage } from './file-storage.js'
import { nodeTransport } from './node-transport.js'
import { systemHost } from './system-host.js'

/** What a device on Node needs. */
export interface NodeConnectOptions {
  /** of `enrol` */
  credentials: Credentials
  /** file for the device's state, made with mode 0600; or a storage of your own */
  storage: string | Storage
  /** default UDP to the endpoints of the credentials, and WebSocket where UDP does not pass */
  transport?: Transport
  /** seconds between pings at most, 1 to 1800; default: learnt, for each network */
  keepaliveS?: number
  /** as `keepaliveS`, while datagrams go by TCP; default the same, or learnt */
  tcpKeepaliveS?: number
  /** what the senders of rings are told this device is; default 'other' */
  deviceClass?: DeviceClass
  /** the network that the device is on; default: nothing is known of it */
  network?: Network
  /** for researchers: a folder to which a qlog of this device is written, see docs/qlog.md; default none */
  qlog?: string
  /** for researchers: a file to which the keys of the channel are appended, with mode 0600; default none */
  keyLog?: string
}

/**
 * Starts a device on Node. One process at a time may use a storage: two would take turns in throwing each other out.
 *
 * @returns the device, which runs; `device.whenOnline()` waits for the server.
 * @throws as `connect` of `pilotlight/client`; PilotlightError PL_TRACE_FILE if qlog or key log cannot be written.
 */
export async function connect(options: NodeConnectOptions): Promise<Device> {
  const { credentials, storage, transport, keepaliveS, tcpKeepaliveS, network, deviceClass } = options
  const host = systemHost()
  const trace = openTrace({
    qlog: options.qlog ?? null,
    keyLog: options.keyLog ?? null,
    vantage: 'client',
    version: VERSION_LABEL,
    now: host.now,
    warn: (text) => process.emitWarning(text, { code: 'PL_TRACE' }),
  })
  const device = await connectOver({
    credentials,
    storage: typeof storage === 'string' ? new FileStorage(storage) : storage,
    transport: transport ?? nodeTransport(credentials.endpoints, host),
    host,
    ...(keepaliveS === undefined ? {} : { keepaliveS }),
    ...(tcpKeepaliveS === undefined ? {} : { tcpKeepaliveS }),
    ...(network === undefined ? {} : { network }),
    ...(deviceClass === undefined ? {} : { deviceClass }),
    ...(trace.observer === null ? {} : { observer: trace.observer }),
  }).catch(async (error: unknown) => {
    await trace.close()
    throw error
  })
  device.on('stopped', () => void trace.close())
  return device
}
