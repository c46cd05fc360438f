import { assert } from '../base/assert.js'
import type { Now } from '../base/time.js'
import type { PingState } from '../frame/frame.js'
import { DevicePresence, type DeviceReport } from './device-presence.js'
import { DeviceFlag, DeviceTable, NO_DEVICE } from './device-table.js'
import { type BootTimes, PersonLines, type PresenceListener } from './person-lines.js'
import { PersonFlag, PersonTable } from './person-table.js'
import { SeenLines } from './seen-lines.js'
import type { PresenceLine, PresenceState } from './state.js'
import type { Timers } from './timers.js'
import { type HeldList, Visibility } from './visibility.js'
import type { ZoneSource } from './zone-source.js'

/** Hours are looked at again after so long at most, so that a step of the clock does not hold them for days. */
const HOURS_CHECK_MS = 3_600_000

/** What presence is made of. */
export interface PresenceParts extends BootTimes {
  zones: ZoneSource
  /** how long a device counts as present after its session ended, ms */
  endedGraceMs: number
  listener: PresenceListener
  /** index of an application by its 8-byte id, or -1 */
  appIndexOf: (appId: Uint8Array) => number
  /** makes a line of timers that calls back with the key */
  timers: (onDue: (key: number, now: Now) => void) => Timers
}

/** Numbers for metrics. */
export interface PresenceNumbers {
  persons: number
  devices: number
  devicesInContact: number
  entries: number
  /** persons with hours or texts */
  extras: number
  /** persons with lines that differ from their own */
  seenLines: number
  /** bytes of all tables */
  tableBytes: number
  byState: Readonly<Record<PresenceState, number>>
}

/**
 * Who is there, and who may know it: docs/presence.md. Persons and devices are rows of tables; an idle one has no object.
 * A device is named by its row, 0 to 2^30 - 1, a person by their key, 1 to 2^31 - 1, an application by its index.
 */
export class Presence {
  readonly #persons = new PersonTable()
  readonly #devices = new DeviceTable()
  readonly #seen = new SeenLines()
  readonly #visibility: Visibility
  readonly #lines: PersonLines
  readonly #reports: DevicePresence
  readonly #hoursTimers: Timers
  /** timer of each person with hours */
  readonly #hoursTimer = new Map<number, number>()

