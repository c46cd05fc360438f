/** What an operator can do, on a running server (through its socket) or on the store of one that does not run. */
import { resolve } from 'node:path'
import type { Crypto } from '../crypto/crypto.js'
import type { AppKey, HubRequest } from '../hub/message.js'
import { CloseCode } from '../packet/constants.js'
import type { AccountRow, AppRow, DeviceRow, ServerKeys, Store } from '../store/store.js'
import type { WebhookAnswer, WebhookAsk } from '../webhook/ask.js'
import { detailsOf, keyOf, newAppOf, shownWhole } from './app-params.js'
import type { Methods, Params } from './call-socket.js'
import { textOf } from './params.js'
import { ServerError } from './server-error.js'
import { webhookMethods } from './webhook-methods.js'

/** Minutes that an enrolment code is valid. SECURITY.md. */
export const ENROLMENT_CODE_MINUTES = 15
const NAME_LENGTH_MAX = 120

/** What a change needs of the running server; null where there is none. */
export interface Running {
  tellHub(request: HubRequest): void
  /** The sidecar is told applications and API keys anew. */
  appsChanged(): Promise<void>
  /** an operator asks about an application's webhook */
  webhook(app: AppKey, ask: WebhookAsk): Promise<WebhookAnswer>
  /** new static keys, current first; used from the next start on */
  keysChanged(keys: ServerKeys): void
}

/** Text id of an application, as shown to people: `app_` and 16 hex digits. */
export function appText(app: AppRow): string {
  return `app_${Buffer.from(app.appId).toString('hex')}`
}

/** What the methods work on. */
export interface AdminParts {
  store: Store
  crypto: Crypto
  /** the keys now in use */
  keys(): ServerKeys
  running: Running | null
}

/** The operator's methods by name. Each change is durable before it is answered. */
export function adminMethods(parts: AdminParts): Methods {
  const { store, running } = parts
  return {
    ...accountMethods(store, running),
    ...deviceMethods(store, running),
    ...appMethods(store, running),
    ...webhookMethods(store, running),
    ...storeMethods(parts),
  }
}

function accountMethods(store: Store, running: Running | null): Methods {
  async function newCode(account: string) {
    const now = Date.now()
    const ttlMs = ENROLMENT_CODE_MINUTES * 60_000
    const code = await store.addEnrolmentCode(account, now, ttlMs)
    if (code === null) throw new ServerError('PL_UNKNOWN_ACCOUNT', account)
    return { code, codeUntilMs: now + ttlMs }
  }
  return {
    async 'account.add'(params) {
      const row = await store.addAccount(nameOf(params), Date.now())
      running?.tellHub({ kind: 'account-added', person: row.person })
      return { ...shownAccount(row), ...(await newCode(row.account)) }
    },
    async 'account.list'() {
      return (await store.listAccounts()).map(shownAccount)
    },
    async 'account.remove'(params) {
      const account = textOf(params, 'account')
      const removed = await store.removeAccount(account)
      if (removed === null) throw new ServerError('PL_UNKNOWN_ACCOUNT', account)
      running?.tellHub({ kind: 'account-removed', ...removed })
      return { account, devices: removed.devices.length }
    },
    async 'account.code'(params) {
      const account = textOf(params, 'account')
      return { account, ...(await newCode(account)) }
    },
  }
}

function deviceMethods(store: Store, running: Running | null): Methods {
  return {
    async 'device.list'(params) {
      const account = params['account'] === undefined ? null : textOf(params, 'account')
      return (await store.listDevices(account)).map(shownDevice)
    },
    async 'device.remove'(params) {
      const deviceId = textOf(params, 'device')
      const removed = await store.removeDevice(deviceId)
      if (removed === null) throw new ServerError('PL_UNKNOWN_DEVICE', deviceId)
      running?.tellHub({ kind: 'device-removed', device: removed.device, code: CloseCode.deviceRemoved })
      return shownDevice(removed)
    },
  }
}

function appMethods(store: Store, running: Running | null): Methods {
  return {
    async 'app.add'(params) {
      const { app, apiKey } = await store.addApp(nameOf(params), Date.now(), await newAppOf(params, store))
      running?.tellHub({ kind: 'app-added', app: app.app, appId: app.appId, name: app.name })
      await running?.appsChanged()
      return { ...shownApp(app), apiKey }
    },
    async 'app.list'() {
      return (await store.listApps()).map(shownApp)
    },
    async 'app.show'(params) {
      const found = await store.directory({ kind: 'app', owner: null, appId: textOf(params, 'app') }, Date.now())
      if (found?.kind !== 'app') throw new ServerError('PL_UNKNOWN_APP', textOf(params, 'app'))
      return shownWhole(found.app)
    },
    async 'app.change'(params) {
      const details = detailsOf(params)
      const ask = { kind: 'app-change', owner: null, appId: textOf(params, 'app'), details } as const
      const found = await store.directory(ask, Date.now())
      if (found?.kind !== 'app') throw new ServerError('PL_UNKNOWN_APP', textOf(params, 'app'))
      await running?.appsChanged()
      return shownWhole(found.app)
    },
    async 'app.remove'(params) {
      const removed = await store.removeApp(textOf(params, 'app'))
      if (removed === null) throw new ServerError('PL_UNKNOWN_APP', textOf(params, 'app'))
      running?.tellHub({ kind: 'app-removed', app: removed.app })
      await running?.appsChanged()
      return shownApp(removed)
    },
    async 'app.rotate'(params) {
      const rotated = await store.rotateApp(textOf(params, 'app'), keyOf(params))
      if (rotated === null) throw new ServerError('PL_UNKNOWN_APP', textOf(params, 'app'))
      await running?.appsChanged()
      return { ...shownApp(rotated.app), apiKey: rotated.apiKey }
    },
  }
}

function storeMethods({ store, crypto, keys, running }: AdminParts): Methods {
  return {
    async backup(params) {
      const file = resolve(textOf(params, 'file'))
      return { file, ...(await store.backup(file)) }
    },
    async 'keys.show'() {
      return shownKeys(keys(), crypto)
    },
    async 'keys.rotate'() {
      const rotated = await store.rotateKeys(Date.now())
      running?.keysChanged(rotated)
      return shownKeys(rotated, crypto)
    },
  }
}

function shownAccount({ account, name, createdMs, devices, listVersion }: AccountRow) {
  return { account, name, createdMs, devices, listVersion }
}

function shownDevice({ deviceId, account, name, createdMs, session }: DeviceRow) {
  return { device: deviceId, account, name, createdMs, hasSession: session !== null }
}

function shownApp(app: AppRow) {
  return { app: appText(app), name: app.name, createdMs: app.createdMs, apiKeys: app.keys.length }
}

/** Public keys only. */
function shownKeys(keys: ServerKeys, crypto: Crypto) {
  const publicKeys = keys.staticSecrets.map((secret) => Buffer.from(crypto.publicKey(secret)).toString('base64url'))
  return { version: keys.version, publicKeys }
}

function nameOf(params: Params): string {
  const name = textOf(params, 'name').trim()
  if (name !== '' && name.length <= NAME_LENGTH_MAX) return name
  throw new ServerError('PL_BAD_ARGUMENT', `a name must have 1 to ${NAME_LENGTH_MAX} characters`)
}
