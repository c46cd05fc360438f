import type { Now } from '../base/time.js'
import type { DeviceHandle } from '../endpoint/message.js'
import { StateFlag } from '../packet/constants.js'
import type { Timers } from '../presence/timers.js'
import { type ListContext, Transfers } from './list-channel.js'
import type { FrameOwner, ReliableFrames } from './reliable.js'

/** A STATE is repeated for so long, ms. */
const STATE_MS = 60_000
/** A STATE that went out less than this ago and still waits is not sent again for the same news, ms. */
const SAME_MS = 1_000
/** After a STATE could not be sent to a device in contact, it is tried again so much later, ms. */
const RETRY_MS = 10_000
/**
 * After a list was committed, its device sends the visibility at once. If not within this, all are asked for it; if it does
 * not come within as long again, the person is shown to nobody: the list may have taken a consent back, ms. [R-10-4]
 */
const VISIBILITY_DUE_MS = 10_000

/**
 * Tells devices the version of their person's list: wire-spec [R-10-5]. One STATE waits on a device at most; one that
 * did not get through is due, and goes out when the device is next in contact.
 */
export class StateFrames implements FrameOwner {
  readonly #context: ListContext
  readonly #reliable: ReliableFrames
  readonly #retries: Timers
  /** of persons whose devices were asked for the visibility */
  readonly #hides: Timers
  /** the STATE that waits on a device */
  readonly #waiting = new Map<DeviceHandle, { id: number; version: number; flags: number; sentMs: number }>()
  /** persons whose visibility is on its way */
  readonly #expected: Transfers<{ timer: number }>

  constructor(context: ListContext, reliable: ReliableFrames) {
    this.#context = context
    this.#reliable = reliable
    this.#retries = context.timers((row, now) => this.handleContact(row, false, now))
    this.#hides = context.timers((person, now) => this.#hide(person, now))
    this.#expected = new Transfers(context, (person, _, now) => this.#askAll(person, now))
  }

  /** A device is in contact: tells it if it asks (fresh), or if it was not told the latest. */
  handleContact(row: number, isFresh: boolean, now: Now): void {
    const { presence } = this.#context
    if (!presence.hasDevice(row) || !presence.isInContact(row)) return
    if (isFresh || presence.isStateDue(row)) this.tell(row, now)
  }

  /** Sends STATE to a device, in place of one that waits, unless the same went out a moment ago: contact and SYNC come in one packet. */
  tell(row: number, now: Now): void {
    const { presence, devices } = this.#context
    const device = devices.handleOf(row)
    const person = presence.personOf(row)
    const version = presence.listVersion(person)
    const isMissing = version > 0 && !presence.isListCurrent(person) && this.#expected.get(person) === null
    const flags = isMissing ? StateFlag.noVisibility : 0
    const last = this.#waiting.get(device)
    if (last?.version === version && last.flags === flags && now.monotonicMs - last.sentMs < SAME_MS) return
    if (last !== undefined) this.#reliable.cancel(device, last.id)
    presence.setStateDue(row, true)
    const id = this.#reliable.newId(device)
    this.#waiting.set(device, { id, version, flags, sentMs: now.monotonicMs })
    this.#reliable.send(device, [{ kind: 'state', id, version, flags }], now.monotonicMs + STATE_MS, this)
  }

  /** A device committed a new version: its others are told, and the visibility should follow. */
  handleCommitted(person: number, by: number, now: Now): void {
    const { presence } = this.#context
    this.#expected.touch(person, { timer: 0 }, now.monotonicMs + VISIBILITY_DUE_MS)
    for (const row of presence.devicesOf(person)) {
      if (row === by) continue
      if (presence.isInContact(row)) this.tell(row, now)
      else presence.setStateDue(row, true)
    }
  }

  /**
   * The visibility of the committed version came. A STATE that still asks for it is stale: who sent it knows the
   * version, the person's others are told anew.
   *
   * @param by row of the device that sent it.
   */
  handleApplied(person: number, by: number, now: Now): void {
    this.#expected.drop(person)
    const { presence, devices } = this.#context
    for (const row of presence.devicesOf(person)) {
      const device = devices.handleOf(row)
      const waiting = this.#waiting.get(device)
      if (waiting === undefined || (waiting.flags & StateFlag.noVisibility) === 0) continue
      if (row !== by) this.tell(row, now)
      else {
        this.#waiting.delete(device)
        this.#reliable.cancel(device, waiting.id)
        presence.setStateDue(row, false)
      }
    }
  }

  handleAcked(device: DeviceHandle, id: number): void {
    const row = this.#settle(device, id)
    if (row >= 0) this.#context.presence.setStateDue(row, false)
  }

  handleUnacked(device: DeviceHandle, id: number, now: Now): void {
    const row = this.#settle(device, id)
    if (row >= 0 && this.#context.presence.isInContact(row)) this.#retries.arm(row, now.monotonicMs + RETRY_MS)
  }

  #settle(device: DeviceHandle, id: number): number {
    if (this.#waiting.get(device)?.id === id) this.#waiting.delete(device)
    return this.#context.devices.rowOf(device)
  }

  #askAll(person: number, now: Now): void {
    const { presence } = this.#context
    if (!presence.hasPerson(person) || presence.isListCurrent(person)) return
    for (const row of presence.devicesOf(person)) if (presence.isInContact(row)) this.tell(row, now)
    this.#hides.arm(person, now.monotonicMs + VISIBILITY_DUE_MS)
  }

  /** A still newer list that was committed meanwhile has a time of its own. */
  #hide(person: number, now: Now): void {
    const { presence } = this.#context
    if (!presence.hasPerson(person) || presence.isListCurrent(person) || this.#expected.get(person) !== null) return
    presence.dropList(person, now)
  }
}