  constructor(parts: PresenceParts) {
    this.#visibility = new Visibility(this.#persons, parts.zones, parts.appIndexOf)
    this.#lines = new PersonLines(this.#persons, this.#visibility, this.#seen, parts, parts.listener, (person, now) =>
      this.#reports.mostPresent(person, now),
    )
    const idleTimers = parts.timers((device, now) => this.#reports.handleTimer(device, now))
    this.#reports = new DevicePresence(
      this.#persons,
      this.#devices,
      idleTimers,
      parts.endedGraceMs,
      (person, cause, now) => this.#lines.refresh(person, cause, now),
    )
    this.#hoursTimers = parts.timers((person, now) => this.#reviewHours(person, now))
  }

  /** Numbers for metrics. */
  get numbers(): PresenceNumbers {
    return {
      persons: this.#persons.count,
      devices: this.#devices.count,
      devicesInContact: this.#reports.inContact,
      entries: this.#visibility.entriesHeld,
      extras: this.#visibility.extras,
      seenLines: this.#seen.persons,
      tableBytes: this.#persons.allocatedBytes + this.#devices.allocatedBytes + this.#visibility.allocatedBytes,
      byState: this.#lines.byState,
    }
  }

  // Persons and devices

  /** Whether the person is here. */
  hasPerson(person: number): boolean {
    return this.#persons.has(person)
  }

  /**
   * Adds a person who is not here.
   *
   * @param isRestored they were there when the server started: unknown until heard.
   */
  addPerson(person: number, listVersion: number, isRestored: boolean): void {
    this.#seen.dropAll(person)
    this.#persons.add(person, listVersion, isRestored)
  }

  /** Removes a person without devices. To those who saw them they read as out of contact from now on. */
  removePerson(person: number, now: Now): void {
    this.#lines.review(person, 'list', now, () => this.#visibility.clear(person))
    this.#setHoursTimer(person, now)
    this.#lines.forget(person)
    this.#persons.remove(person)
  }

  /** Whether the row has a device. */
  hasDevice(device: number): boolean {
    return this.#devices.has(device)
  }

  /**
   * Adds a device of a person who is here, in a free row.
   *
   * @param isRestored it was there when the server started.
   */
  addDevice(device: number, person: number, isRestored: boolean): void {
    assert(this.#persons.has(person), `person of device ${device}`)
    this.#reports.add(device, person, isRestored)
  }

  /** Removes a device. */
  removeDevice(device: number, now: Now): void {
    this.#reports.remove(device, now)
  }

  /** The person whose device it is. */
  personOf(device: number): number {
    return this.#devices.person(device)
  }

  /** A person's devices, the newest first. */
  devicesOf(person: number): number[] {
    const devices: number[] = []
    if (!this.#persons.has(person)) return devices
    for (let row = this.#persons.head(person); row !== NO_DEVICE; row = this.#devices.next(row)) devices.push(row)
    return devices
  }

  /** Whether a device can be sent to. */
  isInContact(device: number): boolean {
    return this.#devices.is(device, DeviceFlag.inContact)
  }

  /** Whether a device is yet to be told the person's list version. */
  isStateDue(device: number): boolean {
    return this.#devices.is(device, DeviceFlag.stateDue)
  }

  /** Notes whether a device is yet to be told the person's list version. */
  setStateDue(device: number, isDue: boolean): void {
    this.#devices.put(device, DeviceFlag.stateDue, isDue)
  }

  // Reports

  /** A device was heard, with what it reports. */
  handleContact(device: number, state: PingState, now: Now): void {
    this.#reports.handleContact(device, state, now)
  }

  /** Silence plus grace ran out. */
  handleLost(device: number, now: Now): void {
    this.#reports.handleLost(device, now)
  }

  /** The device's session ended. */
  handleEnded(device: number, now: Now): void {
    this.#reports.handleEnded(device, now)
  }

  /** A device told its thresholds, seconds; 0 never. */
  handleThresholds(device: number, awayAfterS: number, offlineAfterS: number, now: Now): void {
    this.#reports.handleThresholds(device, awayAfterS, offlineAfterS, now)
  }

  /** What a device said last. `unknown`: it was not heard since this start. */
  reportOf(device: number, now: Now): DeviceReport {
    return this.#reports.reportOf(device, now)
  }

  // The list

  /** Committed version of a person's list, 0 none. */
  listVersion(person: number): number {
    return this.#persons.listVersion(person)
  }

  /** A newer version was committed; the list held, if any, counts until the new one comes, or until `dropList`. */
  setListVersion(person: number, version: number): void {
    this.#persons.setListVersion(person, version)
  }

  /** The committed list does not come: what it took back is not known, so nobody sees the person until it comes. */
  dropList(person: number, now: Now): void {
    this.#lines.review(person, 'list', now, () => this.#visibility.clear(person))
    this.#setHoursTimer(person, now)
  }

  /** Whether the list held in memory has the committed version. */
  isListCurrent(person: number): boolean {
    return this.#persons.is(person, PersonFlag.current)
  }

  /** Applies the person's list of the committed version. */
  applyList(person: number, list: HeldList, now: Now): void {
    this.#lines.review(person, 'list', now, () => {
      this.#visibility.replace(person, list)
      this.#persons.setChoice(person, list.choice)
      this.#persons.put(person, PersonFlag.held, true)
      this.#persons.put(person, PersonFlag.current, true)
    })
    this.#setHoursTimer(person, now)
  }

  // Questions

  /** What an application sees of a person by a PUID with this rotation. The person need not exist. */
  lineOf(person: number, app: number, rotation: number, now: Now): PresenceLine {
    const { state, message, sinceMs, count, cause } = this.#lines.lineOf(person, app, rotation, now)
    return { state, message, sinceMs, count, cause }
  }

  /** The state that decides what a ring of an application does, see `PersonLines.ringState`. */
  ringState(person: number, app: number, rotation: number): PresenceState {
    return this.#lines.ringState(person, app, rotation)
  }

  /** The rotation by which an application is shown a person who is not offline, or -1. */
  shownRotation(person: number, app: number): number {
    if (!this.#persons.has(person) || this.#persons.state(person) === 'offline') return -1
    const at = this.#visibility.findApp(person, app)
    return at >= 0 && this.#visibility.isShown(person, at) ? this.#visibility.rotation(person, at) : -1
  }

  /**
   * The rotation that the committed list of a person gives an application, revoked ones apart.
   *
   * @returns null if that list is not here; -1 if the application is not in it.
   */
  heldRotation(person: number, app: number): number | null {
    if (!this.#persons.has(person) || !this.isListCurrent(person)) return null
    const at = this.#visibility.findApp(person, app)
    return at < 0 || this.#visibility.isToldRevoked(person, at) ? -1 : this.#visibility.rotation(person, at)
  }

  /** The rotation of an application's entry in the committed list, revoked or not; -1 for none, or where the list is not here. */
  listedRotation(person: number, app: number): number {
    if (!this.#persons.has(person) || !this.isListCurrent(person)) return -1
    const at = this.#visibility.findApp(person, app)
    return at < 0 ? -1 : this.#visibility.rotation(person, at)
  }

  /** Whether the committed list of a person is here and lets an application see them by this rotation. */
  isConsentHeld(person: number, app: number, rotation: number): boolean {
    if (this.heldRotation(person, app) !== rotation) return false
    return this.#visibility.isAllowed(person, this.#visibility.findApp(person, app))
  }

  /** The first person at or after `person` who is or was here, or -1. */
  nextPerson(person: number): number {
    return this.#persons.nextUsed(person)
  }

  #reviewHours(person: number, now: Now): void {
    this.#hoursTimer.delete(person)
    this.#lines.review(person, 'window', now, () => {})
    this.#setHoursTimer(person, now)
  }

  #setHoursTimer(person: number, now: Now): void {
    this.#hoursTimers.disarm(this.#hoursTimer.get(person) ?? 0)
    this.#hoursTimer.delete(person)
    const nextMs = this.#visibility.nextOpeningMs(person, now.wallMs)
    if (nextMs === Infinity) return
    const waitMs = Math.min(Math.max(nextMs - now.wallMs, 1), HOURS_CHECK_MS)
    this.#hoursTimer.set(person, this.#hoursTimers.arm(person, now.monotonicMs + waitMs))
  }
}
