import { equalBytes, readU32 } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import type { DeviceHandle } from '../endpoint/message.js'
import type { KeyRequestFrame, KeySealedFrame } from '../frame/frame.js'
import { KEY_REQUEST_MS } from '../packet/constants.js'
import type { Timers } from '../presence/timers.js'
import { cutName } from './device-name.js'
import type { ListContext, Sender } from './list-channel.js'
import type { DevicePapers } from './message.js'
import type { FrameOwner, ReliableFrames } from './reliable.js'

/** A device that asks anew, with another nonce, is heard so long after its last request at the earliest, ms. */
const KEY_REQUEST_AGAIN_MS = 10_000
/** After a frame could not be sent to a device in contact, it is tried again so much later, ms. */
const RETRY_MS = 10_000
/** Instead of the id of a KEY_OFFER: it is to be sent again. */
const AGAIN = -1
/** Request numbers are below this. */
const NUMBERS = 2 ** 31

/** A device that waits for the list key. */
interface KeyRequest extends Sender {
  readonly number: number
  /** 16 B */
  readonly nonce: Uint8Array
  readonly askedMs: number
  /** of the device that waits; null until the store has told them */
  papers: DevicePapers | null
  /** devices that were offered it, and the id of the KEY_OFFER that waits there; 0 acked, -1 to be sent again */
  readonly offers: Map<DeviceHandle, number>
  /** what an old device gave: 80 B, and its public key; null until the store has told it */
  given: { senderKey: Uint8Array | null; sealed: Uint8Array } | null
  /** id of the KEY_GIVEN that waits, 0 none */
  givenId: number
  timer: number
  /** timer of the next try at what could not be sent, 0 none */
  retryTimer: number
}

/**
 * Carries the list key from an old device of a person to a new one, sealed between them: wire-spec §11. One request
 * for each device, in memory only; after a restart the device asks again.
 */
export class KeyTransfers implements FrameOwner {
  readonly #context: ListContext
  readonly #reliable: ReliableFrames
  readonly #timers: Timers
  readonly #retries: Timers
  readonly #byNumber = new Map<number, KeyRequest>()
  readonly #byDevice = new Map<DeviceHandle, KeyRequest>()
  readonly #byPerson = new Map<number, Set<KeyRequest>>()
  /** numbers of requests by what the store was asked for them */
  readonly #lookups = new Map<number, { number: number; of: 'asker' | 'giver' }>()
  #lastNumber: number
  #given = 0

  constructor(context: ListContext, reliable: ReliableFrames) {
    this.#context = context
    this.#reliable = reliable
    this.#timers = context.timers((number) => this.#drop(this.#byNumber.get(number) ?? null))
    this.#retries = context.timers((number) => this.#retry(this.#byNumber.get(number) ?? null))
    // Numbers of an earlier process must not be taken for ours.
    this.#lastNumber = readU32(context.config.random.fill(new Uint8Array(4)), 0) % NUMBERS
  }

