/**
 * The store as the main thread sees it. All calls go to one worker thread that owns SQLite; each promise settles after the
 * transaction that holds its writes is committed (fsync), unless the comment says write-behind.
 */
import type { DeviceHandle, EndpointStoreReply, EndpointStoreRequest } from '../endpoint/message.js'
import type { AppKey, HubStoreReply, HubStoreRequest, PersonKey } from '../hub/message.js'
import type { AppRow, NewApp, NewKey } from './app-row.js'
import type { DirectoryAnswer, DirectoryAsk } from './directory-message.js'
import type { DevicePart, PersonPart } from './parts.js'

// Its word for an application; who speaks with the store finds it here.
export type { AppRow } from './app-row.js'

export interface AccountRow {
  person: PersonKey
  /** text id shown to operators, e.g. acc_3f9c... */
  account: string
  name: string
  createdMs: number
  listVersion: number
  devices: number
}

export interface DeviceRow {
  device: DeviceHandle
  /** text id, e.g. dev_3f9c... */
  deviceId: string
  person: PersonKey
  account: string
  name: string
  publicKey: Uint8Array
  rotation: number
  createdMs: number
  /** saved session (plaintext) or null */
  session: Uint8Array | null
}

export interface StoredRing {
  ring: Uint8Array
  row: Uint8Array
}

/** How an application is told by webhook; `config` is opaque to the store. */
export interface WebhookRow {
  app: AppKey
  config: Uint8Array
}

export interface Enrolment {
  /** text id of the device */
  deviceId: string
  device: DeviceHandle
  person: PersonKey
  rotation: number
  /** 32 B */
  psk: Uint8Array
}

/** Long-lived secrets, from the key file; each 32 B. */
export interface ServerKeys {
  /** version of the key file, grows with each rotation */
  version: number
  /** static X25519 secret keys: current first, then the next or last one if any */
  staticSecrets: Uint8Array[]
  cidKey: Uint8Array
  resetKey: Uint8Array
  puidKey: Uint8Array
}

export interface Boot {
  /** max(stored + 1, Unix seconds), stored before the promise settles */
  bootSeconds: number
  /** of lists and grants; 0 none */
  clockSeconds: number
  keys: ServerKeys
  /** all devices have slots below this */
  slots: number
  apps: AppRow[]
  rings: StoredRing[]
  /** ends of rings that webhooks are still to tell */
  outcomes: StoredRing[]
  webhooks: WebhookRow[]
  /** rows of consents that no device has yet */
  grants: Uint8Array[]
  /**
   * rings, outcomes, webhooks and consents (left out) whose sealed bytes did not open: moved, changed or damaged; 0 is
   * normal. Sessions: see `DevicePart`
   */
  unreadable: number
}

export interface Store {
  boot(wallMs: number): Promise<Boot>
  /** After `boot`: persons by key, from `from` on, in parts; see `partsOf`. */
  persons(from: PersonKey): Promise<PersonPart>
  /** After `boot`: the devices of a part, see `partOf`. In any order; what was asked before is in it. */
  devices(part: number): Promise<DevicePart>
  /** Endpoint and hub requests; resolves with null for those without a reply. */
  endpoint(request: EndpointStoreRequest): Promise<EndpointStoreReply | null>
  hub(request: HubStoreRequest): Promise<HubStoreReply | null>

  addAccount(name: string, wallMs: number): Promise<AccountRow>
  listAccounts(): Promise<AccountRow[]>
  /** Removes the account, its devices and its list. Resolves with the handles of its devices. */
  removeAccount(account: string): Promise<{ person: PersonKey; devices: DeviceHandle[] } | null>
  /** One-time enrolment code (>= 60 bits, base32 in groups), valid `ttlMs`; only its hash is stored. null: no such account. */
  addEnrolmentCode(account: string, wallMs: number, ttlMs: number): Promise<string | null>
  /** Uses the code and adds the device, in one transaction. */
  enrol(
    code: string,
    publicKey: Uint8Array,
    name: string,
    wallMs: number,
  ): Promise<Enrolment | 'bad-code' | 'key-taken' | 'full'>
  listDevices(account: string | null): Promise<DeviceRow[]>
  removeDevice(deviceId: string): Promise<DeviceRow | null>

  /** `apiKey` is told once. */
  addApp(name: string, wallMs: number, more?: NewApp): Promise<{ app: AppRow; apiKey: string }>
  listApps(): Promise<AppRow[]>
  removeApp(appId: string): Promise<AppRow | null>
  /** Adds a new key and keeps the last one of its mode: two live at once. */
  rotateApp(appId: string, key?: NewKey): Promise<{ app: AppRow; apiKey: string } | null>

  /** What signed-in persons and developers ask. */
  directory(ask: DirectoryAsk, wallMs: number): Promise<DirectoryAnswer>

  listWebhooks(): Promise<WebhookRow[]>
  /** Sets or, with null, removes how an application is told by webhook. false: there is no such application. */
  putWebhook(app: AppKey, config: Uint8Array | null): Promise<boolean>

  /** Online backup of database and key file into one file. */
  backup(file: string): Promise<{ bytes: number }>
  /** New static key: it becomes current, the old one stays accepted. */
  rotateKeys(wallMs: number): Promise<ServerKeys>
  /** Waits until all writes are on disk, truncates the WAL, closes. */
  close(): Promise<void>
}
