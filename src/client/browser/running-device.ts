/** The device of the tab that runs it: its view, and the commands of all tabs. */

import { AWAY_AFTER_S, OFFLINE_AFTER_S } from '../../packet/constants.js'
import type { Device } from '../device-client.js'
import type { DeviceError } from '../device-error.js'
import { appId } from '../device-machine.js'
import type { Ring } from '../ring.js'
import type { DeviceStore, Thresholds } from './device-store.js'
import { type DeviceCommands, type DeviceView, type EndedView, type RingView, viewOfList } from './device-view.js'

/** Ends of rings that a view remembers. */
const ENDED_MAX = 8

export class RunningDevice {
  readonly device: Device
  readonly #deviceId: string
  readonly #store: DeviceStore
  readonly #onView: () => void
  readonly #sinceMs = Date.now()
  readonly #rings = new Map<string, { ring: Ring; untilMs: number }>()
  #ended: EndedView[] = []
  #offers: DeviceView['offers'] = []
  #state: 'active' | 'idle' = 'active'
  #thresholds: Thresholds | null
  #listCode: string | null = null
  #fault: DeviceView['fault'] = null

  /**
   * @param thresholds as the store has them; they are told to the server.
   * @param onView     told after each change of `view`.
   */
  constructor(device: Device, deviceId: string, store: DeviceStore, thresholds: Thresholds | null, onView: () => void) {
    this.device = device
    this.#deviceId = deviceId
    this.#store = store
    this.#thresholds = thresholds
    this.#onView = onView
    if (thresholds !== null) device.setThresholds(thresholds.awayAfterS, thresholds.offlineAfterS)
    this.#listen()
  }

  get view(): DeviceView {
    const rings: RingView[] = [...this.#rings.values()].map(({ ring, untilMs }) => {
      const { id, app, title, body, url } = ring
      return { ring: id, app, title, body, url, untilMs }
    })
    return {
      deviceId: this.#deviceId,
      isOnline: this.device.isOnline,
      state: this.#state,
      ...viewOfList(this.device.list),
      thresholds: this.#thresholds ?? { awayAfterS: AWAY_AFTER_S, offlineAfterS: OFFLINE_AFTER_S },
      rings,
      ended: this.#ended,
      missed: [...this.device.missed].reverse(),
      offers: this.#offers,
      listCode: this.#listCode,
      fault: this.#fault,
    }
  }

  /** What the person does, or does not. */
  setState(state: 'active' | 'idle'): void {
    this.#state = state
    if (state === 'active') this.device.active()
    else this.device.idle()
    this.#onView()
  }

  /** What can be done, by name. */
  readonly commands: DeviceCommands = {
    choice: ({ choice }) => this.device.setChoice(choice),
    messages: ({ status, away }) => this.device.setMessages(status, away),
    zone: ({ zone }) => this.device.setZone(zone),
    thresholds: (thresholds) => this.#setThresholds(thresholds),
    allow: ({ app, ...visibility }) => this.device.allow(app, visibility),
    deny: ({ app }) => this.device.deny(app),
    block: ({ app }) => this.device.block(app),
    forget: ({ app }) => this.device.forget(app),
    revoke: ({ app }) => this.device.revoke(app),
    rotate: ({ app }) => this.device.rotatePuid(appId(app)),
    shown: async ({ ring }) => this.#ringOf(ring)?.shown(),
    accept: async ({ ring }) => this.#ringOf(ring)?.accept() ?? 'unconfirmed',
    dismiss: async ({ ring }) => this.#ringOf(ring)?.dismiss() ?? 'unconfirmed',
    clearMissed: async ({ ring }) => {
      this.device.clearMissed(ring)
      this.#onView()
    },
    confirm: async ({ request }) => {
      this.device.confirmKeyOffer(request)
      this.#offers = this.#offers.filter((offer) => offer.request !== request)
      this.#onView()
    },
    startNewList: async () => {
      const hasStarted = this.device.startNewList()
      if (hasStarted) this.#listCode = null
      this.#onView()
      return hasStarted
    },
    power: async () => {
      const { sent, received } = this.device.counters()
      const keepalive = this.device.keepalive()
      return { keepalive, sinceMs: this.#sinceMs, sent: sent.all, received: received.all }
    },
  }

  #ringOf(id: string): Ring | undefined {
    return this.#rings.get(id)?.ring
  }

  async #setThresholds(thresholds: Thresholds): Promise<void> {
    this.device.setThresholds(thresholds.awayAfterS, thresholds.offlineAfterS)
    this.#thresholds = thresholds
    this.#onView()
    await this.#store.keepThresholds(thresholds)
  }

  #listen(): void {
    const { device } = this
    const changed = () => this.#onView()
    device.on('online', () => {
      this.#fault = null
      changed()
    })
    device.on('contact-lost', ({ error }) => this.#fail(error, false))
    device.on('error', (error) => this.#fail(error, false))
    device.on('refused', ({ error, willRetry }) => this.#fail(error, !willRetry))
    device.on('closed', ({ error, willRetry }) => this.#fail(error, !willRetry))
    device.on('list-changed', changed)
    device.on('granted', changed)
    device.on('missed', changed)
    device.on('list-key-wanted', ({ code }) => {
      this.#listCode = code
      changed()
    })
    device.on('list-key-taken', () => {
      this.#listCode = null
      changed()
    })
    device.on('key-offer', ({ request, name, code }) => {
      this.#offers = [...this.#offers.filter((offer) => offer.request !== request), { request, name, code }]
      changed()
    })
    device.on('ring', (ring) => this.#ring(ring))
    device.on('ring-ended', ({ ring, outcome }) => {
      const title = this.#ringOf(ring)?.title ?? ''
      this.#rings.delete(ring)
      this.#ended = [{ ring, title, outcome }, ...this.#ended].slice(0, ENDED_MAX)
      changed()
    })
  }

  #ring(ring: Ring): void {
    this.#rings.set(ring.id, { ring, untilMs: Date.now() + ring.remainingMs })
    this.#onView()
  }

  #fail({ code, message }: DeviceError, isFinal: boolean): void {
    if (this.#fault?.isFinal === true) return
    this.#fault = { code, message, isFinal }
    this.#onView()
  }
}
