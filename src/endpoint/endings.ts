import type { SessionView } from '../session/view.js'
import type { Contact } from './contact.js'
import type { Core } from './core.js'
import type { DeviceHandle } from './message.js'
import type { Outgoing } from './outgoing.js'
import type { Paths } from './paths.js'
import type { Probes } from './probes.js'
import type { ReliableFrames } from './reliable-frames.js'
import type { Sessions } from './sessions.js'

/** How sessions end: wire-spec §7.4. */
export class Endings {
  readonly #core: Core
  readonly #outgoing: Outgoing
  readonly #sessions: Sessions
  readonly #contact: Contact
  readonly #paths: Paths
  readonly #frames: ReliableFrames
  readonly #probes: Probes

  constructor(
    core: Core,
    outgoing: Outgoing,
    parts: { sessions: Sessions; contact: Contact; paths: Paths; frames: ReliableFrames; probes: Probes },
  ) {
    this.#core = core
    this.#outgoing = outgoing
    this.#sessions = parts.sessions
    this.#contact = parts.contact
    this.#paths = parts.paths
    this.#frames = parts.frames
    this.#probes = parts.probes
  }

  /**
   * Ends the session that the view stands at: the hub is told, the store erases it.
   *
   * @param code CLOSE that goes to the proven address once, or null: the device closed.
   */
  end(view: SessionView, code: number | null): void {
    if (code !== null) this.#outgoing.toProven(view, [{ kind: 'close', code }])
    this.#frames.drop(view)
    const device = this.#sessions.handleOf(view)
    this.#forget(view)
    this.#sessions.erase(view)
    this.#core.counters.sessionsEnded++
    this.#core.out.event({ kind: 'ended', device })
  }

  /**
   * The device was removed: its session, if any, ends without an event, and its handle is dead.
   *
   * @param view at the device's slot; to be moved afterwards.
   * @param code of CLOSE, which goes to the proven address once.
   */
  remove(view: SessionView, device: DeviceHandle, code: number): void {
    if (view.inUse) {
      this.#outgoing.toProven(view, [{ kind: 'close', code }])
      this.#frames.drop(view)
      this.#forget(view)
    }
    this.#sessions.disown(view, device)
  }

  /** Takes everything that hangs on the session with it, before another one takes its place or none. */
  #forget(view: SessionView): void {
    this.#contact.cancel(view.slot)
    this.#paths.drop(view)
    this.#probes.drop(view.slot)
    this.#sessions.forget(view)
  }
}
