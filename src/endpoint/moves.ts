import { hex } from '../base/bytes.js'
import { SessionFlag } from '../session/record.js'
import type { SessionView } from '../session/view.js'
import type { Core } from './core.js'
import { slotOf } from './device-handle.js'
import type { DeviceHandle } from './message.js'
import type { Offers } from './offers.js'
import type { Paths } from './paths.js'
import type { PendingHandshakes } from './pending-handshakes.js'
import type { ReliableFrames } from './reliable-frames.js'
import { PENDING_STEP, stepsTo } from './rotation.js'
import type { Sessions } from './sessions.js'

/** The stamp in `commit-session` that leaves the stored one as it is. */
export const SAME_STAMP = 0

/** Sessions that move to their spare connection ID: [R-6-4]. */
export class Moves {
  readonly #core: Core
  readonly #sessions: Sessions
  readonly #pendings: PendingHandshakes
  readonly #paths: Paths
  readonly #frames: ReliableFrames
  readonly #offers: Offers
  /** Commits under way, by request; at most one of a slot is of use. */
  readonly #commits = new Map<number, DeviceHandle>()
  readonly #committing = new Set<number>()

  constructor(
    core: Core,
    parts: {
      sessions: Sessions
      pendings: PendingHandshakes
      paths: Paths
      frames: ReliableFrames
      offers: Offers
    },
  ) {
    this.#core = core
    this.#sessions = parts.sessions
    this.#pendings = parts.pendings
    this.#paths = parts.paths
    this.#frames = parts.frames
    this.#offers = parts.offers
  }

  /**
   * A packet opened that came to the ID of this rotation. If it is the spare, it is the current one from now on, our
   * next packet skips numbers ([R-5.4-5]), and the store commits it before the next spare is handed out.
   */
  note(view: SessionView, rotation: number): void {
    if (stepsTo(view.rotation, rotation) === 1) {
      view.rotation = rotation
      const { observer } = this.#core
      observer?.note('connection_id_updated', view.slot, { cid: hex(this.#core.cid(view.slot, rotation)) })
      view.raise(SessionFlag.skipPending | SessionFlag.moveUncommitted)
      view.lower(SessionFlag.spareKnown)
      this.#frames.dropOwn(view.slot)
      this.#dropPassed(view)
    }
    if (view.has(SessionFlag.moveUncommitted)) this.#commit(view)
  }

  /** The store's reply; false if the request is not of these. */
  handleCommitted(request: number, ok: boolean, nowMs: number): boolean {
    const device = this.#commits.get(request)
    if (device === undefined) return false
    this.#commits.delete(request)
    this.#committing.delete(slotOf(device))
    if (!ok) this.#core.counters.commitsFailed++
    if (!ok || !this.#sessions.find(device)) return true
    const { view } = this.#core
    if (!view.has(SessionFlag.moveUncommitted)) return true
    view.lower(SessionFlag.moveUncommitted)
    if (!this.#paths.isProving(view.slot)) this.#offers.offer(view, nowMs)
    return true
  }

  /** A handshake whose connection ID the old session has left behind meanwhile comes too late: rotations never go back. */
  #dropPassed(view: SessionView): void {
    const pending = this.#pendings.of(view.slot)
    if (pending !== null && stepsTo(view.rotation, pending.rotation) > PENDING_STEP) {
      this.#pendings.dropUncommitted(view.slot)
    }
  }

  /** Not twice at once, and not while the slot's next session is being committed: after a failure the next packet tries again. */
  #commit(view: SessionView): void {
    const { slot, rotation } = view
    if (this.#committing.has(slot) || this.#sessions.isReplacing(slot)) return
    const request = this.#core.nextRequest()
    const device = this.#sessions.handleOf(view)
    this.#commits.set(request, device)
    this.#committing.add(slot)
    const session = this.#sessions.saved(view)
    this.#core.out.request({ kind: 'commit-session', request, device, stampMs: SAME_STAMP, rotation, session })
  }
}
