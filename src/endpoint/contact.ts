import { TimerWheel } from '../base/timer-wheel.js'
import { pingStateOf, silenceClassOf } from '../frame/one-byte.js'
import { silenceSeconds } from '../frame/silence.js'
import { GRACE_DIVISOR, SILENCE_DEFAULT_S } from '../packet/constants.js'
import { SessionFlag } from '../session/record.js'
import type { SessionView } from '../session/view.js'
import type { EndpointConfig } from './config.js'
import type { Outbox } from './outbox.js'
import type { Sessions } from './sessions.js'

/**
 * Who is in contact: wire-spec §7.1. Owns ping value, custom silence and the time from which silence counts. The hub hears of
 * changes only; a ping that changes nothing leaves its timer alone.
 */
export class Contact {
  readonly #config: EndpointConfig
  readonly #out: Outbox
  readonly #sessions: Sessions
  readonly #wheel: TimerWheel
  /** when the device that is being heard would have been lost: its timer fires no later; Infinity: nobody knows */
  #lastLostAtMs = Number.POSITIVE_INFINITY

  /** @param view of its own, for looking at sessions whose time has come. */
  constructor(config: EndpointConfig, out: Outbox, sessions: Sessions, view: SessionView, nowMs: number) {
    this.#config = config
    this.#out = out
    this.#sessions = sessions
    this.#wheel = new TimerWheel(nowMs, 12, (place) => this.lostAtMs(view.at(this.#slotAt(place))))
  }

  /** When `expire` has something to do, monotonic ms, never too late. */
  get nextMs(): number {
    return this.#wheel.nextDue()
  }

  /**
   * A packet took effect.
   *
   * @param ping  its PING's v, or -1.
   * @param fresh whether the hub is to send STATE: after a handshake, a start of the device, a restart of ours.
   */
  heard(view: SessionView, ping: number, fresh: boolean, nowMs: number): void {
    const lastState = pingStateOf(view.ping)
    this.#lastLostAtMs = fresh ? Number.POSITIVE_INFINITY : this.lostAtMs(view)
    view.silentFromMs = Math.max(nowMs, view.silentFromMs)
    if (ping >= 0) view.ping = ping
    const state = pingStateOf(view.ping)
    if (!fresh && state === lastState && view.has(SessionFlag.inContact)) return
    view.raise(SessionFlag.inContact)
    this.#out.event({ kind: 'contact', device: this.#sessions.handleOf(view), state, fresh })
  }

  /** SILENCE: what class 15 means from now on. Returns whether that is a change. */
  setSilence(view: SessionView, seconds: number): boolean {
    const lastS = view.customSilenceS
    view.customSilenceS = Math.min(Math.max(seconds, 1), this.#config.silenceMaxS)
    return view.customSilenceS !== lastS
  }

  /** RETRY_AFTER was sent: the promise of silence grows by as much. wire-spec §7.4 */
  quieten(view: SessionView, seconds: number, nowMs: number): void {
    this.#lastLostAtMs = this.lostAtMs(view)
    view.silentFromMs = Math.max(view.silentFromMs, nowMs + seconds * 1000)
    if (view.has(SessionFlag.inContact)) this.arm(view)
  }

  /**
   * After `heard`: sees to it that the slot's timer fires in time; a device that is gone has none. The wheel finds out by
   * itself that a time has moved on, so it is touched only where the time has come nearer: not with each ping.
   */
  arm(view: SessionView): void {
    if (pingStateOf(view.ping) === 'gone') {
      this.cancel(view.slot)
      return
    }
    const lostAtMs = this.lostAtMs(view)
    const place = this.#placeOf(view.slot)
    if (lostAtMs < this.#lastLostAtMs || !this.#wheel.isArmed(place)) this.#wheel.arm(place, lostAtMs)
  }

  cancel(slot: number): void {
    this.#wheel.cancel(this.#placeOf(slot))
  }

  /** When the device is lost if it stays silent, monotonic ms. [R-7.1-2] */
  lostAtMs(view: SessionView): number {
    const silenceMs = this.silenceS(view) * 1000
    const graceMs = this.#config.graceBaseMs + silenceMs / GRACE_DIVISOR
    return view.silentFromMs + silenceMs + graceMs
  }

  /** Seconds of silence that the device promised, at most `silenceMaxS`. */
  silenceS(view: SessionView): number {
    const { silenceMaxS } = this.#config
    const toldS = view.customSilenceS === 0 ? SILENCE_DEFAULT_S : view.customSilenceS
    return Math.min(silenceSeconds(silenceClassOf(view.ping), toldS), silenceMaxS)
  }

  /** Tells the hub of every device whose time is up. `onLost` gets each slot. */
  expire(view: SessionView, nowMs: number, onLost: (slot: number) => void): void {
    this.#wheel.expire(nowMs, (place) => {
      const slot = this.#slotAt(place)
      const lostAtMs = this.lostAtMs(view.at(slot))
      if (lostAtMs > nowMs) {
        this.#wheel.arm(place, lostAtMs) // it was heard when its time had come already
        return
      }
      view.lower(SessionFlag.inContact)
      this.#out.event({ kind: 'lost', device: this.#sessions.handleOf(view) })
      onLost(slot)
    })
  }

  /** Timers lie close together whichever share of the slots is ours. */
  #placeOf(slot: number): number {
    return Math.floor(slot / this.#config.share.of)
  }

  #slotAt(place: number): number {
    const { of, index } = this.#config.share
    return place * of + index
  }
}
