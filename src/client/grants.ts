/**
 * Consents that the person gave in a browser, on their way into the list. wire-spec §10.1
 *
 * They are of this session alone and of a short time: what was not committed by then is given to another device, and
 * this one must not bring it back when it wakes a week later.
 */
import { hex } from '../base/bytes.js'
import { PilotlightError } from '../base/errors.js'
import type { Now } from '../base/time.js'
import type { GrantFrame } from '../frame/frame.js'
import { GRANT_HOLD_MS } from '../packet/constants.js'
import { DeviceError } from './device-error.js'
import type { ListEdit } from './list-edit.js'
import type { ListReplica } from './list-replica.js'
import type { Outlet } from './outlet.js'

/** Grants held at once; the server has no more reliable frames in the air. wire-spec [R-7.3-3] */
const HELD_MAX = 8

/** Grants whose end is remembered, so that a late repeat is answered and not taken again. */
const DONE_MAX = 64

interface Held {
  grant: Uint8Array
  app: string
  isWithdrawn: boolean
  /** number of its edit in the replica */
  edit: number
  /** monotonic ms */
  untilMs: number
}

/** The grants that this device puts into the list. */
export class Grants {
  readonly #replica: ListReplica
  readonly #outlet: Outlet
  readonly #held = new Map<string, Held>()
  /** rotation that the person took back on this device, by application */
  readonly #revoked = new Map<string, number>()
  /** ids of those that are in the list, oldest first */
  #done: string[] = []

  constructor(replica: ListReplica, outlet: Outlet) {
    this.#replica = replica
    this.#outlet = outlet
  }

  /**
   * Takes a GRANT; byte strings are copied. The caller commits the list then.
   *
   * @param isStuck this device cannot open the list that the server holds.
   */
  handleGrant(frame: GrantFrame, isStuck: boolean, now: Now): void {
    const name = hex(frame.grant)
    const held = this.#held.get(name)
    if (held !== undefined) {
      held.untilMs = now.monotonicMs + GRANT_HOLD_MS
      return
    }
    const app = hex(frame.app)
    // It was on its way while the person took the consent back here.
    const isOver = frame.what === 0 && frame.rotation <= (this.#revoked.get(app) ?? -1)
    if (isOver || this.#done.includes(name)) {
      this.#answer(frame.grant.slice(), 0)
      return
    }
    if (isStuck || this.#held.size >= HELD_MAX) {
      this.#answer(frame.grant.slice(), 1)
      return
    }
    const isWithdrawn = frame.what === 1
    try {
      const edit = this.#replica.edit(editOf(frame, app), true)
      const untilMs = now.monotonicMs + GRANT_HOLD_MS
      this.#held.set(name, { grant: frame.grant.slice(), app, isWithdrawn, edit, untilMs })
    } catch (error) {
      // The list is full: nobody else's fault, and another device will find the same.
      if (!(error instanceof PilotlightError || error instanceof DeviceError)) throw error
      if (error instanceof DeviceError) this.#outlet.emit({ kind: 'error', error, edits: [] })
      this.#answer(frame.grant.slice(), 1)
    }
  }

  /** The person takes a consent back on this device: what is on its way of the same or an older one counts no more. */
  handleRevoked(app: string, rotation: number): void {
    this.#revoked.set(app, rotation)
    for (const [name, held] of [...this.#held]) if (held.app === app) this.#drop(name)
  }

  /** The last rotation that the person took back on this device, -1 for none: a new consent has a greater one. */
  lastRevoked(app: string): number {
    return this.#revoked.get(app) ?? -1
  }

  /** Edits are in the committed list: the server may forget the grants among them. */
  handleSettled(edits: readonly number[]): void {
    for (const [name, { grant, app, isWithdrawn, edit }] of [...this.#held]) {
      if (!edits.includes(edit)) continue
      this.#held.delete(name)
      this.#done = [...this.#done, name].slice(-DONE_MAX)
      this.#answer(grant, 0)
      this.#outlet.emit({ kind: 'granted', app, isWithdrawn })
    }
  }

  /** The session is over: the server offers anew what it still has. */
  startSession(): void {
    for (const name of [...this.#held.keys()]) this.#drop(name)
  }

  /** Monotonic ms; Infinity for none. */
  nextTimeout(): number {
    return Math.min(Infinity, ...[...this.#held.values()].map(({ untilMs }) => untilMs))
  }

  /** Gives up what was not committed in time. */
  handleTimeout(now: Now): void {
    for (const [name, { untilMs }] of [...this.#held]) if (now.monotonicMs >= untilMs) this.#drop(name)
  }

  #drop(name: string): void {
    const held = this.#held.get(name)
    this.#held.delete(name)
    if (held !== undefined) this.#replica.drop(held.edit)
  }

  #answer(grant: Uint8Array, what: 0 | 1): void {
    this.#outlet.ask(`granted ${hex(grant)}`, { kind: 'granted', grant, what })
  }
}

function editOf({ rotation, what, windows, zone }: GrantFrame, app: string): ListEdit {
  if (what === 1) return { kind: 'ungrant', app, rotation }
  return { kind: 'grant', app, rotation, windows: windows.map(([days, start, end]) => ({ days, start, end })), zone }
}
