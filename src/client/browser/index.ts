/** `pilotlight/client/browser`: a device in a page: IndexedDB, WebSocket, one device for all tabs. See docs/browser.md. */
export type { Credentials } from '../credentials.js'
export type { EnrolOptions } from '../enrol.js'
export { Activity, type ActivityOptions } from './activity.js'
export { type BrowserHost, browserHost } from './browser-host.js'
export { type BrowserConnectOptions, connect, enrol } from './connect.js'
export { DeviceStore, type Thresholds } from './device-store.js'
export type * from './device-view.js'
export { SharedDevice, type SharedDeviceOptions } from './shared-device.js'
