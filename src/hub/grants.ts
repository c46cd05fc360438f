/**
 * Consents on their way from a browser into the person's list. wire-spec §10.1
 *
 * One device at a time is offered a grant, for as long as it tries (`OFFER_MS`): so no device can put a grant into the
 * list after another one did and the person took it back. Kept sealed in the store until one device has it there.
 */
import { hex } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import type { DeviceHandle } from '../endpoint/message.js'
import type { GrantedFrame } from '../frame/frame.js'
import { GRANT_HOLD_MS, ROTATION_MAX } from '../packet/constants.js'
import type { Timers } from '../presence/timers.js'
import type { Apps } from './apps.js'
import { GRANT_ID_BYTES, type GrantRecord, readGrantRow, writeGrantRow } from './grant-row.js'
import type { ListContext, Sender } from './list-channel.js'
import type { AppKey } from './message.js'
import type { FrameOwner, ReliableFrames } from './reliable.js'

/** A device that has a grant tries so long at most, and what it sent last may still be on its way, ms. */
const OFFER_MS = GRANT_HOLD_MS + 15_000

/** A device that does not ack is given up for another one after so long; without another one it is waited for, ms. */
const UNACKED_MS = 10_000

/** A device that sleeps is waited for until its next ping: longest silence and grace, ms. */
const SLEEP_MS = 2_000_000

/** After all devices were tried in vain they are tried again so much later, ms. */
const AGAIN_MS = 60_000

/** A grant that no device takes is forgotten after a week: docs/consent.md. */
const GRANT_KEPT_MS = 7 * 86_400_000

/** Grants of one person that wait at once; a person can hardly want more. */
const GRANTS_PER_PERSON = 64

/** A grant that waits. */
interface Waiting extends GrantRecord {
  /** monotonic ms at which it is forgotten */
  untilMonotonicMs: number
  /** who has it: `id` waits for its ack, 0 it may be trying; and when that is looked at again, monotonic ms */
  offer: { device: DeviceHandle; id: number; untilMs: number } | null
  /** when all are tried again, monotonic ms */
  againMs: number
  /** until then, monotonic ms, another device (-1: unknown which) may still put an older offer into the list */
  reserved: { device: DeviceHandle; untilMs: number } | null
  /** devices that did not take it: they were not heard, or they cannot */
  readonly unable: Map<DeviceHandle, 'silent' | 'declined'>
  isStored: boolean
  /** the list had this rotation since the grant was made */
  isAgain: boolean
  /** the list let the application see the person by it: GRANTED was lost or is on its way */
  wasInForce: boolean
}

/** What is done when a grant is durable, or could not be made so. */
type AfterStore = (ok: boolean) => void

/** See the head of this file. */
export class Grants implements FrameOwner {
  readonly #context: ListContext
  readonly #apps: Apps
  readonly #reliable: ReliableFrames
  readonly #timers: Timers
  readonly #byId = new Map<string, Waiting>()
  readonly #byPerson = new Map<number, Set<Waiting>>()
  readonly #stores = new Map<number, { grant: Waiting; before: Waiting | null; after: AfterStore }>()
  /** persons with a timer */
  readonly #timer = new Map<number, number>()
  /** the last rotation proposed of a person and application in this second */
  readonly #proposed = new Map<string, number>()
  #proposedS = 0
  #taken = 0

  constructor(context: ListContext, apps: Apps, reliable: ReliableFrames) {
    this.#context = context
    this.#apps = apps
    this.#reliable = reliable
    this.#timers = context.timers((person, now) => this.#handleDue(person, now))
  }