  /** Requests that wait, and keys handed on. */
  get numbers(): { requests: number; given: number } {
    return { requests: this.#byNumber.size, given: this.#given }
  }

  /** KEY_REQUEST: the others of the person are offered it. The same nonce again changes nothing. */
  handleRequest(sender: Sender, frame: KeyRequestFrame, now: Now): void {
    const last = this.#byDevice.get(sender.device) ?? null
    if (last !== null) {
      if (equalBytes(last.nonce, frame.nonce)) return
      if (now.monotonicMs - last.askedMs < KEY_REQUEST_AGAIN_MS) {
        this.#context.count('keyRequestsIgnored')
        return
      }
      this.#drop(last)
    }
    if (this.#byNumber.size >= this.#context.config.limits.keyRequestsMax) {
      this.#context.count('keyRequestsIgnored')
      return
    }
    const number = this.#nextNumber()
    const timer = this.#timers.arm(number, now.monotonicMs + KEY_REQUEST_MS)
    const { nonce } = frame
    const asked = { number, nonce, askedMs: now.monotonicMs, papers: null, offers: new Map(), given: null }
    const request: KeyRequest = { ...sender, ...asked, givenId: 0, timer, retryTimer: 0 }
    this.#byNumber.set(number, request)
    this.#byDevice.set(sender.device, request)
    this.#byPerson.set(sender.person, (this.#byPerson.get(sender.person) ?? new Set()).add(request))
    this.#look(request, sender.device, 'asker')
  }

  /** KEY_SEALED: the first one of a device that was offered the request is handed on. [R-11-3] */
  handleSealed(sender: Sender, frame: KeySealedFrame): void {
    const request = this.#byNumber.get(frame.request)
    if (request === undefined || request.given !== null || !request.offers.has(sender.device)) {
      this.#context.count('keysIgnored')
      return
    }
    request.given = { senderKey: null, sealed: frame.sealed }
    this.#withdrawOffers(request)
    this.#look(request, sender.device, 'giver')
  }

  /** The store answered a get-papers; null: the device was removed meanwhile. */
  handlePapers(asked: number, papers: DevicePapers | null): void {
    const lookup = this.#lookups.get(asked)
    this.#lookups.delete(asked)
    const request = this.#byNumber.get(lookup?.number ?? -1)
    if (request === undefined) return
    if (lookup?.of === 'giver') {
      const { given } = request
      request.given = papers === null || given === null ? null : { ...given, senderKey: papers.publicKey }
    } else if (papers === null) {
      this.#drop(request)
      return
    } else request.papers = papers
    this.#offerAll(request)
    this.#give(request)
  }

  /** A device is in contact: it may be the one that waits, or one that can give. */
  handleContact(device: DeviceHandle, person: number): void {
    for (const request of this.#byPerson.get(person) ?? []) {
      if (request.device === device) this.#give(request)
      else this.#offer(request, device)
    }
  }

  /** A device was removed. */
  forget(device: DeviceHandle): void {
    this.#drop(this.#byDevice.get(device) ?? null)
  }

  handleAcked(device: DeviceHandle, id: number): void {
    for (const request of this.#requestsAround(device)) {
      if (request.offers.get(device) === id) request.offers.set(device, 0)
      if (request.device === device && request.givenId === id) {
        this.#given++
        this.#drop(request)
      }
    }
  }

  handleUnacked(device: DeviceHandle, id: number, now: Now): void {
    for (const request of this.#requestsAround(device)) {
      const isOffer = request.offers.get(device) === id
      const isGiven = request.device === device && request.givenId === id
      if (isOffer) request.offers.set(device, AGAIN)
      if (isGiven) request.givenId = 0
      if ((isOffer || isGiven) && this.#context.devices.isInContact(device)) this.#retryLater(request, now)
    }
  }

  #requestsAround(device: DeviceHandle): KeyRequest[] {
    const row = this.#context.devices.rowOf(device)
    const person = row < 0 ? -1 : this.#context.presence.personOf(row)
    return [...(this.#byPerson.get(person) ?? [])]
  }

  /** Too many frames wait on a device: nothing else may happen there that would bring it up again. */
  #retryLater(request: KeyRequest, now: Now): void {
    if (request.retryTimer === 0) request.retryTimer = this.#retries.arm(request.number, now.monotonicMs + RETRY_MS)
  }

  #retry(request: KeyRequest | null): void {
    if (request === null) return
    request.retryTimer = 0
    this.#offerAll(request)
    this.#give(request)
  }

  #look(request: KeyRequest, device: DeviceHandle, of: 'asker' | 'giver'): void {
    const { outbox } = this.#context
    const asked = outbox.nextRequest()
    this.#lookups.set(asked, { number: request.number, of })
    outbox.requests.push({ kind: 'get-papers', request: asked, device })
  }

  #offerAll(request: KeyRequest): void {
    for (const device of this.#context.devices.inContact(request.person)) this.#offer(request, device)
  }

  #offer(request: KeyRequest, device: DeviceHandle): void {
    const { papers } = request
    if (papers === null || device === request.device || request.given !== null) return
    if ((request.offers.get(device) ?? AGAIN) !== AGAIN) return
    const id = this.#reliable.newId(device)
    request.offers.set(device, id)
    const { number, nonce } = request
    const name = cutName(papers.name)
    const frame = { kind: 'key-offer', id, request: number, deviceKey: papers.publicKey, nonce, name } as const
    this.#reliable.send(device, [frame], request.askedMs + KEY_REQUEST_MS, this)
  }

  #give(request: KeyRequest): void {
    const { device, given, nonce } = request
    if (
      given === null ||
      given.senderKey === null ||
      request.givenId !== 0 ||
      !this.#context.devices.isInContact(device)
    )
      return
    request.givenId = this.#reliable.newId(device)
    const { senderKey, sealed } = given
    const frame = { kind: 'key-given', id: request.givenId, nonce, senderKey, sealed } as const
    this.#reliable.send(device, [frame], request.askedMs + KEY_REQUEST_MS, this)
  }

  #withdrawOffers(request: KeyRequest): void {
    for (const [device, id] of request.offers) if (id > 0) this.#reliable.cancel(device, id)
    request.offers.clear()
  }

  #drop(request: KeyRequest | null): void {
    if (request === null) return
    this.#withdrawOffers(request)
    if (request.givenId !== 0) this.#reliable.cancel(request.device, request.givenId)
    this.#timers.disarm(request.timer)
    this.#retries.disarm(request.retryTimer)
    this.#byNumber.delete(request.number)
    this.#byDevice.delete(request.device)
    const ofPerson = this.#byPerson.get(request.person)
    ofPerson?.delete(request)
    if (ofPerson?.size === 0) this.#byPerson.delete(request.person)
  }

  #nextNumber(): number {
    do this.#lastNumber = (this.#lastNumber + 1) % NUMBERS
    while (this.#byNumber.has(this.#lastNumber))
    return this.#lastNumber
  }
}
