import type { EndpointStoreReply, EndpointStoreRequest } from '../endpoint/message.js'
import type { HubStoreReply, HubStoreRequest } from '../hub/message.js'
import { removeAccount } from './account-removal.js'
import type { Call, Calls } from './call.js'
import { directoryAnswer, isDirectoryRead, removesDevices } from './directory.js'
import type { Tables } from './tables.js'

/**
 * The store's methods on its tables, each to be run inside a transaction. Times become whole milliseconds here.
 *
 * @param tables of one database.
 * @param wallMs the store's clock, for requests that carry no time.
 */
export function storeCalls(tables: Tables, wallMs: () => number): Calls {
  const { accounts, codes, devices, apps, webhooks } = tables
  return {
    endpoint: (request) => endpointReply(tables, request),
    hub: (request) => hubReply(tables, request, wallMs()),
    addAccount: (name, now) => accounts.add(name, Math.floor(now)),
    listAccounts: () => accounts.all(),
    removeAccount: (account) => removeAccount(tables, account),
    addEnrolmentCode(account, now, ttlMs) {
      codes.expire(now)
      const person = accounts.find(account)
      return person === null ? null : codes.add(person, Math.floor(now), Math.floor(ttlMs), 'any')
    },
    enrol(code, publicKey, name, now) {
      codes.expire(now)
      const person = codes.forDevice(code, now)
      if (person === null) return 'bad-code'
      const result = devices.add(person, publicKey, name, Math.floor(now))
      if (typeof result !== 'string') codes.remove(code)
      return result
    },
    listDevices: (account) => (account === null ? [...devices.all()] : devices.ofAccount(account)),
    removeDevice: (deviceId) => devices.remove(deviceId),
    addApp: (name, now, more) => apps.add(name, Math.floor(now), more),
    listApps: () => apps.all(),
    removeApp: (appId) => apps.remove(appId),
    rotateApp: (appId, key) => apps.rotate(appId, wallMs(), key),
    directory: (ask, now) => directoryAnswer(tables, ask, Math.floor(now)),
    listWebhooks: () => webhooks.all(),
    putWebhook: (app, config) => webhooks.put(app, config),
  }
}

/** Whether a call changes nothing and needs nothing that waits in the write-behind. */
export function isRead(call: Call): boolean {
  if (call.method === 'endpoint') return call.args[0].kind === 'find-device'
  if (call.method === 'hub') return ['get-list', 'get-papers'].includes(call.args[0].kind)
  if (call.method === 'directory') return isDirectoryRead(call.args[0])
  return call.method === 'listAccounts' || call.method === 'listApps' || call.method === 'listWebhooks'
}

/** Writes, inside the transaction of a call, what waits in the write-behind and must be older than the call. */
export function writeOlder({ writeBehind }: Tables, call: Call): void {
  if (call.method === 'endpoint') {
    const [request] = call.args
    if (request.kind === 'commit-session') writeBehind.writeSession(request.device)
  } else if (call.method === 'hub') {
    const [request] = call.args
    if (request.kind === 'put-ring') writeBehind.writeDrop(request.ring)
  } else if (call.method === 'directory') {
    if (removesDevices(call.args[0])) writeBehind.write(Number.POSITIVE_INFINITY)
  } else if (['listDevices', 'removeDevice', 'removeAccount'].includes(call.method)) {
    writeBehind.write(Number.POSITIVE_INFINITY)
  }
}

/**
 * The reply that says "not stored" for a call whose write SQLite refused.
 *
 * @returns null if the call's reply cannot say so; it fails with the error then.
 */
export function refusal(tables: Tables, call: Call): EndpointStoreReply | HubStoreReply | null {
  if (call.method === 'endpoint') {
    const [request] = call.args
    return request.kind === 'commit-session' ? { kind: 'committed', request: request.request, ok: false } : null
  }
  if (call.method !== 'hub') return null
  const [request] = call.args
  if (request.kind === 'put-ring' || request.kind === 'put-grant') {
    return { kind: 'stored', request: request.request, ok: false, version: 0 }
  }
  if (request.kind !== 'put-list') return null
  const { version } = tables.accounts.list(request.person)
  return { kind: 'stored', request: request.request, ok: false, version }
}

function endpointReply(tables: Tables, request: EndpointStoreRequest): EndpointStoreReply | null {
  const { devices, writeBehind } = tables
  if (request.kind === 'find-device') {
    const found = devices.find(request.publicKey)
    if (found === null) return { kind: 'found', request: request.request, device: null }
    const rotation = writeBehind.rotationOf(found.device) ?? found.rotation
    return { kind: 'found', request: request.request, device: { ...found, rotation } }
  }
  if (request.kind === 'commit-session') {
    const ok = devices.commitSession(request.device, request.stampMs, request.rotation, request.session)
    return { kind: 'committed', request: request.request, ok }
  }
  writeBehind.add(request)
  return null
}

function hubReply(tables: Tables, request: HubStoreRequest, wallMs: number): HubStoreReply | null {
  const { accounts, devices, rings, grants, writeBehind, keepClock } = tables
  if (request.kind === 'get-list') {
    return { kind: 'list', request: request.request, ...accounts.list(request.person) }
  }
  if (request.kind === 'get-papers') {
    return { kind: 'papers', request: request.request, papers: devices.papers(request.device) }
  }
  if (request.kind === 'put-list') {
    const { person, base, version, sealed, clockSeconds } = request
    keepClock(clockSeconds)
    return { kind: 'stored', request: request.request, ...accounts.putList(person, base, version, sealed) }
  }
  if (request.kind === 'put-grant') {
    keepClock(request.clockSeconds)
    grants.put(request.grant, Math.ceil(request.untilMs), request.row)
    return { kind: 'stored', request: request.request, ok: true, version: 0 }
  }
  if (request.kind === 'drop-grant') {
    grants.drop(request.grant)
    return null
  }
  if (request.kind === 'put-ring') {
    rings.put(request.ring, Math.ceil(request.untilMs), request.row, wallMs)
    if (request.outcome != null) rings.putOutcome(request.ring, request.outcome, wallMs)
    return { kind: 'stored', request: request.request, ok: true, version: 0 }
  }
  writeBehind.add(request)
  return null
}