  /** Grants that wait, and those that devices took. */
  get numbers(): { waiting: number; taken: number } {
    return { waiting: this.#byId.size, taken: this.#taken }
  }

  /**
   * The rotation that a consent given now has: that of the consent in force, where it is known; else a new one, above
   * any that this person and application ever had.
   */
  rotationFor(person: number, app: AppKey, now: Now): number {
    const waiting = this.#find(person, app)
    if (waiting !== null && waiting.what === 0) return waiting.rotation
    const { presence } = this.#context
    const index = this.#apps.get(app)?.index ?? 0
    const held = presence.heldRotation(person, index)
    const isWithdrawn = waiting !== null && waiting.rotation === held
    if (held !== null && held >= 0 && !isWithdrawn) return held
    return this.#newRotation(person, app, presence.listedRotation(person, index), now)
  }

  /**
   * Gives a consent, or takes one back (`what` 1), in place of what waits for the same application.
   *
   * @param after called when it is durable, or could not be.
   */
  add(grant: Omit<GrantRecord, 'grant' | 'untilMs'>, now: Now, after: AfterStore): void {
    const index = this.#apps.get(grant.app)?.index ?? 0
    const isInForce = grant.what === 0 && this.#context.presence.isConsentHeld(grant.person, index, grant.rotation)
    if (isInForce && grant.windows.length === 0) {
      // The list says so already; a grant that came late could undo a revocation.
      after(true)
      return
    }
    const ofPerson = this.#byPerson.get(grant.person)
    const before = this.#find(grant.person, grant.app)
    if (before === null && (ofPerson?.size ?? 0) >= GRANTS_PER_PERSON) {
      after(false)
      return
    }
    const { random } = this.#context.config
    const id = random.fill(new Uint8Array(GRANT_ID_BYTES))
    const record = { ...grant, grant: id, untilMs: now.wallMs + GRANT_KEPT_MS }
    const waiting = this.#insert(record, now, false)
    waiting.isAgain = this.#context.presence.heldRotation(grant.person, index) === grant.rotation
    const request = this.#context.outbox.nextRequest()
    this.#stores.set(request, { grant: waiting, before, after })
    const row = writeGrantRow(record)
    const clockSeconds = this.#context.clock.keptSeconds(now)
    const put = { kind: 'put-grant', request, grant: id, untilMs: record.untilMs, row, clockSeconds } as const
    this.#context.outbox.requests.push(put)
  }

  /** A grant from the store, at start. @returns false if it cannot be read, or is of somebody who is gone. */
  load(row: Uint8Array, areDevicesHere: boolean, now: Now): boolean {
    const record = readGrantRow(row)
    if (record === null || record.untilMs <= now.wallMs || this.#apps.get(record.app) === null) return false
    if (!this.#context.presence.hasPerson(record.person)) return false
    const waiting = this.#insert(record, now, true)
    // Who had it before our stop may still try; where there is one device only it can have no other.
    const isAlone = areDevicesHere && this.#isAlone(record.person)
    if (!isAlone) waiting.reserved = { device: -1, untilMs: now.monotonicMs + OFFER_MS }
    this.#arm(record.person, now)
    return true
  }

  /** All devices are here: it is known who has one only. */
  handleDevicesLoaded(now: Now): void {
    for (const [person, grants] of this.#byPerson) {
      for (const grant of grants) if (grant.reserved?.device === -1 && this.#isAlone(person)) grant.reserved = null
      this.#offerAll(person, now)
    }
  }

  /** The store answered a put-grant. @returns whether it was one of ours. */
  handleStored(request: number, ok: boolean, now: Now): boolean {
    const asked = this.#stores.get(request)
    if (asked === undefined) return false
    this.#stores.delete(request)
    const { grant, before, after } = asked
    grant.isStored = ok
    if (!ok) this.#forgetGrant(grant)
    else if (before !== null) {
      grant.reserved = reservedBy(before, now)
      this.#drop(before)
    }
    after(ok)
    if (ok) this.#offerAll(grant.person, now)
    return true
  }

  /** GRANTED: it is in the committed list; or this device cannot. */
  handleGranted({ device, person }: Sender, frame: GrantedFrame, now: Now): void {
    const grant = this.#byId.get(hex(frame.grant))
    if (grant === undefined || grant.person !== person) {
      this.#context.count('grantsIgnored')
      return
    }
    if (frame.what === 0) {
      this.#taken++
      this.#drop(grant)
      return
    }
    grant.unable.set(device, 'declined')
    if (grant.offer?.device === device) this.#endOffer(grant)
    this.#offerAll(person, now)
  }

  /**
   * A device of a person is in contact.
   *
   * @param isFresh in a new session, or for the first time since our start: it holds nothing any more.
   */
  handleContact(device: DeviceHandle, person: number, isFresh: boolean, now: Now): void {
    const grants = this.#byPerson.get(person)
    if (grants === undefined) return
    for (const grant of grants) {
      if (isFresh || grant.unable.get(device) === 'silent') grant.unable.delete(device)
      if (isFresh && grant.offer?.device === device) this.#endOffer(grant)
      if (isFresh && grant.reserved?.device === device) grant.reserved = null
    }
    this.#offerAll(person, now)
  }

  /**
   * A list was applied. A consent given again, whose first one the person took back since, is void; so is one that was in
   * force, if the person hides or blocks now: it would undo that.
   */
  handleApplied(person: number): void {
    const { presence } = this.#context
    for (const grant of [...(this.#byPerson.get(person) ?? [])]) {
      const { rotation, what } = grant
      const index = this.#apps.get(grant.app)?.index ?? 0
      const isHeld = presence.heldRotation(person, index) === rotation
      const isInForce = presence.isConsentHeld(person, index, rotation)
      if (what === 0 && ((grant.isAgain && !isHeld) || (grant.wasInForce && !isInForce))) this.#drop(grant)
      grant.isAgain ||= isHeld
      grant.wasInForce ||= isInForce
    }
  }

  /** A list was committed, or a device got the key: who could not before may now. */
  handleChange(person: number, now: Now): void {
    if (!this.#byPerson.has(person)) return
    for (const grant of this.#byPerson.get(person) ?? []) grant.unable.clear()
    this.#offerAll(person, now)
  }

  /** It tries now; GRANTED says that it is done. */
  handleAcked(device: DeviceHandle, id: number, now: Now): void {
    this.#hold(device, id, now)
  }

  /** It may have it all the same: the ack can be what was lost. */
  handleUnacked(device: DeviceHandle, id: number, now: Now): void {
    this.#hold(device, id, now)
  }

  /** A person was removed. */
  forgetPerson(person: number): void {
    for (const grant of [...(this.#byPerson.get(person) ?? [])]) this.#drop(grant)
  }

  /** An application was removed. */
  forgetApp(app: AppKey): void {
    for (const grant of [...this.#byId.values()]) if (grant.app === app) this.#drop(grant)
  }

  #hold(device: DeviceHandle, id: number, now: Now): void {
    const row = this.#context.devices.rowOf(device)
    const person = row < 0 ? -1 : this.#context.presence.personOf(row)
    for (const { offer } of this.#byPerson.get(person) ?? []) {
      if (offer?.device !== device || offer.id !== id) continue
      offer.id = 0
      offer.untilMs = now.monotonicMs + OFFER_MS
    }
    this.#arm(person, now)
  }

  #isAlone(person: number): boolean {
    return this.#context.presence.devicesOf(person).length < 2
  }

  #find(person: number, app: AppKey): Waiting | null {
    for (const grant of this.#byPerson.get(person) ?? []) if (grant.app === app) return grant
    return null
  }

  #insert(record: GrantRecord, now: Now, isStored: boolean): Waiting {
    const untilMonotonicMs = now.monotonicMs + Math.min(record.untilMs - now.wallMs, GRANT_KEPT_MS)
    const waiting: Waiting = {
      ...record,
      untilMonotonicMs,
      offer: null,
      againMs: Infinity,
      reserved: null,
      unable: new Map(),
      isStored,
      isAgain: false,
      wasInForce: false,
    }
    this.#byId.set(hex(record.grant), waiting)
    this.#byPerson.set(record.person, (this.#byPerson.get(record.person) ?? new Set()).add(waiting))
    this.#arm(record.person, now)
    return waiting
  }

  #offerAll(person: number, now: Now): void {
    for (const grant of this.#byPerson.get(person) ?? []) this.#offer(grant, now)
    this.#arm(person, now)
  }

  #offer(grant: Waiting, now: Now): void {
    if (!grant.isStored || grant.offer !== null) return
    const app = this.#apps.get(grant.app)
    const device = this.#candidate(grant, now)
    if (device === undefined && grant.againMs === Infinity) grant.againMs = now.monotonicMs + AGAIN_MS
    if (app === null || device === undefined) return
    grant.againMs = Infinity
    const id = this.#reliable.newId(device)
    grant.offer = { device, id, untilMs: now.monotonicMs + UNACKED_MS }
    const { rotation, what, windows, zone } = grant
    const frame = { kind: 'grant', id, grant: grant.grant, app: app.id, rotation, what, windows, zone } as const
    this.#reliable.send(device, [frame], now.monotonicMs + SLEEP_MS, this)
  }

  #candidate({ offer, reserved, unable, person }: Waiting, now: Now): DeviceHandle | undefined {
    const only = reserved !== null && now.monotonicMs < reserved.untilMs ? reserved.device : null
    return this.#context.devices
      .inContact(person)
      .find((one) => !unable.has(one) && one !== offer?.device && (only === null || one === only))
  }

  #handleDue(person: number, now: Now): void {
    this.#timer.delete(person)
    for (const grant of [...(this.#byPerson.get(person) ?? [])]) {
      if (now.monotonicMs >= (grant.reserved?.untilMs ?? Infinity)) grant.reserved = null
      if (now.monotonicMs >= grant.untilMonotonicMs) this.#drop(grant)
      else if (grant.offer !== null && now.monotonicMs >= grant.offer.untilMs) this.#reviewOffer(grant, now)
      else if (now.monotonicMs >= grant.againMs) {
        for (const [device, why] of grant.unable) if (why === 'silent') grant.unable.delete(device)
        grant.againMs = Infinity
      }
    }
    this.#offerAll(person, now)
  }

  /** Time is up for who has it: another one gets it, at the earliest when the first one has surely given up. */
  #reviewOffer(grant: Waiting, now: Now): void {
    const offer = grant.offer as NonNullable<Waiting['offer']>
    if (offer.id === 0) {
      grant.unable.set(offer.device, 'silent')
      grant.offer = null
    } else if (this.#candidate(grant, now) === undefined) offer.untilMs = now.monotonicMs + UNACKED_MS
    else {
      this.#reliable.cancel(offer.device, offer.id)
      offer.id = 0
      offer.untilMs = now.monotonicMs + OFFER_MS
    }
  }

  #arm(person: number, now: Now): void {
    this.#timers.disarm(this.#timer.get(person) ?? 0)
    this.#timer.delete(person)
    let dueMs = Infinity
    for (const { untilMonotonicMs, offer, againMs, reserved } of this.#byPerson.get(person) ?? []) {
      dueMs = Math.min(dueMs, untilMonotonicMs, offer?.untilMs ?? Math.min(againMs, reserved?.untilMs ?? Infinity))
    }
    if (dueMs === Infinity) return
    const atMs = Math.min(Math.max(dueMs, now.monotonicMs + 1), now.monotonicMs + 86_400_000)
    this.#timer.set(person, this.#timers.arm(person, atMs))
  }

  #drop(grant: Waiting): void {
    this.#forgetGrant(grant)
    this.#context.outbox.requests.push({ kind: 'drop-grant', grant: grant.grant })
  }

  #endOffer(grant: Waiting): void {
    if (grant.offer !== null && grant.offer.id > 0) this.#reliable.cancel(grant.offer.device, grant.offer.id)
    grant.offer = null
  }

  #forgetGrant(grant: Waiting): void {
    this.#endOffer(grant)
    this.#byId.delete(hex(grant.grant))
    const ofPerson = this.#byPerson.get(grant.person)
    ofPerson?.delete(grant)
    if (ofPerson?.size !== 0) return
    this.#byPerson.delete(grant.person)
    this.#timers.disarm(this.#timer.get(grant.person) ?? 0)
    this.#timer.delete(grant.person)
  }

  /**
   * Unix seconds and one: what a device chose in this second is below. Above what is listed, or devices would take it for
   * overtaken: it may be of a device whose own clock is far ahead. Above the last one there is none.
   */
  #newRotation(person: number, app: AppKey, listed: number, now: Now): number {
    const seconds = this.#context.clock.seconds(now) + 1
    const name = `${person} ${app}`
    const last = this.#proposed.get(name) ?? 0
    // Names that the clock has passed are not needed.
    if (seconds > this.#proposedS) {
      for (const [other, proposed] of this.#proposed) if (proposed < seconds) this.#proposed.delete(other)
    }
    this.#proposedS = Math.max(this.#proposedS, seconds)
    const above = Math.max(last, listed) + 1
    const rotation = above > ROTATION_MAX ? seconds : Math.max(seconds, above)
    this.#proposed.set(name, rotation)
    return rotation
  }
}

/** Who may still put into the list what a grant replaces, and until when: they get the new one first. */
function reservedBy({ offer, reserved }: Waiting, { monotonicMs }: Now): Waiting['reserved'] {
  if (offer === null) return reserved
  return { device: offer.device, untilMs: offer.id === 0 ? offer.untilMs : monotonicMs + OFFER_MS }
}
