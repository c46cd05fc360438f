/** One probe at a time on the device's second socket: wire-spec §9.4. Owns its packets and its timer. */
import type { Now } from '../base/time.js'
import { Flag, ONE_BYTE_VALUES } from '../packet/constants.js'
import type { DropReason } from '../packet/drop.js'
import { datagramKind } from '../packet/header.js'
import type { DeviceChannel } from './device-channel.js'

/** What the driver must do with the second socket. */
export type ProbeStep =
  /** Opens a socket of its own to the server's present address, in place of any before. */
  { kind: 'open' } | { kind: 'send'; datagram: Uint8Array } | { kind: 'close' }

/** How a probe ended; 'refused': the second socket got no answer at all, 'void': something came between. */
export type ProbeResult = 'answered' | 'failed' | 'refused' | 'void'

/** Pauses before the repeats of the first probe, and before it is given up, ms. */
const FIRST_RETRY_MS = [1500, 3000, 6000] as const
/** An answer may be so late, ms: paging, a slow radio, a slow timer. */
const LATE_MS = 10_000
/** A timer that fires later than this after its time tells nothing: the device slept, and the answer may wait. ms */
const OVERSLEPT_MS = 10_000

export class Probing {
  readonly #channel: DeviceChannel
  readonly #steps: ProbeStep[] = []
  /** none; first: a probe with delay 0 is out; wait: the one with the delay is */
  #phase: 'none' | 'first' | 'wait' = 'none'
  #delayS = 0
  #number = 0
  #repeats = 0
  #sessions = 0
  #timeoutMs = Infinity

  constructor(channel: DeviceChannel) {
    this.#channel = channel
  }

  get isIdle(): boolean {
    return this.#phase === 'none'
  }

  /** Whether the probe with the delay is out. */
  get isWaiting(): boolean {
    return this.#phase === 'wait'
  }

  /** Seconds of the probe under way. */
  get delayS(): number {
    return this.#delayS
  }

  /** What to do next with the socket; null: nothing. */
  pollStep(): ProbeStep | null {
    return this.#steps.shift() ?? null
  }

  /** Begins: a fresh socket, and a probe that is answered at once, so that its mapping has seen both directions. */
  start(delayS: number, now: Now): void {
    this.#phase = 'first'
    this.#delayS = delayS
    this.#repeats = 0
    this.#sessions = this.#channel.sessions
    this.#steps.push({ kind: 'open' })
    this.#send(0, now.monotonicMs + FIRST_RETRY_MS[0])
  }

  /**
   * A datagram came to the second socket.
   *
   * @returns the end of the probe, null if it goes on; or why the datagram was dropped. [R-9.4-6]
   */
  handleDatagram(datagram: Uint8Array, now: Now): { result: ProbeResult | null } | { drop: DropReason } {
    const kind = datagramKind(datagram, 's2d')
    if (this.#phase === 'none' || kind !== 'channel' || !isProbe(datagram)) return { drop: 'unexpected' }
    const opened = this.#channel.open(datagram)
    if (typeof opened === 'string') return { drop: opened }
    const [pong] = opened.frames ?? []
    if (opened.frames?.length !== 1 || pong?.kind !== 'pong') return { drop: 'malformed' }
    if (opened.isOld || pong.residue !== this.#number % ONE_BYTE_VALUES) return { drop: 'unexpected' }
    if (this.#phase === 'wait') return { result: this.#end('answered') }
    this.#phase = 'wait'
    this.#send(this.#delayS, now.monotonicMs + this.#delayS * 1000 + LATE_MS)
    return { result: null }
  }

  /** Monotonic ms; Infinity for none. */
  nextTimeout(): number {
    return this.#timeoutMs
  }

  /** Repeats the first probe, or ends what got no answer. @returns how it ended, or null. */
  handleTimeout(now: Now): ProbeResult | null {
    if (this.#phase === 'none') return null
    if (this.#channel.sessions !== this.#sessions) return this.#end('void')
    const lateMs = now.monotonicMs - this.#timeoutMs
    if (lateMs < 0) return null
    if (lateMs > OVERSLEPT_MS) return this.#end('void')
    if (this.#phase === 'wait') return this.#end('failed')
    const pauseMs = FIRST_RETRY_MS[++this.#repeats]
    if (pauseMs === undefined || !this.#channel.mayProbe) return this.#end('refused')
    this.#send(0, now.monotonicMs + pauseMs)
    return null
  }

  /** The network changed, or the device sleeps: nothing that comes now would tell anything. */
  stop(): void {
    if (this.#phase !== 'none') this.#end('void')
  }

  #send(delayS: number, timeoutMs: number): void {
    this.#timeoutMs = timeoutMs
    const sealed = this.#channel.sealProbe(delayS)
    if (sealed === null) return
    this.#number = sealed.number
    this.#steps.push({ kind: 'send', datagram: sealed.bytes })
  }

  #end(result: ProbeResult): ProbeResult {
    this.#phase = 'none'
    this.#timeoutMs = Infinity
    this.#steps.push({ kind: 'close' })
    return result
  }
}

/** Whether a channel packet has PROBE. */
export function isProbe(datagram: Uint8Array): boolean {
  return ((datagram[0] as number) & Flag.probe) !== 0
}
