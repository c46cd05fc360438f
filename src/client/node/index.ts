/** `pilotlight/client/node`: a device on Node: enrolment over HTTPS, UDP and WebSocket, a file for its state. */

export type { EnrolOptions } from '../enrol.js'
export { connect, type NodeConnectOptions } from './connect.js'
export { loadCredentials, saveCredentials } from './credentials-file.js'
export { type DgramOptions, DgramTransport } from './dgram-transport.js'
export { enrol } from './enrol.js'
export { FileStorage } from './file-storage.js'
export { nodeTransport } from './node-transport.js'
export { systemHost } from './system-host.js'
export { nodeWebSocket } from './websocket.js'
