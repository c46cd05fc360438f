/**
 * The store of the simulated server: commits take time, and a crash loses what was not committed. Same messages as the real one.
 */
import { hex } from '../base/bytes.js'
import type { DeviceHandle, EndpointStoreReply, EndpointStoreRequest } from '../endpoint/message.js'
import type { AppKey, HubStoreReply, HubStoreRequest, PersonKey } from '../hub/message.js'
import type { WebhookConfig } from '../webhook/config.js'

export interface StoredDevice {
  device: DeviceHandle
  person: PersonKey
  name: string
  publicKey: Uint8Array
  psk: Uint8Array
  stampMs: number
  rotation: number
  session: Uint8Array | null
}

/** What is on the disk. */
export interface Disk {
  bootSeconds: number
  /** of lists and grants */
  clockSeconds: number
  devices: Map<DeviceHandle, StoredDevice>
  /** handles by public key, hex */
  handles: Map<string, DeviceHandle>
  lists: Map<PersonKey, { version: number; sealed: Uint8Array | null }>
  rings: Map<string, { ring: Uint8Array; row: Uint8Array }>
  /** ends of rings that webhooks are still to tell */
  outcomes: Map<string, { ring: Uint8Array; row: Uint8Array }>
  webhooks: Map<AppKey, WebhookConfig>
  /** rows by id, hex */
  grants: Map<string, Uint8Array>
}

/** Enrols a device. */
export function addStoredDevice(disk: Disk, row: StoredDevice): void {
  disk.devices.set(row.device, row)
  disk.handles.set(hex(row.publicKey), row.device)
}

/** An independent copy: a backup. */
export function copyDisk(disk: Disk): Disk {
  return {
    bootSeconds: disk.bootSeconds,
    clockSeconds: disk.clockSeconds,
    devices: new Map([...disk.devices].map(([key, one]) => [key, { ...one, session: one.session?.slice() ?? null }])),
    handles: new Map(disk.handles),
    lists: new Map([...disk.lists].map(([key, one]) => [key, { ...one }])),
    rings: new Map([...disk.rings].map(([key, one]) => [key, { ring: one.ring.slice(), row: one.row.slice() }])),
    outcomes: new Map([...disk.outcomes].map(([key, one]) => [key, { ...one }])),
    webhooks: new Map(disk.webhooks),
    grants: new Map([...disk.grants].map(([key, row]) => [key, row.slice()])),
  }
}

export function emptyDisk(): Disk {
  return {
    bootSeconds: 0,
    clockSeconds: 0,
    devices: new Map(),
    handles: new Map(),
    lists: new Map(),
    rings: new Map(),
    outcomes: new Map(),
    webhooks: new Map(),
    grants: new Map(),
  }
}

/** Executes requests against the disk, in order, at commit time. */
export class SimStore {
  readonly disk: Disk

  constructor(disk: Disk) {
    this.disk = disk
  }

  endpoint(request: EndpointStoreRequest): EndpointStoreReply | null {
    const { devices, handles } = this.disk
    if (request.kind === 'find-device') {
      const found = devices.get(handles.get(hex(request.publicKey)) ?? -1)
      const device = found && { device: found.device, psk: found.psk, stampMs: found.stampMs, rotation: found.rotation }
      return { kind: 'found', request: request.request, device: device ?? null }
    }
    const row = devices.get(request.device)
    if (row !== undefined) {
      row.rotation = request.rotation
      row.session = request.kind === 'erase-session' ? null : request.session.slice()
      if (request.kind === 'commit-session') row.stampMs = Math.max(row.stampMs, request.stampMs)
    }
    return request.kind === 'commit-session'
      ? { kind: 'committed', request: request.request, ok: row !== undefined }
      : null
  }

  hub(request: HubStoreRequest): HubStoreReply | null {
    const { devices, lists, rings, outcomes, grants } = this.disk
    switch (request.kind) {
      case 'put-list': {
        this.disk.clockSeconds = Math.max(this.disk.clockSeconds, request.clockSeconds)
        const now = lists.get(request.person)?.version ?? 0
        const ok = request.base === now && request.version > now
        if (ok) lists.set(request.person, { version: request.version, sealed: request.sealed.slice() })
        return { kind: 'stored', request: request.request, ok, version: ok ? request.version : now }
      }
      case 'get-list': {
        const list = lists.get(request.person)
        return { kind: 'list', request: request.request, version: list?.version ?? 0, sealed: list?.sealed ?? null }
      }
      case 'get-papers': {
        const row = devices.get(request.device)
        const papers = row === undefined ? null : { publicKey: row.publicKey.slice(), name: row.name }
        return { kind: 'papers', request: request.request, papers }
      }
      case 'put-ring':
        rings.set(request.ring.join('.'), { ring: request.ring.slice(), row: request.row.slice() })
        if (request.outcome != null)
          outcomes.set(request.ring.join('.'), { ring: request.ring.slice(), row: request.outcome.slice() })
        return { kind: 'stored', request: request.request, ok: true, version: 0 }
      case 'put-grant':
        this.disk.clockSeconds = Math.max(this.disk.clockSeconds, request.clockSeconds)
        grants.set(hex(request.grant), request.row.slice())
        return { kind: 'stored', request: request.request, ok: true, version: 0 }
      case 'drop-grant':
        grants.delete(hex(request.grant))
        return null
      case 'drop-outcome':
        outcomes.delete(request.ring.join('.'))
        return null
      case 'drop-ring':
        rings.delete(request.ring.join('.'))
        return null
    }
  }
}
