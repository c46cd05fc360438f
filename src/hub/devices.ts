import { SegmentUse } from '../base/segment-use.js'
import { generationOf } from '../endpoint/device-handle.js'
import type { DeviceHandle } from '../endpoint/message.js'
import { Column, SEGMENT_BITS } from '../presence/column.js'
import type { Presence } from '../presence/presence.js'

const GENERATIONS = 65_536

/** Handles and rows: the row of a device is its worker and slot, so no look-up table is needed. */
export class Devices {
  readonly #presence: Presence
  readonly #generation = Column.shorts()
  readonly #rows = new SegmentUse((index) => this.#generation.drop(index))

  constructor(presence: Presence) {
    this.#presence = presence
  }

  /** The row that a handle would have, 0 to 2^30 - 1. */
  rowFor(device: DeviceHandle): number {
    return Math.floor(device / GENERATIONS)
  }

  /** Notes whose row it is, which is free. */
  setOwner(device: DeviceHandle): void {
    const row = this.rowFor(device)
    this.#rows.take(row >>> SEGMENT_BITS)
    this.#generation.set(row, generationOf(device))
  }

  /** The row is free. */
  clearOwner(row: number): void {
    this.#rows.give(row >>> SEGMENT_BITS)
  }

  /** The row of a device that is here, or -1: it was removed, or never added. */
  rowOf(device: DeviceHandle): number {
    const row = this.rowFor(device)
    return this.#presence.hasDevice(row) && this.#generation.get(row) === generationOf(device) ? row : -1
  }

  /** The handle of the device in a row. */
  handleOf(row: number): DeviceHandle {
    return row * GENERATIONS + this.#generation.get(row)
  }

  /** Whether a device is here and can be sent to. */
  isInContact(device: DeviceHandle): boolean {
    const row = this.rowOf(device)
    return row >= 0 && this.#presence.isInContact(row)
  }

  /** The devices of a person that can be sent to. */
  inContact(person: number): DeviceHandle[] {
    const rows = this.#presence.devicesOf(person).filter((row) => this.#presence.isInContact(row))
    return rows.map((row) => this.handleOf(row))
  }
}
