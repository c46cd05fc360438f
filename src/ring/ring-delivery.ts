import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import type { NotifyFrame, OutcomeCode } from '../frame/frame.js'
import { OutcomeWhat } from '../packet/constants.js'
import type { Leg, LiveRing } from './live-ring.js'
import { NOTIFY_ID_TRIES, notifyId } from './notify-id.js'
import type { RingRecord, RingTarget } from './ring.js'
import { type QueueReason, queueReason, RING_BEHAVIOUR, type RingBehaviour } from './ring-behaviour.js'
import type { FrameOwner, RingChannel, RingPeople } from './ring-ports.js'
import { isTerminal } from './ring-state.js'

/** How long the list of somebody in contact may take before a ring is tried without it, ms. */
export const TRY_AFTER_MS = 2_000

/** Told what happens on the way to devices. */
export interface DeliveryListener {
  /** A device that the sender may know of has the ring. */
  received(ring: LiveRing, now: Now): void
  /** Something could not be sent now and should be tried again in a moment. */
  delayed(ring: LiveRing, now: Now): void
  /** A device has the outcome. */
  told(ring: LiveRing, now: Now): void
  /** Whether another live ring uses this notify id on the device. */
  isNotifyUsed(ring: LiveRing, device: number, id: number): boolean
}

/** Where a ring stands after it was offered to all devices that may have it. */
export interface Offer {
  isSent: boolean
  /** it went out to a device just now */
  isNew: boolean
  isReceived: boolean
  reason: QueueReason
}

/** Brings rings to devices, and their outcomes. Owns the legs of live rings. */
export class RingDelivery {
  readonly #people: RingPeople
  readonly #channel: RingChannel
  readonly #crypto: Crypto
  readonly #tellMs: number
  readonly #listener: DeliveryListener

  /** @param tellMs how long an outcome is repeated at most, ms. */
  constructor(people: RingPeople, channel: RingChannel, crypto: Crypto, tellMs: number, listener: DeliveryListener) {
    this.#people = people
    this.#channel = channel
    this.#crypto = crypto
    this.#tellMs = tellMs
    this.#listener = listener
  }

