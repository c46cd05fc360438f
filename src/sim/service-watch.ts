/** Floods are judged by what those get who are known: answers and rings in time, a server that does not grow or toil. */
import type { Crypto } from '../crypto/crypto.js'
import { LOOKUPS_MAX } from '../endpoint/config.js'
import type { DeviceNode } from './device-node.js'
import type { House } from './house.js'

/** A ping that asks is answered, and a ring is shown, within this, ms. */
const SERVICE_MS = 3000
/** Looks, ms apart. */
const EVERY_MS = 500
/** After this the device repeats its ping: the first was dropped. wire-spec [R-9.2-1] */
const REPEAT_MS = 1000
/** Pings that may be dropped, of a whole life without losses on the way. */
const DROPS_MAX = 3
/**
 * Key agreements of a second that a siege may cost the server, each handshake four: those of eight real addresses, 25 each
 * in the first second, 50 without cookies, and those of the enrolled that mean ill.
 */
const AGREEMENTS_MAX = 1500

export class ServiceWatch {
  readonly #house: House
  readonly #fail: (what: string) => void
  /** when the packet went that was last counted as dropped, by device */
  readonly #dropped = new Map<DeviceNode, number>()
  #drops = 0
  #agreements = 0
  #agreementsBefore = 0
  #looks = 0

  constructor(house: House, fail: (what: string) => void) {
    this.#house = house
    this.#fail = fail
  }

  /** From now on. */
  start(): void {
    this.#house.later(EVERY_MS / 1000, () => {
      this.#look()
      this.start()
    })
  }

  /** The server's crypto: its key agreements are counted. */
  watch(crypto: Crypto): Crypto {
    return {
      ...crypto,
      sharedSecret: (secretKey, publicKey) => {
        this.#agreements++
        return crypto.sharedSecret(secretKey, publicKey)
      },
    }
  }

  /** A ring is accepted for delivery; nobody is away here, and everybody allows it. */
  ringing(ring: string, persons: readonly number[]): void {
    const { checker, persons: all, later } = this.#house
    later(SERVICE_MS / 1000, () => {
      if (!checker.isOpen(ring)) return
      const devices = persons.flatMap((number) => all[number - 1]?.devices ?? [])
      for (const device of devices.filter(({ isRunning }) => isRunning)) {
        if (!checker.wasShown(device.name, ring))
          this.#fail(`${device.name} did not show ring ${ring} within ${SERVICE_MS} ms`)
      }
    })
  }

  #look(): void {
    const { persons, queue } = this.#house
    for (const device of persons.flatMap(({ devices }) => devices)) this.#lookAt(device, queue.nowMs)
    this.#lookAtServer()
    if (++this.#looks % (1000 / EVERY_MS) !== 0) return
    const agreements = this.#agreements - this.#agreementsBefore
    this.#agreementsBefore = this.#agreements
    if (agreements > AGREEMENTS_MAX) this.#fail(`the server made ${agreements} key agreements in a second`)
  }

  #lookAt(device: DeviceNode, nowMs: number): void {
    const sinceMs = device.unansweredSinceMs
    if (sinceMs === null) return
    if (nowMs - sinceMs > SERVICE_MS) this.#fail(`${device.name} has been unanswered for ${nowMs - sinceMs} ms`)
    if (nowMs - sinceMs < REPEAT_MS || this.#dropped.get(device) === sinceMs) return
    this.#dropped.set(device, sinceMs)
    if (++this.#drops > DROPS_MAX) this.#fail(`${this.#drops} pings of known devices were dropped`)
  }

  /** What stands beside the records is bounded by the devices, whoever asks for it. */
  #lookAtServer(): void {
    const { server, devices } = this.#house
    for (const endpoint of server.endpoints) {
      const { handshakesPending, probesHeld, stepsPromised, lookupsPending } = endpoint.metrics()
      const held = Math.max(handshakesPending, probesHeld, stepsPromised)
      if (held > devices.length)
        this.#fail(`the server holds ${held} handshakes, probes or steps for ${devices.length} devices`)
      if (lookupsPending > LOOKUPS_MAX) this.#fail(`${lookupsPending} look-ups wait`)
    }
  }
}
