import type { Now } from '../base/time.js'
import type { DeviceHandle } from '../endpoint/message.js'
import { CloseCode } from '../packet/constants.js'
import type { Presence } from '../presence/presence.js'
import type { Consents } from './consents.js'
import type { Devices } from './devices.js'
import type { KeyTransfers } from './key-transfers.js'
import type { ListCommits } from './list-commits.js'
import type { ListReads } from './list-reads.js'
import type { ListVisibility } from './list-visibility.js'
import type { HubRequest, PersonKey } from './message.js'
import type { Outbox } from './outbox.js'
import type { OwnViews } from './own-views.js'
import type { ReliableFrames } from './reliable.js'

/** Everything that knows of persons or devices. */
export interface RosterParts {
  presence: Presence
  devices: Devices
  outbox: Outbox
  reliable: ReliableFrames
  commits: ListCommits
  visibility: ListVisibility
  reads: ListReads
  keys: KeyTransfers
  consents: Consents
  ownViews: OwnViews
}

/** Persons and devices that come and go: with them goes what any part of the hub has of them. */
export class Roster {
  readonly #parts: RosterParts

  constructor(parts: RosterParts) {
    this.#parts = parts
  }

  /** A person, unless they are here already. */
  addPerson(person: PersonKey): void {
    const { presence } = this.#parts
    if (!presence.hasPerson(person)) presence.addPerson(person, 0, false)
  }

  /** A device in a row that is free. @param isRestored it was there when the server started. */
  addDevice(device: DeviceHandle, person: PersonKey, isRestored: boolean): void {
    const { devices, presence } = this.#parts
    devices.setOwner(device)
    presence.addDevice(devices.rowFor(device), person, isRestored)
  }

  handleDeviceAdded({ device, person, rotation }: Extract<HubRequest, { kind: 'device-added' }>, now: Now): void {
    const { devices, presence, outbox } = this.#parts
    const before = devices.rowFor(device)
    if (presence.hasDevice(before)) this.#forget(before, now)
    this.addPerson(person)
    this.addDevice(device, person, false)
    outbox.commands.push({ kind: 'add', device, rotation })
  }

  /** A device is gone. @param code of the CLOSE that it gets. */
  removeDevice(device: DeviceHandle, code: number, now: Now): void {
    const { devices, outbox } = this.#parts
    const row = devices.rowOf(device)
    if (row >= 0) this.#forget(row, now)
    outbox.commands.push({ kind: 'remove', device, code })
  }

  /** A person is gone with all devices. */
  removePerson(person: PersonKey, now: Now): void {
    const { presence, devices, reads, ownViews, consents } = this.#parts
    if (!presence.hasPerson(person)) return
    for (const row of presence.devicesOf(person)) {
      this.removeDevice(devices.handleOf(row), CloseCode.accountRemoved, now)
    }
    reads.forget(person)
    ownViews.reads.forget(person)
    consents.forgetPerson(person)
    presence.removePerson(person, now)
  }

  #forget(row: number, now: Now): void {
    const { devices, keys, commits, visibility, reliable, presence } = this.#parts
    const device = devices.handleOf(row)
    keys.forget(device)
    commits.forget(row)
    visibility.forget(row)
    reliable.handleLost(device, now)
    presence.removeDevice(row, now)
    devices.clearOwner(row)
  }
}
