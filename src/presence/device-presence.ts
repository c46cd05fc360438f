import type { Now } from '../base/time.js'
import type { PingState } from '../frame/frame.js'
import { DeviceFlag, type DeviceTable, NO_DEVICE, Reported } from './device-table.js'
import { type DeviceLevel, idleLevel, Level, nextIdleChangeMs } from './merge.js'
import type { PersonTable } from './person-table.js'
import type { PresenceCause } from './state.js'
import type { Timers } from './timers.js'

/** A threshold above this counts as this: 30 days, in seconds. */
export const THRESHOLD_MAX_S = 2_592_000

/** What a device said, for its person. */
export interface DeviceReport {
  said: 'active' | 'idle' | 'gone' | 'unknown'
  isInContact: boolean
  /** 0 if it is not idle */
  idleMs: number
  /** seconds, 0 never */
  awayAfterS: number
  offlineAfterS: number
}

/**
 * What devices report, and what follows from it by the server's clock. Owns the device table, the chains from persons
 * to their devices, and the idle timers.
 */
export class DevicePresence {
  readonly #persons: PersonTable
  readonly #devices: DeviceTable
  readonly #timers: Timers
  readonly #endedGraceMs: number
  readonly #refresh: (person: number, cause: PresenceCause, now: Now) => void
  #inContact = 0

  /**
   * @param timers       call `handleTimer` with the device when due.
   * @param endedGraceMs how long a device still counts as present after its session ended, ms, so that a new handshake
   *   makes no event; 0 not at all.
   * @param refresh      told after each step that may change a person's state.
   */
  constructor(
    persons: PersonTable,
    devices: DeviceTable,
    timers: Timers,
    endedGraceMs: number,
    refresh: (person: number, cause: PresenceCause, now: Now) => void,
  ) {
    this.#persons = persons
    this.#devices = devices
    this.#timers = timers
    this.#endedGraceMs = endedGraceMs
    this.#refresh = refresh
  }

  /** Devices that can be sent to. */
  get inContact(): number {
    return this.#inContact
  }

  /** Adds a device to a person. */
  add(device: number, person: number, isRestored: boolean): void {
    this.#devices.add(device, person, isRestored)
    this.#devices.setNext(device, this.#persons.head(person))
    this.#persons.setHead(person, device)
  }

  /** Removes a device; its person may go offline. */
  remove(device: number, now: Now): void {
    const person = this.#devices.person(device)
    this.#setContact(device, false)
    this.#disarm(device)
    this.#unchain(person, device)
    this.#devices.remove(device)
    this.#refresh(person, 'contact-lost', now)
  }

  /** A device was heard, with what it reports. Hearing the same again changes nothing. */
  handleContact(device: number, state: PingState, now: Now): void {
    if (state === 'idle') this.#becomeIdle(device, now)
    else this.#devices.put(device, DeviceFlag.idleGuessed, false)
    this.#devices.put(device, DeviceFlag.heard, true)
    if (state === 'gone') {
      this.#leave(device, 'device', now)
      this.#devices.setReported(device, Reported.none)
      return
    }
    this.#devices.setReported(device, state === 'idle' ? Reported.idle : Reported.active)
    this.#devices.put(device, DeviceFlag.lingers, false)
    this.#setContact(device, true)
    this.#armIdle(device, now)
    this.#refresh(this.#devices.person(device), 'device', now)
  }

  /** Silence plus grace ran out. */
  handleLost(device: number, now: Now): void {
    this.#leave(device, 'contact-lost', now)
  }

