import type { DeviceFrame } from '../frame/frame.js'
import { CloseCode } from '../packet/constants.js'
import { noteAsk } from '../session/sender.js'
import type { SessionView } from '../session/view.js'
import type { Arrival } from './arrival.js'
import type { Contact } from './contact.js'
import type { Core } from './core.js'
import type { Endings } from './endings.js'
import type { Moves } from './moves.js'
import type { Offers } from './offers.js'
import type { Paths } from './paths.js'
import type { Probes } from './probes.js'
import type { ReliableFrames } from './reliable-frames.js'
import type { Sessions } from './sessions.js'
import type { Steps } from './steps.js'

/** What a packet does that takes effect, from presence to answer. */
export class Effects {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #contact: Contact
  readonly #paths: Paths
  readonly #frames: ReliableFrames
  readonly #offers: Offers
  readonly #moves: Moves
  readonly #steps: Steps
  readonly #probes: Probes
  readonly #endings: Endings

  constructor(
    core: Core,
    parts: {
      sessions: Sessions
      contact: Contact
      paths: Paths
      frames: ReliableFrames
      offers: Offers
      moves: Moves
      steps: Steps
      probes: Probes
      endings: Endings
    },
  ) {
    this.#core = core
    this.#sessions = parts.sessions
    this.#contact = parts.contact
    this.#paths = parts.paths
    this.#frames = parts.frames
    this.#offers = parts.offers
    this.#moves = parts.moves
    this.#steps = parts.steps
    this.#probes = parts.probes
    this.#endings = parts.endings
  }

  /** Another address is proven: what waits went to the last one, where nobody may have been, and goes again at once. */
  moved(view: SessionView, nowMs: number): void {
    this.#frames.restart(view.slot, nowMs)
  }

  /**
   * @param view  at the confirmed session that the packet opened on.
   * @param fresh whether the hub is to send STATE.
   */
  take(view: SessionView, arrival: Arrival, fresh: boolean, nowMs: number): void {
    if (arrival.ask && arrival.isNewest) noteAsk(view, arrival.hadBoot)
    this.#moves.note(view, arrival.rotation)
    const isFresh = fresh || arrival.tookBoot
    this.#contact.heard(view, arrival.ping, isFresh, nowMs)
    for (const frame of arrival.frames) if (!this.#takeFrame(view, frame, nowMs)) return
    this.#contact.arm(view)
    this.#paths.answer(view, arrival, nowMs)
    if (!view.isProven(arrival.remote)) return
    // A fresh contact makes the hub send anew what matters: it may take back what waits.
    if (!isFresh) this.#frames.repeatOnHeard(view, nowMs)
    this.#offers.offer(view, nowMs)
    if (arrival.ask) this.#steps.want(view)
  }

  /** The session has another path: what waits for an ACK may be lost on the last one, and goes again. */
  restart(view: SessionView, nowMs: number): void {
    this.#frames.restart(view.slot, nowMs)
  }

  /** A probe says that the device is there, and wants its answer: nothing else. [R-9.4-2] */
  takeProbe(view: SessionView, arrival: Arrival, nowMs: number): void {
    const [probe] = arrival.frames
    if (probe?.kind !== 'probe') return
    this.#contact.heard(view, -1, false, nowMs)
    this.#contact.arm(view)
    this.#probes.take(view, probe.delayS, arrival, nowMs)
  }

  /** Does what one frame says; false if it ended the session. */
  #takeFrame(view: SessionView, frame: DeviceFrame, nowMs: number): boolean {
    switch (frame.kind) {
      case 'ping':
      case 'response':
      case 'learnt':
      case 'probe':
        return true // PING is in the arrival, RESPONSE was looked at before, LEARNT is looked at with the answer
      case 'ack':
        this.#takeAck(view, frame.id)
        return true
      case 'silence':
        if (this.#contact.setSilence(view, frame.seconds)) this.#sessions.save(view)
        return true
      case 'close':
        this.#endings.end(view, null)
        return false
      case 'step':
        if (this.#steps.take(view, frame.key, nowMs)) return true
        this.#endings.end(view, CloseCode.protocolError)
        return false
      default:
        this.#core.out.event({ kind: 'frame', device: this.#sessions.handleOf(view), frame: withOwnBytes(frame) })
        return true
    }
  }

  #takeAck(view: SessionView, id: number): void {
    const waiting = this.#frames.acked(view.slot, id)
    if (waiting === null) return
    if (waiting.own) this.#offers.acked(view, waiting.frame)
    else this.#core.out.event({ kind: 'acked', device: this.#sessions.handleOf(view), id })
  }
}

/** The frame with copies of its byte strings, which are borrowed from the packet. */
function withOwnBytes<F extends DeviceFrame>(frame: F): F {
  const copied: Record<string, unknown> = { ...frame }
  for (const [name, value] of Object.entries(frame)) if (value instanceof Uint8Array) copied[name] = value.slice()
  return copied as unknown as F
}
