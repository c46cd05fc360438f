import { readU16 } from '../base/bytes.js'
import type { ReliableFrame } from '../frame/frame.js'
import { ID_MAX, ID_MIN } from '../frame/frame-layout.js'
import { ReliableQueue, type WaitingFrame } from '../session/reliable.js'
import type { SessionView } from '../session/view.js'
import type { Core } from './core.js'
import type { Outgoing } from './outgoing.js'
import type { Sessions } from './sessions.js'

/** Frames that wait for their ACK, of all sessions: wire-spec §7.3. */
export class ReliableFrames {
  readonly #core: Core
  readonly #outgoing: Outgoing
  readonly #sessions: Sessions
  readonly #queues = new Map<number, ReliableQueue>()

  constructor(core: Core, outgoing: Outgoing, sessions: Sessions) {
    this.#core = core
    this.#outgoing = outgoing
    this.#sessions = sessions
  }

  /** Sessions with frames that wait. */
  get count(): number {
    return this.#queues.size
  }

  /**
   * Takes in a frame of the hub that goes out now in a packet of the caller's, or, without a path, when there is one.
   *
   * @param untilMs when its reason ends, monotonic ms.
   * @returns false if eight wait, or its id is in use: it must not be sent. [R-7.3-3]
   */
  accept(view: SessionView, frame: ReliableFrame, untilMs: number, nowMs: number): boolean {
    const queue = this.#queueOf(view.slot)
    const waiting = queue.add(frame, untilMs, false)
    if (waiting !== null && view.hasPath) queue.sent(waiting, nowMs)
    else if (waiting !== null) queue.hold(waiting)
    this.#settle(view.slot, queue)
    return waiting !== null
  }

  /**
   * Sends a frame of the endpoint's own, unless one of its kind waits already or there is no room.
   *
   * @param make makes the frame with a fresh id.
   */
  sendOwn(view: SessionView, kind: ReliableFrame['kind'], make: (id: number) => ReliableFrame, nowMs: number): void {
    const queue = this.#queueOf(view.slot)
    const waiting = queue.findOwn(kind) === null ? queue.add(make(this.#freshId(queue)), Infinity, true) : null
    if (waiting !== null) this.#send(view, queue, waiting, nowMs)
    this.#settle(view.slot, queue)
  }

  /** The frame with this id was acked: takes it out. Null if it was not sent. [R-7.3-2] */
  acked(slot: number, id: number): WaitingFrame | null {
    const queue = this.#queues.get(slot)
    const waiting = queue?.remove(id) ?? null
    if (queue !== undefined) this.#settle(slot, queue)
    return waiting
  }

  /** Repeats what the device should have acked: it was heard, so its radio is up. */
  repeatOnHeard(view: SessionView, nowMs: number): void {
    const queue = this.#queues.get(view.slot)
    if (queue === undefined) return
    for (const waiting of queue.dueOnHeard(nowMs)) this.#send(view, queue, waiting, nowMs)
    this.#settle(view.slot, queue)
  }

  /** Repeats what is due by the clock, and gives up what has no reason any more. */
  handleDue(view: SessionView, nowMs: number): void {
    const queue = this.#queues.get(view.slot)
    if (queue === undefined) return
    this.#giveUp(view, queue.take({ endedAtMs: nowMs }))
    for (const waiting of queue.due(nowMs)) this.#send(view, queue, waiting, nowMs)
    this.#settle(view.slot, queue)
  }

  /** The session ended: all of the hub's frames are given up. */
  drop(view: SessionView): void {
    const queue = this.#queues.get(view.slot)
    if (queue === undefined) return
    this.#queues.delete(view.slot)
    this.#giveUp(view, queue.take('all'))
  }

  /** The slot's next session takes over: what waits goes on under its keys, but for the endpoint's own frames. */
  carryOver(slot: number, nowMs: number): void {
    this.dropOwn(slot)
    this.restart(slot, nowMs)
  }

  /** All that waits begins anew, with the next packet heard or after the first pause. */
  restart(slot: number, nowMs: number): void {
    const queue = this.#queues.get(slot)
    queue?.restart(nowMs)
    if (queue !== undefined) this.#settle(slot, queue)
  }

  /** The path ended: what waits goes out when the device is heard again. wire-spec §8.3 */
  hold(slot: number): void {
    const queue = this.#queues.get(slot)
    queue?.holdAll()
    if (queue !== undefined) this.#settle(slot, queue)
  }

  /** Forgets the endpoint's own frames: there is another spare, or the device is lost. What is owed is offered anew. */
  dropOwn(slot: number): void {
    const queue = this.#queues.get(slot)
    if (queue === undefined) return
    queue.take('own')
    this.#settle(slot, queue)
  }

  #giveUp(view: SessionView, frames: readonly WaitingFrame[]): void {
    const device = this.#sessions.handleOf(view)
    for (const { own, frame } of frames) if (!own) this.#core.out.event({ kind: 'unacked', device, id: frame.id })
  }

  #send(view: SessionView, queue: ReliableQueue, waiting: WaitingFrame, nowMs: number): void {
    if (!view.hasPath) {
      queue.hold(waiting)
      return
    }
    this.#outgoing.toProven(view, [waiting.frame])
    queue.sent(waiting, nowMs)
  }

  #queueOf(slot: number): ReliableQueue {
    return this.#queues.get(slot) ?? new ReliableQueue()
  }

  /** Keeps the queue only while something waits, and its next time in the heap. */
  #settle(slot: number, queue: ReliableQueue): void {
    if (queue.size === 0) this.#queues.delete(slot)
    else this.#queues.set(slot, queue)
    this.#core.dueTimes.add(queue.nextMs(), slot)
  }

  #freshId(queue: ReliableQueue): number {
    const random = new Uint8Array(2)
    while (true) {
      const id = readU16(this.#core.random.fill(random), 0)
      if (id >= ID_MIN && id <= ID_MAX && !queue.has(id)) return id
    }
  }
}
