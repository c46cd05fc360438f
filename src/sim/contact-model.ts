/**
 * Who must be in contact, reckoned beside the server: from the packets that took effect and the silence that they promised.
 * A device is lost when its promise and the grace are over, never before and not later. wire-spec [R-7.1-2]
 */
import type { DeviceHandle, EndpointEvent } from '../endpoint/message.js'
import { pingStateOf, silenceClassOf } from '../frame/one-byte.js'
import { silenceSeconds } from '../frame/silence.js'
import { GRACE_BASE_MS, GRACE_DIVISOR, SILENCE_MAX_S } from '../packet/constants.js'
import type { SessionView } from '../session/view.js'

/** A timer may fire so much late, ms; the sample may come between a packet and what follows from it. */
const SLACK_MS = 1000

interface Reckoned {
  heardMs: number
  lostAtMs: number
  /** as the server told the hub */
  inContact: boolean
}

export class ContactModel {
  readonly #fail: (what: string) => void
  readonly #devices = new Map<DeviceHandle, Reckoned>()

  constructor(fail: (what: string) => void) {
    this.#fail = fail
  }

  /** The server starts: nobody was heard. */
  reset(): void {
    this.#devices.clear()
  }

  /** A packet of a device took effect, or may have: the record is as it is after that. */
  noted(device: DeviceHandle, view: SessionView, nowMs: number): void {
    if (!view.inUse || view.silentFromMs < nowMs) return
    const toldS = view.customSilenceS === 0 ? SILENCE_MAX_S : view.customSilenceS
    const silenceMs = 1000 * Math.min(silenceSeconds(silenceClassOf(view.ping), toldS), SILENCE_MAX_S)
    const isGone = pingStateOf(view.ping) === 'gone'
    const graceMs = GRACE_BASE_MS + silenceMs / GRACE_DIVISOR
    const reckoned = this.#of(device)
    reckoned.heardMs = nowMs
    const promisedMs = view.silentFromMs + silenceMs + graceMs
    reckoned.lostAtMs = isGone ? Number.POSITIVE_INFINITY : promisedMs
  }

  /** What the server tells its hub. */
  handleEvent(event: EndpointEvent, nowMs: number): void {
    if (event.kind === 'contact') this.#of(event.device).inContact = true
    else if (event.kind === 'ended') this.#of(event.device).inContact = false
    else if (event.kind === 'lost') {
      const reckoned = this.#of(event.device)
      reckoned.inContact = false
      if (nowMs < reckoned.lostAtMs - 1) {
        this.#fail(`device ${event.device} was lost ${reckoned.lostAtMs - nowMs} ms before its promise was over`)
      }
    }
  }

  /** Whether the server thinks that a device is in contact. */
  isInContact(device: DeviceHandle): boolean {
    return this.#devices.get(device)?.inContact ?? false
  }

  /** Looks at everybody. */
  check(nowMs: number): void {
    for (const [device, { inContact, lostAtMs }] of this.#devices) {
      if (inContact && nowMs > lostAtMs + SLACK_MS) {
        this.#fail(`device ${device} is in contact ${nowMs - lostAtMs} ms after its promise was over`)
      }
    }
  }

  #of(device: DeviceHandle): Reckoned {
    const known = this.#devices.get(device)
    if (known !== undefined) return known
    const fresh = { heardMs: 0, lostAtMs: 0, inContact: false }
    this.#devices.set(device, fresh)
    return fresh
  }
}