  /** What a ring would do now for each of those it goes to. */
  behaviours(record: RingRecord): RingBehaviour[] {
    return record.targets.map((target) => {
      // Of one device nothing is to be had while it is away, whoever else is there.
      if (target.device >= 0 && !this.#people.isInContact(target.device)) return RING_BEHAVIOUR.offline
      return RING_BEHAVIOUR[this.#people.reach(record.app, target.person, target.rotation)]
    })
  }

  /** Who of those it goes to could be rung now: they show themselves to the sender and have a device in contact. */
  reachable(record: RingRecord): boolean[] {
    const behaviours = this.behaviours(record)
    return record.targets.map((target, index) => behaviours[index] === 'ring' && this.#devicesOf(target).length > 0)
  }

  /** Whether a device of one of those it goes to has the ring. */
  isReceivedBy(ring: LiveRing, target: number): boolean {
    return [...ring.legs.values()].some((leg) => leg.target === target && leg.isReceived)
  }

  /** Sends an open ring to each device that may have it and has not. */
  offer(ring: LiveRing, now: Now): Offer {
    const behaviours = this.behaviours(ring.record)
    const offer: Offer = { isSent: false, isNew: false, isReceived: false, reason: queueReason(behaviours) }
    ring.record.targets.forEach((who, target) => {
      const behaviour = behaviours[target]
      if (who.left !== '' || !hasTurn(ring, target) || (behaviour !== 'ring' && behaviour !== 'try')) return
      const devices = this.#devicesOf(who)
      if (behaviour === 'try' && devices.length > 0 && !this.#mayTry(ring, now)) return
      for (const device of devices) {
        if (this.#offerTo(ring, target, device, behaviour === 'try', now)) offer.isNew = true
      }
    })
    for (const leg of ring.legs.values()) {
      if (behaviours[leg.target] === 'ring') leg.isTentative = false
      if (leg.isTentative || leg.isRefused) continue
      if (leg.wasSent) offer.isSent = true
      if (leg.isReceived) offer.isReceived = true
    }
    return offer
  }

  /** A device's program or session is new: it may have lost the ring, and gets it again under a new id. [R-12.2-5] */
  restart(ring: LiveRing, device: number): void {
    const leg = ring.legs.get(device)
    if (leg === undefined || !leg.isSent) return
    this.stopLeg(leg)
    leg.isReceived = false
    leg.isRenewed = true
  }

  /**
   * The ring that a verdict with this id is about, of those of a person. An id that went out since the start is certain.
   * One of before is worked out from the rings' seeds, and two may share it: then it is about neither, and the device
   * says it again by the id of the next NOTIFY. [R-12.2-5]
   */
  ringOf(rings: readonly LiveRing[], device: number, id: number): LiveRing | null {
    const certain = rings.find((ring) => hasId(ring, device, id))
    if (certain !== undefined) return certain
    const [only, another] = rings.filter((ring) => this.mayHaveId(ring, device, id))
    return another === undefined ? (only ?? null) : null
  }

  /**
   * The leg that a verdict is about, or null. A device answers by the id of any NOTIFY that brought the ring; of a ring
   * that was loaded also by one that went out before the restart. [R-12.2-5]
   *
   * @param person whose device it is.
   */
  legOf(ring: LiveRing, device: number, person: number, id: number): Leg | null {
    const leg = ring.legs.get(device)
    if (leg?.notify === id) return leg
    const target = ring.record.targets.findIndex((who) => who.person === person && isFor(who, device))
    if (target < 0 || !this.mayHaveId(ring, device, id)) return null
    return leg ?? this.#addLeg(ring, target, device, id)
  }

  /** Whether a NOTIFY of this ring with this id went out to the device, or may have before the restart. */
  mayHaveId(ring: LiveRing, device: number, id: number): boolean {
    return hasId(ring, device, id) || (ring.isRestored && this.#isNotifyIdOf(ring, device, id))
  }

  /** A verdict proves that the device has the ring. */
  receive(leg: Leg): void {
    if (leg.isSent && !leg.isReceived) this.#channel.cancel(leg.device, leg.notify)
    leg.isReceived = true
    leg.isSent = true
    leg.wasSent = true
  }

  /** The ring has ended: no more NOTIFY goes out. */
  stop(ring: LiveRing): void {
    for (const leg of ring.legs.values()) this.stopLeg(leg)
  }

  /** No more NOTIFY goes out to one of those it goes to. */
  stopTarget(ring: LiveRing, target: number): void {
    for (const leg of ring.legs.values()) if (leg.target === target) this.stopLeg(leg)
  }

  /** No more NOTIFY goes out to one device. */
  stopLeg(leg: Leg): void {
    if (leg.isSent && !leg.isReceived) this.#channel.cancel(leg.device, leg.notify)
    leg.isSent = false
  }

  /** Tells the outcome, once committed, to each device in contact that was sent the ring. */
  tell(ring: LiveRing): void {
    if (ring.isRestored && ring.endRow !== null) this.#addUnknownLegs(ring)
    for (const leg of ring.legs.values()) {
      if (!leg.wasSent || leg.isRefused || leg.isTold || leg.outcome !== 0) continue
      if (ring.endRow === null && !ring.left.has(leg.target)) continue
      if (!this.#people.isInContact(leg.device)) continue
      leg.outcome = this.#channel.newId(leg.device)
      const what = outcomeFor(ring.record, leg)
      const frame = { kind: 'outcome', id: leg.outcome, ring: ring.record.id, what } as const
      this.#channel.send(leg.device, [frame], this.#tellUntilMs(ring), this.#ownerOf(ring))
    }
  }

  /**
   * Lets the devices of those who are unavailable list a ring that was missed: they get it together with its outcome,
   * after its deadline, so they never ring.
   */
  tellKept(ring: LiveRing): void {
    const behaviours = this.behaviours(ring.record)
    ring.record.targets.forEach((who, target) => {
      if (who.left !== '' || behaviours[target] !== 'keep') return
      for (const device of this.#devicesOf(who)) {
        const id = ring.legs.has(device) ? 0 : this.#freeNotifyId(ring, device, ring.firstTry)
        if (id === 0) continue
        const leg = this.#addLeg(ring, target, device, id)
        do leg.outcome = this.#channel.newId(device)
        while (leg.outcome === id)
        const outcome = { kind: 'outcome', id: leg.outcome, ring: ring.record.id, what: OutcomeWhat.missed } as const
        const frames = [this.#notify(ring, target, id), outcome]
        this.#channel.send(device, frames, this.#tellUntilMs(ring), this.#ownerOf(ring))
      }
    })
  }

  /** Whether each device that must be told the outcome has it. Of a ring that was loaded, nobody knows. */
  isAllTold(ring: LiveRing): boolean {
    if (ring.isRestored) return false
    for (const leg of ring.legs.values()) if (leg.wasSent && !leg.isRefused && !leg.isTold) return false
    return true
  }

  /** The devices in contact that a ring is for. */
  #devicesOf(who: RingTarget): number[] {
    return this.#people.devicesInContact(who.person).filter((device) => isFor(who, device))
  }

  /** Whether the list had its moment to come before a ring is tried without it. */
  #mayTry(ring: LiveRing, now: Now): boolean {
    if (ring.tryFromMs === 0) ring.tryFromMs = now.monotonicMs + TRY_AFTER_MS
    if (now.monotonicMs >= ring.tryFromMs) return true
    this.#listener.delayed(ring, now)
    return false
  }

  /** @returns whether it went out. */
  #offerTo(ring: LiveRing, target: number, device: number, isTentative: boolean, now: Now): boolean {
    const held = ring.legs.get(device)
    if (held !== undefined && (held.isSent || held.isRefused)) return false
    const used = held?.notifies.length ?? 0
    const isAgain = held !== undefined && !held.isRenewed
    const id = isAgain ? held.notify : this.#freeNotifyId(ring, device, ring.firstTry + used)
    if (id === 0 || !this.#channel.isIdFree(device, id)) {
      this.#listener.delayed(ring, now)
      return false
    }
    const leg = held ?? this.#addLeg(ring, target, device, id)
    if (held === undefined) leg.isTentative = isTentative
    else if (!isAgain) {
      leg.isRenewed = false
      leg.notify = id
      leg.notifies.push(id)
    }
    leg.isSent = true
    this.#channel.send(device, [this.#notify(ring, target, id)], ring.deadlineMonotonicMs, this.#ownerOf(ring))
    return true
  }

  /** A notify id that is free on the device, or 0. @param first the one to try first, modulo their number. */
  #freeNotifyId(ring: LiveRing, device: number, first: number): number {
    for (let tries = first; tries < first + NOTIFY_ID_TRIES; tries++) {
      const id = notifyId(this.#crypto, ring.record.seed, device, tries % NOTIFY_ID_TRIES)
      if (this.#channel.isIdFree(device, id) && !this.#listener.isNotifyUsed(ring, device, id)) return id
    }
    return 0
  }

  #isNotifyIdOf(ring: LiveRing, device: number, id: number): boolean {
    for (let tries = 0; tries < NOTIFY_ID_TRIES; tries++) {
      if (notifyId(this.#crypto, ring.record.seed, device, tries) === id) return true
    }
    return false
  }

  #notify({ record }: LiveRing, target: number, id: number): NotifyFrame {
    const { id: ring, deadlineMs, content } = record
    const { rotation } = record.targets[target] as RingTarget
    return { kind: 'notify', id, ring, app: this.#people.appId(record.app), rotation, deadlineMs, ...content }
  }

  #addLeg(ring: LiveRing, target: number, device: number, notify: number): Leg {
    const state = {
      isTentative: false,
      isRenewed: false,
      isSent: false,
      wasSent: true,
      isReceived: false,
      isRefused: false,
    }
    const leg: Leg = { device, target, notify, notifies: [notify], ...state, outcome: 0, isTold: false }
    ring.legs.set(device, leg)
    return leg
  }

  /** Devices that may have had the ring before a restart; those that had not ignore the outcome (wire-spec §12.2-4). */
  #addUnknownLegs(ring: LiveRing): void {
    ring.record.targets.forEach((who, target) => {
      for (const device of this.#devicesOf(who)) {
        if (ring.legs.has(device)) continue
        this.#addLeg(ring, target, device, notifyId(this.#crypto, ring.record.seed, device, 0))
      }
    })
  }

  #tellUntilMs(ring: LiveRing): number {
    return Math.min(ring.tellUntilMs, ring.deadlineMonotonicMs + this.#tellMs)
  }

  #ownerOf(ring: LiveRing): FrameOwner {
    return {
      handleAcked: (device, id, now) => this.#handleAcked(ring, device, id, now),
      handleUnacked: (device, id, now) => this.#handleUnacked(ring, device, id, now),
    }
  }

  #handleAcked(ring: LiveRing, device: number, id: number, now: Now): void {
    const leg = ring.legs.get(device)
    if (leg === undefined) return
    if (id === leg.outcome) {
      leg.outcome = 0
      leg.isTold = true
      this.#listener.told(ring, now)
    } else if (leg.notifies.includes(id)) {
      leg.isReceived = true
      if (!leg.isTentative) this.#listener.received(ring, now)
    }
  }

  #handleUnacked(ring: LiveRing, device: number, id: number, now: Now): void {
    const leg = ring.legs.get(device)
    if (leg === undefined) return
    if (id === leg.outcome) leg.outcome = 0
    else if (id === leg.notify && !isTerminal(ring.record.state)) leg.isSent = false
    else return
    this.#listener.delayed(ring, now)
  }
}

/** What a device is told in the end: wire-spec §12.2-4. */
export function outcomeFor(record: RingRecord, leg: Pick<Leg, 'device' | 'target'>): OutcomeCode {
  const { left, dismissedBy } = record.targets[leg.target] as RingRecord['targets'][number]
  if (left === 'passed') return OutcomeWhat.missed
  if (left === 'replaced') return OutcomeWhat.withdrawn
  if (left === 'dismissed')
    return dismissedBy === leg.device ? OutcomeWhat.dismissedHere : OutcomeWhat.answeredElsewhere
  if (record.state === 'accepted') {
    return record.byDevice === leg.device ? OutcomeWhat.acceptedHere : OutcomeWhat.answeredElsewhere
  }
  return record.state === 'missed' ? OutcomeWhat.missed : OutcomeWhat.withdrawn
}

/** Whether a ring may go to one of those it is for: in a sequence in their turn only, and only once that is committed. */
function hasTurn({ record, turn }: LiveRing, target: number): boolean {
  return record.stepMs === 0 || (turn === target && record.turn === target)
}

function isFor(who: RingTarget, device: number): boolean {
  return who.device < 0 || who.device === device
}

/** Whether a NOTIFY of this ring with this id went out to the device since the start. */
function hasId(ring: LiveRing, device: number, id: number): boolean {
  return ring.legs.get(device)?.notifies.includes(id) === true
}
