/** Who has a way to the server, by UDP or WebSocket, must find it: soon after it opened, or after as long as it was closed. */
import type { ContactModel } from './contact-model.js'
import type { DeviceNode } from './device-node.js'

/** Intervals between pings that may pass before a dead path is noticed. */
const INTERVALS = 1.5
/** Patience on both paths, opening, a handshake, losses, s. */
const FIND_S = 90
/** Pauses grow while nothing answers: up to so many times as long as there was no way. */
const OUTAGES = 2

/** A device that had no way for so long may give its session up after a minute of silence: pauses grow meanwhile, s. */
const OUTAGE_S = 20
/** Seconds between two samples of outages. */
export const SAMPLE_S = 5

interface Way {
  /** virtual ms; null: there is none */
  openSinceMs: number | null
  /** the network that it leads through: on another one all begins anew */
  visit: number
  closedSinceMs: number
  /** how long there was none, ms, before it opened */
  outageMs: number
}

export class ReachWatch {
  readonly #contact: ContactModel
  readonly #fail: (what: string) => void
  readonly #ways = new Map<DeviceNode, Way>()
  /** for how long it has had no way, s */
  readonly #outages = new Map<DeviceNode, number>()
  readonly #cutOff = new Set<DeviceNode>()

  constructor(contact: ContactModel, fail: (what: string) => void) {
    this.#contact = contact
    this.#fail = fail
  }

  /** Measures how long a device has no way, every `SAMPLE_S`. */
  sample(device: DeviceNode): void {
    const seconds = device.path.hasWay ? 0 : (this.#outages.get(device) ?? 0) + SAMPLE_S
    this.#outages.set(device, seconds)
    if (seconds > OUTAGE_S) this.#cutOff.add(device)
  }

  /** Whether it once had no way for long, neither by UDP nor by WebSocket. [R-9.2-3] */
  wasCutOff(device: DeviceNode): boolean {
    return this.#cutOff.has(device)
  }

  /** Looks at a device, every few seconds. @param upMs since when the server runs, ms; 0: it does not. */
  look(device: DeviceNode, upMs: number, nowMs: number): void {
    const { path, setting } = device
    const isOpen = upMs > 0 && device.isRunning && !device.isSuspended && path.hasWay
    const { visit } = path
    const way = this.#ways.get(device) ?? { openSinceMs: null, visit, closedSinceMs: nowMs, outageMs: 0 }
    this.#ways.set(device, way)
    if (!isOpen || way.visit !== visit) {
      way.visit = visit
      if (way.openSinceMs !== null) way.closedSinceMs = nowMs
      way.openSinceMs = null
      return
    }
    if (way.openSinceMs === null) {
      way.openSinceMs = nowMs
      way.outageMs = nowMs - way.closedSinceMs
    }
    const slowestS = Math.max(setting.keepaliveS, setting.tcpKeepaliveS ?? 0)
    const patienceMs = (slowestS * INTERVALS + FIND_S) * 1000 + way.outageMs * OUTAGES
    // It may have started again between two looks.
    const openMs = Math.min(nowMs - way.openSinceMs, upMs)
    if (openMs > patienceMs && !this.#contact.isInContact(setting.handle))
      this.#fail(
        `${device.name} is not in contact, though it has had a way for ${Math.trunc(openMs)} ms (${path.udp}, ${path.tcp})`,
      )
  }
}
