/**
 * `pilotlight/client`: a device on anything that runs ECMAScript. Bring a `Transport`, a `Storage` and a `Host`; for
 * Node they are in `pilotlight/client/node`.
 */

export type { Random } from '../base/random.js'
export type { Now } from '../base/time.js'
export type { Crypto } from '../crypto/crypto.js'
export { nobleCrypto } from '../crypto/noble.js'
export type { ListEntry, PersonList, Window } from '../frame/person-list.js'
export type { DeviceClass } from '../packet/constants.js'
export type { DeviceCounters, Traffic, TrafficKind } from './counters.js'
export type { Credentials } from './credentials.js'
export { type ClientEvents, type ConnectOptions, connect, Device } from './device-client.js'
export { DEVICE_ERRORS, DeviceError, type DeviceErrorCode } from './device-error.js'
export { DeviceMachine, type Visibility } from './device-machine.js'
export type { DeviceOptions } from './device-parts.js'
export {
  type DgramShaped,
  type DgramShapedOptions,
  type DgramShapedSocket,
  DgramShapedTransport,
} from './dgram-shaped-transport.js'
export type * from './event.js'
export type { Host } from './host.js'
export type { KeepaliveView } from './hosted-device.js'
export { falseOfflinesPerDeviceYear } from './learning/false-offline.js'
export {
  IntervalPolicy,
  type LearntNetwork,
  type PolicyOptions,
  type ProbeCounts,
} from './learning/interval-policy.js'
export type { AddressFamily, Carrier, Network, NetworkKind } from './learning/network.js'
export type { ChoiceName } from './list-edit.js'
export { choosePath, type PathFacts, pathJoulesPerDay, RADIO_COSTS, type RadioCosts } from './path-policy.js'
export { type OpenableTransport, type PathsOptions, PathsTransport } from './paths-transport.js'
export { Ring, SERVER_APP } from './ring.js'
export type { SaveRequest } from './save-gate.js'
export { MemoryStorage, type Storage } from './storage.js'
export type { PathKind, ProbeSocket, Transport, TransportListener } from './transport.js'
export {
  type WebSocketConstructor,
  type WebSocketLike,
  type WebSocketOptions,
  WebSocketTransport,
} from './websocket-transport.js'