  /** The session ended. The device counts as lost, after a grace. */
  handleEnded(device: number, now: Now): void {
    if (this.#endedGraceMs === 0 || !this.#devices.is(device, DeviceFlag.inContact)) {
      if (!this.#devices.is(device, DeviceFlag.lingers)) this.#leave(device, 'contact-lost', now)
      return
    }
    this.#setContact(device, false)
    this.#devices.put(device, DeviceFlag.lingers, true)
    this.#arm(device, now.monotonicMs + this.#endedGraceMs)
  }

  /** A device told its thresholds, seconds; 0 never. */
  handleThresholds(device: number, awayAfterS: number, offlineAfterS: number, now: Now): void {
    const away = Math.min(awayAfterS, THRESHOLD_MAX_S)
    this.#devices.setThresholds(device, away, Math.min(offlineAfterS, THRESHOLD_MAX_S))
    if (this.#devices.is(device, DeviceFlag.idleGuessed)) this.#guessIdle(device, now)
    if (this.#devices.is(device, DeviceFlag.lingers)) return
    this.#armIdle(device, now)
    this.#refresh(this.#devices.person(device), 'idle', now)
  }

  /** What a device said last. */
  reportOf(device: number, now: Now): DeviceReport {
    const reported = this.#devices.reported(device)
    const isIdle = reported === Reported.idle
    const told = reported === Reported.active ? 'active' : isIdle ? 'idle' : 'gone'
    return {
      said: this.#devices.is(device, DeviceFlag.heard) ? told : 'unknown',
      isInContact: this.#devices.is(device, DeviceFlag.inContact),
      idleMs: isIdle ? Math.max(0, now.monotonicMs - this.#devices.idleSinceMs(device)) : 0,
      awayAfterS: this.#devices.awayAfterS(device),
      offlineAfterS: this.#devices.offlineAfterS(device),
    }
  }

  /** A device's timer is due. */
  handleTimer(device: number, now: Now): void {
    this.#devices.setTimer(device, 0)
    if (this.#devices.is(device, DeviceFlag.lingers)) {
      this.#leave(device, 'contact-lost', now)
      return
    }
    this.#armIdle(device, now)
    this.#refresh(this.#devices.person(device), 'idle', now)
  }

  /** Level of the most present device of a person. */
  mostPresent(person: number, now: Now): DeviceLevel {
    let most: DeviceLevel = Level.out
    for (let device = this.#persons.head(person); device !== NO_DEVICE; device = this.#devices.next(device)) {
      const level = this.#level(device, now)
      if (level > most) most = level
    }
    return most
  }

  #level(device: number, now: Now): DeviceLevel {
    if (!this.#devices.is(device, DeviceFlag.inContact | DeviceFlag.lingers)) return Level.out
    if (this.#devices.reported(device) !== Reported.idle) return Level.online
    const idleMs = now.monotonicMs - this.#devices.idleSinceMs(device)
    return idleLevel(idleMs, this.#devices.awayAfterS(device), this.#devices.offlineAfterS(device))
  }

  /**
   * Notes since when a device is idle. One that was idle before it was lost still is since then. A whole number of ms:
   * the time a timer is set for minus this is then exactly the threshold, whatever the fraction of the clock.
   */
  #becomeIdle(device: number, now: Now): void {
    if (this.#devices.reported(device) === Reported.idle) return
    this.#devices.setIdleSinceMs(device, Math.ceil(now.monotonicMs))
    if (this.#devices.is(device, DeviceFlag.heard) || !this.#devices.is(device, DeviceFlag.restored)) return
    this.#devices.put(device, DeviceFlag.idleGuessed, true)
    this.#guessIdle(device, now)
  }

  /**
   * One that is first heard after a restart of the server, and idle, most likely was idle for long: it counts as away,
   * so that a restart does not make sleepers look awake.
   */
  #guessIdle(device: number, now: Now): void {
    this.#devices.setIdleSinceMs(device, Math.floor(now.monotonicMs) - this.#devices.awayAfterS(device) * 1000)
  }

  #leave(device: number, cause: PresenceCause, now: Now): void {
    this.#setContact(device, false)
    this.#devices.put(device, DeviceFlag.lingers, false)
    this.#disarm(device)
    this.#refresh(this.#devices.person(device), cause, now)
  }

  #setContact(device: number, isInContact: boolean): void {
    if (this.#devices.is(device, DeviceFlag.inContact) === isInContact) return
    this.#inContact += isInContact ? 1 : -1
    this.#devices.put(device, DeviceFlag.inContact, isInContact)
  }

  /** Sets the timer for the next change by idleness, if one comes. */
  #armIdle(device: number, now: Now): void {
    this.#disarm(device)
    if (!this.#devices.is(device, DeviceFlag.inContact) || this.#devices.reported(device) !== Reported.idle) return
    const sinceMs = this.#devices.idleSinceMs(device)
    const away = this.#devices.awayAfterS(device)
    const nextMs = nextIdleChangeMs(now.monotonicMs - sinceMs, away, this.#devices.offlineAfterS(device))
    if (nextMs !== null) this.#arm(device, sinceMs + nextMs)
  }

  #arm(device: number, monotonicMs: number): void {
    this.#disarm(device)
    this.#devices.setTimer(device, this.#timers.arm(device, monotonicMs))
  }

  #disarm(device: number): void {
    this.#timers.disarm(this.#devices.timer(device))
    this.#devices.setTimer(device, 0)
  }

  #unchain(person: number, device: number): void {
    const next = this.#devices.next(device)
    if (this.#persons.head(person) === device) {
      this.#persons.setHead(person, next)
      return
    }
    let before = this.#persons.head(person)
    while (this.#devices.next(before) !== device) before = this.#devices.next(before)
    this.#devices.setNext(before, next)
  }
}
