import type { Now } from '../base/time.js'
import type { DeviceHandle } from '../endpoint/message.js'
import { LIST_PARTS_KEPT_MS } from '../packet/constants.js'
import type { Presence } from '../presence/presence.js'
import type { Timers } from '../presence/timers.js'
import type { HubConfig } from './config.js'
import type { Devices } from './devices.js'
import type { HubDrop } from './hub-metrics.js'
import type { Outbox } from './outbox.js'
import type { ServerClock } from './server-clock.js'

/** What the parts that move lists share. */
export interface ListContext {
  config: HubConfig
  presence: Presence
  devices: Devices
  outbox: Outbox
  clock: ServerClock
  /** makes a line of timers that calls back with the key */
  timers: (onDue: (key: number, now: Now) => void) => Timers
  /** counts what had no effect */
  count: (what: HubDrop) => void
}

/** A half-done transfer is forgotten after so long without a part, ms. */
export const TRANSFER_MS = LIST_PARTS_KEPT_MS

/** A device of a person, as frames come from it. */
export interface Sender {
  device: DeviceHandle
  row: number
  person: number
}

/** Sends one LIST_RESULT: wire-spec §10. */
export function sendListResult(outbox: Outbox, device: DeviceHandle, version: number, code: 0 | 1 | 2): void {
  const frames = [{ kind: 'list-result', version, code } as const]
  outbox.commands.push({ kind: 'send', device, frames, untilMonotonicMs: 0 })
}

/**
 * One object for each person, or for each row of a device, with something under way, for a limited time. When too many
 * are under way, the one that was touched longest ago gives way.
 */
export class Transfers<T extends { timer: number }> {
  readonly #byKey = new Map<number, T>()
  readonly #timers: Timers
  readonly #max: number

  /**
   * @param max   transfers at once.
   * @param onDue told of each that ran out of time, after it was forgotten.
   */
  constructor(context: ListContext, onDue?: (key: number, transfer: T, now: Now) => void) {
    this.#max = context.config.limits.transfersMax
    this.#timers = context.timers((key, now) => {
      const transfer = this.#byKey.get(key)
      if (transfer === undefined) return
      transfer.timer = 0
      this.#byKey.delete(key)
      onDue?.(key, transfer, now)
    })
  }

  /** Transfers under way. */
  get size(): number {
    return this.#byKey.size
  }

  /** The transfer of a person or row, or null. */
  get(key: number): T | null {
    return this.#byKey.get(key) ?? null
  }

  /** Begins a transfer, or keeps one alive, for a time. */
  touch(key: number, transfer: T, untilMonotonicMs: number): void {
    const last = this.#byKey.get(key)
    if (last !== undefined) this.#timers.disarm(last.timer)
    this.#byKey.delete(key)
    this.#byKey.set(key, transfer)
    transfer.timer = this.#timers.arm(key, untilMonotonicMs)
    if (this.#byKey.size > this.#max) this.drop(this.#byKey.keys().next().value as number)
  }

  /** Forgets the transfer of a person or row, if there is one. */
  drop(key: number): void {
    const transfer = this.#byKey.get(key)
    if (transfer === undefined) return
    this.#timers.disarm(transfer.timer)
    this.#byKey.delete(key)
  }
}
