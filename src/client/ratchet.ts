/**
 * The device's part of key steps: when one is due, what STEP says, what STEPPED brings. wire-spec §5.6.
 *
 * A step never wakes the radio: STEP rides in a packet that asks anyway, until STEPPED comes. Our secret key of a step is
 * in memory only; a process that ends before STEPPED leaves it behind, and the next one asks by another key.
 */
import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import { type Crypto, KEY_BYTES } from '../crypto/crypto.js'
import { type KeyPair, keyPair } from '../crypto/key-pair.js'
import type { StepFrame, SteppedFrame } from '../frame/frame.js'
import { FAILED_OPENS_STEP, KEY_STEP_INTERVAL_MS, STEP_INTERVAL_MS, STEP_PACKETS } from '../packet/constants.js'
import { keyedRoot, symmetricRoot } from '../packet/step-root.js'
import { Offset } from '../session/record.js'
import { readStepTimes, type StepTimes, writeStepTimes } from '../session/saved.js'
import type { DeviceChannel } from './device-channel.js'
import type { Outlet } from './outlet.js'

/** Key of STEP among the frames that wait. */
const STEP = 'step'

/** When steps are due. Shorter ones are for tests and simulations. */
export interface StepPeriods {
  /** symmetric steps, ms */
  stepMs: number
  /** steps with a key, ms */
  keyStepMs: number
  /** packets of both directions under one root */
  packets: number
}

/** Those of wire-spec §14. */
export const STEP_PERIODS: StepPeriods = {
  stepMs: STEP_INTERVAL_MS,
  keyStepMs: KEY_STEP_INTERVAL_MS,
  packets: STEP_PACKETS,
}

/** The STEP that waits for its STEPPED. */
interface Asked {
  readonly frame: StepFrame
  /** null: a symmetric step */
  readonly own: KeyPair | null
}

export class Ratchet {
  readonly #crypto: Crypto
  readonly #random: Random
  readonly #channel: DeviceChannel
  readonly #outlet: Outlet
  readonly #periods: StepPeriods
  /** Unix ms, as stored. */
  #times: StepTimes = { keyMs: 0, stepMs: 0 }
  /** The same moments, monotonic ms: a wall clock that is set back delays no step of this process. */
  #monotonic: StepTimes = { keyMs: 0, stepMs: 0 }
  #asked: Asked | null = null
  /** The server wants a step with a key. [R-5.6-9] */
  #isKeyWanted = false

  constructor(crypto: Crypto, random: Random, channel: DeviceChannel, outlet: Outlet, periods: StepPeriods) {
    this.#crypto = crypto
    this.#random = random
    this.#channel = channel
    this.#outlet = outlet
    this.#periods = periods
  }

  /** A handshake gave the session a root of fresh keys. */
  startSession(now: Now): void {
    this.stopSession()
    this.#note(true, now)
  }

  /** There is no session: a STEP that waits means nothing. */
  stopSession(): void {
    this.#forget()
    this.#isKeyWanted = false
  }

  /** The session came from the store. Times that are yet to come are as none: the clock was set back. */
  load(saved: Uint8Array, { wallMs, monotonicMs }: Now): void {
    const { keyMs, stepMs } = readStepTimes(saved)
    const known = (atMs: number): number => (atMs > wallMs ? 0 : atMs)
    this.#times = { keyMs: known(keyMs), stepMs: known(stepMs) }
    const aheadMs = wallMs - monotonicMs
    this.#monotonic = { keyMs: this.#times.keyMs - aheadMs, stepMs: this.#times.stepMs - aheadMs }
  }

  /** Adds to a saved session what is kept of steps. */
  save(saved: Uint8Array): void {
    writeStepTimes(saved, this.#times)
  }

  /** A packet that asks is about to go out: a step that is due rides along. [R-5.6-1] */
  ride(now: Now): void {
    if (this.#asked !== null || !this.#channel.mayStep) return
    if (this.#isKeyDue(now)) this.#ask(true, false)
    else if (this.#isDue(now)) this.#ask(false, false)
  }

  /** WANT_STEP: a step with a key, at once, as the radio is up. [R-5.6-9] */
  handleWanted(): void {
    this.#isKeyWanted = true
    if (this.#asked === null && this.#channel.mayStep) this.#ask(true, true)
  }

  /** Our frame was answered by a PONG, but not yet by STEPPED: it goes along with the next asking packet. [R-9.2-4] */
  handleConfirmed(key: string): void {
    if (key === STEP && this.#asked !== null) this.#outlet.askAlong(STEP, this.#asked.frame)
  }

  /**
   * STEPPED came. If it mirrors our STEP the session has the new root, which must be durable before the next packet.
   *
   * @param byLastRoot whether it came under the root before this one: a repeat.
   * @returns 'stepped'; 'ignored', and nothing has changed; 'low-order': the session must end with code 1. [R-5.6-8]
   */
  handleStepped({ key }: SteppedFrame, byLastRoot: boolean, now: Now): 'stepped' | 'ignored' | 'low-order' {
    const asked = this.#asked
    if (asked === null || byLastRoot || (asked.own === null) !== (key === null)) return 'ignored'
    const next = this.#nextRoot(asked.own, key)
    if (next === null) return 'low-order'
    this.#channel.changeRoot(next)
    next.fill(0)
    this.#note(asked.own !== null, now)
    if (asked.own !== null) this.#isKeyWanted = false
    this.#forget()
    return 'stepped'
  }

  #isKeyDue(now: Now): boolean {
    if (this.#isKeyWanted || this.#channel.view.failedOpens >= FAILED_OPENS_STEP) return true
    return this.#hasPassed('keyMs', this.#periods.keyStepMs, now)
  }

  #isDue(now: Now): boolean {
    return this.#channel.packets >= this.#periods.packets || this.#hasPassed('stepMs', this.#periods.stepMs, now)
  }

  /** By either clock: the monotonic one may stand still in a sleep, the other may be set. */
  #hasPassed(since: keyof StepTimes, periodMs: number, { wallMs, monotonicMs }: Now): boolean {
    return Math.max(wallMs - this.#times[since], monotonicMs - this.#monotonic[since]) >= periodMs
  }

  /** A step was taken now. */
  #note(hasKey: boolean, { wallMs, monotonicMs }: Now): void {
    const stepMs = Math.trunc(wallMs)
    this.#times = { keyMs: hasKey ? stepMs : this.#times.keyMs, stepMs }
    this.#monotonic = { keyMs: hasKey ? monotonicMs : this.#monotonic.keyMs, stepMs: monotonicMs }
  }

  #ask(hasKey: boolean, isUrgent: boolean): void {
    const own = hasKey ? keyPair(this.#crypto, this.#random.fill(new Uint8Array(KEY_BYTES))) : null
    const frame: StepFrame = { kind: 'step', key: own?.publicKey ?? null }
    this.#asked = { frame, own }
    if (isUrgent) this.#outlet.ask(STEP, frame)
    else this.#outlet.askAlong(STEP, frame)
  }

  #nextRoot(own: KeyPair | null, serverKey: Uint8Array | null): Uint8Array | null {
    const root = this.#channel.view.read(Offset.root, new Uint8Array(KEY_BYTES))
    const next =
      own === null || serverKey === null
        ? symmetricRoot(this.#crypto, root)
        : keyedRoot(this.#crypto, root, own.secretKey, serverKey, { deviceKey: own.publicKey, serverKey })
    root.fill(0)
    return next
  }

  #forget(): void {
    this.#asked?.own?.secretKey.fill(0)
    this.#asked = null
    this.#outlet.unask(STEP)
  }
}
