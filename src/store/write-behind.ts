import { hex } from '../base/bytes.js'
import type { DeviceHandle, EndpointStoreRequest } from '../endpoint/message.js'
import type { HubStoreRequest } from '../hub/message.js'
import type { Devices } from './devices.js'
import type { Health } from './health.js'
import type { Rings } from './rings.js'
import { isDiskError } from './store-error.js'

/** A request that nobody waits for. */
export type WriteBehindRequest = Extract<
  EndpointStoreRequest | HubStoreRequest,
  { kind: 'save-session' | 'erase-session' | 'drop-ring' | 'drop-outcome' }
>

/** Rows that are written in one transaction; when so many wait, they are written at once. */
export const WRITE_BEHIND_ROWS = 1000

/** How long a row waits at most, ms. */
export const WRITE_BEHIND_MS = 100

interface PendingSession {
  rotation: number
  session: Uint8Array | null
}

/** Whether nobody waits for this request. */
export function isWriteBehind(request: EndpointStoreRequest | HubStoreRequest): request is WriteBehindRequest {
  return ['save-session', 'erase-session', 'drop-ring', 'drop-outcome'].includes(request.kind)
}

/**
 * What is to be written soon: the newest session of each slot, and rings and outcomes to drop. While the disk is full it keeps what
 * it has, which is bounded by the number of slots and rings.
 */
export class WriteBehind {
  readonly #devices: Devices
  readonly #rings: Rings
  readonly #health: Health
  readonly #sessions = new Map<DeviceHandle, PendingSession>()
  readonly #drops = new Map<string, Uint8Array>()
  readonly #outcomeDrops = new Map<string, Uint8Array>()
  /** takes back each change since the transaction began, last first */
  #undo: (() => void)[] = []

  constructor(devices: Devices, rings: Rings, health: Health) {
    this.#devices = devices
    this.#rings = rings
    this.#health = health
  }

  /** Rows that wait. */
  get rows(): number {
    return this.#sessions.size + this.#drops.size + this.#outcomeDrops.size
  }

  add(request: WriteBehindRequest): void {
    if (request.kind === 'drop-ring') {
      this.#set(this.#drops, hex(request.ring), request.ring)
      return
    }
    if (request.kind === 'drop-outcome') {
      this.#set(this.#outcomeDrops, hex(request.ring), request.ring)
      return
    }
    const session = request.kind === 'save-session' ? request.session : null
    this.#set(this.#sessions, request.device, { rotation: request.rotation, session })
  }

  /** The rotation that waits to be written for a device. */
  rotationOf(device: DeviceHandle): number | undefined {
    return this.#sessions.get(device)?.rotation
  }

  /** Writes the session that waits for a device, if any, inside the caller's transaction. */
  writeSession(device: DeviceHandle): void {
    const pending = this.#sessions.get(device)
    if (pending === undefined) return
    writeRow(this.#health, () => this.#devices.saveSession(device, pending.rotation, pending.session))
    this.#set(this.#sessions, device, undefined)
  }

  /** Drops a ring that waits for it, inside the caller's transaction. */
  writeDrop(ring: Uint8Array): void {
    const name = hex(ring)
    if (!this.#drops.has(name)) return
    writeRow(this.#health, () => this.#rings.drop(ring))
    this.#set(this.#drops, name, undefined)
  }

  /** Writes at most so many rows, the oldest first, inside the caller's transaction. */
  write(rows: number): void {
    let left = rows
    for (const device of this.#sessions.keys()) {
      if (left-- <= 0) return
      this.writeSession(device)
    }
    for (const ring of this.#drops.values()) {
      if (left-- <= 0) return
      this.writeDrop(ring)
    }
    for (const [name, ring] of this.#outcomeDrops) {
      if (left-- <= 0) return
      writeRow(this.#health, () => this.#rings.dropOutcome(ring))
      this.#set(this.#outcomeDrops, name, undefined)
    }
  }

  /** A transaction begins: what is done from here on can be taken back. */
  begin(): void {
    this.#undo = []
  }

  /** Where we are in the transaction, for `rollback`. */
  mark(): number {
    return this.#undo.length
  }

  /** Takes back what was done since `mark`, as SQLite does with the rows. */
  rollback(mark = 0): void {
    while (this.#undo.length > mark) this.#undo.pop()?.()
  }

  #set<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined): void {
    const before = map.get(key)
    this.#undo.push(() => void (before === undefined ? map.delete(key) : map.set(key, before)))
    if (value === undefined) map.delete(key)
    else map.set(key, value)
  }
}

/** A row that can never be written is our bug, but must not keep all others from the disk. */
function writeRow(health: Health, write: () => void): void {
  try {
    write()
  } catch (error) {
    if (isDiskError(error)) throw error
    health.warn(error, 'a write was dropped')
  }
}
