import { PilotlightError } from '../base/errors.js'
import type { ReliableFrame, ServerFrame } from '../frame/frame.js'
import { encodeFrames } from '../frame/frame-codec.js'
import { RETRY_AFTER_MAX_S } from '../packet/constants.js'
import { plaintextBytesMax } from '../session/sender.js'
import type { Contact } from './contact.js'
import type { Core } from './core.js'
import { slotOf } from './device-handle.js'
import type { Endings } from './endings.js'
import type { DeviceHandle, EndpointCommand } from './message.js'
import type { Outgoing } from './outgoing.js'
import type { PendingHandshakes } from './pending-handshakes.js'
import type { ReliableFrames } from './reliable-frames.js'
import type { Sessions } from './sessions.js'

/** Frames that the hub may send; the others are the endpoint's own. */
const HUB_KINDS: ReadonlySet<ServerFrame['kind']> = new Set([
  'notify',
  'outcome',
  'state',
  'list-part',
  'list-result',
  'retry-after',
  'key-offer',
  'key-given',
  'puid',
  'grant',
])

/** What the hub tells the endpoint to do. */
export class Commands {
  readonly #core: Core
  readonly #outgoing: Outgoing
  readonly #sessions: Sessions
  readonly #pendings: PendingHandshakes
  readonly #contact: Contact
  readonly #frames: ReliableFrames
  readonly #endings: Endings

  constructor(
    core: Core,
    outgoing: Outgoing,
    parts: {
      sessions: Sessions
      pendings: PendingHandshakes
      contact: Contact
      frames: ReliableFrames
      endings: Endings
    },
  ) {
    this.#core = core
    this.#outgoing = outgoing
    this.#sessions = parts.sessions
    this.#pendings = parts.pendings
    this.#contact = parts.contact
    this.#frames = parts.frames
    this.#endings = parts.endings
  }

  /**
   * @throws PilotlightError PL_BAD_OPTION for a handle of another worker or a slot out of range, and for frames that
   *   the hub must not send or that do not fit in one packet.
   */
  handle(command: EndpointCommand, nowMs: number): void {
    if (!this.#sessions.isInRange(command.device))
      throw new PilotlightError('PL_BAD_OPTION', `device: ${command.device}`)
    switch (command.kind) {
      case 'send':
        this.#send(command.device, command.frames, command.untilMonotonicMs, nowMs)
        break
      case 'cancel':
        if (this.#sessions.find(command.device)) this.#frames.acked(slotOf(command.device), command.id)
        break
      case 'add':
        this.#sessions.own(command.device, command.rotation)
        break
      case 'remove':
        this.#remove(command.device, command.code)
        break
    }
  }

  #send(device: DeviceHandle, frames: readonly ServerFrame[], untilMs: number, nowMs: number): void {
    const wrong = frames.find((frame) => !HUB_KINDS.has(frame.kind))
    if (wrong !== undefined) throw new PilotlightError('PL_BAD_OPTION', `frame: ${wrong.kind}`)
    const bytes = encodeFrames(frames, 's2d').length
    if (bytes > plaintextBytesMax('server')) throw new PilotlightError('PL_BAD_OPTION', `frames: ${bytes} bytes`)
    const { view } = this.#core
    const mayHear = this.#sessions.find(device) && view.inUse && view.confirmed
    const sent: ServerFrame[] = []
    for (const frame of frames) {
      if (!isReliable(frame)) {
        if (mayHear) sent.push(frame)
      } else if (mayHear && untilMs > nowMs && this.#frames.accept(view, frame, untilMs, nowMs)) sent.push(frame)
      else this.#core.out.event({ kind: 'unacked', device, id: frame.id })
    }
    if (sent.length === 0 || !view.hasPath) return
    this.#outgoing.toProven(view, sent)
    for (const frame of sent) {
      if (frame.kind !== 'retry-after') continue
      this.#contact.quieten(view, Math.min(frame.seconds, RETRY_AFTER_MAX_S), nowMs)
    }
  }

  #remove(device: DeviceHandle, code: number): void {
    const slot = slotOf(device)
    if (this.#sessions.isPast(device)) return
    this.#pendings.dropUncommitted(slot)
    this.#endings.remove(this.#core.view.at(slot), device, code)
  }
}

function isReliable(frame: ServerFrame): frame is ReliableFrame {
  return 'id' in frame
}
